/** What the tests of tasks share: a server that makes tasks of calls, and does with them what the test says. */
import type * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import { isJsonObject, type JsonObject, type JsonRpcRequest } from "@effect-mcp/client/McpSchema"
import type * as McpTask from "@effect-mcp/client/McpTask"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as harness from "../harness.ts"
import { metaOf, type Mock, objectOf } from "../modern/support.ts"

export type Era = typeof harness.eras[number]

export const TASKS = "io.modelcontextprotocol/tasks"
export const RELATED_TASK = "io.modelcontextprotocol/related-task"

/** The task that a server makes first. */
export const FIRST = "task-1"

/** A task, as the server knows it. Durations are in milliseconds. */
export interface Task {
  readonly taskId: string
  readonly createdAt: string
  readonly lastUpdatedAt: string
  readonly status: McpTask.Status
  readonly statusMessage?: string | undefined
  readonly ttl?: number | null | undefined
  readonly pollInterval?: number | undefined
  /** What it asks for, in 2026-07-28. */
  readonly inputRequests?: unknown
  /** What it ends with; by default with {@link done}. */
  readonly result?: JsonObject | undefined
  /** What it fails with, if with no result. */
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown } | undefined
}

export type Change = Partial<Omit<Task, "taskId" | "createdAt" | "lastUpdatedAt">>

/** How a server differs from the usual one. */
export interface Script {
  /** What each task is like at first. */
  readonly task?: Change | undefined
  /** In place of all that it has by itself. */
  readonly capabilities?: JsonObject | undefined
  /** In place of what it does by itself. */
  readonly methods?: ((server: Server) => Readonly<Record<string, MockTransport.MethodHandler>>) | undefined
}

/** A request that came, without its `_meta`. */
export interface Logged {
  /** When, by the test's clock, in milliseconds. */
  readonly at: number
  readonly method: string
  readonly params: JsonObject
}

export interface Server {
  readonly tasks: Map<string, Task>
  /** What was asked of it, without the handshake. */
  readonly log: ReadonlyArray<Logged>
  /** The parameters of the requests of a method. */
  readonly of: (method: string) => ReadonlyArray<JsonObject>
  /** When the requests of a method came. */
  readonly times: (method: string) => ReadonlyArray<number>
  /** Makes a task, and yields what says so. */
  readonly create: (change?: Change) => Effect.Effect<JsonObject>
  /** Moves a task. Tells nobody but those who wait for its result. */
  readonly set: (taskId: string, change: Change) => Effect.Effect<void>
  /** Tells the client of the state of a task. */
  readonly notify: (taskId: string) => Effect.Effect<void>
  readonly forget: (taskId: string) => Effect.Effect<void>
  /** Asks the client because of a task, in 2025-11-25. */
  readonly ask: (taskId: string, method: string, params?: JsonObject) => Effect.Effect<unknown, McpError.JsonRpcError>
}

export const done = { content: [{ type: "text", text: "done" }] }

export const relatedTo = (taskId: string): JsonObject => ({ [RELATED_TASK]: { taskId } })

/** What the server's tools are called, and what it says of each: whether it may run as a task. */
export const tools = ["required", "optional", "forbidden"] as const

/** A client, a server of tasks, and the connection between them. */
export const connect = Effect.fnUntraced(function*(era: Era, script: Script = {}, options?: McpClient.Options) {
  const { mocked, server, use } = make(era, script)
  const { client, mock } = yield* harness.connect(mocked, { ...options, protocol: era })
  use(mock)
  yield* harness.settled
  return { client, mock, server }
})

const make = (era: Era, script: Script) => {
  const isModern = era === "modern"
  const tasks = new Map<string, Task>()
  const ends = new Map<string, Latch.Latch>()
  const log: Array<Logged> = []
  let mock: Mock | undefined
  let count = 0

  const connected = Effect.suspend(() => mock === undefined ? Effect.die(new Error("too early")) : Effect.succeed(mock))

  const now = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis).toISOString())

  const find = (taskId: unknown): Effect.Effect<Task, McpError.JsonRpcError> => {
    const task = tasks.get(String(taskId))
    return task === undefined ? refuse(-32602, "Task not found") : Effect.succeed(task)
  }

  /** A task in the words of the era. */
  const describe = (
    { error: _, inputRequests: __, pollInterval, result: ___, ttl = null, ...task }: Task
  ): JsonObject => isModern ? { ...task, ttlMs: ttl, pollIntervalMs: pollInterval } : { ...task, ttl, pollInterval }

  /** A task with all that belongs to its status, which one of 2026-07-28 shows. */
  const detail = (task: Task): JsonObject => {
    const { error, inputRequests, status } = task
    return {
      ...describe(task),
      ...(status === "input_required" ? { inputRequests } : {}),
      ...(status === "completed" ? { result: resultOf(task) } : {}),
      ...(status === "failed" ? { error } : {})
    }
  }

  const server: Server = {
    tasks,
    log,
    of: (method) => log.flatMap((logged) => logged.method === method ? [logged.params] : []),
    times: (method) => log.flatMap((logged) => logged.method === method ? [logged.at] : []),
    create: (change) =>
      Effect.map(now, (at) => {
        const taskId = `task-${++count}`
        const task: Task = { taskId, status: "working", createdAt: at, lastUpdatedAt: at, ...script.task, ...change }
        tasks.set(taskId, task)
        ends.set(taskId, Latch.makeUnsafe(isOver(task)))
        return wire(isModern ? { resultType: "task", ...describe(task) } : { task: describe(task) })
      }),
    set: Effect.fnUntraced(function*(taskId, change) {
      const task = { ...(yield* Effect.orDie(find(taskId))), ...change, lastUpdatedAt: yield* now }
      tasks.set(taskId, task)
      if (isOver(task)) ends.get(taskId)?.openUnsafe()
    }),
    notify: Effect.fnUntraced(function*(taskId) {
      const task = yield* Effect.orDie(find(taskId))
      const { notify } = yield* connected
      yield* isModern
        ? notify("notifications/tasks", wire(detail(task)))
        : notify("notifications/tasks/status", wire(describe(task)))
    }),
    forget: (taskId) =>
      Effect.sync(() => {
        tasks.delete(taskId)
        ends.get(taskId)?.openUnsafe()
      }),
    ask: (taskId, method, params) =>
      Effect.flatMap(connected, ({ request }) => request(method, { ...params, _meta: relatedTo(taskId) }))
  }

  /** Answers a request with a task, if it wants to be or has to be one. */
  const answer =
    (result: JsonObject): MockTransport.MethodHandler => ({ name, task }, { message: { method, params } }) => {
      const isCall = method === "tools/call"
      const ready = Effect.succeed(isModern ? { resultType: "complete", ...result } : result)
      if (isCall && name === "forbidden") return ready
      if (isModern) {
        if (!isCall) return ready
        if (isDeclared(params)) return server.create()
        return name === "required" ? undeclared : ready
      }
      if (task !== undefined) return server.create(ttlOf(task))
      return isCall && name === "required" ? refuse(-32601, "This tool runs as a task only") : ready
    }

  const common: Readonly<Record<string, MockTransport.MethodHandler>> = {
    "tools/list": () =>
      Effect.succeed({
        ...(isModern ? { resultType: "complete", ttlMs: 0, cacheScope: "private" } : {}),
        tools: tools.map((name) => ({ name, inputSchema: { type: "object" }, execution: { taskSupport: name } }))
      }),
    "tools/call": answer(done),
    "prompts/get": answer({ messages: [] }),
    "resources/read": answer({ contents: [] })
  }

  const legacy: Readonly<Record<string, MockTransport.MethodHandler>> = {
    "tasks/get": ({ taskId }) => Effect.map(find(taskId), (task) => wire(describe(task))),
    "tasks/result": Effect.fnUntraced(function*({ taskId }) {
      yield* find(taskId)
      yield* ends.get(String(taskId))?.await ?? Effect.void
      const task = yield* find(taskId)
      const { error, result, status } = task
      if (error !== undefined) return yield* refuse(error.code, error.message, error.data)
      if (status !== "completed" && result === undefined) return yield* refuse(-32603, `The task is ${status}`)
      return { ...resultOf(task), _meta: relatedTo(String(taskId)) }
    }),
    "tasks/cancel": Effect.fnUntraced(function*({ taskId }) {
      const task = yield* find(taskId)
      if (isOver(task)) return yield* refuse(-32602, `The task is ${task.status}`)
      yield* server.set(task.taskId, { status: "cancelled" })
      return wire(describe(yield* find(taskId)))
    }),
    "tasks/list": () => Effect.succeed({ tasks: Array.from(tasks.values(), (task) => wire(describe(task))) })
  }

  /** Does something to a task, for a client that knows tasks. */
  const about = (f: (task: Task, params: JsonObject) => Effect.Effect<unknown>): MockTransport.MethodHandler =>
    Effect.fnUntraced(function*(params, { message }) {
      if (!isDeclared(message.params)) return yield* undeclared
      const answer = yield* f(yield* find(params["taskId"]), params)
      return { resultType: "complete", ...objectOf(answer) }
    })

  const modern: Readonly<Record<string, MockTransport.MethodHandler>> = {
    "tasks/get": about((task) => Effect.succeed(wire(detail(task)))),
    "tasks/update": about(({ inputRequests, taskId }, { inputResponses }) => {
      const open = Object.entries(objectOf(inputRequests)).filter(([key]) => !(key in objectOf(inputResponses)))
      return server.set(taskId, {
        status: open.length === 0 ? "working" : "input_required",
        inputRequests: Object.fromEntries(open)
      })
    }),
    "tasks/cancel": about((task) => isOver(task) ? Effect.void : server.set(task.taskId, { status: "cancelled" })),
    // It agrees to tell of all that it is asked for.
    "subscriptions/listen": ({ notifications }, { message: { id } }) =>
      Effect.flatMap(connected, ({ notify }) => {
        const _meta = { "io.modelcontextprotocol/subscriptionId": id }
        return Effect.andThen(
          notify("notifications/subscriptions/acknowledged", { _meta, notifications }),
          Effect.never
        )
      })
  }

  const logged = (handler: MockTransport.MethodHandler): MockTransport.MethodHandler => (params, request) =>
    Effect.flatMap(Clock.currentTimeMillis, (at) => {
      const { _meta, ...rest } = params
      log.push({ at, method: request.message.method, params: rest })
      return handler(params, request)
    })

  const methods = { ...common, ...(isModern ? modern : legacy), ...script.methods?.(server) }
  const verbs = { tools: { call: {} }, prompts: { get: {} }, resources: { read: {} } }
  const mocked: MockTransport.Options = {
    capabilities: script.capabilities ?? {
      tools: {},
      prompts: {},
      resources: {},
      ...(isModern ? { extensions: { [TASKS]: {} } } : { tasks: { list: {}, cancel: {}, requests: verbs } })
    },
    methods: Object.fromEntries(Object.entries(methods).map(([method, handler]) => [method, logged(handler)]))
  }
  const use = (it: Mock): void => {
    mock = it
  }
  return { mocked, server, use }
}

const isOver = ({ status }: Task): boolean => status === "completed" || status === "failed" || status === "cancelled"

const resultOf = ({ result = done }: Task): JsonObject => result

const ttlOf = (task: unknown): Change => {
  const { ttl } = objectOf(task)
  return typeof ttl === "number" ? { ttl } : {}
}

/** What goes over a wire: without what is undefined. */
const wire = (message: JsonObject): JsonObject => objectOf(JSON.parse(JSON.stringify(message)))

const isDeclared = (params: JsonRpcRequest["params"]): boolean => {
  const { extensions } = objectOf(metaOf({ params })["io.modelcontextprotocol/clientCapabilities"])
  return isJsonObject(extensions) && extensions[TASKS] !== undefined
}

export const refuse = (
  code: number,
  description: string,
  data?: unknown
): Effect.Effect<never, McpError.JsonRpcError> => Effect.fail(new McpError.JsonRpcError({ code, description, data }))

const undeclared = refuse(-32021, "Missing required client capability", {
  requiredCapabilities: { extensions: { [TASKS]: {} } }
})

/** Calls of tools that run as tasks. */
import * as McpError from "@effect-mcp/client/McpError"
import { isJsonObject, type JsonObject } from "@effect-mcp/client/McpSchema"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import type { MethodHandler, Options, Request } from "../MockTransport.ts"

export const EXTENSION = "io.modelcontextprotocol/tasks"
const RELATED_TASK = "io.modelcontextprotocol/related-task"

/** How often a client shall ask, in milliseconds. It is told of changes besides. */
const POLL_INTERVAL = 100

export interface Task {
  readonly id: string
  readonly isModern: boolean
  readonly ttl: number | null
  readonly createdAt: string
  /** What came of the call. */
  readonly outcome: Deferred.Deferred<JsonObject, McpError.JsonRpcError>
  readonly cancelled: Latch.Latch
  status: "working" | "input_required" | "completed" | "failed" | "cancelled"
  statusMessage: string | undefined
  lastUpdatedAt: string
  questions: Map<string, { readonly question: JsonObject; readonly answer: Deferred.Deferred<unknown> }>
  result: JsonObject | undefined
  error: JsonObject | undefined
}

/** What a task does, on behalf of the call that it came of. */
export type Run = (
  inTask: Pick<Request, "input" | "status">
) => Effect.Effect<JsonObject, McpError.JsonRpcError>

export interface Tasks {
  /** Runs a call in the background, and yields what says so. */
  readonly start: (call: {
    readonly isModern: boolean
    readonly ttl: unknown
    readonly run: Run
    /** Asks the client by a request. */
    readonly ask: (method: string, params: JsonObject) => Effect.Effect<unknown, McpError.JsonRpcError>
  }) => Effect.Effect<JsonObject>
  /** What answers requests about tasks. */
  readonly methods: { readonly [era in "legacy" | "modern"]: Readonly<Record<string, MethodHandler>> }
}

/** Whether any tool of a mock may run as a task. */
export const hasTasks = ({ tools = {} }: Options): boolean =>
  Object.values(tools).some((tool) => supportOf(tool) !== undefined)

export const supportOf = (
  tool: NonNullable<Options["tools"]>[string] | undefined
): "optional" | "required" | undefined => typeof tool === "object" ? tool.execution?.taskSupport : undefined

/**
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
 * @see https://modelcontextprotocol.io/extensions/tasks/overview
 */
export const make = (
  scope: Scope.Scope,
  /** Tells the clients that want to hear of it. */
  tell: (task: Task, params: JsonObject) => Effect.Effect<void>
): Tasks => {
  const tasks = new Map<unknown, Task>()
  let count = 0

  const update = (task: Task, change: Partial<Task>) =>
    Effect.flatMap(now, (lastUpdatedAt) => {
      // What has ended stays as it is.
      if (isOver(task)) return Effect.void
      Object.assign(task, change, { lastUpdatedAt })
      return tell(task, task.isModern ? detail(task) : describe(task))
    })

  const find = (taskId: unknown): Effect.Effect<Task, McpError.JsonRpcError> => {
    const task = tasks.get(taskId)
    return task === undefined ? invalid(`Unknown task: ${String(taskId)}`) : Effect.succeed(task)
  }

  const cancel = (task: Task) => Effect.andThen(update(task, { status: "cancelled" }), task.cancelled.open)

  const start: Tasks["start"] = Effect.fnUntraced(function*({ ask, isModern, run, ttl }) {
    const createdAt = yield* now
    const task: Task = {
      id: `task-${++count}`,
      isModern,
      ttl: typeof ttl === "number" ? ttl : null,
      createdAt,
      outcome: Deferred.makeUnsafe(),
      cancelled: Latch.makeUnsafe(false),
      status: "working",
      statusMessage: undefined,
      lastUpdatedAt: createdAt,
      questions: new Map(),
      result: undefined,
      error: undefined
    }
    tasks.set(task.id, task)

    const askOne = ([name, { method, params = {} }]: [string, Parameters<Request["input"]>[0][string]]) => {
      if (!isModern) return ask(method, { ...params, _meta: { [RELATED_TASK]: { taskId: task.id } } })
      const answer = Deferred.makeUnsafe<unknown>()
      // No key is used twice.
      const key = task.questions.has(name) ? `${name}-${task.questions.size}` : name
      task.questions.set(key, { question: { method, params }, answer })
      return Deferred.await(answer)
    }
    const input: Request["input"] = (questions) =>
      Effect.gen(function*() {
        const asked = yield* Effect.forEach(Object.entries(questions), ([name, question]) =>
          Effect.map(
            Effect.forkChild(askOne([name, question]), { startImmediately: true }),
            (fiber) => [name, fiber] as const
          ))
        yield* update(task, { status: "input_required" })
        const answers = yield* Effect.forEach(asked, ([name, fiber]) =>
          Effect.map(Fiber.join(fiber), (answer) => [name, answer] as const))
        yield* update(task, { status: "working" })
        return Object.fromEntries(answers)
      })
    const status: Request["status"] = (statusMessage) => update(task, { statusMessage })

    const ran = Effect.matchEffect(run({ input, status }), {
      onFailure: (error) => {
        const { code, data, description } = error
        return Effect.andThen(
          update(task, {
            status: "failed",
            error: { code, message: description, ...(data === undefined ? {} : { data }) }
          }),
          Deferred.fail(task.outcome, error)
        )
      },
      onSuccess: (result) =>
        Effect.andThen(
          update(task, { status: !isModern && result["isError"] === true ? "failed" : "completed", result }),
          Deferred.succeed(task.outcome, result)
        )
    })
    const isCancelled = Effect.andThen(task.cancelled.await, Deferred.fail(task.outcome, wasCancelled))
    yield* Effect.forkIn(Effect.raceFirst(Effect.andThen(Effect.yieldNow, ran), isCancelled), scope)
    if (task.ttl !== null) {
      const expired = Effect.andThen(
        Effect.sleep(task.ttl),
        Effect.suspend(() => {
          tasks.delete(task.id)
          return task.cancelled.open
        })
      )
      yield* Effect.forkIn(expired, scope)
    }
    return isModern ? { resultType: "task", ...describe(task) } : { task: describe(task) }
  })

  const about =
    (f: (task: Task, params: JsonObject) => Effect.Effect<JsonObject, McpError.JsonRpcError>): MethodHandler =>
    (params) => Effect.flatMap(find(params["taskId"]), (task) => f(task, params))

  return {
    start,
    methods: {
      legacy: {
        "tasks/get": about((task) => Effect.succeed(describe(task))),
        "tasks/result": about(({ id, outcome }) =>
          Effect.map(Deferred.await(outcome), (result) => {
            const meta = isJsonObject(result["_meta"]) ? result["_meta"] : {}
            return { ...result, _meta: { ...meta, [RELATED_TASK]: { taskId: id } } }
          })
        ),
        "tasks/cancel": about((task) =>
          isOver(task)
            ? invalid(`The task has ended: ${task.status}`)
            : Effect.map(cancel(task), () => describe(task))
        ),
        "tasks/list": () => Effect.sync(() => ({ tasks: Array.from(tasks.values(), describe) }))
      },
      modern: {
        "tasks/get": about((task) => Effect.succeed(complete(detail(task)))),
        "tasks/update": about((task, { inputResponses }) =>
          Effect.sync(() => {
            for (const [key, answer] of Object.entries(isJsonObject(inputResponses) ? inputResponses : {})) {
              const asked = task.questions.get(key)
              if (asked !== undefined) Deferred.doneUnsafe(asked.answer, Effect.succeed(answer))
            }
            return complete({})
          })
        ),
        "tasks/cancel": about((task) => Effect.as(cancel(task), complete({})))
      }
    }
  }
}

/** What a call is told that does not run as a task, of a tool that runs as nothing else. */
export const refuse = (isModern: boolean): MethodHandler => () =>
  Effect.fail(
    isModern
      ? new McpError.JsonRpcError({
        code: -32021,
        description: "Missing required client capability",
        data: { requiredCapabilities: { extensions: { [EXTENSION]: {} } } }
      })
      : new McpError.JsonRpcError({ code: -32601, description: "The tool runs as a task only" })
  )

const now = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis).toISOString())

const isOver = ({ status }: Task): boolean => status !== "working" && status !== "input_required"

const describe = ({ createdAt, id, isModern, lastUpdatedAt, status, statusMessage, ttl }: Task): JsonObject => ({
  taskId: id,
  status,
  ...(statusMessage === undefined ? {} : { statusMessage }),
  createdAt,
  lastUpdatedAt,
  ...(isModern ? { ttlMs: ttl, pollIntervalMs: POLL_INTERVAL } : { ttl, pollInterval: POLL_INTERVAL })
})

const detail = (task: Task): JsonObject => {
  const { error, questions, result, status } = task
  const open = Array.from(questions).filter(([, { answer }]) => !Deferred.isDoneUnsafe(answer))
  return {
    ...describe(task),
    ...(status === "input_required"
      ? { inputRequests: Object.fromEntries(open.map(([key, { question }]) => [key, question])) }
      : {}),
    ...(status === "completed" ? { result } : {}),
    ...(status === "failed" ? { error } : {})
  }
}

const complete = (result: JsonObject): JsonObject => ({ resultType: "complete", ...result })

const invalid = (description: string): Effect.Effect<never, McpError.JsonRpcError> =>
  Effect.fail(new McpError.JsonRpcError({ code: -32602, description }))

const wasCancelled = new McpError.JsonRpcError({ code: -32602, description: "The task was cancelled" })

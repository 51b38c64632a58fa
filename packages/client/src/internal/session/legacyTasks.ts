import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject, Progress, type ServerCapabilities } from "../../McpSchema.ts"
import type { Deadline } from "../../McpTransport.ts"
import { within } from "../jsonrpc/within.ts"
import type { Notification, RequestOptions, Session } from "./session.ts"
import { millisOf, readTask, type Tasks, type TaskState } from "./tasks.ts"

/** https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#related-task-metadata */
export const RELATED_TASK = "io.modelcontextprotocol/related-task"

const IMMEDIATE_RESPONSE = "io.modelcontextprotocol/model-immediate-response"

/** So many pages of tools are looked through for what they say of tasks. */
const MAX_PAGES = 100

/** The progress of so many tasks is followed. */
const MAX_FOLLOWED = 1000

/**
 * Tasks that the client asks for. Which tools may run as one, and which run as nothing else, the server says when it
 * lists them: it is asked before the first call.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
 */
export const make = (
  plainly: Session["request"],
  capabilities: ServerCapabilities
): {
  readonly request: Session["request"]
  readonly tasks: Tasks
  readonly onNotification: (notification: Notification) => void
} => {
  const offered = capabilities["tasks"]
  const requests = isJsonObject(offered) ? offered["requests"] : undefined
  const offers = (capability: "cancel" | "list") => isJsonObject(offered) && offered[capability] !== undefined
  if (!isJsonObject(requests) || Object.keys(requests).length === 0) {
    return { request: plainly, tasks: tasksOf(plainly, offers, () => {}), onNotification: () => {} }
  }

  const accepts = (method: string): boolean => {
    const [kind = "", verb = ""] = method.split("/")
    const verbs = requests[kind]
    return isJsonObject(verbs) && verbs[verb] !== undefined
  }

  // ---------------------------------------------------------------------------
  // Which tools run as tasks
  // ---------------------------------------------------------------------------

  const support = new Map<unknown, unknown>()
  const lookup = Semaphore.makeUnsafe(1)
  let isListed = false
  /** How often the tools have changed. */
  let changes = 0

  const keep = (listed: unknown): unknown => {
    if (isJsonObject(listed) && Array.isArray(listed["tools"])) {
      for (const tool of listed["tools"]) {
        if (!isJsonObject(tool)) continue
        const { execution, name } = tool
        support.set(name, isJsonObject(execution) ? execution["taskSupport"] : undefined)
      }
    }
    return listed
  }

  const listTools = Effect.fnUntraced(
    function*({ deadline }: RequestOptions): Effect.fn.Return<void, McpError.McpError> {
      if (isListed) return
      const before = changes
      let cursor: unknown
      for (let page = 0; page < MAX_PAGES; page++) {
        const listed = yield* plainly("tools/list", cursor === undefined ? undefined : { cursor }, { deadline })
        keep(listed)
        cursor = isJsonObject(listed) ? listed["nextCursor"] : undefined
        if (typeof cursor !== "string") break
      }
      // What changed meanwhile is looked up again.
      isListed = changes === before
    }
  )

  const supportOf = (name: unknown, options: RequestOptions): Effect.Effect<unknown, McpError.McpError> => {
    if (isListed || support.has(name)) return Exit.succeed(support.get(name))
    const { budget, idleMillis: millis } = options.deadline
    return within(lookup.withPermit(listTools(options)), { budget, millis }).pipe(
      // The call itself was never sent. A server that can not list its tools may still run them.
      Effect.catchIf(
        ({ reason }) => reason._tag === "JsonRpcError",
        () => Effect.void
      ),
      Effect.mapError(unsent),
      Effect.map(() => support.get(name))
    )
  }

  // ---------------------------------------------------------------------------
  // Progress
  // ---------------------------------------------------------------------------

  /** https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/progress: a task reports by its request. */
  const followed = new Map<string, Following>()

  const unfollow = (isMeant: (following: Following) => boolean): void => {
    for (const [token, following] of followed) if (isMeant(following)) followed.delete(token)
  }

  const augmented = (
    method: string,
    params: JsonObject | undefined,
    { onProgress, ...options }: RequestOptions
  ): Effect.Effect<unknown, McpError.McpError> =>
    Effect.suspend(() => {
      const asked = { ...params, task: options.task ?? {} }
      if (onProgress === undefined) return plainly(method, asked, options)
      const following: Following = { report: onProgress, taskId: undefined, known: 0 }
      return plainly(method, asked, {
        ...options,
        onProgress(progress) {
          following.known++
          onProgress(progress)
        },
        onToken(token) {
          followed.set(String(token), following)
          for (const oldest of followed.keys()) {
            if (followed.size <= MAX_FOLLOWED) break
            followed.delete(oldest)
          }
        }
      }).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => {
            const created = Exit.isSuccess(exit) ? tasks.created(exit.value) : undefined
            if (created !== undefined && Exit.isSuccess(created)) following.taskId = created.value.state.taskId
            else unfollow((one) => one === following)
          })
        )
      )
    })

  // ---------------------------------------------------------------------------
  // Requests
  // ---------------------------------------------------------------------------

  const request: Session["request"] = (method, params, options) => {
    if (method === "tools/list") return Effect.map(plainly(method, params, options), keep)
    if (!accepts(method)) return plainly(method, params, options)
    if (method !== "tools/call") {
      return options.task === undefined ? plainly(method, params, options) : augmented(method, params, options)
    }
    return Effect.flatMap(
      supportOf(params?.["name"], options),
      (support) =>
        support === "required" || (support === "optional" && options.task !== undefined)
          ? augmented(method, params, options)
          : plainly(method, params, options)
    )
  }

  const tasks = tasksOf(plainly, offers, (ended) => unfollow(({ taskId }) => taskId === ended))

  return {
    request,
    tasks,
    onNotification({ method, params }) {
      if (method === "notifications/tools/list_changed") {
        support.clear()
        isListed = false
        changes++
      }
      if (method !== "notifications/progress") return
      const following = followed.get(String(params["progressToken"]))
      if (following === undefined || !isProgress(params)) return
      if (following.known > 0) following.known--
      else following.report(params)
    }
  }
}

/** Who wants to know of the progress of a task. */
interface Following {
  readonly report: (progress: Progress) => void
  taskId: string | undefined
  /** So much progress came before the answer, and has been reported with it. It is heard once more. */
  known: number
}

const isProgress: (params: JsonObject) => params is Progress = Schema.is(Progress)

const tasksOf = (
  request: Session["request"],
  offers: (capability: "cancel" | "list") => boolean,
  onEnd: (taskId: string) => void
): Tasks => ({
  created(answer) {
    if (!isJsonObject(answer)) return undefined
    const { _meta: meta, content, task } = answer
    if (!isJsonObject(task) || content !== undefined) return undefined
    const state = read("a request", task)
    if (McpError.isMcpError(state)) return Exit.fail(state)
    const immediateResponse = isJsonObject(meta) ? meta[IMMEDIATE_RESPONSE] : undefined
    return Exit.succeed({
      state,
      immediateResponse: typeof immediateResponse === "string" ? immediateResponse : undefined
    })
  },
  get: (taskId, options) =>
    Effect.flatMap(request("tasks/get", { taskId }, options), (answer) => {
      const state = read("tasks/get", answer)
      if (McpError.isMcpError(state)) return Effect.fail(state)
      // Until there is a result, progress may be on its way.
      if (state.status === "cancelled") onEnd(taskId)
      return Effect.succeed({ state, outcome: undefined })
    }),
  result: (taskId, options) =>
    Effect.tap(
      request("tasks/result", { taskId }, { ...options, deadline: unbounded }),
      () => Effect.sync(() => onEnd(taskId))
    ),
  update: () =>
    Effect.fail(McpError.make(
      new McpError.UnsupportedError({
        description: "A server of this protocol version asks by requests, which only handlers can answer"
      })
    )),
  cancel: (taskId, options) =>
    offers("cancel")
      ? Effect.asVoid(request("tasks/cancel", { taskId }, options))
      : Effect.fail(McpError.make(
        new McpError.UnsupportedError({ description: "The server does not offer to cancel tasks" })
      )),
  list: (cursor, options) =>
    offers("list")
      ? Effect.flatMap(request("tasks/list", cursor === undefined ? undefined : { cursor }, options), (answer) => {
        if (!isJsonObject(answer) || !Array.isArray(answer["tasks"])) {
          const description = "The server's answer to tasks/list lists no tasks"
          return Effect.fail(McpError.make(new McpError.ProtocolError({ description, payload: answer })))
        }
        const { nextCursor, tasks } = answer
        return Effect.succeed({
          // One bad task does not hide the others.
          tasks: tasks.flatMap((task) => {
            const state = read("tasks/list", task)
            return McpError.isMcpError(state) ? [] : [state]
          }),
          nextCursor: typeof nextCursor === "string" ? nextCursor : undefined
        })
      })
      : Effect.succeed(undefined),
  // Such servers tell of changes by themselves, or not.
  watch: () => {},
  unwatch: () => {}
})

const read = (method: string, task: unknown): TaskState | McpError.McpError =>
  readTask(method, task, ({ pollInterval, ttl }) => ({
    ttlMillis: millisOf(ttl) ?? null,
    pollIntervalMillis: millisOf(pollInterval),
    inputRequests: undefined
  }))

const unsent = (error: McpError.McpError): McpError.McpError => {
  const { reason } = error
  if (reason._tag !== "ClosedError" || !reason.requestSent) return error
  const { by, cause, description } = reason
  return McpError.make(new McpError.ClosedError({ description, by, requestSent: false, cause }))
}

/** It lasts as long as the task. */
const unbounded: Deadline = {
  budget: "call",
  idleMillis: Number.POSITIVE_INFINITY,
  totalMillis: Number.POSITIVE_INFINITY
}

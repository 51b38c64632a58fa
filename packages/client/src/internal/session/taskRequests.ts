import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject, Progress } from "../../McpSchema.ts"
import { within } from "../jsonrpc/within.ts"
import { readCreated } from "./legacyTasks.ts"
import type { Notification, RequestOptions, Session } from "./session.ts"

/** So many pages of tools are looked through for what they say of tasks. */
const MAX_PAGES = 100

/** So often are they looked through if they change meanwhile. */
const MAX_ATTEMPTS = 3

/** The progress of so many tasks is followed. */
const MAX_FOLLOWED = 1000

/** Requests that go out as tasks, where the server accepts that. */
export interface TaskRequests {
  readonly request: Session["request"]
  /** Called in the order of the wire. */
  readonly onNotification: (notification: Notification) => void
  /** Nobody waits for more of a task. */
  readonly forget: (taskId: string) => void
}

/**
 * Which tools may run as a task, and which run as nothing else, the server says when it lists them: it is asked before
 * the first call.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#tool-level-negotiation
 */
export const make = (
  plainly: Session["request"],
  /** What the server says that it runs as a task. */
  requests: JsonObject
): TaskRequests => {
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
      // What changes meanwhile is looked up again, but not for ever.
      for (let attempt = 0; !isListed && attempt < MAX_ATTEMPTS; attempt++) {
        const before = changes
        let cursor: unknown
        for (let page = 0; page < MAX_PAGES; page++) {
          const listed = yield* plainly("tools/list", cursor === undefined ? undefined : { cursor }, { deadline })
          keep(listed)
          cursor = isJsonObject(listed) ? listed["nextCursor"] : undefined
          if (typeof cursor !== "string") break
        }
        isListed = changes === before
      }
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
            const created = Exit.isSuccess(exit) ? readCreated(exit.value) : undefined
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

  return {
    request,
    forget: (ended) => unfollow(({ taskId }) => taskId === ended),
    onNotification({ method, params }) {
      if (method === "notifications/tools/list_changed") {
        support.clear()
        isListed = false
        changes++
      }
      if (method !== "notifications/progress") return
      const { progressToken: token } = params
      const isToken = typeof token === "string" || typeof token === "number"
      const following = isToken ? followed.get(String(token)) : undefined
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

const unsent = (error: McpError.McpError): McpError.McpError => {
  const { reason } = error
  if (reason._tag !== "ClosedError" || !reason.requestSent) return error
  const { by, cause, description } = reason
  return McpError.make(new McpError.ClosedError({ description, by, requestSent: false, cause }))
}

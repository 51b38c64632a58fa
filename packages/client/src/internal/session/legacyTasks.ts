import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject, type ServerCapabilities } from "../../McpSchema.ts"
import type { Deadline } from "../../McpTransport.ts"
import type { RequestOptions, Session } from "./session.ts"
import { type CreatedTask, millisOf, readTask, type Tasks, type TaskState } from "./tasks.ts"

/** https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#related-task-metadata */
export const RELATED_TASK = "io.modelcontextprotocol/related-task"

const IMMEDIATE_RESPONSE = "io.modelcontextprotocol/model-immediate-response"

/** What a server says that it can do with tasks. */
export const offeredBy = (capabilities: ServerCapabilities): JsonObject => {
  const offered = capabilities["tasks"]
  return isJsonObject(offered) ? offered : {}
}

/**
 * Tasks that the client asks for. There may be thousands of sessions, most of them without tasks: this costs them
 * little.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
 */
export class LegacyTasks implements Tasks {
  readonly isOffered: boolean
  private readonly request: Session["request"]
  private readonly offered: JsonObject
  private readonly onEnd: ((taskId: string) => void) | undefined

  constructor(request: Session["request"], offered: JsonObject, onEnd: ((taskId: string) => void) | undefined) {
    this.isOffered = offered["requests"] !== undefined
    this.request = request
    this.offered = offered
    this.onEnd = onEnd
  }

  created(answer: unknown) {
    return readCreated(answer)
  }

  get(taskId: string, options: RequestOptions) {
    return Effect.flatMap(this.request("tasks/get", { taskId }, options), (answer) => {
      const state = read("tasks/get", answer)
      if (McpError.isMcpError(state)) return Effect.fail(state)
      // Until there is a result, progress may be on its way.
      if (state.status === "cancelled") this.onEnd?.(taskId)
      return Effect.succeed({ state, outcome: undefined })
    })
  }

  result(taskId: string, options: RequestOptions) {
    return Effect.tap(
      this.request("tasks/result", { taskId }, { ...options, deadline: unbounded }),
      () => Effect.sync(() => this.onEnd?.(taskId))
    )
  }

  update() {
    return unsupported("A server of this protocol version asks by requests, which only handlers can answer")
  }

  cancel(taskId: string, options: RequestOptions) {
    return this.offered["cancel"] === undefined
      ? unsupported("The server does not offer to cancel tasks")
      : Effect.asVoid(this.request("tasks/cancel", { taskId }, options))
  }

  list(cursor: string | undefined, options: RequestOptions) {
    if (this.offered["list"] === undefined) return Effect.succeed(undefined)
    const asked = this.request("tasks/list", cursor === undefined ? undefined : { cursor }, options)
    return Effect.flatMap(asked, (answer) => {
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
  }

  // Such servers tell of changes by themselves, or not.
  watch() {}
  unwatch() {}
}

/** What an answer has that is no task, of tools, prompts and resources. */
const RESULTS = ["content", "structuredContent", "messages", "contents"]

/** Reads the answer to a request: the task that the server made of it, if it did. */
export const readCreated = (answer: unknown): Exit.Exit<CreatedTask, McpError.McpError> | undefined => {
  if (!isJsonObject(answer)) return undefined
  const { _meta: meta, task } = answer
  // A result may have a field of that name, too.
  if (!isJsonObject(task) || RESULTS.some((field) => answer[field] !== undefined)) return undefined
  const state = read("a request", task)
  if (McpError.isMcpError(state)) return Exit.fail(state)
  const immediateResponse = isJsonObject(meta) ? meta[IMMEDIATE_RESPONSE] : undefined
  return Exit.succeed({
    state,
    immediateResponse: typeof immediateResponse === "string" ? immediateResponse : undefined
  })
}

const unsupported = (description: string): Effect.Effect<never, McpError.McpError> =>
  Effect.fail(McpError.make(new McpError.UnsupportedError({ description })))

const read = (method: string, task: unknown): TaskState | McpError.McpError =>
  readTask(method, task, ({ pollInterval, ttl }) => ({
    ttlMillis: millisOf(ttl) ?? null,
    pollIntervalMillis: millisOf(pollInterval),
    inputRequests: undefined
  }))

/** It lasts as long as the task. */
const unbounded: Deadline = {
  budget: "call",
  idleMillis: Number.POSITIVE_INFINITY,
  totalMillis: Number.POSITIVE_INFINITY
}

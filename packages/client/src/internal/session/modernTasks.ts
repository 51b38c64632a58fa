import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject, type ServerCapabilities } from "../../McpSchema.ts"
import * as InputRounds from "./inputRounds.ts"
import type { Session } from "./session.ts"
import { isTerminal, isUnknownTask, millisOf, readTask, type TaskReport, type Tasks, type TaskState } from "./tasks.ts"

/** https://modelcontextprotocol.io/extensions/tasks/overview */
export const TASKS_EXTENSION = "io.modelcontextprotocol/tasks"

/** The requests that a server may answer with a task. Some say of the task itself that it is one. */
export const CAN_ANSWER = new Set(["tools/call", "tasks/get"])

/**
 * Tasks that the server makes of calls as it likes, if the client has declared that it knows them.
 *
 * https://modelcontextprotocol.io/extensions/tasks/overview
 */
export const make = (
  request: Session["request"],
  options: {
    readonly capabilities: ServerCapabilities
    readonly isDeclared: boolean
    readonly watch: Tasks["watch"]
    readonly unwatch: (taskId: string) => void
  }
): Tasks => {
  const { capabilities, isDeclared, unwatch } = options
  const extensions = capabilities["extensions"]
  const isOffered = isDeclared && isJsonObject(extensions) && extensions[TASKS_EXTENSION] !== undefined
  const get: Tasks["get"] = (taskId, options) =>
    Effect.flatMap(request("tasks/get", { taskId }, options), (answer) => {
      const report = readReport(isJsonObject(answer) ? answer : {})
      return McpError.isMcpError(report) ? Effect.fail(report) : Effect.succeed(report)
    })
  return {
    isOffered: isDeclared,
    created(answer) {
      if (!isJsonObject(answer) || answer["resultType"] !== "task") return undefined
      const state = read("tools/call", answer)
      return McpError.isMcpError(state) ? Exit.fail(state) : Exit.succeed({ state, immediateResponse: undefined })
    },
    get,
    // That it has ended may be all that is known of it: what it was made with does not tell more.
    result: (taskId, options) =>
      get(taskId, options).pipe(
        // What a task failed with may look the same.
        Effect.mapError((error) => isUnknownTask(error) ? McpError.make(lost(taskId)) : error),
        Effect.flatMap(({ outcome }) => {
          const description = `The server says that the task ${taskId} has ended, but not with what`
          return outcome ?? Effect.fail(McpError.make(new McpError.ProtocolError({ description })))
        })
      ),
    update: (taskId, inputResponses, options) =>
      Effect.asVoid(request("tasks/update", { taskId, inputResponses }, options)),
    cancel: (taskId, options) => Effect.asVoid(request("tasks/cancel", { taskId }, options)),
    list: () => Effect.succeed(undefined),
    watch: (taskId) => {
      if (isOffered) options.watch(taskId)
    },
    unwatch
  }
}

const read = (method: string, task: unknown): TaskState | McpError.McpError =>
  readTask(method, task, ({ pollIntervalMs, status, ttlMs }) => ({
    ttlMillis: millisOf(ttlMs) ?? null,
    pollIntervalMillis: millisOf(pollIntervalMs),
    // What it asks for comes with a report.
    inputRequests: status === "input_required" ? {} : undefined
  }))

const readReport = (answer: JsonObject): TaskReport | McpError.McpError => {
  const state = read("tasks/get", answer)
  if (McpError.isMcpError(state)) return state
  if (state.status === "input_required") {
    const questions = InputRounds.readQuestions(answer["inputRequests"] ?? {})
    if (!("fault" in questions)) return { state: { ...state, inputRequests: questions.questions }, outcome: undefined }
    const description = `A task asks for input in a way that makes no sense: ${questions.fault}`
    return McpError.make(new McpError.ProtocolError({ description, payload: answer }))
  }
  return { state, outcome: isTerminal(state.status) ? outcomeOf(state, answer) : undefined }
}

const outcomeOf = (
  { status, statusMessage }: TaskState,
  { error, result }: JsonObject
): Exit.Exit<unknown, McpError.McpError> | undefined => {
  if (status === "completed") return isJsonObject(result) ? Exit.succeed(result) : undefined
  if (status !== "failed") return undefined
  const { code, data, message } = isJsonObject(error) ? error : {}
  return Exit.fail(McpError.make(
    new McpError.JsonRpcError({
      code: typeof code === "number" ? code : INTERNAL_ERROR,
      description: typeof message === "string" ? message : statusMessage ?? "The task failed",
      data
    })
  ))
}

const INTERNAL_ERROR = -32603

const lost = (taskId: string) => new McpError.TaskLostError({ taskId, expired: false })

import * as McpError from "../../McpError.ts"
import type { TaskState } from "../session/tasks.ts"

const INTERNAL_ERROR = -32603

/** Whether the server can not be reached just now. */
export const isTransient = ({ reason }: McpError.McpError): boolean => {
  switch (reason._tag) {
    case "ClosedError":
      return reason.by === "server"
    case "TimeoutError":
    case "TransportError":
      return true
    case "HttpError":
      return reason.status >= 500 || reason.status === 429
    case "JsonRpcError":
      return reason.httpStatus !== undefined && (reason.httpStatus >= 500 || reason.httpStatus === 429)
    default:
      return false
  }
}

/** Whether a server that could not say how a task is may say so the next time: it may have trouble of its own. */
export const isPassing = (error: McpError.McpError): boolean =>
  isTransient(error) || error.reason._tag === "JsonRpcError" && error.reason.code === INTERNAL_ERROR

/** That a task ended otherwise than it was waited for. */
export const ended = ({ status, statusMessage, taskId }: TaskState): McpError.McpError =>
  McpError.make(
    new McpError.TaskEndedError({
      taskId,
      status: status === "completed" || status === "failed" ? status : "cancelled",
      statusMessage
    })
  )

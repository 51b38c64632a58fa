import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import type { Question } from "./inputRounds.ts"
import type { RequestOptions } from "./session.ts"

export const TaskStatus = Schema.Literals(["working", "input_required", "completed", "failed", "cancelled"])

export type TaskStatus = typeof TaskStatus.Type

/** A task as a server describes it, in the words of either protocol. */
export interface TaskState {
  readonly taskId: string
  readonly status: TaskStatus
  readonly statusMessage: string | undefined
  readonly createdAt: string
  readonly lastUpdatedAt: string
  /** `null`: as long as the server likes. */
  readonly ttlMillis: number | null
  readonly pollIntervalMillis: number | undefined
  /** What the server wants to know, where it says so with the state. */
  readonly inputRequests: Readonly<Record<string, Question>> | undefined
}

/** What a server says when it is asked for a task. */
export interface TaskReport {
  readonly state: TaskState
  /** What came of the request, where the server says so with the state. */
  readonly outcome: Exit.Exit<unknown, McpError.McpError> | undefined
}

/** The task that a server made of a request. */
export interface CreatedTask {
  readonly state: TaskState
  /** What a model may be told while the task runs. */
  readonly immediateResponse: string | undefined
}

/** How a session speaks of tasks. */
export interface Tasks {
  /** Whether the server may make tasks of requests. */
  readonly isOffered: boolean
  /** The task that the server made of a request, or `undefined` if it is the answer itself. */
  readonly created: (answer: unknown) => Exit.Exit<CreatedTask, McpError.McpError> | undefined
  readonly get: (taskId: string, options: RequestOptions) => Effect.Effect<TaskReport, McpError.McpError>
  /** What came of the request, where a report does not say it. Waits for the end of the task. */
  readonly result: (taskId: string, options: RequestOptions) => Effect.Effect<unknown, McpError.McpError>
  /** Answers what the server wants to know. */
  readonly update: (
    taskId: string,
    inputResponses: JsonObject,
    options: RequestOptions
  ) => Effect.Effect<void, McpError.McpError>
  readonly cancel: (taskId: string, options: RequestOptions) => Effect.Effect<void, McpError.McpError>
  /** One page of the server's tasks, or `undefined` where a server lists none. */
  readonly list: (
    cursor: string | undefined,
    options: RequestOptions
  ) => Effect.Effect<TaskPage | undefined, McpError.McpError>
  /** Asks the server to tell of the changes of a task. */
  readonly watch: (taskId: string) => void
  readonly unwatch: (taskId: string) => void
}

export interface TaskPage {
  readonly tasks: ReadonlyArray<TaskState>
  readonly nextCursor: string | undefined
}

/** https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#protocol-errors */
const INVALID_PARAMS = -32602

/** Whether this is how a server answers that it does not know a task. */
export const isUnknownTask = ({ reason }: McpError.McpError): boolean =>
  reason._tag === "JsonRpcError" && reason.code === INVALID_PARAMS

export const isTerminal = (status: TaskStatus): boolean =>
  status === "completed" || status === "failed" || status === "cancelled"

/** A duration in milliseconds. Servers send all kinds of numbers. */
export const millisOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined

const isStatus = Schema.is(TaskStatus)

/** Reads what both protocols say of a task in the same words. */
export const readTask = (
  method: string,
  task: unknown,
  own: (task: JsonObject) => Pick<TaskState, "inputRequests" | "pollIntervalMillis" | "ttlMillis">
): TaskState | McpError.McpError => {
  if (isJsonObject(task)) {
    const { createdAt, lastUpdatedAt, status, statusMessage, taskId } = task
    if (typeof taskId === "string" && taskId !== "" && isStatus(status)) {
      const created = typeof createdAt === "string" ? createdAt : ""
      return {
        taskId,
        status,
        statusMessage: typeof statusMessage === "string" ? statusMessage : undefined,
        createdAt: created,
        lastUpdatedAt: typeof lastUpdatedAt === "string" ? lastUpdatedAt : created,
        ...own(task)
      }
    }
  }
  const description = `The server's answer to ${method} describes no task: it lacks a taskId or a known status`
  return McpError.make(new McpError.ProtocolError({ description, payload: task }))
}

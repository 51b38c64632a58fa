import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as McpError from "../../McpError.ts"
import { type TaskState, TaskStatus } from "../session/tasks.ts"

/** What a task was made of. */
export interface Origin {
  readonly server: string
  readonly method: string
  readonly name: string
}

/** A task that can be taken up again, in another process if need be. */
export const Saved = Schema.Struct({
  server: Schema.String,
  method: Schema.String,
  name: Schema.String,
  taskId: Schema.String,
  status: TaskStatus,
  statusMessage: Schema.optionalKey(Schema.String),
  createdAt: Schema.String,
  lastUpdatedAt: Schema.String,
  ttl: Schema.NullOr(Schema.Number),
  pollInterval: Schema.optionalKey(Schema.Number),
  startedAt: Schema.Number,
  answered: Schema.Array(Schema.String),
  result: Schema.optionalKey(Schema.Unknown)
})

export type Saved = typeof Saved.Type

export const toJSON = ({ answered, outcome, request, startedAt, state }: {
  readonly request: Origin
  readonly state: TaskState
  readonly startedAt: number
  readonly answered: ReadonlyArray<string>
  readonly outcome: Exit.Exit<unknown, unknown> | undefined
}): Saved => {
  const { createdAt, lastUpdatedAt, pollIntervalMillis, status, statusMessage, taskId, ttlMillis } = state
  return {
    ...request,
    taskId,
    status,
    ...(statusMessage === undefined ? {} : { statusMessage }),
    createdAt,
    lastUpdatedAt,
    ttl: ttlMillis,
    ...(pollIntervalMillis === undefined ? {} : { pollInterval: pollIntervalMillis }),
    startedAt,
    answered,
    ...(outcome !== undefined && Exit.isSuccess(outcome) ? { result: outcome.value } : {})
  }
}

const decode = Schema.decodeUnknownExit(Saved)

/** Reads what was saved of a task of a request. Without a name, of whatever it was made. */
export const fromJSON = (
  json: unknown,
  { method, name }: { readonly method: string; readonly name: string | undefined }
): Exit.Exit<Saved, McpError.McpError> => {
  const decoded = decode(json)
  if (Exit.isFailure(decoded)) {
    const [reason] = decoded.cause.reasons
    return misfit(`it is no saved task${reason?._tag === "Fail" ? `: ${reason.error.message}` : ""}`)
  }
  const saved = decoded.value
  return saved.method === method && saved.name === (name ?? saved.name)
    ? Exit.succeed(saved)
    : misfit(`it is one of ${saved.method} ${saved.name}, not of ${method} ${name ?? ""}`.trimEnd())
}

const misfit = (why: string): Exit.Exit<never, McpError.McpError> =>
  Exit.fail(McpError.make(new McpError.ConfigurationError({ description: `A task can not be taken up: ${why}` })))

export const stateOf = (
  { createdAt, lastUpdatedAt, pollInterval, status, statusMessage, taskId, ttl }: Saved
): TaskState => ({
  taskId,
  status,
  statusMessage,
  createdAt,
  lastUpdatedAt,
  ttlMillis: ttl,
  pollIntervalMillis: pollInterval,
  inputRequests: undefined
})

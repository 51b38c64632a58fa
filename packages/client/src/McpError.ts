/**
 * What can go wrong, as values.
 *
 * Every operation fails with one {@link McpError}, whose `reason` says why: catch all of them by `McpError`, or one by
 * `Effect.catchReason("McpError", "TimeoutError", …)`. A tool that ran and reported failure is a {@link ToolError}.
 * Errors of this side can not be mistaken for the server's: only {@link JsonRpcError} and {@link ResourceNotFoundError}
 * carry a code that the server chose.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as McpSchema from "./McpSchema.ts"

const id = <const Name extends string>(name: Name) => `@effect-mcp/client/McpError/${name}` as const

/** Any value. Written as JSON, it is what JSON makes of it, so that no error is lost for what it holds. */
const Anything = Schema.declare((_): _ is unknown => true, {
  expected: "unknown",
  toCodecJson: () =>
    Schema.link<unknown>()(
      Schema.Json,
      SchemaTransformation.transform({
        decode: (value): unknown => value,
        encode: (value) => toJson(value)
      })
    )
})

const toJson = (value: unknown): Schema.Json => {
  try {
    return JSON.parse(JSON.stringify(value) ?? "null")
  } catch {
    return String(value)
  }
}

/**
 * An option has a value that can not work. Nothing was sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConfigurationError extends Schema.Error<ConfigurationError>(id("ConfigurationError"))({
  _tag: Schema.tag("ConfigurationError"),
  description: Schema.String
}) {
  override get message(): string {
    return this.description
  }
}

/**
 * The server's command could not be started. `code` is the platform's word for it: `NotFound`, `PermissionDenied`, …
 *
 * @category errors
 * @since 0.1.0
 */
export class SpawnError extends Schema.Error<SpawnError>(id("SpawnError"))({
  _tag: Schema.tag("SpawnError"),
  command: Schema.String,
  code: Schema.String,
  hint: Schema.optional(Schema.String),
  cause: Schema.optional(Schema.Defect())
}) {
  override get message(): string {
    const hint = this.hint === undefined ? "" : ` ${this.hint}`
    return `Could not start \`${this.command}\`: ${this.code}.${hint}`
  }
}

/**
 * The server's process ended. `exitCode` is absent when a signal ended it; `stderr` is the tail of what it printed
 * there.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProcessExitError extends Schema.Error<ProcessExitError>(id("ProcessExitError"))({
  _tag: Schema.tag("ProcessExitError"),
  command: Schema.String,
  exitCode: Schema.optional(Schema.Number),
  signal: Schema.optional(Schema.String),
  stderr: Schema.String
}) {
  override get message(): string {
    const how = this.exitCode !== undefined
      ? `exited with code ${this.exitCode}`
      : this.signal !== undefined
      ? `was ended by ${this.signal}`
      : "ended"
    return `\`${this.command}\` ${how}.${stderrTail(this.stderr)}`
  }
}

/**
 * Messages can not be exchanged: the pipe broke, the network failed.
 *
 * @category errors
 * @since 0.1.0
 */
export class TransportError extends Schema.Error<TransportError>(id("TransportError"))({
  _tag: Schema.tag("TransportError"),
  description: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {
  override get message(): string {
    return this.description
  }
}

/**
 * The server answered on the level of HTTP: with a status that is no success, or with something that is no message of
 * the protocol. `excerpt` is the begin of what it said, as plain text. Of a page in HTML it is what a reader would see:
 * behind the URL is probably no MCP server.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
 * @category errors
 * @since 0.1.0
 */
export class HttpError extends Schema.Error<HttpError>(id("HttpError"))({
  _tag: Schema.tag("HttpError"),
  status: Schema.Number,
  contentType: Schema.optional(Schema.String),
  wwwAuthenticate: Schema.optional(Schema.String),
  retryAfter: Schema.optional(Schema.Duration),
  excerpt: Schema.String
}) {
  override get message(): string {
    const isPage = this.contentType?.startsWith("text/html") === true
    const what = isPage ? "a web page; is this the URL of an MCP server?" : this.contentType ?? "no content type"
    const excerpt = this.excerpt === "" ? "" : ` It begins: ${this.excerpt}`
    return `The server answered with HTTP status ${this.status} (${what}).${excerpt}`
  }
}

/**
 * The server wants to know who asks (HTTP status 401). `wwwAuthenticate` is its challenge.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization
 * @category errors
 * @since 0.1.0
 */
export class AuthRequired extends Schema.Error<AuthRequired>(id("AuthRequired"))({
  _tag: Schema.tag("AuthRequired"),
  wwwAuthenticate: Schema.optional(Schema.String)
}) {
  override get message(): string {
    const challenge = this.wwwAuthenticate === undefined ? "" : ` It asks for: ${this.wwwAuthenticate}`
    return `The server requires authorization (HTTP status 401). Give credentials by \`headers\`.${challenge}`
  }
}

/**
 * The server does not know the session any more.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
 * @category errors
 * @since 0.1.0
 */
export class SessionExpiredError extends Schema.Error<SessionExpiredError>(id("SessionExpiredError"))({
  _tag: Schema.tag("SessionExpiredError")
}) {
  override get message(): string {
    return "The server does not know the session any more"
  }
}

/**
 * The session, or the connection that carried the request, ended before the answer came, or before the request went
 * out. `requestSent` says which: a request that was sent may have been carried out; one that the server turned away
 * unseen counts as not sent. `by` says who ended it, `cause` why, when that is known.
 *
 * @category errors
 * @since 0.1.0
 */
export class ClosedError extends Schema.Error<ClosedError>(id("ClosedError"))({
  _tag: Schema.tag("ClosedError"),
  description: Schema.String,
  by: Schema.Literals(["client", "server"]),
  requestSent: Schema.Boolean,
  cause: Schema.optional(Schema.Defect())
}) {
  override get message(): string {
    return this.cause instanceof Error ? `${this.description}: ${this.cause.message}` : this.description
  }
}

/**
 * A deadline passed. `budget` says which one: connecting, listing, a call without progress, a call in total, or waiting
 * for a state of a task.
 * `millis` is its length. `detail` is what the transport knows, such as the command and the tail of its stderr.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#timeouts
 * @category errors
 * @since 0.1.0
 */
export class TimeoutError extends Schema.Error<TimeoutError>(id("TimeoutError"))({
  _tag: Schema.tag("TimeoutError"),
  budget: Schema.Literals(["connect", "list", "call", "total", "wait"]),
  millis: Schema.Number,
  detail: Schema.optional(Schema.String)
}) {
  override get message(): string {
    const detail = this.detail === undefined ? "" : ` ${this.detail}`
    const what = this.budget === "wait" ? "The task was not in that state" : "No answer"
    return `${what} within ${this.millis} ms (${this.budget} timeout).${detail}`
  }
}

/**
 * The server answered with an error. `code` and `data` are the server's; `httpStatus` is the status of the answer, if it
 * was that of a failure.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic#responses
 * @category errors
 * @since 0.1.0
 */
export class JsonRpcError extends Schema.Error<JsonRpcError>(id("JsonRpcError"))({
  _tag: Schema.tag("JsonRpcError"),
  code: Schema.Number,
  description: Schema.String,
  data: Schema.optional(Anything),
  httpStatus: Schema.optional(Schema.Number)
}) {
  override get message(): string {
    return `${this.description} (code ${this.code})`
  }
}

/**
 * The server has no such resource. `code` and `data` are the server's: revisions of the protocol differ in the code.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/resources#error-handling
 * @category errors
 * @since 0.1.0
 */
export class ResourceNotFoundError extends Schema.Error<ResourceNotFoundError>(id("ResourceNotFoundError"))({
  _tag: Schema.tag("ResourceNotFoundError"),
  uri: Schema.String,
  code: Schema.Number,
  description: Schema.String,
  data: Schema.optional(Anything)
}) {
  override get message(): string {
    return `No resource ${this.uri}: ${this.description} (code ${this.code})`
  }
}

/**
 * The server sent something that the protocol does not allow. `payload` is what it sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProtocolError extends Schema.Error<ProtocolError>(id("ProtocolError"))({
  _tag: Schema.tag("ProtocolError"),
  description: Schema.String,
  payload: Schema.optional(Anything)
}) {
  override get message(): string {
    return this.description
  }
}

/**
 * The server needs input before it can answer, and nothing here can give it. `inputRequests` are its questions by their
 * names, `requestState` is what it wants back with the answers. All of it can be written as JSON: the request can be made
 * again with the answers, in another process if need be, by the option `resume`.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 * @category errors
 * @since 0.1.0
 */
export class InputRequiredError extends Schema.Error<InputRequiredError>(id("InputRequiredError"))({
  _tag: Schema.tag("InputRequiredError"),
  description: Schema.String,
  inputRequests: Schema.Record(
    Schema.String,
    Schema.Struct({ method: Schema.String, params: Schema.Record(Schema.String, Anything) })
  ),
  requestState: Schema.optional(Schema.String),
  cause: Schema.optional(Schema.Defect())
}) {
  override get message(): string {
    return this.description
  }
}

/**
 * A task ended, but not as it was waited for. `status` is how it ended, `statusMessage` what the server says about that.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#task-status-lifecycle
 * @category errors
 * @since 0.1.0
 */
export class TaskEndedError extends Schema.Error<TaskEndedError>(id("TaskEndedError"))({
  _tag: Schema.tag("TaskEndedError"),
  taskId: Schema.String,
  status: Schema.Literals(["completed", "failed", "cancelled"]),
  statusMessage: Schema.optional(Schema.String)
}) {
  override get message(): string {
    const why = this.statusMessage === undefined ? "" : `: ${this.statusMessage}`
    return `Task ${this.taskId} ended as ${this.status}${why}`
  }
}

/**
 * The server does not know a task any more, or does not do anything about it. `expired` says whether its time to live
 * had run out.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#ttl-and-resource-management
 * @category errors
 * @since 0.1.0
 */
export class TaskLostError extends Schema.Error<TaskLostError>(id("TaskLostError"))({
  _tag: Schema.tag("TaskLostError"),
  taskId: Schema.String,
  expired: Schema.Boolean
}) {
  override get message(): string {
    return this.expired
      ? `The time to live of task ${this.taskId} has run out`
      : `The server does not know task ${this.taskId} any more`
  }
}

/**
 * The server does not offer what was asked for. Nothing was sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnsupportedError extends Schema.Error<UnsupportedError>(id("UnsupportedError"))({
  _tag: Schema.tag("UnsupportedError"),
  description: Schema.String
}) {
  override get message(): string {
    return this.description
  }
}

/**
 * Something was larger than its limit. `limit` is in the unit that `what` names.
 *
 * @category errors
 * @since 0.1.0
 */
export class LimitError extends Schema.Error<LimitError>(id("LimitError"))({
  _tag: Schema.tag("LimitError"),
  what: Schema.String,
  limit: Schema.Number,
  hint: Schema.optional(Schema.String)
}) {
  override get message(): string {
    const hint = this.hint === undefined ? "" : ` ${this.hint}`
    return `Limit reached: ${this.what} (limit ${this.limit}).${hint}`
  }
}

/**
 * A value does not fit: the input of a request, before anything was sent, or what came back. `kind` and `name` say of
 * what, `path` leads to the first place that does not fit, `value` is what stands there, `issues` are all of them.
 *
 * @category errors
 * @since 0.1.0
 */
export class ValidationError extends Schema.Error<ValidationError>(id("ValidationError"))({
  _tag: Schema.tag("ValidationError"),
  side: Schema.Literals(["input", "output"]),
  kind: Schema.Literals(["tool", "resource", "prompt", "request", "form"]),
  name: Schema.String,
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
  value: Anything,
  issues: Schema.Array(Schema.Struct({
    path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
    message: Schema.String
  }))
}) {
  override get message(): string {
    const issues = this.issues.map(({ message, path }) => path.length === 0 ? message : `${path.join(".")}: ${message}`)
    return `The ${this.side} of ${this.kind} "${this.name}" does not fit: ${issues.join("; ")}`
  }
}

/**
 * Schema of the reasons of an {@link McpError}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const McpErrorReason = Schema.Union([
  ConfigurationError,
  SpawnError,
  ProcessExitError,
  TransportError,
  HttpError,
  AuthRequired,
  SessionExpiredError,
  ClosedError,
  TimeoutError,
  JsonRpcError,
  ResourceNotFoundError,
  ProtocolError,
  InputRequiredError,
  TaskEndedError,
  TaskLostError,
  UnsupportedError,
  LimitError,
  ValidationError
])

/**
 * Why an operation failed.
 *
 * @category models
 * @since 0.1.0
 */
export type McpErrorReason = typeof McpErrorReason.Type

/**
 * An operation failed. `server` is the client's name for the server, `method` the protocol's name of the operation.
 *
 * **Example** (Recovering from one reason)
 *
 * ```ts check
 * import * as McpError from "@effect-mcp/client/McpError"
 * import * as Effect from "effect/Effect"
 *
 * const late = Effect.fail(
 *   new McpError.McpError({
 *     reason: new McpError.TimeoutError({ budget: "call", millis: 60_000 }),
 *     server: "weather",
 *     method: "tools/call"
 *   })
 * )
 *
 * await Effect.runPromise(late.pipe(
 *   Effect.catchReason("McpError", "TimeoutError", (reason) => Effect.succeed(`gave up after ${reason.millis} ms`))
 * )) // => "gave up after 60000 ms"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class McpError extends Schema.Error<McpError>(id("McpError"))({
  _tag: Schema.tag("McpError"),
  reason: McpErrorReason,
  server: Schema.optional(Schema.String),
  method: Schema.optional(Schema.String)
}) {
  override readonly cause = this.reason

  override get message(): string {
    return `${place(this.server, this.method)}${this.reason.message}`
  }
}

/**
 * A tool ran and reported failure. `result` is all that it returned; the message is its text.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#error-handling
 * @category errors
 * @since 0.1.0
 */
export class ToolError extends Schema.Error<ToolError>(id("ToolError"))({
  _tag: Schema.tag("ToolError"),
  tool: Schema.String,
  result: McpSchema.CallToolResult,
  server: Schema.optional(Schema.String)
}) {
  override get message(): string {
    const texts = this.result.content.flatMap((block) => block.type === "text" ? [block.text] : [])
    return `${place(this.server, this.tool)}${texts.length === 0 ? "the tool reported an error" : texts.join("\n")}`
  }
}

/**
 * Whether a value is an {@link McpError}.
 *
 * @category guards
 * @since 0.1.0
 */
export const isMcpError = (value: unknown): value is McpError => Predicate.isTagged(value, "McpError")

/**
 * Whether a value is a {@link ToolError}.
 *
 * @category guards
 * @since 0.1.0
 */
export const isToolError = (value: unknown): value is ToolError => Predicate.isTagged(value, "ToolError")

/**
 * Wraps a reason.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (reason: McpErrorReason): McpError => new McpError({ reason })

/**
 * Says where an error happened. What the error already says stays.
 *
 * @category combinators
 * @since 0.1.0
 */
export const at = (error: McpError, server: string, method: string | undefined): McpError =>
  error.server !== undefined && (error.method !== undefined || method === undefined)
    ? error
    : new McpError({ reason: error.reason, server: error.server ?? server, method: error.method ?? method })

const place = (server: string | undefined, what: string | undefined): string =>
  [server, what].filter((part) => part !== undefined).map((part) => `${part}: `).join("")

const stderrTail = (stderr: string): string => stderr === "" ? "" : ` Its stderr ends with:\n${stderr}`

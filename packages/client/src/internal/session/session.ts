import type * as Effect from "effect/Effect"
import type * as McpError from "../../McpError.ts"
import type { McpExtension } from "../../McpExtension.ts"
import type { Implementation, JsonObject, Progress, RequestId, ServerCapabilities } from "../../McpSchema.ts"
import type { Deadline, Diagnostic, Incoming } from "../../McpTransport.ts"
import type { Callers } from "./callers.ts"
import type { Completions } from "./completions.ts"
import type { Tasks } from "./tasks.ts"

/** What both sides agreed on when the session was opened. */
export interface SessionInfo {
  readonly protocolVersion: string
  readonly serverInfo: Implementation
  readonly capabilities: ServerCapabilities
  readonly instructions: string | undefined
}

export interface RequestOptions {
  readonly deadline: Deadline
  /** Goes out in `_meta`. */
  readonly meta?: JsonObject | undefined
  /** Called in the order of the wire, always before the response. Asks the server for progress. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Called with the token by which a server of 2025-11-25 reports progress, also when the request has become a task. */
  readonly onToken?: ((token: RequestId) => void) | undefined
  /** Answer what the server asks because of this request, in place of those of the session. */
  readonly handlers?: Handlers | undefined
  /** An earlier answer that asked for input, and what it asked for. */
  readonly resume?: Resume | undefined
  /** Called with what the request goes on with, in another session if this one is lost before. */
  readonly onResume?: ((resume: Resume) => void) | undefined
  /** Whether to fail when the server asks for input, in place of asking the handlers. */
  readonly isManual?: boolean | undefined
  /** Asks the server to run the request as a task, if it can, and to keep it for so many milliseconds. */
  readonly task?: { readonly ttl?: number } | undefined
}

/** What goes out beside the parameters when a request is made again with the input that the server asked for. */
export interface Resume {
  readonly inputResponses?: JsonObject | undefined
  readonly requestState?: string | undefined
}

/** An open session with a server. Everything in which protocol eras differ is behind this interface. */
export interface Session {
  readonly info: SessionInfo
  /** Each call is one request: what it yields is to be run once. */
  readonly request: (
    method: string,
    params: JsonObject | undefined,
    options: RequestOptions
  ) => Effect.Effect<unknown, McpError.McpError>
  readonly notify: (method: string, params?: JsonObject) => Effect.Effect<void, McpError.McpError>
  readonly tasks: Tasks
  /** Why the session has ended, or `undefined` while it lasts. */
  readonly closedBy: () => McpError.McpErrorReason | undefined
  /** Waits until the session has ended. */
  readonly closed: Effect.Effect<McpError.McpErrorReason>
}

/**
 * Answers a request of the server. A failure that is no `Refusal` is an internal error to the server, which learns
 * nothing else about it.
 */
export type Handler = (params: JsonObject) => Effect.Effect<JsonObject, unknown>

/** What answers the server, and what it is told about that. */
export interface Handlers {
  readonly capabilities: JsonObject
  /** By method. */
  readonly methods: ReadonlyMap<string, Handler>
  /** The methods that a server may run as tasks of ours. */
  readonly tasks: ReadonlySet<string>
}

/** What the server says without being asked. */
export type Notification = Extract<Incoming, { readonly _tag: "Notification" }>

/** What a client brings into each session that it opens. */
export interface SessionOptions {
  readonly clientInfo: Implementation
  readonly handlers: Handlers
  readonly extensions: ReadonlyArray<McpExtension>
  readonly completions: Completions
  /** Who waits for tasks, by their ids: on their behalf a server may ask something. */
  readonly taskCallers: Callers
  /** Whether servers may make tasks of calls as they like. */
  readonly allowsTasks: boolean
  readonly onDiagnostic: (diagnostic: Diagnostic) => void
  /** Called in the order of the wire. Has to be quick, and must not throw. */
  readonly onNotification: (notification: Notification) => void
  /** Called when changes may have gone unnoticed. */
  readonly onGap: () => void
}

import type * as Effect from "effect/Effect"
import type * as McpError from "../../McpError.ts"
import type { Implementation, JsonObject, Progress, ServerCapabilities } from "../../McpSchema.ts"
import type { Deadline, Diagnostic } from "../../McpTransport.ts"

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
}

/** An open session with a server. Everything in which protocol eras differ is behind this interface. */
export interface Session {
  readonly info: SessionInfo
  readonly request: (
    method: string,
    params: JsonObject | undefined,
    options: RequestOptions
  ) => Effect.Effect<unknown, McpError.McpError>
  readonly notify: (method: string, params?: JsonObject) => Effect.Effect<void, McpError.McpError>
  /** Why the session has ended, or `undefined` while it lasts. */
  readonly closedBy: () => McpError.McpErrorReason | undefined
  /** Waits until the session has ended. */
  readonly closed: Effect.Effect<McpError.McpErrorReason>
}

/** Answers a request of the server. */
export type Handler = (params: JsonObject) => Effect.Effect<JsonObject, McpError.JsonRpcError>

/** What a client brings into each session that it opens. */
export interface SessionOptions {
  readonly clientInfo: Implementation
  /** The requests of the server that are answered, by method. */
  readonly handlers: ReadonlyMap<string, Handler>
  readonly onDiagnostic: (diagnostic: Diagnostic) => void
}

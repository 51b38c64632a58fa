import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { McpError } from "../../McpError.ts"
import type { Connection, Deadline } from "../../McpTransport.ts"
import type { Session, SessionOptions } from "./session.ts"

/**
 * An era is a way in which client and server talk: how a session opens, what surrounds a request, how the server asks
 * and tells. This opens a session of one; nothing above asks which it is.
 */
export type Open<Version> = (
  connection: Connection,
  options: SessionOptions,
  settings: { readonly version: Version; readonly deadline: Deadline }
) => Effect.Effect<Session, McpError, Scope.Scope>

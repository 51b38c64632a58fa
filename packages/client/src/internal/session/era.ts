import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { McpError } from "../../McpError.ts"
import type { Connection, Deadline } from "../../McpTransport.ts"
import type { Session, SessionOptions } from "./session.ts"

/**
 * A way in which client and server talk: how a session opens, what surrounds a request, how the server asks and tells.
 * Nothing above asks which era a session is of.
 */
export interface Era {
  readonly open: (
    connection: Connection,
    options: SessionOptions,
    deadline: Deadline
  ) => Effect.Effect<Session, McpError, Scope.Scope>
}

import * as Effect from "effect/Effect"
import * as McpError from "../../McpError.ts"
import type { Diagnostic } from "../../McpTransport.ts"
import type { Session } from "../session/session.ts"
import type { SessionRef } from "../session/sessionRef.ts"
import { observe } from "./observe.ts"
import type { Timeouts } from "./timeouts.ts"

/** What all operations of a client have in common. */
export interface Operations {
  readonly server: string
  readonly timeouts: Timeouts
  /** Runs an operation with the session: observed, and with errors that say where they come from. */
  readonly run: <A, E extends McpError.McpError | McpError.ToolError, R>(
    method: string,
    target: string | undefined,
    f: (session: Session) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | McpError.McpError, R>
  /** Says that the server answers. */
  readonly proven: () => void
  readonly onDiagnostic: (diagnostic: Diagnostic) => void
}

export const make = (options: {
  readonly server: string
  readonly timeouts: Timeouts
  readonly sessions: SessionRef
  readonly onDiagnostic: (diagnostic: Diagnostic) => void
}): Operations => {
  const { onDiagnostic, server, sessions, timeouts } = options
  return {
    server,
    timeouts,
    run: (method, target, f) => locate(observe({ method, target, server }, sessions.use(f)), server, method),
    proven: sessions.proven,
    onDiagnostic
  }
}

/** Says in the errors of an effect where they come from. */
export const locate = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  server: string,
  method?: string
): Effect.Effect<A, E, R> =>
  Effect.mapError(
    effect,
    (error) => McpError.isMcpError(error) ? narrow(error, McpError.at(error, server, method)) : error
  )

// An error that says where it comes from is of the same type as before.
const narrow = <E extends McpError.McpError>(_: E, located: McpError.McpError): E => located as E

/** For requests that change nothing: what the loss of a session cut off is asked again, once, in the next. */
export const repeatWhenLost = <A, R>(
  effect: Effect.Effect<A, McpError.McpError, R>
): Effect.Effect<A, McpError.McpError, R> =>
  Effect.catchIf(effect, ({ reason }) => reason._tag === "ClosedError" && reason.by === "server", () => effect)

export const unsupported = (capability: string): McpError.McpError =>
  McpError.make(new McpError.UnsupportedError({ description: `The server does not offer ${capability}` }))

import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
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
  Effect.mapError(effect, (error) =>
    // What `at` adds does not change the type.
    McpError.isMcpError(error) ? McpError.at(error, server, method) as E & McpError.McpError : error)

/** Makes a reader of the answers to a method. */
export const reader = <A>(
  method: string,
  schema: Schema.Codec<A>
): (answer: unknown) => Exit.Exit<A, McpError.McpError> => {
  const decode = Schema.decodeUnknownExit(schema)
  return (answer) => {
    const decoded = decode(answer)
    if (Exit.isSuccess(decoded)) return Exit.succeed(decoded.value)
    const [reason] = decoded.cause.reasons
    const why = reason?._tag === "Fail" ? `: ${reason.error.message}` : ""
    const description = `The server's answer to ${method} is malformed${why}`
    return Exit.fail(McpError.make(new McpError.ProtocolError({ description, payload: answer })))
  }
}

/** For requests that change nothing: what the end of a session cut off is asked again, once, in the next. */
export const repeatWhenLost = <A, R>(
  effect: Effect.Effect<A, McpError.McpError, R>
): Effect.Effect<A, McpError.McpError, R> =>
  Effect.catchIf(effect, (error) => error.reason._tag === "ClosedError", () => effect)

export const unsupported = (capability: string): McpError.McpError =>
  McpError.make(new McpError.UnsupportedError({ description: `The server does not offer ${capability}` }))

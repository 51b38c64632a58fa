import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as McpError from "../../McpError.ts"
import type { Diagnostic } from "../../McpTransport.ts"
import type { Session } from "../session/session.ts"
import type { SessionRef } from "../session/sessionRef.ts"
import { measure, trace } from "./observe.ts"
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
    run: <A, E extends McpError.McpError | McpError.ToolError, R>(
      method: string,
      target: string | undefined,
      f: (session: Session) => Effect.Effect<A, E, R>
    ) => {
      const operation = { method, target, server }
      const run = Effect.withFiber<A, E | McpError.McpError, R>((fiber) => {
        const startedAt = performance.now()
        const { context } = fiber
        const used = sessions.use(f, (exit) => {
          measure(operation, exit, startedAt, context)
          if (isAnswer(exit)) sessions.proven()
        })
        return trace(operation, fiber, used)
      })
      return locate(run, server, method)
    },
    onDiagnostic
  }
}

/** Whether the server is well enough to answer, be it with an error. */
const isAnswer = (exit: Exit.Exit<unknown, McpError.McpError | McpError.ToolError>): boolean => {
  if (Exit.isSuccess(exit)) return true
  const [failure] = exit.cause.reasons
  if (failure?._tag !== "Fail") return false
  if (failure.error._tag === "ToolError") return true
  const { reason } = failure.error
  return reason._tag === "JsonRpcError" || reason._tag === "ProtocolError" || reason._tag === "LimitError" ||
    reason._tag === "ValidationError" && reason.side === "output"
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

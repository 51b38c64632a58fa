import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { JsonRpcErrorObject } from "../../McpSchema.ts"
import type { SessionOptions } from "./session.ts"

/**
 * What a server is told in place of an answer. It has a class of its own, so that nothing else that a handler fails with
 * is told, such as what another server said.
 */
export class Refusal {
  readonly error: JsonRpcErrorObject
  constructor(code: number, message: string) {
    this.error = { code, message }
  }
}

/** What the server is told when a handler has failed. That goes to the log, unless the server is refused on purpose. */
export const refusalOf = (
  method: string,
  cause: Cause.Cause<unknown>,
  { onDiagnostic }: Pick<SessionOptions, "onDiagnostic">
): Effect.Effect<JsonRpcErrorObject> => {
  const error = cause.reasons.find(Cause.isFailReason)?.error
  if (error instanceof Refusal) return Effect.succeed(error.error)
  onDiagnostic({ _tag: "HandlerFailed", method, cause })
  return Effect.as(Effect.logError(`A handler failed: ${method}`, cause), internalError)
}

/** What went wrong in a handler is ours to know: the server learns that it did, not what. */
const internalError: JsonRpcErrorObject = { code: -32603, message: "Internal error" }

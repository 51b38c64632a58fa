import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import type * as Scope from "effect/Scope"
import type * as McpError from "../../McpError.ts"
import type { JsonObject, JsonRpcErrorObject, RequestId } from "../../McpSchema.ts"
import type { Connection } from "../../McpTransport.ts"
import type { Handler } from "./session.ts"

/** The ids here are the server's, a space of their own: they may equal ours. */
export interface ServerRequests {
  readonly serve: (request: {
    readonly id: RequestId
    readonly method: string
    readonly params: JsonObject
  }) => Effect.Effect<void>
  /** Interrupts the handler of a request. No answer goes out. */
  readonly cancel: (id: RequestId) => Effect.Effect<void>
}

export const make: (
  connection: Connection,
  handlers: ReadonlyMap<string, Handler>
) => Effect.Effect<ServerRequests, never, Scope.Scope> = Effect.fnUntraced(function*(connection, handlers) {
  const running = yield* FiberMap.make<RequestId, void>()
  const answer = (message: Parameters<Connection["send"]>[0]) => Effect.ignore(connection.send(message))

  return {
    serve: ({ id, method, params }) => {
      const handler = handlers.get(method)
      if (handler === undefined) {
        const error = { code: METHOD_NOT_FOUND, message: `Method not found: ${method}` }
        return answer({ jsonrpc: "2.0", id, error })
      }
      const work = Effect.suspend(() => handler(params)).pipe(
        Effect.matchCauseEffect({
          onSuccess: (result) => answer({ jsonrpc: "2.0", id, result }),
          onFailure: (cause) =>
            Cause.hasInterruptsOnly(cause) ? Effect.void : answer({ jsonrpc: "2.0", id, error: toErrorObject(cause) })
        })
      )
      return Effect.asVoid(FiberMap.run(running, id, work))
    },
    cancel: (id) => FiberMap.remove(running, id)
  }
})

const METHOD_NOT_FOUND = -32601
const INTERNAL_ERROR = -32603

/** A defect is ours to know: the server learns that there was one, not what it says. */
const toErrorObject = (cause: Cause.Cause<McpError.JsonRpcError>): JsonRpcErrorObject => {
  const failure = cause.reasons.find(Cause.isFailReason)?.error
  return failure === undefined
    ? { code: INTERNAL_ERROR, message: "Internal error" }
    : { code: failure.code, message: failure.description, data: failure.data }
}

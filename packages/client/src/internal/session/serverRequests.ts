import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as McpError from "../../McpError.ts"
import type { JsonObject, JsonRpcErrorObject, RequestId } from "../../McpSchema.ts"
import type { Connection } from "../../McpTransport.ts"
import type { Handler, SessionOptions } from "./session.ts"

/** So many requests of a server may be under way. One that asks for more without end gets no answer to the rest. */
const MAX_RUNNING = 1000

/** The ids here are the server's, a space of their own: they may equal ours. */
export interface ServerRequests {
  readonly serve: (request: ServerRequest) => void
  /** Interrupts the handler of a request. No answer goes out. */
  readonly cancel: (id: RequestId) => void
}

interface ServerRequest {
  readonly id: RequestId
  readonly method: string
  readonly params: JsonObject
}

export const make: (
  connection: Connection,
  options: Pick<SessionOptions, "handlers" | "onDiagnostic">
) => Effect.Effect<ServerRequests, never, Scope.Scope> = Effect.fnUntraced(function*(connection, options) {
  const running = yield* FiberMap.make<RequestId, void>()
  const run = yield* FiberMap.runtime(running)()
  let count = 0
  const answer = (message: Parameters<Connection["send"]>[0]) => Effect.ignore(connection.send(message))

  return {
    // Answers are sent on fibers of their own: a server that does not read them must not keep the rest from being heard.
    serve: ({ id, method, params }) => {
      if (count >= MAX_RUNNING) return options.onDiagnostic({ _tag: "Dropped", method })
      count++
      const handler = options.handlers.get(method) ?? methodNotFound(method)
      run(
        id,
        Effect.suspend(() => handler(params)).pipe(
          Effect.matchCauseEffect({
            onSuccess: (result) => answer({ jsonrpc: "2.0", id, result }),
            onFailure: (cause) =>
              Cause.hasInterruptsOnly(cause)
                ? Effect.void
                : answer({ jsonrpc: "2.0", id, error: toErrorObject(cause) })
          })
        )
      ).addObserver(() => count--)
    },
    cancel: (id) =>
      Option.match(FiberMap.getUnsafe(running, id), {
        onNone: () => {},
        onSome: (fiber) => fiber.interruptUnsafe()
      })
  }
})

const methodNotFound = (method: string): Handler => () =>
  Effect.fail(new McpError.JsonRpcError({ code: METHOD_NOT_FOUND, description: `Method not found: ${method}` }))

const METHOD_NOT_FOUND = -32601
const INTERNAL_ERROR = -32603

/** A defect is ours to know: the server learns that there was one, not what it says. */
const toErrorObject = (cause: Cause.Cause<McpError.JsonRpcError>): JsonRpcErrorObject => {
  const failure = cause.reasons.find(Cause.isFailReason)?.error
  return failure === undefined
    ? { code: INTERNAL_ERROR, message: "Internal error" }
    : { code: failure.code, message: failure.description, data: failure.data }
}

/**
 * A transport to a peer in the same process. What the client sends arrives as it would from a wire: as fresh JSON.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Pipe from "./internal/transport/pipe.ts"
import * as McpError from "./McpError.ts"
import type { JsonRpcMessage } from "./McpSchema.ts"
import * as McpTransport from "./McpTransport.ts"

/**
 * The server's end of a connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Peer {
  /** What the client sends. Ends when the client has gone. */
  readonly received: Queue.Dequeue<JsonRpcMessage, Cause.Done>
  /** Hands a message, or a batch of them, to the client. */
  readonly send: (message: unknown) => Effect.Effect<void>
  /** Ends the connection from the server's side. */
  readonly close: (reason?: McpError.McpErrorReason) => Effect.Effect<void>
}

/**
 * A server in this process.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<R> {
  /** The server's name in messages for people. */
  readonly label: string
  /** Serves one connection. */
  readonly serve: (peer: Peer) => Effect.Effect<unknown, Cause.Done | McpError.McpError, R | Scope.Scope>
}

/**
 * Makes a transport whose every connection is served by `serve`, on a fiber of its own that ends with the connection.
 * When `serve` ends, it has hung up.
 *
 * **Example** (A server that answers one method)
 *
 * ```ts check
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import * as MemoryTransport from "@effect-mcp/client/MemoryTransport"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Queue from "effect/Queue"
 *
 * const transport = MemoryTransport.layer({
 *   label: "tiny",
 *   serve: (peer) =>
 *     Effect.forever(Effect.gen(function*() {
 *       const message = yield* Queue.take(peer.received)
 *       if (!("method" in message) || !("id" in message)) return
 *       const serverInfo = { name: "tiny", version: "1.0.0" }
 *       yield* peer.send({
 *         jsonrpc: "2.0",
 *         id: message.id,
 *         result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo }
 *       })
 *     }))
 * })
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* McpClient.McpClient
 *   const session = yield* client.session
 *   return session.serverInfo.name
 * })
 *
 * await Effect.runPromise(program.pipe(
 *   Effect.provide(McpClient.layer().pipe(Layer.provide(transport)))
 * )) // => "tiny"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R>(
  options: Options<R>
): Effect.Effect<McpTransport.McpTransport, never, Exclude<R, Scope.Scope>> =>
  Effect.map(Effect.context<Exclude<R, Scope.Scope>>(), (context) =>
    McpTransport.make({
      label: options.label,
      connect: Effect.gen(function*() {
        const outbox = yield* Queue.unbounded<JsonRpcMessage, Cause.Done>()
        const pipe = yield* Pipe.make({
          outlet: {
            push: (message: JsonRpcMessage) => {
              Queue.offerUnsafe(outbox, message)
              return () => false
            },
            room: () => undefined,
            end: () => Queue.endUnsafe(outbox)
          },
          encode: (message) => JSON.parse(JSON.stringify(message)) as JsonRpcMessage,
          detail: () => undefined
        })
        yield* options.serve({
          received: outbox,
          send: (message) => Effect.sync(() => pipe.receive(message)),
          close: (reason = hungUp) => Effect.sync(() => pipe.close(reason))
        }).pipe(
          Effect.scoped,
          Effect.onExit((exit) => Effect.sync(() => pipe.close(reasonOf(exit)))),
          Effect.ignoreCause,
          Effect.provideContext(context),
          Effect.forkScoped
        )
        return pipe.connection
      })
    }))

/**
 * Provides a transport whose every connection is served by `serve`.
 *
 * @see {@link make}
 * @category layers
 * @since 0.1.0
 */
export const layer = <R>(options: Options<R>): Layer.Layer<McpTransport.McpTransport, never, Exclude<R, Scope.Scope>> =>
  Layer.effect(McpTransport.McpTransport, make(options))

/** Why a server's end has ended; `undefined` when it was this side's wish. */
const reasonOf = (
  exit: Exit.Exit<unknown, Cause.Done | McpError.McpError>
): McpError.McpErrorReason | undefined => {
  if (Exit.isSuccess(exit)) return hungUp
  if (Cause.hasInterruptsOnly(exit.cause)) return undefined
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (McpError.isMcpError(error)) return error.reason
  return Cause.hasDies(exit.cause)
    ? new McpError.TransportError({ description: "The server died", cause: Cause.squash(exit.cause) })
    : hungUp
}

const hungUp = new McpError.TransportError({ description: "The server hung up" })

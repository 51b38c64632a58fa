/**
 * A server of Effect's own `McpServer` in the same process, so that a test need not trust a mock.
 *
 * @since 0.1.0
 */
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as MemoryTransport from "@effect-mcp/client/MemoryTransport"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"

/**
 * What to connect to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<A, E, R> {
  /** The server's name in messages for people. */
  readonly label?: string | undefined
  /** A server that speaks on `Stdio`, such as `McpServer.layerStdio` makes. Each connection builds one of its own. */
  readonly server: Layer.Layer<A, E, R | Stdio.Stdio>
}

/**
 * Makes a transport to a server in this process.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, E, R>(
  options: Options<A, E, R>
): Effect.Effect<McpTransport.McpTransport, never, Exclude<R, Stdio.Stdio>> =>
  MemoryTransport.make({
    label: options.label ?? "in-process server",
    serve: Effect.fnUntraced(function*(peer: MemoryTransport.Peer) {
      const output = yield* Queue.unbounded<string | Uint8Array, Cause.Done>()
      const stdio = Stdio.layerTest({
        stdin: Stream.fromQueue(peer.received).pipe(
          Stream.map((message) => `${JSON.stringify(message)}\n`),
          Stream.encodeText
        ),
        stdout: () => Sink.forEach((chunk: string | Uint8Array) => Queue.offer(output, chunk))
      })
      // The server interrupts the fiber that built it when its input ends.
      yield* Layer.launch(Layer.fresh(options.server).pipe(Layer.provide(stdio))).pipe(
        Effect.ensuring(Queue.end(output)),
        Effect.forkScoped
      )
      const decoder = new TextDecoder()
      return yield* Stream.fromQueue(output).pipe(
        Stream.map((chunk) => typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true })),
        Stream.splitLines,
        Stream.filter((line) => line !== ""),
        Stream.runForEach((line) => peer.send(JSON.parse(line)))
      )
    })
  })

/**
 * Provides a transport to a server in this process.
 *
 * **Example** (Calling a tool of an `McpServer`)
 *
 * ```ts check
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import * as McpTool from "@effect-mcp/client/McpTool"
 * import * as McpServerTransport from "@effect-mcp/testing/McpServerTransport"
 * import { Effect, Layer, Schema } from "effect"
 * import { McpProtocol, McpServer, Tool, Toolkit } from "effect/ai"
 *
 * const parameters = Schema.Struct({ a: Schema.Number, b: Schema.Number })
 * const success = Schema.Struct({ sum: Schema.Number })
 * const toolkit = Toolkit.make(Tool.make("add", { parameters, success }))
 *
 * const server = McpServer.layerStdio({
 *   name: "calculator",
 *   version: "1.0.0",
 *   protocols: [McpProtocol.v2025_11_25],
 *   registrations: McpServer.toolkit(toolkit).pipe(
 *     Layer.provide(toolkit.toLayer({ add: ({ a, b }) => Effect.succeed({ sum: a + b }) }))
 *   )
 * })
 *
 * const add = McpTool.make("add", { input: parameters, output: success })
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* McpClient.McpClient
 *   const { sum } = yield* client.call(add, { a: 1, b: 2 })
 *   return sum
 * })
 *
 * await Effect.runPromise(program.pipe(
 *   Effect.provide(McpClient.layer().pipe(Layer.provide(McpServerTransport.layer({ server }))))
 * )) // => 3
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <A, E, R>(
  options: Options<A, E, R>
): Layer.Layer<McpTransport.McpTransport, never, Exclude<R, Stdio.Stdio>> =>
  Layer.effect(McpTransport.McpTransport, make(options))

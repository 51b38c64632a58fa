/**
 * A server of 2024-11-05 behind a URL: its messages come on one stream of events, and ours go to the address that it
 * names there.
 *
 * `HttpTransport` recognises such servers by itself, at the price of a request. Reconnecting is a new session.
 *
 * @see https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as HttpTransport from "./HttpTransport.ts"
import * as httpSse from "./internal/transport/httpSse.ts"
import * as httpTransport from "./internal/transport/httpTransport.ts"
import type * as McpError from "./McpError.ts"
import * as McpTransport from "./McpTransport.ts"

/**
 * Makes a transport to the URL of a server's event stream.
 *
 * Fails with `ConfigurationError` when the URL or a header can not be used.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: HttpTransport.Options
): Effect.Effect<McpTransport.McpTransport, McpError.McpError, HttpClient.HttpClient> =>
  httpTransport.make(options, httpSse.connect)

/**
 * Provides a transport to the URL of a server's event stream.
 *
 * **Example** (Connecting to a server of 2024-11-05)
 *
 * ```ts check
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import * as SseTransport from "@effect-mcp/client/SseTransport"
 * import * as Effect from "effect/Effect"
 * import * as FetchHttpClient from "effect/http/FetchHttpClient"
 * import * as Layer from "effect/Layer"
 *
 * // A server, in place of the network: it answers on its stream of events.
 * const { readable, writable } = new TextEncoderStream()
 * const events = writable.getWriter()
 * const fetch: typeof globalThis.fetch = async (_, init) => {
 *   if (init?.method === "GET") {
 *     void events.write("event: endpoint\ndata: /messages\n\n")
 *     return new Response(readable, { headers: { "content-type": "text/event-stream" } })
 *   }
 *   const { id } = JSON.parse(String(init?.body))
 *   const serverInfo = { name: "old", version: "1.0.0" }
 *   const result = { protocolVersion: "2024-11-05", capabilities: {}, serverInfo }
 *   if (id !== undefined) void events.write(`data: ${JSON.stringify({ jsonrpc: "2.0", id, result })}\n\n`)
 *   return new Response(null, { status: 202 })
 * }
 *
 * const Old = McpClient.layer().pipe(
 *   Layer.provide(SseTransport.layer({ url: "https://example.com/sse" })),
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* McpClient.McpClient
 *   return (yield* client.session).serverInfo.name
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Old))) // => "old"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: HttpTransport.Options
): Layer.Layer<McpTransport.McpTransport, McpError.McpError, HttpClient.HttpClient> =>
  Layer.effect(McpTransport.McpTransport, make(options))

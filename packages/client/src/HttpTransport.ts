/**
 * A server behind a URL: each message is an HTTP request, whose answer comes as JSON or as a stream of events.
 *
 * A server of 2024-11-05, which knows only HTTP+SSE, is recognised, and talked to in its own way.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import type * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as httpTransport from "./internal/transport/httpTransport.ts"
import * as streamableHttp from "./internal/transport/streamableHttp.ts"
import type * as McpError from "./McpError.ts"
import * as McpTransport from "./McpTransport.ts"

/**
 * Headers by name. Values that are `Redacted` are not shown by anything that prints the options.
 *
 * @category models
 * @since 0.1.0
 */
export type HeadersInput = Readonly<Record<string, string | Redacted.Redacted<string> | undefined>>

/**
 * Where a server is, and how to talk to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Used as it is. What comes after the path is not shown in messages, since it may be secret. */
  readonly url: string | URL
  /**
   * Sent with each request: `Authorization`, an API key, the tenant. An effect is run anew for each request. The headers
   * of the protocol can not be overridden, and those of the connection, such as `Content-Length`, can not be given. They
   * go to no other origin than that of `url`.
   */
  readonly headers?: HeadersInput | Effect.Effect<HeadersInput, unknown> | undefined
  /**
   * The largest message that is accepted. The request that a larger one answers fails with a `LimitError`.
   *
   * @default "64 MiB"
   */
  readonly maxMessageSize?: ByteSize.Input | undefined
}

/**
 * Makes a transport to a URL.
 *
 * Fails with `ConfigurationError` when the URL or a header can not be used.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options
): Effect.Effect<McpTransport.McpTransport, McpError.McpError, HttpClient.HttpClient> =>
  httpTransport.make(options, streamableHttp.connect)

/**
 * Provides a transport to a URL.
 *
 * On Node.js, `NodeMcp.layer` has a pooled `HttpClient`; anywhere else `FetchHttpClient.layer` will do.
 *
 * **Example** (Connecting to a server behind a URL)
 *
 * ```ts check
 * import * as HttpTransport from "@effect-mcp/client/HttpTransport"
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import * as Effect from "effect/Effect"
 * import * as FetchHttpClient from "effect/http/FetchHttpClient"
 * import * as Layer from "effect/Layer"
 * import * as Redacted from "effect/Redacted"
 *
 * // A server, in place of the network.
 * const fetch: typeof globalThis.fetch = async (_, init) => {
 *   if (init?.method !== "POST") return new Response(null, { status: 405 })
 *   const { id } = JSON.parse(String(init.body))
 *   if (id === undefined) return new Response(null, { status: 202 })
 *   const serverInfo = { name: "remote", version: "1.0.0" }
 *   return Response.json({
 *     jsonrpc: "2.0",
 *     id,
 *     result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo }
 *   })
 * }
 *
 * const Remote = McpClient.layer().pipe(
 *   Layer.provide(HttpTransport.layer({
 *     url: "https://example.com/mcp",
 *     headers: { authorization: Redacted.make("Bearer s3cret") }
 *   })),
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* McpClient.McpClient
 *   return (yield* client.session).serverInfo.name
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Remote))) // => "remote"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options
): Layer.Layer<McpTransport.McpTransport, McpError.McpError, HttpClient.HttpClient> =>
  Layer.effect(McpTransport.McpTransport, make(options))

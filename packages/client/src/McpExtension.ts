/**
 * What an extension of the protocol adds to a client. Extensions are part of protocol version 2026-07-28; older servers
 * are only told that they exist.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning#extensions
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { McpError } from "./McpError.ts"
import type { JsonObject } from "./McpSchema.ts"

/**
 * An extension that a client speaks. Methods that it adds are called by `client.request`, and what servers say by it
 * comes in `client.notifications`.
 *
 * **Example** (An extension with a result of its own)
 *
 * ```ts check
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import type * as McpExtension from "@effect-mcp/client/McpExtension"
 * import * as MockTransport from "@effect-mcp/testing/MockTransport"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const tickets: McpExtension.McpExtension = {
 *   id: "com.example/tickets",
 *   results: {
 *     ticket: ({ ticket }, { request }) => request("com.example/tickets/redeem", { ticket })
 *   }
 * }
 *
 * const server = MockTransport.layer({
 *   protocolVersions: ["2026-07-28"],
 *   methods: {
 *     "tools/call": () => Effect.succeed({ resultType: "ticket", ticket: "T1" }),
 *     "com.example/tickets/redeem": ({ ticket }) =>
 *       Effect.succeed({ content: [{ type: "text", text: `Redeemed ${String(ticket)}` }] })
 *   },
 *   capabilities: { tools: {} }
 * })
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* McpClient.McpClient
 *   const { content } = yield* client.callTool("buy")
 *   return content[0]
 * })
 *
 * const live = McpClient.layer({ extensions: [tickets] }).pipe(Layer.provide(server))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(live))) // => { type: "text", text: "Redeemed T1" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface McpExtension {
  /** With a prefix, such as `com.example/tickets`. */
  readonly id: string
  /** What the server is told about it. */
  readonly settings?: JsonObject | undefined
  /** What becomes of results of types that the protocol itself does not know, by `resultType`. */
  readonly results?: Readonly<Record<string, ResultHandler>> | undefined
  /** The parameters that go out as the header `Mcp-Name`, by the methods that the extension adds. */
  readonly names?: Readonly<Record<string, string>> | undefined
  /** What the server is asked to tell of, beside what the protocol itself knows. */
  readonly notifications?: JsonObject | undefined
}

/**
 * Makes of a result what the request was to yield. `request` asks the server something else meanwhile, by the same
 * deadline.
 *
 * @category models
 * @since 0.1.0
 */
export type ResultHandler = (
  result: JsonObject,
  origin: {
    readonly method: string
    readonly request: (method: string, params?: JsonObject) => Effect.Effect<unknown, McpError>
  }
) => Effect.Effect<unknown, McpError>

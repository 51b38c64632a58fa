/**
 * What the transports of `@effect-mcp/client` need on Node.js.
 *
 * @since 0.1.0
 */
import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodePath from "@effect/platform-node/NodePath"
import type * as FileSystem from "effect/FileSystem"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as dispatchClient from "./internal/dispatchClient.ts"

/**
 * The services of this package's {@link layer}.
 *
 * @category models
 * @since 0.1.0
 */
export type NodeMcp = ChildProcessSpawner | FileSystem.FileSystem | Path.Path | HttpClient.HttpClient

/**
 * Provides child processes, files and a pooled HTTP client.
 *
 * **Example** (Running a program that talks to a server)
 *
 * ```ts check
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import * as StdioTransport from "@effect-mcp/client/StdioTransport"
 * import * as NodeMcp from "@effect-mcp/node/NodeMcp"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const Everything = McpClient.layer().pipe(
 *   Layer.provide(StdioTransport.layer({ command: "mcp-server-everything" })),
 *   Layer.provide(NodeMcp.layer)
 * )
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* McpClient.McpClient
 *   return (yield* client.session).serverInfo.name
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Everything))) // => "mcp-servers/everything"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<NodeMcp> = NodeChildProcessSpawner.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)),
  Layer.merge(HttpClient.layerMergedContext(dispatchClient.make).pipe(Layer.provide(NodeHttpClient.layerDispatcher)))
)

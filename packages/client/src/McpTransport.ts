/**
 * How messages reach a server and come back.
 *
 * A transport is a factory with one job, `connect`; a {@link Connection} lives as long as its scope. To test against a
 * server that is not there, provide another transport.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as HttpTransport from "./HttpTransport.ts"
import type * as RequestTable from "./internal/jsonrpc/requestTable.ts"
import type { McpError, McpErrorReason } from "./McpError.ts"
import type {
  JsonObject,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcResponse,
  Progress,
  RequestId
} from "./McpSchema.ts"
import type * as MemoryTransport from "./MemoryTransport.ts"
import type * as StdioTransport from "./StdioTransport.ts"

/**
 * The identity of {@link McpTransport} values.
 *
 * @category models
 * @since 0.1.0
 */
export const TypeId = "~@effect-mcp/client/McpTransport" as const

/**
 * When an exchange has to give up: after `idleMillis` without an answer or progress, at the latest after `totalMillis`.
 * `Infinity` means never.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#timeouts
 * @category models
 * @since 0.1.0
 */
export type Deadline = RequestTable.Deadline

/**
 * How one exchange goes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExchangeOptions {
  /** When the exchange fails with a `TimeoutError`. Progress restarts its idle part. */
  readonly deadline: Deadline
  /** Called for each progress notification of this exchange, in order, always before the response. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /**
   * For how many milliseconds the exchange has not waited for us: none while the server has asked something and a user
   * is thinking about it. Before that, only the total part of the deadline counts.
   */
  readonly sinceHeld?: (() => number) | undefined
  /** Headers for the request, where there is HTTP to carry them. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * Something that a connection noticed and got over.
 *
 * - `Noise`: a line that is no message, such as a banner or a log line; `count` is their number so far.
 * - `Invalid`: JSON that is no message.
 * - `Uncorrelated`: an error that names no request of ours.
 * - `Unexpected`: an answer to a request that is not waiting for one.
 * - `Oversized`: a message above the size limit, thrown away.
 * - `Dropped`: a request of the server that gets no answer, because too many of its requests are under way, or because
 *   servers of its protocol version must not send any.
 * - `InvalidTool`: a tool that is left out of lists, since it could not be called as the protocol wants.
 * - `HandlerFailed`: a handler of a request of the server failed or died, or a message of it could not be dealt with. The
 *   server is not told why.
 * - `NotRestored`: what the client had set by `method` in a session that was lost could not be set again in the next.
 * - `CacheFailed`: the store of the client's cache failed, or what it had could not be read. The server is asked instead.
 * - `Stderr`: a line that the server's process printed on its standard error.
 *
 * @category models
 * @since 0.1.0
 */
export type Diagnostic =
  | { readonly _tag: "Noise"; readonly line: string; readonly count: number }
  | { readonly _tag: "Invalid"; readonly payload: unknown }
  | { readonly _tag: "Uncorrelated"; readonly error: McpErrorReason }
  | { readonly _tag: "Unexpected"; readonly id: RequestId }
  | { readonly _tag: "Oversized"; readonly limit: number }
  | { readonly _tag: "Dropped"; readonly method: string }
  | { readonly _tag: "InvalidTool"; readonly name: string; readonly description: string }
  | { readonly _tag: "HandlerFailed"; readonly method: string; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "NotRestored"; readonly method: string; readonly error: McpErrorReason }
  | { readonly _tag: "CacheFailed"; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "Stderr"; readonly line: string }

/**
 * What arrives without being asked for, in the order in which it arrived. `relatedTo` is the id of our request with
 * whose replies a message came, where the transport knows.
 *
 * @category models
 * @since 0.1.0
 */
export type Incoming =
  | {
    readonly _tag: "Request"
    readonly id: RequestId
    readonly method: string
    readonly params: JsonObject
    readonly relatedTo?: RequestId | undefined
  }
  | { readonly _tag: "Notification"; readonly method: string; readonly params: JsonObject }
  | { readonly _tag: "Diagnostic"; readonly diagnostic: Diagnostic }

/**
 * An open connection. It is closed by its scope, or by the other side.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  /**
   * Sends a request and waits for its result. An error answer fails with `JsonRpcError`. The exchange lives as long as
   * the fiber that runs it: interrupting it abandons the request in the way that the wire wants.
   */
  readonly exchange: (request: JsonRpcRequest, options: ExchangeOptions) => Effect.Effect<unknown, McpError>
  /** Sends a message that has no answer. */
  readonly send: (
    message: JsonRpcNotification | JsonRpcResponse,
    options?: Pick<ExchangeOptions, "headers">
  ) => Effect.Effect<void, McpError>
  /**
   * What carries the messages: a pipe, of which both ends stay or go together; HTTP requests; or, for servers of
   * 2024-11-05, HTTP+SSE.
   */
  readonly medium: "http" | "pipe" | "sse"
  /** What the server sends unasked. Ends when the connection has closed. */
  readonly incoming: Queue.Dequeue<Incoming, Cause.Done>
  /** Why the connection has closed, or `undefined` while it is open. */
  readonly closedBy: () => McpErrorReason | undefined
  /** Waits until the connection has closed. */
  readonly closed: Effect.Effect<McpErrorReason>
}

/**
 * A factory of connections. `label` names the server in messages for people: a command line, a URL.
 *
 * @category models
 * @since 0.1.0
 */
export interface McpTransport {
  readonly [TypeId]: typeof TypeId
  readonly label: string
  readonly connect: Effect.Effect<Connection, McpError, Scope.Scope>
}

/**
 * The transport that a client uses.
 *
 * @category services
 * @since 0.1.0
 */
export const McpTransport: Context.Service<McpTransport, McpTransport> = Context.Service<McpTransport>(
  "@effect-mcp/client/McpTransport"
)

/**
 * Makes a transport.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly label: string
  readonly connect: Effect.Effect<Connection, McpError, Scope.Scope>
}): McpTransport => ({ [TypeId]: TypeId, ...options })

// =============================================================================
// Inference
// =============================================================================

/**
 * What a transport can be inferred from.
 *
 * - a URL: Streamable HTTP, or HTTP+SSE where the server knows nothing newer;
 * - the path of a script (`.js`, `.mjs`, `.cjs`, `.ts`, `.mts`, `.py`): a child process of its interpreter;
 * - any other text: a command line, split as a shell would, without a shell;
 * - an object with `url`, with `type: "sse"` where it must be HTTP+SSE;
 * - an object with `command`: a child process;
 * - an object with `serve`: a server in this process, as `MemoryTransport.make` takes it;
 * - a transport: itself.
 *
 * @category models
 * @since 0.1.0
 */
export type Target<R = never> =
  | string
  | URL
  | (HttpTransport.Options & { readonly type?: "http" | "sse" | undefined })
  | StdioTransport.Options
  | MemoryTransport.Options<R>
  | McpTransport

/**
 * Infers a transport. Only the module of the one that is used is loaded.
 *
 * Fails with `ConfigurationError` when the target is unclear: it says why, and what would be clear.
 *
 * **Example** (A URL, and a command line)
 *
 * ```ts check
 * import * as McpTransport from "@effect-mcp/client/McpTransport"
 * import * as NodeMcp from "@effect-mcp/node/NodeMcp"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const remote = yield* McpTransport.infer("https://example.com/mcp?key=secret")
 *   const local = yield* McpTransport.infer("npx -y @modelcontextprotocol/server-everything")
 *   return [remote.label, local.label]
 * })
 *
 * const [remote, local] = await Effect.runPromise(program.pipe(Effect.provide(NodeMcp.layer)))
 *
 * remote // => "https://example.com/mcp"
 * local // => "npx -y @modelcontextprotocol/server-everything"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const infer = <R = never>(
  target: Target<R>
): Effect.Effect<
  McpTransport,
  McpError,
  Exclude<R, Scope.Scope> | ChildProcessSpawner | FileSystem.FileSystem | HttpClient.HttpClient
> =>
  // Who names a transport does not load what infers one.
  Effect.flatMap(Effect.promise(() => import("./internal/transport/infer.ts")), ({ infer }) => infer(target))

/**
 * Provides a transport that is inferred.
 *
 * @see {@link infer}
 * @category layers
 * @since 0.1.0
 */
export const layerInfer = <R = never>(
  target: Target<R>
): Layer.Layer<
  McpTransport,
  McpError,
  Exclude<R, Scope.Scope> | ChildProcessSpawner | FileSystem.FileSystem | HttpClient.HttpClient
> => Layer.effect(McpTransport, infer(target))

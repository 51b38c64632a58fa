/**
 * The client: a handle to a server.
 *
 * A client opens a session when it is made (or, if `lazy`, when it is first used), shares it among all who use it at the
 * same time, and replaces it when it is lost. The handle itself never goes stale.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as client from "./internal/client/client.ts"
import * as service from "./internal/client/service.ts"
import type * as session from "./internal/session/session.ts"
import type * as sessions from "./internal/session/sessionRef.ts"
import type { McpError, ToolError } from "./McpError.ts"
import type { CallToolResult, Implementation, JsonObject, ListToolsResult, Progress, Tool } from "./McpSchema.ts"
import type * as McpTool from "./McpTool.ts"
import type { Diagnostic, McpTransport } from "./McpTransport.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * The identity of {@link McpClient} values.
 *
 * @category models
 * @since 0.1.0
 */
export const TypeId: typeof client.TypeId = client.TypeId

/**
 * What both sides agreed on: the protocol version, and the server's name, capabilities and instructions for the model.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#initialization
 * @category models
 * @since 0.1.0
 */
export type SessionInfo = session.SessionInfo

/**
 * What the client is doing.
 *
 * - `Idle`: there is no session; the next use opens one. `lost` says why the last one ended, if it was lost.
 * - `Connecting`: the first session is being opened.
 * - `Reconnecting`: a lost session is being replaced; `attempt` counts from one, `cause` is what went wrong last.
 * - `Ready`: there is a session.
 * - `Closed`: the client's scope has been closed.
 *
 * @category models
 * @since 0.1.0
 */
export type State = sessions.State

/**
 * How a client behaves. Every duration may be `Duration.infinity`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The server's name in errors and spans. By default the transport's label: a command line, a URL. */
  readonly name?: string | undefined
  /** Who the server is told that it talks to. */
  readonly clientInfo?: Implementation | undefined
  /**
   * Whether the session is opened by the first use, not when the client is made.
   *
   * @default false
   */
  readonly lazy?: boolean | undefined
  /**
   * How long the session of a lazy client stays open when nobody uses it.
   *
   * @default "1 minute"
   */
  readonly idleTimeToLive?: Duration.Input | undefined
  readonly timeouts?: {
    /**
     * For starting the server and opening a session.
     *
     * @default "30 seconds"
     */
    readonly connect?: Duration.Input | undefined
    /**
     * For all pages of a list together, and for each page of `toolPages`.
     *
     * @default "60 seconds"
     */
    readonly list?: Duration.Input | undefined
    /**
     * For a call without an answer or progress.
     *
     * @default "60 seconds"
     */
    readonly call?: Duration.Input | undefined
    /**
     * For a call altogether, however much progress it makes.
     *
     * @default "1 hour"
     */
    readonly total?: Duration.Input | undefined
  } | undefined
  /**
   * The pauses between attempts to replace a lost session. The first attempt is made at once; when the schedule ends,
   * the last error is reported to those who wait.
   *
   * By default pauses double from 100 ms up to 5 s, with jitter, five times.
   */
  readonly reconnect?: Schedule.Schedule<unknown, McpError> | undefined
}

/**
 * How one request behaves.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestOptions {
  /** How long to wait for an answer, or for progress, once the session is open. */
  readonly timeout?: Duration.Input | undefined
  /** Sent in `_meta`. */
  readonly meta?: JsonObject | undefined
}

/**
 * How one call behaves.
 *
 * @category models
 * @since 0.1.0
 */
export interface CallOptions<R = never> extends RequestOptions {
  /** How long to wait altogether, however much progress the call makes, once the session is open. */
  readonly totalTimeout?: Duration.Input | undefined
  /**
   * Runs for each step of progress that the server reports: one after the other, in order, the last before the call
   * ends.
   */
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void, never, R>) | undefined
}

/**
 * How a list is fetched. The limits protect against a server that has no end.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListOptions extends RequestOptions {
  /**
   * @default 250
   */
  readonly maxPages?: number | undefined
  /**
   * @default 10000
   */
  readonly maxItems?: number | undefined
}

/**
 * What the stream of a call yields: any number of steps, then the result.
 *
 * @category models
 * @since 0.1.0
 */
export type CallEvent<A> =
  | { readonly _tag: "Progress"; readonly progress: Progress }
  | { readonly _tag: "Result"; readonly value: A }

/**
 * A handle to a server.
 *
 * Everything that talks to the server fails with `McpError`. Interrupting a call tells the server to cancel it.
 *
 * @category models
 * @since 0.1.0
 */
export interface McpClient {
  readonly [TypeId]: typeof TypeId
  /** The server's name in errors and spans. */
  readonly name: string
  /** What the client is doing now. */
  readonly state: Effect.Effect<State>
  /** What the client is doing now, and every change, until it is closed. */
  readonly stateChanges: Stream.Stream<State>
  /** What both sides agreed on. Opens a session if there is none. */
  readonly session: Effect.Effect<SessionInfo, McpError>
  /**
   * What the connection noticed and got over: noise on a pipe, stray messages, lines of stderr. The latest 16, then each
   * new one; who does not keep up loses the oldest beyond 256.
   */
  readonly diagnostics: Stream.Stream<Diagnostic>

  /**
   * Calls a declared tool. Fails with `ToolError` when the tool reports failure, and with `ValidationError` when input
   * or output do not fit their schemas.
   */
  readonly call: <T extends McpTool.Any, R = never>(
    tool: T,
    input: McpTool.Input<T>,
    options?: CallOptions<R>
  ) => Effect.Effect<McpTool.Output<T>, McpError | ToolError, McpTool.Services<T> | R>
  /** Calls a declared tool and yields its progress, then its result. */
  readonly callStream: <T extends McpTool.Any>(
    tool: T,
    input: McpTool.Input<T>,
    options?: Omit<CallOptions, "onProgress">
  ) => Stream.Stream<CallEvent<McpTool.Output<T>>, McpError | ToolError, McpTool.Services<T>>
  /** Calls a tool by name. Fails with `ToolError` when the tool reports failure. */
  readonly callTool: <R = never>(
    name: string,
    args?: JsonObject,
    options?: CallOptions<R>
  ) => Effect.Effect<CallToolResult, McpError | ToolError, R>
  /** All tools of the server; none if it offers no tools. A tool whose description is broken is left out. */
  readonly listTools: (options?: ListOptions) => Effect.Effect<ReadonlyArray<Tool>, McpError>
  /** The tools of the server, page by page as they come. */
  readonly toolPages: (options?: ListOptions) => Stream.Stream<ReadonlyArray<Tool>, McpError>
  /** The same operations with the protocol's results, untouched. */
  readonly raw: {
    /** Calls a tool by name. A failure that the tool reports is a result with `isError`. */
    readonly callTool: <R = never>(
      name: string,
      args?: JsonObject,
      options?: CallOptions<R>
    ) => Effect.Effect<CallToolResult, McpError, R>
    /** One page of tools: the first, or the one after `cursor`. */
    readonly listTools: (cursor?: string, options?: RequestOptions) => Effect.Effect<ListToolsResult, McpError>
  }

  /**
   * Closes the session; calls under way fail with `ClosedError`. The client stays usable: its next use opens a session.
   * Waits for the end of the server for at most five seconds; what takes longer goes on in the background.
   */
  readonly close: Effect.Effect<void>
  /** Opens a new session. Calls under way keep the old one, which closes with the last of them. */
  readonly reconnect: Effect.Effect<void, McpError>
}

/**
 * A client of whatever transport is provided. To have several servers, or typed tools, declare a {@link Service} for
 * each.
 *
 * @category services
 * @since 0.1.0
 */
export const McpClient: Context.Service<McpClient, McpClient> = Context.Service<McpClient>(
  "@effect-mcp/client/McpClient"
)

// =============================================================================
// Constructors
// =============================================================================

/**
 * Makes a client that lives as long as the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options?: Options) => Effect.Effect<McpClient, McpError, McpTransport | Scope.Scope> = client.make

/**
 * Provides a client. Each layer that this makes has a session of its own: to share one, share the layer.
 *
 * **Example** (Calling a tool by name)
 *
 * ```ts check
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import * as MockTransport from "@effect-mcp/testing/MockTransport"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const live = McpClient.layer().pipe(
 *   Layer.provide(MockTransport.layer({
 *     tools: { echo: ({ message }) => Effect.succeed({ content: [{ type: "text", text: `Echo: ${String(message)}` }] }) }
 *   }))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* McpClient.McpClient
 *   const result = yield* client.callTool("echo", { message: "hi" })
 *   return result.content[0]
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(live))) // => { type: "text", text: "Echo: hi" }
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<McpClient, McpError, McpTransport> =>
  Layer.effect(McpClient, make(options))

// =============================================================================
// Typed servers
// =============================================================================

/**
 * The arguments of a typed call. A tool that needs no input may be called without.
 *
 * @category models
 * @since 0.1.0
 */
export type CallArguments<T extends McpTool.Any, Options> = {} extends McpTool.Input<T>
  ? [input?: McpTool.Input<T>, options?: Options]
  : [input: McpTool.Input<T>, options?: Options]

/**
 * A declared tool of a declared server.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToolMethod<T extends McpTool.Any> {
  /** Calls the tool. */
  <R = never>(
    ...args: CallArguments<T, CallOptions<R>>
  ): Effect.Effect<McpTool.Output<T>, McpError | ToolError, McpTool.Services<T> | R>
  /** Calls the tool and yields the protocol's result, untouched. */
  readonly raw: <R = never>(
    ...args: CallArguments<T, CallOptions<R>>
  ) => Effect.Effect<CallToolResult, McpError, T["input"]["EncodingServices"] | R>
  /** Calls the tool and yields its progress, then its result. */
  readonly stream: (
    ...args: CallArguments<T, Omit<CallOptions, "onProgress">>
  ) => Stream.Stream<CallEvent<McpTool.Output<T>>, McpError | ToolError, McpTool.Services<T>>
}

/**
 * What a server is declared to have.
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition {
  readonly tools: Readonly<Record<string, McpTool.Any>>
}

/**
 * A client with a method for each declared tool.
 *
 * @category models
 * @since 0.1.0
 */
export interface Typed<D extends Definition> extends McpClient {
  readonly tools: { readonly [K in keyof D["tools"]]: ToolMethod<D["tools"][K]> }
}

/**
 * The class that {@link Service} makes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string, D extends Definition>
  extends Context.ServiceClass<Self, Id, Typed<D>>
{
  readonly definition: D
  /** Makes the typed client of this server, for the scope. */
  readonly make: (options?: Options) => Effect.Effect<Typed<D>, McpError, McpTransport | Scope.Scope>
  /** Provides the typed client of this server. */
  readonly layer: (options?: Options) => Layer.Layer<Self, McpError, McpTransport>
}

/**
 * Declares a server as a service with typed tools.
 *
 * **Example** (Declaring a server)
 *
 * ```ts check
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import * as McpTool from "@effect-mcp/client/McpTool"
 * import * as MockTransport from "@effect-mcp/testing/MockTransport"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Schema from "effect/Schema"
 *
 * class Weather extends McpClient.Service<Weather>()("app/Weather", {
 *   tools: {
 *     forecast: McpTool.make("get_forecast", {
 *       input: Schema.Struct({ city: Schema.String }),
 *       output: Schema.Struct({ celsius: Schema.Number })
 *     })
 *   }
 * }) {}
 *
 * const WeatherTest = Weather.layer().pipe(
 *   Layer.provide(MockTransport.layer({
 *     tools: { get_forecast: () => Effect.succeed({ structuredContent: { celsius: 21 } }) }
 *   }))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const weather = yield* Weather
 *   const { celsius } = yield* weather.tools.forecast({ city: "Berlin" })
 *   return celsius
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(WeatherTest))) // => 21
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const Service: <Self>() => <const Id extends string, const D extends Definition>(
  id: Id,
  definition: D
) => ServiceClass<Self, Id, D> = service.Service

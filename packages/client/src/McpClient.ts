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
import * as handle from "./internal/client/handle.ts"
import * as service from "./internal/client/service.ts"
import type * as session from "./internal/session/session.ts"
import type * as sessions from "./internal/session/sessionRef.ts"
import type * as McpCache from "./McpCache.ts"
import type { McpError, ToolError } from "./McpError.ts"
import type { McpExtension } from "./McpExtension.ts"
import type * as McpHandlers from "./McpHandlers.ts"
import type * as McpPrompt from "./McpPrompt.ts"
import type * as McpProtocol from "./McpProtocol.ts"
import type * as McpResource from "./McpResource.ts"
import type {
  CallToolResult,
  CompleteResult,
  Completion,
  CompletionReference,
  GetPromptResult,
  Implementation,
  JsonObject,
  ListPromptsResult,
  ListResourcesResult,
  ListResourceTemplatesResult,
  ListToolsResult,
  LogLevel,
  Progress,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  Tool
} from "./McpSchema.ts"
import type * as McpTask from "./McpTask.ts"
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
export const TypeId: typeof handle.TypeId = handle.TypeId

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
export interface Options<R = never> {
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
     * For all pages of a list together, and for each page of `toolPages` and the like.
     *
     * @default "60 seconds"
     */
    readonly list?: Duration.Input | undefined
    /**
     * For a call, and any other request, without an answer or progress.
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
  /**
   * Whether to believe what the server says about its tools: then a call of a tool that it last listed as `readOnlyHint`
   * or `idempotentHint` is repeated when the session was lost before the answer came.
   *
   * @default false
   */
  readonly trustAnnotations?: boolean | undefined
  /** What answers the server when it asks. */
  readonly handlers?: McpHandlers.Handlers<R> | undefined
  /**
   * Whether a server of 2026-07-28 may make a task of a call by itself. Such a call yields the same as any other, but
   * reports no progress.
   *
   * @default true
   */
  readonly tasks?: boolean | undefined
  /** The extensions of the protocol that the client speaks. */
  readonly extensions?: ReadonlyArray<McpExtension> | undefined
  /**
   * What to speak. By itself the client asks the server, and remembers the answer with the transport.
   *
   * @default "auto"
   */
  readonly protocol?: McpProtocol.Protocol | undefined
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
 * How one request behaves of which the server may report progress.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/progress
 * @category models
 * @since 0.1.0
 */
export interface ProgressOptions<R = never> extends RequestOptions {
  /** How long to wait altogether, however much progress the request makes, once the session is open. */
  readonly totalTimeout?: Duration.Input | undefined
  /**
   * Runs for each step of progress that the server reports: one after the other, in order, the last before the request
   * ends.
   */
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void, never, R>) | undefined
  /** What answers the server during this request, in place of the client's handlers. What those lack is never asked. */
  readonly handlers?: McpHandlers.CallHandlers<R> | undefined
  /**
   * `manual`: when the server asks for input, fail with `InputRequiredError` in place of asking the handlers. With what
   * it holds, and the answers as {@link ProgressOptions.resume}, the request can be made again. Only servers of
   * 2026-07-28 wait in this way.
   */
  readonly input?: "manual" | undefined
  /** The answers to what the server asked when the request was made before, and the state that came with its questions. */
  readonly resume?: {
    readonly inputResponses?: JsonObject | undefined
    readonly requestState?: string | undefined
  } | undefined
}

/**
 * How one call behaves.
 *
 * @category models
 * @since 0.1.0
 */
export interface CallOptions<R = never> extends ProgressOptions<R> {
  /**
   * Whether it does no harm to carry out the call twice: then it is repeated, at most twice, when the session was lost
   * before the answer came. A call that was never sent is repeated in any case.
   *
   * @default false
   */
  readonly idempotent?: boolean | undefined
}

/**
 * How a request is made that may become a task, and how it is waited for.
 *
 * `timeout` and `totalTimeout` hold for the request, and, if given, for each wait for the task: how long it may take
 * without a change of the task, and altogether. `onProgress` and the handlers run while somebody waits for the task or
 * watches it; progress that came before is kept until then.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
 * @category models
 * @since 0.1.0
 */
export interface TaskOptions<R = never> extends CallOptions<R> {
  /** For how long after its creation the server shall keep the task. What it makes of that is in the task's state. */
  readonly ttl?: Duration.Input | undefined
  /**
   * What becomes of the task when `await` is interrupted, or fails before the end of the task.
   *
   * @default "leave"
   */
  readonly onInterrupt?: "leave" | "cancel" | undefined
}

/**
 * How a task is taken up again, and how it is waited for.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResumeOptions<R = never>
  extends Pick<TaskOptions<R>, "handlers" | "input" | "onInterrupt" | "timeout" | "totalTimeout">
{}

/**
 * How a resource is read.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReadOptions<R = never> extends ProgressOptions<R> {
  /**
   * What to do with what the client's cache keeps, if it has one.
   *
   * @default "use"
   */
  readonly cache?: McpCache.Mode | undefined
}

/**
 * How one page of a list is fetched.
 *
 * @category models
 * @since 0.1.0
 */
export interface PageOptions extends RequestOptions {
  /**
   * What to do with what the client's cache keeps, if it has one.
   *
   * @default "use"
   */
  readonly cache?: McpCache.Mode | undefined
}

/**
 * How a list is fetched. The limits protect against a server that has no end.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListOptions extends PageOptions {
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
 * What to complete: the begin of an argument's value, and the arguments that are known already.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/completion
 * @category models
 * @since 0.1.0
 */
export interface CompleteRequest {
  readonly ref: CompletionReference
  readonly argument: { readonly name: string; readonly value: string }
  readonly context?: { readonly arguments: Readonly<Record<string, string>> } | undefined
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
 * That a list may be another than before: the server says so, or another session began, in which nobody knows.
 *
 * @category models
 * @since 0.1.0
 */
export type ListChange = { readonly _tag: "Changed" } | { readonly _tag: "Reconnected" }

/**
 * What a server says in its log. `data` may be any JSON.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/logging
 * @category models
 * @since 0.1.0
 */
export interface LogMessage {
  readonly level: LogLevel
  readonly logger: string | undefined
  readonly data: unknown
}

/**
 * Anything that a server says without being asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Notification {
  readonly method: string
  readonly params: JsonObject
}

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
   * What the server says in its log, in its order. All of it goes to Effect's loggers besides, annotated with
   * `mcp.server` and `mcp.logger`. Who does not keep up loses the oldest beyond 1024.
   */
  readonly logs: Stream.Stream<LogMessage>
  /** When to list the tools again. Who does not keep up loses none but doubles. */
  readonly toolChanges: Stream.Stream<ListChange>
  /** When to list the prompts again. */
  readonly promptChanges: Stream.Stream<ListChange>
  /** When to list the resources and their templates again. */
  readonly resourceChanges: Stream.Stream<ListChange>
  /**
   * Changes of a resource, or of what is beneath it, that the server tells of by itself. To ask it to do so,
   * {@link McpClient.subscribe}. Who does not keep up loses the oldest beyond 1024.
   */
  readonly resourceUpdates: (uri: string) => Stream.Stream<Notification>
  /**
   * All notifications of the server, also those that nobody knows, in its order. Who does not keep up loses the oldest
   * beyond 1024.
   */
  readonly notifications: Stream.Stream<Notification>

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
  readonly callStream: <T extends McpTool.Any, R = never>(
    tool: T,
    input: McpTool.Input<T>,
    options?: Omit<CallOptions<R>, "onProgress">
  ) => Stream.Stream<CallEvent<McpTool.Output<T>>, McpError | ToolError, McpTool.Services<T> | R>
  /** Calls a tool by name. Fails with `ToolError` when the tool reports failure. */
  readonly callTool: <R = never>(
    name: string,
    args?: JsonObject,
    options?: CallOptions<R>
  ) => Effect.Effect<CallToolResult, McpError | ToolError, R>
  /**
   * Calls a tool, declared or by name, as a task if the server can run it so. It yields as soon as the server has the
   * task; if it runs the tool at once, with its result.
   */
  readonly startTool: {
    <T extends McpTool.Any, R = never>(
      tool: T,
      input: McpTool.Input<T>,
      options?: TaskOptions<R>
    ): Effect.Effect<McpTask.McpTask<McpTool.Output<T>>, McpError, McpTool.Services<T> | R>
    <R = never>(
      name: string,
      args?: JsonObject,
      options?: TaskOptions<R>
    ): Effect.Effect<McpTask.McpTask<CallToolResult>, McpError, R>
  }
  /** Takes up a task of a tool that was saved by `toJSON`. Fails with `ConfigurationError` if it is none. */
  readonly resumeTool: {
    <T extends McpTool.Any, R = never>(
      tool: T,
      saved: unknown,
      options?: ResumeOptions<R>
    ): Effect.Effect<McpTask.McpTask<McpTool.Output<T>>, McpError, McpTool.Services<T> | R>
    <R = never>(
      name: string,
      saved: unknown,
      options?: ResumeOptions<R>
    ): Effect.Effect<McpTask.McpTask<CallToolResult>, McpError, R>
  }
  /**
   * The tasks of the server, or, where it lists none, those that this client started or took up, as far as the server
   * still knows them.
   */
  readonly listTasks: (options?: ListOptions) => Stream.Stream<McpTask.State, McpError>
  /** All tools of the server; none if it offers no tools. A tool whose description is broken is left out. */
  readonly listTools: (options?: ListOptions) => Effect.Effect<ReadonlyArray<Tool>, McpError>
  /** The tools of the server, page by page as they come. */
  readonly toolPages: (options?: ListOptions) => Stream.Stream<ReadonlyArray<Tool>, McpError>

  /**
   * Reads a declared resource. Fails with `ResourceNotFoundError` when there is none, and with `ValidationError` when
   * what is read does not fit its schema.
   */
  readonly read: <T extends McpResource.Any, R = never>(
    resource: T,
    ...args: CallArguments<McpResource.Params<T>, ReadOptions<R>>
  ) => Effect.Effect<McpResource.Value<T>, McpError, McpResource.Services<T> | R>
  /** Reads a resource; the URI is sent as it is. Fails with `ResourceNotFoundError` when there is none. */
  readonly readResource: <R = never>(
    uri: string,
    options?: ReadOptions<R>
  ) => Effect.Effect<ReadonlyArray<McpResource.Content>, McpError, R>
  /**
   * When to read a resource: now, and after each change, until the stream is left. A lost session is replaced, and if
   * that fails, or the server refuses, the stream does. All who subscribe to one URI share one subscription of the
   * server's. Who does not keep up loses the oldest beyond 64.
   */
  readonly subscribe: (uri: string) => Stream.Stream<McpResource.Update, McpError>
  /** Reads a resource, declared or by URI, as a task if the server can run it so. */
  readonly startResource: {
    <T extends McpResource.Any, R = never>(
      resource: T,
      params: McpResource.Params<T>,
      options?: TaskOptions<R>
    ): Effect.Effect<McpTask.McpTask<McpResource.Value<T>, never>, McpError, McpResource.Services<T> | R>
    <R = never>(
      uri: string,
      options?: TaskOptions<R>
    ): Effect.Effect<McpTask.McpTask<ReadonlyArray<McpResource.Content>, never>, McpError, R>
  }
  /** Takes up a task of a resource that was saved by `toJSON`. Fails with `ConfigurationError` if it is none. */
  readonly resumeResource: {
    <T extends McpResource.Any, R = never>(
      resource: T,
      saved: unknown,
      options?: ResumeOptions<R>
    ): Effect.Effect<McpTask.McpTask<McpResource.Value<T>, never>, McpError, McpResource.Services<T> | R>
    <R = never>(
      uri: string,
      saved: unknown,
      options?: ResumeOptions<R>
    ): Effect.Effect<McpTask.McpTask<ReadonlyArray<McpResource.Content>, never>, McpError, R>
  }
  /** All resources of the server; none if it offers no resources. One whose description is broken is left out. */
  readonly listResources: (options?: ListOptions) => Effect.Effect<ReadonlyArray<Resource>, McpError>
  /** The resources of the server, page by page as they come. */
  readonly resourcePages: (options?: ListOptions) => Stream.Stream<ReadonlyArray<Resource>, McpError>
  /** All families of resources of the server; none if it offers no resources. */
  readonly listResourceTemplates: (options?: ListOptions) => Effect.Effect<ReadonlyArray<ResourceTemplate>, McpError>
  /** The families of resources of the server, page by page as they come. */
  readonly resourceTemplatePages: (options?: ListOptions) => Stream.Stream<ReadonlyArray<ResourceTemplate>, McpError>

  /** Gets a declared prompt. Fails with `ValidationError` when the arguments do not fit their schema. */
  readonly get: <P extends McpPrompt.Any, R = never>(
    prompt: P,
    ...args: CallArguments<McpPrompt.Arguments<P>, ProgressOptions<R>>
  ) => Effect.Effect<GetPromptResult, McpError, McpPrompt.Services<P> | R>
  /**
   * Gets a prompt by name. Arguments are strings: another value is sent as compact JSON, `undefined` is left out, and
   * what can not be written as JSON fails with `ValidationError`.
   */
  readonly getPrompt: <R = never>(
    name: string,
    args?: JsonObject,
    options?: ProgressOptions<R>
  ) => Effect.Effect<GetPromptResult, McpError, R>
  /** Gets a prompt, declared or by name, as a task if the server can run it so. */
  readonly startPrompt: {
    <P extends McpPrompt.Any, R = never>(
      prompt: P,
      args: McpPrompt.Arguments<P>,
      options?: TaskOptions<R>
    ): Effect.Effect<McpTask.McpTask<GetPromptResult, never>, McpError, McpPrompt.Services<P> | R>
    <R = never>(
      name: string,
      args?: JsonObject,
      options?: TaskOptions<R>
    ): Effect.Effect<McpTask.McpTask<GetPromptResult, never>, McpError, R>
  }
  /** Takes up a task of a prompt that was saved by `toJSON`. Fails with `ConfigurationError` if it is none. */
  readonly resumePrompt: <R = never>(
    prompt: McpPrompt.Any | string,
    saved: unknown,
    options?: ResumeOptions<R>
  ) => Effect.Effect<McpTask.McpTask<GetPromptResult, never>, McpError, R>
  /** All prompts of the server; none if it offers no prompts. One whose description is broken is left out. */
  readonly listPrompts: (options?: ListOptions) => Effect.Effect<ReadonlyArray<Prompt>, McpError>
  /** The prompts of the server, page by page as they come. */
  readonly promptPages: (options?: ListOptions) => Stream.Stream<ReadonlyArray<Prompt>, McpError>

  /** What the begin of an argument's value may become. */
  readonly complete: (request: CompleteRequest, options?: RequestOptions) => Effect.Effect<Completion, McpError>
  /** Asks for a sign of life. */
  readonly ping: (options?: RequestOptions) => Effect.Effect<void, McpError>
  /** Says from which level on the server sends log messages, in this session and in those that replace it. */
  readonly setLogLevel: (level: LogLevel, options?: RequestOptions) => Effect.Effect<void, McpError>
  /** Sends any request, and yields its result. */
  readonly request: <R = never>(
    method: string,
    params?: JsonObject,
    options?: CallOptions<R>
  ) => Effect.Effect<unknown, McpError, R>
  /** Sends any notification. */
  readonly notify: (method: string, params?: JsonObject) => Effect.Effect<void, McpError>

  /** The same operations with the protocol's results, untouched. */
  readonly raw: {
    /** Calls a tool by name. A failure that the tool reports is a result with `isError`. */
    readonly callTool: <R = never>(
      name: string,
      args?: JsonObject,
      options?: CallOptions<R>
    ) => Effect.Effect<CallToolResult, McpError, R>
    /** Calls a tool by name as a task. A failure that the tool reports is a result with `isError`. */
    readonly startTool: <R = never>(
      name: string,
      args?: JsonObject,
      options?: TaskOptions<R>
    ) => Effect.Effect<McpTask.McpTask<CallToolResult, never>, McpError, R>
    /** Takes up a task of a tool that was saved by `toJSON`. A failure that the tool reports is a result with `isError`. */
    readonly resumeTool: <R = never>(
      name: string,
      saved: unknown,
      options?: ResumeOptions<R>
    ) => Effect.Effect<McpTask.McpTask<CallToolResult, never>, McpError, R>
    /** One page of tools: the first, or the one after `cursor`. */
    readonly listTools: (cursor?: string, options?: PageOptions) => Effect.Effect<ListToolsResult, McpError>
    /** Reads a resource; bytes stay base64. */
    readonly readResource: <R = never>(
      uri: string,
      options?: ReadOptions<R>
    ) => Effect.Effect<ReadResourceResult, McpError, R>
    /** One page of resources: the first, or the one after `cursor`. */
    readonly listResources: (
      cursor?: string,
      options?: PageOptions
    ) => Effect.Effect<ListResourcesResult, McpError>
    /** One page of families of resources: the first, or the one after `cursor`. */
    readonly listResourceTemplates: (
      cursor?: string,
      options?: PageOptions
    ) => Effect.Effect<ListResourceTemplatesResult, McpError>
    /** Gets a prompt with the arguments as they are. */
    readonly getPrompt: <R = never>(
      name: string,
      args?: Readonly<Record<string, string>>,
      options?: ProgressOptions<R>
    ) => Effect.Effect<GetPromptResult, McpError, R>
    /** One page of prompts: the first, or the one after `cursor`. */
    readonly listPrompts: (cursor?: string, options?: PageOptions) => Effect.Effect<ListPromptsResult, McpError>
    /** What the begin of an argument's value may become. */
    readonly complete: (request: CompleteRequest, options?: RequestOptions) => Effect.Effect<CompleteResult, McpError>
  }

  /**
   * Closes the session; calls and subscriptions under way fail with `ClosedError`. The client stays usable: its next use opens a session.
   * Waits for the end of the server for at most five seconds; what takes longer goes on in the background.
   */
  readonly close: Effect.Effect<void>
  /**
   * Opens a new session, into which subscriptions move. Calls under way keep the old one, which closes with the last of
   * them.
   */
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
export const make: <R = never>(
  options?: Options<R>
) => Effect.Effect<McpClient, McpError, McpTransport | Scope.Scope | R> = client.make

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
export const layer = <R = never>(options?: Options<R>): Layer.Layer<McpClient, McpError, McpTransport | R> =>
  Layer.effect(McpClient, make(options))

// =============================================================================
// Typed servers
// =============================================================================

/**
 * The arguments of a typed call. What needs no input may be called without.
 *
 * @category models
 * @since 0.1.0
 */
export type CallArguments<Input, Options> = {} extends Input ? [input?: Input, options?: Options]
  : [input: Input, options?: Options]

/**
 * A declared tool of a declared server.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToolMethod<T extends McpTool.Any> {
  /** Calls the tool. */
  <R = never>(
    ...args: CallArguments<McpTool.Input<T>, CallOptions<R>>
  ): Effect.Effect<McpTool.Output<T>, McpError | ToolError, McpTool.Services<T> | R>
  /** Calls the tool and yields the protocol's result, untouched. */
  readonly raw: <R = never>(
    ...args: CallArguments<McpTool.Input<T>, CallOptions<R>>
  ) => Effect.Effect<CallToolResult, McpError, T["input"]["EncodingServices"] | R>
  /** Calls the tool as a task, if the server can run it so. */
  readonly start: <R = never>(
    ...args: CallArguments<McpTool.Input<T>, TaskOptions<R>>
  ) => Effect.Effect<McpTask.McpTask<McpTool.Output<T>>, McpError, McpTool.Services<T> | R>
  /** Takes up a task of the tool that was saved by `toJSON`. */
  readonly resume: <R = never>(
    saved: unknown,
    options?: ResumeOptions<R>
  ) => Effect.Effect<McpTask.McpTask<McpTool.Output<T>>, McpError, McpTool.Services<T> | R>
  /** Calls the tool and yields its progress, then its result. */
  readonly stream: <R = never>(
    ...args: CallArguments<McpTool.Input<T>, Omit<CallOptions<R>, "onProgress">>
  ) => Stream.Stream<CallEvent<McpTool.Output<T>>, McpError | ToolError, McpTool.Services<T> | R>
}

/**
 * A declared resource of a declared server.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceMethod<T extends McpResource.Any> {
  /** Reads the resource. */
  <R = never>(
    ...args: CallArguments<McpResource.Params<T>, ReadOptions<R>>
  ): Effect.Effect<McpResource.Value<T>, McpError, McpResource.Services<T> | R>
  /** Reads the resource and yields the protocol's result, untouched. */
  readonly raw: <R = never>(
    ...args: CallArguments<McpResource.Params<T>, ReadOptions<R>>
  ) => Effect.Effect<ReadResourceResult, McpError, T["params"]["EncodingServices"] | R>
  /** Reads the resource as a task, if the server can run it so. */
  readonly start: <R = never>(
    ...args: CallArguments<McpResource.Params<T>, TaskOptions<R>>
  ) => Effect.Effect<McpTask.McpTask<McpResource.Value<T>, never>, McpError, McpResource.Services<T> | R>
  /** Takes up a task of the resource that was saved by `toJSON`. */
  readonly resume: <R = never>(
    saved: unknown,
    options?: ResumeOptions<R>
  ) => Effect.Effect<McpTask.McpTask<McpResource.Value<T>, never>, McpError, McpResource.Services<T> | R>
  /** When to read the resource: now, and after each change. */
  readonly subscribe: (
    ...args: {} extends McpResource.Params<T> ? [params?: McpResource.Params<T>] : [params: McpResource.Params<T>]
  ) => Stream.Stream<McpResource.Update, McpError, T["params"]["EncodingServices"]>
}

/**
 * A declared prompt of a declared server.
 *
 * @category models
 * @since 0.1.0
 */
export interface PromptMethod<P extends McpPrompt.Any> {
  /** Gets the prompt. */
  <R = never>(
    ...args: CallArguments<McpPrompt.Arguments<P>, ProgressOptions<R>>
  ): Effect.Effect<GetPromptResult, McpError, McpPrompt.Services<P> | R>
  /** Gets the prompt as a task, if the server can run it so. */
  readonly start: <R = never>(
    ...args: CallArguments<McpPrompt.Arguments<P>, TaskOptions<R>>
  ) => Effect.Effect<McpTask.McpTask<GetPromptResult, never>, McpError, McpPrompt.Services<P> | R>
  /** Takes up a task of the prompt that was saved by `toJSON`. */
  readonly resume: <R = never>(
    saved: unknown,
    options?: ResumeOptions<R>
  ) => Effect.Effect<McpTask.McpTask<GetPromptResult, never>, McpError, R>
}

/**
 * What a server is declared to have.
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition {
  readonly tools?: Readonly<Record<string, McpTool.Any>>
  readonly resources?: Readonly<Record<string, McpResource.Any>>
  readonly prompts?: Readonly<Record<string, McpPrompt.Any>>
}

/**
 * A client with a method for each declared tool, resource and prompt.
 *
 * @category models
 * @since 0.1.0
 */
export interface Typed<D extends Definition> extends McpClient {
  readonly tools: D extends { readonly tools: infer Tools extends Readonly<Record<string, McpTool.Any>> }
    ? { readonly [K in keyof Tools]: ToolMethod<Tools[K]> }
    : {}
  readonly resources: D extends
    { readonly resources: infer Resources extends Readonly<Record<string, McpResource.Any>> }
    ? { readonly [K in keyof Resources]: ResourceMethod<Resources[K]> }
    : {}
  readonly prompts: D extends { readonly prompts: infer Prompts extends Readonly<Record<string, McpPrompt.Any>> }
    ? { readonly [K in keyof Prompts]: PromptMethod<Prompts[K]> }
    : {}
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
  readonly make: <R = never>(
    options?: Options<R>
  ) => Effect.Effect<Typed<D>, McpError, McpTransport | Scope.Scope | R>
  /** Provides the typed client of this server. */
  readonly layer: <R = never>(options?: Options<R>) => Layer.Layer<Self, McpError, McpTransport | R>
}

/**
 * Declares a server as a service with typed tools, resources and prompts.
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

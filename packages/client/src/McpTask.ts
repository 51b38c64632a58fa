/**
 * Tasks: requests that a server answers later, perhaps in another session, or to another process.
 *
 * A server of 2025-11-25 runs a request as a task when the client asks for it; one of 2026-07-28 does so as it likes, by
 * an extension. A {@link McpTask} is the same for both.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { Question } from "./internal/session/inputRounds.ts"
import type * as tasks from "./internal/session/tasks.ts"
import * as saved from "./internal/tasks/saved.ts"
import * as task from "./internal/tasks/task.ts"
import type { McpError, ToolError } from "./McpError.ts"
import type { JsonObject } from "./McpSchema.ts"

/**
 * The identity of {@link McpTask} values.
 *
 * @category models
 * @since 0.1.0
 */
export const TypeId: typeof task.TypeId = task.TypeId

/**
 * What a task is doing. `completed`, `failed` and `cancelled` are for ever; until then, any may follow any.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#task-status-lifecycle
 * @category models
 * @since 0.1.0
 */
export type Status = tasks.TaskStatus

/**
 * A task as the server describes it. `createdAt` and `lastUpdatedAt` are ISO 8601, by the server's clock.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#task
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly taskId: string
  readonly status: Status
  readonly statusMessage: string | undefined
  readonly createdAt: string
  readonly lastUpdatedAt: string
  /** For how long after its creation the server keeps the task. */
  readonly ttl: Duration.Duration
  /** How often the server wants to be asked. */
  readonly pollInterval: Duration.Duration | undefined
  /** What the server wants to know, by its keys. Servers of 2025-11-25 ask by requests, which do not show here. */
  readonly inputRequests: Readonly<Record<string, Question>> | undefined
}

/**
 * What to wait for, and how long.
 *
 * @category models
 * @since 0.1.0
 */
export interface WaitOptions {
  /** One status, or any of several. By default the end of the task, however it ends. */
  readonly until?: Status | ReadonlyArray<Status> | undefined
  /** By default, for as long as the task lives. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * A request that a server answers later.
 *
 * While anybody waits for it or watches it, the server is asked at its own pace, once for all of them, and what it wants
 * to know is answered by the handlers, each question once. The handle goes through as many sessions as there are. It
 * needs the client only to learn more than it knows.
 *
 * Everything that talks to the server fails with `McpError`. Its reason is `TaskLostError` when the server does not know
 * the task any more, or has not changed it for its time to live.
 *
 * **Example** (Watching a task, and waiting for its result)
 *
 * ```ts check
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import * as McpTool from "@effect-mcp/client/McpTool"
 * import * as MockTransport from "@effect-mcp/testing/MockTransport"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Schema from "effect/Schema"
 * import * as Stream from "effect/Stream"
 *
 * const research = McpTool.make("research", {
 *   input: Schema.Struct({ topic: Schema.String }),
 *   output: Schema.Struct({ pages: Schema.Number })
 * })
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* McpClient.McpClient
 *   const task = yield* client.startTool(research, { topic: "owls" }, { ttl: "1 hour" })
 *   const [{ pages }, seen] = yield* Effect.all([
 *     task.await,
 *     Stream.runCollect(Stream.map(task.changes, ({ status }) => status))
 *   ], { concurrency: "unbounded" })
 *   return [pages, seen.at(-1)]
 * })
 *
 * const live = McpClient.layer().pipe(
 *   Layer.provide(MockTransport.layer({
 *     tools: {
 *       research: {
 *         execution: { taskSupport: "optional" },
 *         handler: () => Effect.succeed({ structuredContent: { pages: 3 } })
 *       }
 *     }
 *   }))
 * )
 *
 * await Effect.runPromise(program.pipe(Effect.provide(live))) // => [3, "completed"]
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
 * @see https://modelcontextprotocol.io/extensions/tasks/overview
 * @category models
 * @since 0.1.0
 */
export interface McpTask<out A, out E = ToolError> {
  readonly [TypeId]: typeof TypeId
  /** What the server calls it. */
  readonly id: string
  /** Whether the server answered at once: then there never was a task, and the result is here. */
  readonly ranImmediately: boolean
  /** What a model may be told while the task runs. */
  readonly immediateResponse: string | undefined
  /** What the task is doing now, by the server. Of a task that has ended nobody is asked. */
  readonly status: Effect.Effect<State, McpError>
  /** What the task is doing, and every change, until its end. Who does not keep up loses the oldest beyond 256. */
  readonly changes: Stream.Stream<State, McpError>
  /**
   * Waits for the end, and yields what the request would have yielded. Once known it is kept. Fails as the request would
   * have failed; with `TaskEndedError` when the task was cancelled; and with `InputRequiredError` when nobody here can
   * answer a question of the server.
   *
   * Waits for as long as the task lives, unless it was started with `timeout` or `totalTimeout`.
   */
  readonly await: Effect.Effect<A, McpError | E>
  /** What {@link McpTask.await} yielded, once it has. */
  readonly result: Effect.Effect<Option.Option<A>>
  /**
   * Waits until the task is in a state. Fails with `TaskEndedError` as soon as it can not come to that any more, and
   * with `TimeoutError` after `timeout`.
   */
  readonly wait: (options?: WaitOptions) => Effect.Effect<State, McpError>
  /**
   * Asks the server to cancel the task; one that has ended stays as it is. A server of 2026-07-28 may take its time, or
   * finish the task all the same.
   */
  readonly cancel: Effect.Effect<void, McpError>
  /**
   * Answers questions of the server by hand, by their keys: some of them or all. Each can be answered once. Fails with
   * `UnsupportedError` in 2025-11-25, where only handlers can answer.
   */
  readonly answer: (inputResponses: JsonObject) => Effect.Effect<void, McpError>
  /** What it takes to go on with the task later, or elsewhere: plain JSON. */
  readonly toJSON: () => Saved
}

/**
 * Whether a value is an {@link McpTask}.
 *
 * @category guards
 * @since 0.1.0
 */
export const isMcpTask = (value: unknown): value is McpTask<unknown, unknown> => Predicate.hasProperty(value, TypeId)

/**
 * What {@link McpTask.toJSON} yields, and `resumeTool`, `resumePrompt` and `resumeResource` of a client take. It holds the
 * result of the task if that is known, and never what the task was given.
 *
 * @category models
 * @since 0.1.0
 */
export type Saved = saved.Saved

/**
 * Schema of {@link Saved}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Saved: Schema.Codec<Saved> = saved.Saved

/**
 * Runs a task within a workflow of `effect/workflow`, so that it outlives the process: one activity, `<name>/start`,
 * starts it, another, `name`, waits for it and keeps what it yields. A workflow that is run again after its process ended
 * takes up the same task. A server that is out of reach is awaited for as long as the task lives.
 *
 * `start` may run twice if the process ends before the engine has stored that it did. The result is stored as JSON by
 * `success`.
 *
 * **Example** (A task that outlives its process)
 *
 * ```ts check
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import * as McpTask from "@effect-mcp/client/McpTask"
 * import * as McpTool from "@effect-mcp/client/McpTool"
 * import * as MockTransport from "@effect-mcp/testing/MockTransport"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Schema from "effect/Schema"
 * import * as Workflow from "effect/workflow/Workflow"
 * import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
 *
 * const research = McpTool.make("research", {
 *   input: Schema.Struct({ topic: Schema.String }),
 *   output: Schema.Struct({ pages: Schema.Number })
 * })
 *
 * const Report = Workflow.make("Report", {
 *   payload: { topic: Schema.String },
 *   success: research.output,
 *   error: Schema.Unknown,
 *   idempotencyKey: ({ topic }) => topic
 * })
 *
 * const ReportLive = Report.toLayer(({ topic }) =>
 *   Effect.gen(function*() {
 *     const client = yield* McpClient.McpClient
 *     return yield* McpTask.durable({
 *       name: "research",
 *       success: research.output,
 *       start: client.startTool(research, { topic }),
 *       resume: (saved) => client.resumeTool(research, saved)
 *     })
 *   })
 * )
 *
 * const live = ReportLive.pipe(
 *   Layer.provideMerge(WorkflowEngine.layerMemory),
 *   Layer.provide(McpClient.layer()),
 *   Layer.provide(MockTransport.layer({
 *     tools: { research: () => Effect.succeed({ structuredContent: { pages: 3 } }) }
 *   }))
 * )
 *
 * await Effect.runPromise(Report.execute({ topic: "owls" }).pipe(Effect.provide(live))) // => { pages: 3 }
 * ```
 *
 * @category workflows
 * @since 0.1.0
 */
export const durable = <Success extends Schema.Constraint, E extends ToolError, R, R2>(options: {
  /** What the activities are called: unique within the workflow. */
  readonly name: string
  readonly success: Success
  readonly start: Effect.Effect<McpTask<Success["Type"], E>, McpError, R>
  readonly resume: (saved: Saved) => Effect.Effect<McpTask<Success["Type"], E>, McpError, R2>
}): Effect.Effect<
  Success["Type"],
  McpError | ToolError,
  | Exclude<R | R2, Scope.Scope | WorkflowEngine | WorkflowInstance>
  | Success["DecodingServices"]
  | WorkflowEngine
  | WorkflowInstance
> =>
  // Few programs have workflows, and what runs them is large.
  Effect.flatMap(Effect.promise(() => import("./internal/tasks/durable.ts")), ({ run }) => run(options))

import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { CallOptions, ListOptions, ResumeOptions, TaskOptions } from "../../McpClient.ts"
import * as McpError from "../../McpError.ts"
import type { JsonObject, Progress } from "../../McpSchema.ts"
import type { McpTask, State } from "../../McpTask.ts"
import type { Deadline } from "../../McpTransport.ts"
import { within } from "../jsonrpc/within.ts"
import type { Callers } from "../session/callers.ts"
import type { Handlers, Session, SessionInfo } from "../session/session.ts"
import { type CreatedTask, isTerminal, isUnknownTask, type TaskState } from "../session/tasks.ts"
import type { Remote } from "../tasks/driver.ts"
import * as Saved from "../tasks/saved.ts"
import * as Task from "../tasks/task.ts"
import type { Hooks } from "./hooks.ts"
import { paged } from "./listing.ts"
import type { Target } from "./observe.ts"
import { always, type Asked, locate, type Operations } from "./operations.ts"
import { override } from "./timeouts.ts"

/** So many tasks are remembered: those that were started here, for servers that do not list theirs, and those told of. */
const MAX_REMEMBERED = 1000

/** What is longer is no id of a task that need be remembered only because the server told of it: in characters. */
const MAX_ID_LENGTH = 1000

/** So many tasks are asked for at once. */
const CONCURRENCY = 8

const CHANGES = new Set(["notifications/tasks/status", "notifications/tasks"])

/** What a task may be made of, and how its result is read, at once or later. */
export interface Kind<A, E, R> {
  readonly method: string
  readonly target: Target
  readonly read: (result: unknown) => Effect.Effect<A, E | McpError.McpError, R>
}

/** A request that may become a task. */
export interface Request<A, E, R> extends Kind<A, E, R> {
  readonly params: JsonObject
  readonly without: (info: SessionInfo) => Exit.Exit<never, McpError.McpError> | undefined
}

/** A call that may become a task without its caller's doing. */
export interface Call<A, E, R, R2> extends Kind<A, E, R> {
  readonly options: CallOptions<R2>
  readonly deadline: Deadline
}

/** What a client has to do with tasks. */
export interface Tasks {
  readonly start: <A, E, R, R2>(
    request: Request<A, E, R>,
    options: TaskOptions<R2>
  ) => Effect.Effect<McpTask<A, E>, McpError.McpError, R | R2>
  readonly resume: <A, E, R, R2>(
    request: Pick<Kind<A, E, R>, "method" | "read"> & {
      /** Of what, if that is known. */
      readonly name: string | undefined
    },
    saved: unknown,
    options: ResumeOptions<R2>
  ) => Effect.Effect<McpTask<A, E>, McpError.McpError, R | R2>
  /** Waits for a task as if it were an answer, and cancels it when nobody waits any more. */
  readonly through: <A, E, R, R2>(
    call: Call<A, E, R, R2>,
    created: CreatedTask,
    asked: Asked
  ) => Effect.Effect<A, E | McpError.McpError, R | R2>
  readonly list: (options?: ListOptions) => Stream.Stream<State, McpError.McpError>
  /** Lets nobody wait any more. */
  readonly end: Effect.Effect<void>
}

export const make = (
  operations: Operations,
  hooks: Hooks,
  { callers, clock }: { readonly callers: Callers; readonly clock: Clock.Clock }
): Tasks => {
  const { answering, onDiagnostic, request, run, server, timeouts } = operations
  const { idleMillis } = timeouts.usualCall
  const wakes = new Map<string, Set<() => void>>()
  const started = new Set<string>()
  /** The tasks of whose changes the server told while nobody waited for them: it may do so before it says that it made one. */
  const told = new Set<string>()
  const fibers = new Set<Fiber.Fiber<void, McpError.McpError>>()

  const wakeUp = (taskId: string): void => wakes.get(taskId)?.forEach((wake) => wake())

  hooks.onNotification(({ method, params }) => {
    if (!CHANGES.has(method)) return
    const { taskId } = params
    if (typeof taskId !== "string") return
    if (wakes.has(taskId)) wakeUp(taskId)
    else if (taskId.length <= MAX_ID_LENGTH) remember(told, taskId)
  })
  hooks.onGap(() => {
    for (const waking of wakes.values()) waking.forEach((wake) => wake())
  })

  const forkWith =
    (context: Context.Context<never>) =>
    (effect: Effect.Effect<void, McpError.McpError>): Fiber.Fiber<void, McpError.McpError> => {
      const fiber = Effect.runForkWith(context)(effect)
      fibers.add(fiber)
      fiber.addObserver(() => fibers.delete(fiber))
      return fiber
    }

  const remoteOf = (taskId: string, handlers: Handlers, millis: number): Remote => {
    // How long the task may take says nothing of how long it may take to speak of it.
    const limit = Math.min(millis, idleMillis)
    const deadline: Deadline = { budget: "call", idleMillis: limit, totalMillis: limit }
    const options = { deadline, handlers }
    let watched: Session | undefined
    // A server that does not want to tell is not asked again.
    const watch = (session: Session | undefined) => {
      if (watched === session || !wakes.has(taskId)) return
      watched = session
      session?.tasks.watch(taskId)
    }
    const inSession = <A>(method: string, f: (session: Session) => Effect.Effect<A, McpError.McpError>) =>
      run({ method, repeatable: always }, f)
    return {
      get: inSession("tasks/get", (session) =>
        Effect.map(session.tasks.get(taskId, options), (report) => {
          if (!isTerminal(report.state.status)) watch(session)
          return report
        })),
      result: inSession("tasks/result", (session) => session.tasks.result(taskId, options)),
      inTime: (result) => locate(within(result, { budget: "call", millis: limit }), server, "tasks/result"),
      update: (responses) => inSession("tasks/update", (session) => session.tasks.update(taskId, responses, options)),
      cancel: inSession("tasks/cancel", (session) => session.tasks.cancel(taskId, options)),
      onChange(wake) {
        const waking = wakes.get(taskId) ?? new Set()
        wakes.set(taskId, waking.add(wake))
        if (told.delete(taskId)) wake()
        watch(operations.peek())
        // The task may end with its session.
        const release = operations.keep()
        return () => {
          release()
          const session = watched
          watched = undefined
          waking.delete(wake)
          if (waking.size > 0) return
          wakes.delete(taskId)
          session?.tasks.unwatch(taskId)
        }
      }
    }
  }

  // ---------------------------------------------------------------------------
  // Handles
  // ---------------------------------------------------------------------------

  /** What all handles have in common. */
  const common = <A, E, R>(
    { method, name, read }: Pick<Kind<A, E, R>, "method" | "read"> & { readonly name: string },
    // It has what the handlers need, too.
    context: Context.Context<R>,
    options: Pick<TaskOptions, "input" | "onInterrupt">
  ) =>
  (taskId: string, handlers: Handlers, millis: number) => ({
    request: { server, method, name },
    remote: remoteOf(taskId, handlers, millis),
    handlers,
    callers,
    clock,
    read: (result: unknown) => locate(Effect.provideContext(read(result), context), server, method),
    onDiagnostic,
    fork: forkWith(context),
    isManual: options.input === "manual",
    cancels: options.onInterrupt === "cancel" ? "left" as const : "never" as const
  })

  const withContext = <R>(
    onProgress: CallOptions<R>["onProgress"],
    context: Context.Context<R>
  ): ((progress: Progress) => Effect.Effect<void>) | undefined =>
    onProgress === undefined ? undefined : (progress) => Effect.provideContext(onProgress(progress), context)

  const limitsOf = ({ timeout, totalTimeout }: Pick<TaskOptions, "timeout" | "totalTimeout">): Deadline => ({
    budget: "call",
    // What is wrong with them has been found out before.
    idleMillis: Number(override("timeout", timeout, Number.POSITIVE_INFINITY)),
    totalMillis: Number(override("totalTimeout", totalTimeout, Number.POSITIVE_INFINITY))
  })

  /** A handle of a task that the server has just made. */
  const fresh = ({ immediateResponse, state }: CreatedTask, { sink }: Asked) => {
    remember(started, state.taskId)
    return { state, startedAt: clock.currentTimeMillisUnsafe(), isFresh: true, immediateResponse, sink }
  }

  const start: Tasks["start"] = <A, E, R, R2>(
    kind: Request<A, E, R>,
    options: TaskOptions<R2>
  ): Effect.Effect<McpTask<A, E>, McpError.McpError, R | R2> => {
    const { method, params, target, without } = kind
    const deadline = timeouts.call(options)
    const millis = McpError.isMcpError(deadline) ? idleMillis : deadline.idleMillis
    const ttl = override("ttl", options.ttl, Number.POSITIVE_INFINITY)
    if (McpError.isMcpError(ttl)) return locate(Effect.fail(ttl), server, method)
    return Effect.flatMap(Effect.context<R | R2>(), (context) => {
      const settings = common({ ...kind, name: target.name }, context, options)
      return request<McpTask<A, E>, never, never, R2>({
        method,
        target,
        params,
        deadline,
        options,
        tracked: true,
        repeatable: () => options.idempotent === true,
        without,
        task: Number.isFinite(ttl) ? { ttl: Math.round(ttl) } : {},
        read: (answer) => {
          const state = immediate(clock)
          return Exit.succeed(Task.make<A, E>({
            ...settings(state.taskId, answering(undefined), millis),
            state,
            outcome: Exit.succeed(answer),
            startedAt: clock.currentTimeMillisUnsafe(),
            isFresh: true,
            ranImmediately: true
          }))
        },
        onTask: (created, asked) =>
          Exit.succeed(Task.make<A, E>({
            ...settings(created.state.taskId, asked.handlers, millis),
            ...fresh(created, asked),
            deadline: { limits: limitsOf(options) },
            onProgress: withContext(options.onProgress, context)
          }))
      })
    })
  }

  const resume: Tasks["resume"] = <A, E, R, R2>(
    kind: Parameters<Tasks["resume"]>[0] & Pick<Kind<A, E, R>, "read">,
    json: unknown,
    options: ResumeOptions<R2>
  ): Effect.Effect<McpTask<A, E>, McpError.McpError, R | R2> =>
    Effect.flatMap(Effect.context<R | R2>(), (context) => {
      const deadline = timeouts.call(options)
      if (McpError.isMcpError(deadline)) return locate(Effect.fail(deadline), server, kind.method)
      const saved = Saved.fromJSON(json, kind)
      if (Exit.isFailure(saved)) return locate(Exit.failCause(saved.cause), server, kind.method)
      const { answered, name, startedAt, taskId } = saved.value
      remember(started, taskId)
      return Exit.succeed(Task.make<A, E>({
        ...common({ ...kind, name }, context, options)(taskId, answering(options.handlers), deadline.idleMillis),
        state: Saved.stateOf(saved.value),
        outcome: "result" in saved.value ? Exit.succeed(saved.value.result) : undefined,
        answered,
        startedAt,
        isFresh: false,
        deadline: { limits: limitsOf(options) }
      }))
    })

  const through: Tasks["through"] = <A, E, R, R2>(
    { deadline, options, ...kind }: Call<A, E, R, R2>,
    created: CreatedTask,
    asked: Asked
  ) =>
    Effect.flatMap(Effect.context<R | R2>(), (context) => {
      const settings = common({ ...kind, name: kind.target.name }, context, options)
      const task = Task.make<A, E>({
        ...settings(created.state.taskId, asked.handlers, deadline.idleMillis),
        ...fresh(created, asked),
        // A server that says of a task that it goes on is not silent.
        deadline: {
          limits: options.timeout === undefined ? { ...deadline, idleMillis: Number.POSITIVE_INFINITY } : deadline,
          since: asked.since
        },
        cancels: "always",
        onProgress: withContext(options.onProgress, context)
      })
      return Effect.mapError(task.await, sent)
    })

  // ---------------------------------------------------------------------------
  // Listing
  // ---------------------------------------------------------------------------

  /** The tasks that were started here and are still known. */
  const own = Stream.suspend(() =>
    Stream.fromIterable(Array.from(started)).pipe(
      Stream.mapEffect((taskId) =>
        run({ method: "tasks/get", repeatable: always }, (session) =>
          session.tasks.get(taskId, { deadline: timeouts.usualCall })).pipe(
            Effect.map(({ state }) => [Task.toState(state)]),
            Effect.catchIf(isUnknownTask, () => {
              started.delete(taskId)
              return Effect.succeed([])
            })
          ), { concurrency: CONCURRENCY }),
      Stream.flattenIterable
    )
  )

  const list: Tasks["list"] = (options = {}) => {
    const { maxItems = 10_000, maxPages = 250 } = options
    const deadline = timeouts.list(options)
    if (McpError.isMcpError(deadline)) return Stream.fail(McpError.at(deadline, server, "tasks/list"))
    return Stream.suspend(() => {
      let count = 0
      const fetch = (cursor: string | undefined) =>
        run(
          { method: "tasks/list", repeatable: always },
          (session) =>
            Effect.map(session.tasks.list(cursor, { deadline, meta: options.meta }), (page) => {
              count += page?.tasks.length ?? 0
              return { items: page?.tasks ?? [], nextCursor: page?.nextCursor }
            })
        )
      return paged<TaskState>({ fetch, maxItems, maxPages }).pipe(
        Stream.flattenIterable,
        Stream.map(Task.toState),
        Stream.mapError((error) => McpError.at(error, server, "tasks/list")),
        Stream.concat(Stream.suspend(() => count === 0 ? own : Stream.empty))
      )
    })
  }

  return {
    start,
    resume,
    through,
    list,
    end: Effect.suspend(() => Fiber.interruptAll(Array.from(fibers)))
  }
}

/** Whatever got lost in the end, the call itself had been sent. */
const sent = <E>(error: E): E => {
  if (!McpError.isMcpError(error) || error.reason._tag !== "ClosedError" || error.reason.requestSent) return error
  const { by, cause, description } = error.reason
  const reason = new McpError.ClosedError({ description, by, requestSent: true, cause })
  // It is of the same type as before.
  return new McpError.McpError({ reason, server: error.server, method: error.method }) as E
}

const remember = (taskIds: Set<string>, taskId: string): void => {
  taskIds.add(taskId)
  for (const oldest of taskIds) {
    if (taskIds.size <= MAX_REMEMBERED) break
    taskIds.delete(oldest)
  }
}

/** What stands for a task that there never was. */
const immediate = (clock: Clock.Clock): TaskState => {
  const at = new Date(clock.currentTimeMillisUnsafe()).toISOString()
  return {
    taskId: crypto.randomUUID(),
    status: "completed",
    statusMessage: undefined,
    createdAt: at,
    lastUpdatedAt: at,
    ttlMillis: null,
    pollIntervalMillis: undefined,
    inputRequests: undefined
  }
}

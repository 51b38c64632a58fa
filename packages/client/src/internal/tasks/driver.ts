import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as McpError from "../../McpError.ts"
import type { JsonObject, Progress } from "../../McpSchema.ts"
import type { Diagnostic } from "../../McpTransport.ts"
import { monotonicMillis } from "../jsonrpc/monotonic.ts"
import type { Callers } from "../session/callers.ts"
import { withProgress } from "../session/progress.ts"
import type { Handlers } from "../session/session.ts"
import { isTerminal, isUnknownTask, type TaskReport, type TaskState } from "../session/tasks.ts"
import * as Answering from "./answering.ts"
import { ended, isPassing, isTransient } from "./failures.ts"

/** Whatever the server wants, it is not asked more often, nor more seldom, than so: in milliseconds. */
const MIN_INTERVAL = 50
const MAX_INTERVAL = 60_000

/** How often a server is asked that does not say how often: at first, and when nothing happens for long. */
const FIRST_INTERVAL = 100
const LAST_INTERVAL = 5_000

/** Intervals are longer by up to this part of them, so that many tasks do not ask all at once. */
const JITTER = 0.1

/** So much progress is kept for those who will wait. */
const MAX_MISSED = 256

/** So often in a row may a server be out of reach. */
const MAX_FAILURES = 5

/** The server of a task, in whatever session there is. */
export interface Remote {
  readonly get: Effect.Effect<TaskReport, McpError.McpError>
  /** Waits for the end of the task, however long that takes. */
  readonly result: Effect.Effect<unknown, McpError.McpError>
  /** Waits for a result that is due for no longer than for any answer. */
  readonly inTime: <A>(result: Effect.Effect<A, McpError.McpError>) => Effect.Effect<A, McpError.McpError>
  readonly update: (inputResponses: JsonObject) => Effect.Effect<void, McpError.McpError>
  readonly cancel: Effect.Effect<void, McpError.McpError>
  /** Calls back when the server tells that the task has changed, for which it stays. What comes back ends that. */
  readonly onChange: (wake: () => void) => () => void
}

/** Who wants to know what becomes of a task. */
export interface Watcher {
  /** Whether it is not enough to know that the task has ended. */
  readonly wantsOutcome: boolean
  /** Called when the state has changed, and also when the server says for the first time what was saved before. */
  readonly onState: (state: TaskState, isChanged: boolean) => void
  /** Called when the server wants to know something that nothing here can tell. */
  readonly onStuck: (error: McpError.McpError) => void
  /** Called when the task has ended, or nothing more can be known of it. */
  readonly onEnd: (exit: Exit.Exit<void, McpError.McpError>) => void
}

export interface Options {
  readonly state: TaskState
  /** What is known already of the outcome. */
  readonly outcome?: Exit.Exit<unknown, McpError.McpError> | undefined
  /** When the task was made, by the wall clock of this side, in milliseconds. */
  readonly startedAt: number
  /** Whether the state comes from the server just now. */
  readonly isFresh: boolean
  readonly remote: Remote
  readonly answered: Set<string>
  readonly handlers: Handlers
  readonly isManual: boolean
  /** Whether the task goes on when nobody waits for it any more. */
  readonly goesOn: boolean
  readonly callers: Callers
  readonly clock: Clock.Clock
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void>) | undefined
  /** Where the progress of the task comes from. */
  readonly sink?: { report: ((progress: Progress) => void) | undefined } | undefined
  readonly onDiagnostic: (diagnostic: Diagnostic) => void
  /** Starts an effect that ends with the client at the latest. */
  readonly fork: (effect: Effect.Effect<void, McpError.McpError>) => Fiber.Fiber<void, McpError.McpError>
}

/** What is known of a task. While anybody wants to know more, one fiber asks the server, for all of them. */
export interface Driver {
  readonly state: () => TaskState
  /** The same, if the server has said so to this handle of late, or it is the end. */
  readonly current: () => TaskState | undefined
  /** What came of the task: once known, it is kept. */
  readonly outcome: () => Exit.Exit<unknown, McpError.McpError> | undefined
  /** Asks the server for the state now. */
  readonly poll: Effect.Effect<TaskState, McpError.McpError>
  /** Asks the server before it is due. */
  readonly wake: () => void
  /** What comes back ends the watch. */
  readonly watch: (watcher: Watcher) => () => void
  /** For how many milliseconds nothing has happened. */
  readonly sinceSign: () => number
}

export const make = (options: Options): Driver => {
  const { callers, clock, handlers, onProgress, remote, sink, startedAt } = options
  const { taskId } = options.state
  const now = () => monotonicMillis(clock)
  const watchers = new Set<Watcher>()
  const woken = Latch.makeUnsafe(false)
  let { isFresh: isCurrent, outcome, state } = options
  let polledAt = options.isFresh ? now() : Number.NEGATIVE_INFINITY
  /** When it was asked last, though nobody may have waited for the answer. */
  let askedAt = Number.NEGATIVE_INFINITY
  let changedAt = startedAt + ageOf(options.state)
  let signAt = now()
  let sinceAsked = () => Number.POSITIVE_INFINITY
  /** Since when nothing has changed, in polls. */
  let quiet = 0
  /** Waits for the result from before the end of the task. */
  let waiting: Fiber.Fiber<unknown, McpError.McpError> | undefined
  let driving: { readonly fiber: Fiber.Fiber<void, McpError.McpError>; readonly deafen: () => void } | undefined

  // ---------------------------------------------------------------------------
  // What the server says
  // ---------------------------------------------------------------------------

  const take = (report: TaskReport): void => {
    // What has ended stays so, whatever an older answer says that comes late.
    if (isTerminal(state.status)) return
    const isChanged = !isSame(state, report.state)
    const isFirst = !isCurrent
    isCurrent = true
    state = { ...report.state, taskId }
    if (state.status === "cancelled") outcome = Exit.fail(ended(state))
    else if (report.outcome !== undefined) outcome = report.outcome
    if (isChanged) {
      quiet = 0
      changedAt = clock.currentTimeMillisUnsafe()
      signAt = now()
    } else quiet++
    if (!isChanged && !isFirst) return
    for (const watcher of Array.from(watchers)) watcher.onState(state, isChanged)
    // Whoever has seen the end: there is nothing more to wait for.
    if (isTerminal(state.status)) wake()
  }

  const hasExpired = (since: number): boolean =>
    state.ttlMillis !== null && clock.currentTimeMillisUnsafe() - since >= state.ttlMillis

  const lose = (expired: boolean): McpError.McpError => {
    const lost = McpError.make(new McpError.TaskLostError({ taskId, expired }))
    outcome = Exit.fail(lost)
    wake()
    return lost
  }

  const poll = Effect.suspend(() => {
    if (isTerminal(state.status)) return Effect.succeed(state)
    askedAt = now()
    return Effect.matchEffect(remote.get, {
      onFailure(error) {
        if (!isUnknownTask(error)) return Effect.fail(error)
        // Somebody may have seen the end meanwhile.
        return isTerminal(state.status) ? Effect.succeed(state) : Effect.fail(lose(hasExpired(startedAt)))
      },
      onSuccess: (report) =>
        Effect.sync(() => {
          polledAt = now()
          take(report)
          return state
        })
    })
  })

  const wake = (): void => {
    woken.openUnsafe()
  }

  // ---------------------------------------------------------------------------
  // Asking again and again
  // ---------------------------------------------------------------------------

  const interval = (failures: number): number => {
    const own = Math.min(LAST_INTERVAL, FIRST_INTERVAL * 2 ** Math.min(Math.max(quiet, failures), 10))
    const wanted = state.pollIntervalMillis ?? own
    return Math.min(MAX_INTERVAL, Math.max(MIN_INTERVAL, failures === 0 ? wanted : Math.max(wanted, own)))
  }

  /** Whether the server should be asked before anything is done about what it said last. */
  const isOutdated = (): boolean => now() >= polledAt + interval(0)

  /** How long the task has to live, if nothing changes. */
  const timeToLive = (): number =>
    state.ttlMillis === null
      ? Number.POSITIVE_INFINITY
      : Math.max(MIN_INTERVAL, changedAt + state.ttlMillis - clock.currentTimeMillisUnsafe())

  const pause = Effect.fnUntraced(function*(failures: number) {
    const jitter = 1 + JITTER * (yield* Random.next)
    const due = Math.min(polledAt + interval(failures) * jitter - now(), timeToLive())
    if (due > 0) yield* Effect.raceFirst(Effect.sleep(due), woken.await)
    woken.closeUnsafe()
    const early = Math.max(askedAt, polledAt) + MIN_INTERVAL - now()
    if (early > 0) yield* Effect.sleep(Math.ceil(early))
  })

  const run = Effect.gen(function*() {
    let failures = 0
    waiting = undefined
    answering.begin()
    while (!isTerminal(state.status)) {
      if (state.status === "input_required" && isCurrent) {
        if (state.inputRequests !== undefined) yield* answering.attend(state.inputRequests)
        // Such a server asks by requests, which it may hold back until somebody waits for the result.
        // https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#input-required-status
        else if (waiting === undefined || hasFailed(waiting)) waiting = yield* Effect.forkChild(waitForResult)
      }
      yield* pause(failures)
      const polled = yield* Effect.result(poll)
      if (Result.isFailure(polled)) {
        polledAt = now()
        failures++
        if (!isPassing(polled.failure) || failures >= MAX_FAILURES) return yield* Effect.fail(polled.failure)
        continue
      }
      failures = 0
      // https://modelcontextprotocol.io/extensions/tasks/overview: the task may be considered lost.
      if (!isTerminal(state.status) && hasExpired(changedAt)) return yield* Effect.fail(lose(true))
    }
    while (isWanted()) {
      const concluded = yield* Effect.result(conclude)
      if (Result.isSuccess(concluded)) return
      polledAt = now()
      failures++
      const { failure } = concluded
      // Who has waited in vain for so long need not do so again.
      if (failure.reason._tag === "TimeoutError" || failures >= MAX_FAILURES) return yield* Effect.fail(failure)
      yield* pause(failures)
    }
  })

  const onAnswered = (): void => {
    quiet = 0
    signAt = now()
    wake()
  }

  const onStuck = (error: McpError.McpError): void => {
    for (const watcher of Array.from(watchers)) watcher.onStuck(error)
  }

  const waitForResult = Effect.tap(remote.result, () => Effect.sync(wake))

  const answering = Answering.make({ ...options, onAnswered, onStuck })

  const conclude = Effect.gen(function*() {
    if (state.status === "cancelled") {
      outcome = Exit.fail(ended(state))
      return
    }
    // Some servers take their time to tell who has waited, and tell at once who asks.
    const due = waiting === undefined || hasFailed(waiting)
      ? remote.result
      : Effect.timeoutOrElse(Fiber.join(waiting), { duration: MIN_INTERVAL, orElse: () => remote.result })
    const result = yield* Effect.result(remote.inTime(due))
    if (Result.isFailure(result)) {
      const error = result.failure
      if (isTransient(error)) return yield* Effect.fail(error)
      outcome = Exit.fail(error)
      // A task that failed fails with what its request failed with, which may be just that.
      const isLost = error.reason._tag === "TaskLostError" || state.status === "completed" && isUnknownTask(error)
      if (isLost) lose(hasExpired(startedAt))
    } else outcome = Exit.succeed(result.success)
  })

  /** Whether somebody wants to know an outcome that is not known. */
  const isWanted = (): boolean => outcome === undefined && Array.from(watchers).some((_) => _.wantsOutcome)

  /** What came while nobody waited. */
  let missed: ReadonlyArray<Progress> = []
  let report: ((progress: Progress) => void) | undefined
  if (sink !== undefined) {
    sink.report = (progress) => {
      signAt = now()
      if (report !== undefined) report(progress)
      else if (onProgress !== undefined) missed = [...missed, progress].slice(-MAX_MISSED)
    }
  }

  const asked = (since: () => number): Effect.Effect<void, McpError.McpError> => {
    sinceAsked = since
    if (onProgress === undefined) return run
    return withProgress(onProgress, (next) => {
      missed.forEach(next)
      missed = []
      report = next
      return Effect.ensuring(
        run,
        Effect.sync(() => {
          if (report === next) report = undefined
        })
      )
    })
  }

  // A question that came as a request comes once: where the task goes on, it is answered whoever has left meanwhile.
  const drive = callers.calling(taskId, handlers.methods, asked, !options.goesOn)

  // ---------------------------------------------------------------------------
  // Who wants to know
  // ---------------------------------------------------------------------------

  const begin = (): void => {
    // What was asked long ago may have been answered meanwhile.
    if (isOutdated()) isCurrent = false
    const deafen = remote.onChange(wake)
    // Who watches gets to know how to leave before there is a reason to.
    const fiber = options.fork(Effect.andThen(Effect.yieldNow, drive))
    driving = { fiber, deafen }
    fiber.addObserver((exit) => {
      if (driving?.fiber !== fiber) return
      driving = undefined
      deafen()
      settle(exit)
    })
  }

  const settle = (exit: Exit.Exit<void, McpError.McpError>): void => {
    // Who came at the last moment may want more than those before.
    if (Exit.isSuccess(exit) && isWanted()) return begin()
    const all = Array.from(watchers)
    watchers.clear()
    for (const watcher of all) watcher.onEnd(Exit.hasInterrupts(exit) ? closed : exit)
  }

  return {
    state: () => state,
    current: () =>
      isTerminal(state.status) || isCurrent && (driving !== undefined || !isOutdated()) ? state : undefined,
    outcome: () => outcome,
    poll,
    wake,
    watch(watcher) {
      watchers.add(watcher)
      if (driving === undefined) begin()
      return () => {
        watchers.delete(watcher)
        if (watchers.size > 0 || driving === undefined) return
        const { deafen, fiber } = driving
        driving = undefined
        // What is under way may take its time to end: who comes meanwhile hears by itself.
        deafen()
        fiber.interruptUnsafe()
      }
    },
    sinceSign: () => Math.min(now() - signAt, sinceAsked())
  }
}

const isSame = (a: TaskState, b: TaskState): boolean =>
  a.status === b.status && a.statusMessage === b.statusMessage && a.lastUpdatedAt === b.lastUpdatedAt &&
  keysOf(a) === keysOf(b)

/** How old a task was when it changed last, by the server's clock, which need not be right. In milliseconds. */
const ageOf = ({ createdAt, lastUpdatedAt }: TaskState): number =>
  Math.max(0, Date.parse(lastUpdatedAt) - Date.parse(createdAt)) || 0

const keysOf = ({ inputRequests }: TaskState): string => Object.keys(inputRequests ?? {}).join(" ")

const hasFailed = (fiber: Fiber.Fiber<unknown, unknown>): boolean => {
  const exit = fiber.pollUnsafe()
  return exit !== undefined && Exit.isFailure(exit)
}

const closed = Exit.fail(McpError.make(
  new McpError.ClosedError({ description: "The client was closed", by: "client", requestSent: true })
))

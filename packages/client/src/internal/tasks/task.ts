import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import type { McpTask, State, Status, WaitOptions } from "../../McpTask.ts"
import type { Deadline } from "../../McpTransport.ts"
import { monotonicMillis } from "../jsonrpc/monotonic.ts"
import { within } from "../jsonrpc/within.ts"
import { isTerminal, isUnknownTask, type TaskState } from "../session/tasks.ts"
import * as Driver from "./driver.ts"
import { ended } from "./failures.ts"
import * as Saved from "./saved.ts"

export const TypeId = "~@effect-mcp/client/McpTask" as const

/** So many states wait for a slow watcher; then the oldest go. */
const CAPACITY = 256

/** How long a server may take to cancel a task that nobody waits for any more. */
export const CANCEL_MILLIS = 5_000

export interface Options<A, E> extends Omit<Driver.Options, "answered" | "goesOn"> {
  readonly request: Saved.Origin
  /** The questions that have been answered already. */
  readonly answered?: Iterable<string> | undefined
  readonly ranImmediately?: boolean | undefined
  readonly immediateResponse?: string | undefined
  /** Reads the result, with all that takes. */
  readonly read: (result: unknown) => Effect.Effect<A, E | McpError.McpError>
  /** How long a waiter may wait: from the begin of its wait, or from a point of time on the clock of deadlines. */
  readonly deadline?: { readonly limits: Deadline; readonly since?: number } | undefined
  /**
   * Whether a waiter that leaves before the end takes the task with it. One that leaves to ask the user itself does not,
   * unless nobody else can come back to the task.
   */
  readonly cancels: "never" | "left" | "always"
}

export const make = <A, E>(options: Options<A, E>): McpTask<A, E> => {
  const { cancels, deadline, immediateResponse, isManual, ranImmediately = false, read, remote, request, startedAt } =
    options
  const { taskId } = options.state
  const answered = new Set(options.answered)
  /** The questions whose answers the server has not acknowledged yet: those that were given by hand. */
  const onTheirWay = new Set<string>()
  const driver = Driver.make({ ...options, answered, goesOn: cancels === "never" })
  let kept: Exit.Exit<A, E | McpError.McpError> | undefined

  // ---------------------------------------------------------------------------
  // Waiting
  // ---------------------------------------------------------------------------

  /** What a user who answers by hand has to know. */
  const questionsOf = ({ inputRequests = {} }: TaskState): McpError.McpError | undefined => {
    const open = Object.entries(inputRequests).filter(([key]) => !answered.has(key))
    if (!isManual || open.length === 0) return undefined
    return McpError.make(
      new McpError.InputRequiredError({
        description: `Task ${taskId} asks for input, which is given by hand through the handle of the task`,
        inputRequests: Object.fromEntries(open)
      })
    )
  }

  const outcome: Effect.Effect<unknown, McpError.McpError> = Effect.callback((resume) => {
    const known = driver.outcome()
    if (known !== undefined) return resume(known)
    const current = driver.current()
    const question = current === undefined ? undefined : questionsOf(current)
    if (question !== undefined) return resume(Effect.fail(question))
    const unwatch = driver.watch({
      wantsOutcome: true,
      onState(state) {
        const question = questionsOf(state)
        if (question !== undefined) leave(Effect.fail(question))
      },
      onStuck: (error) => leave(Effect.fail(error)),
      onEnd: (exit) => resume(Exit.isFailure(exit) ? exit : driver.outcome() ?? Effect.never)
    })
    const leave = (why: Effect.Effect<never, McpError.McpError>) => {
      unwatch()
      resume(why)
    }
    return Effect.sync(unwatch)
  })

  const readOutcome = Effect.flatMap(
    outcome,
    (result) =>
      Effect.onExit(
        Effect.flatMap(
          read(result),
          (value) =>
            driver.state().status === "failed" && !isToolFailure(result)
              ? Effect.fail(ended(driver.state()))
              : Effect.succeed(value)
        ),
        (exit) =>
          Effect.sync(() => {
            if (!Exit.hasInterrupts(exit)) kept ??= exit
          })
      )
  )

  const overdue = (limits: Deadline, begunAt: number, since: number): Effect.Effect<never, McpError.McpError> =>
    Effect.suspend(() => {
      const { budget, idleMillis, totalMillis } = limits
      const now = monotonicMillis(options.clock)
      // What happened while nobody waited, nobody knows.
      const idle = idleMillis - Math.min(driver.sinceSign(), now - begunAt)
      const total = since + totalMillis - now
      const late = total <= 0 && totalMillis !== idleMillis
        ? { budget: "total" as const, millis: totalMillis }
        : { budget, millis: idleMillis }
      // Of a part of a millisecond no clock knows when it is over.
      return Math.min(idle, total) <= 0
        ? Effect.fail(McpError.make(new McpError.TimeoutError(late)))
        : Effect.andThen(Effect.sleep(Math.ceil(Math.min(idle, total))), overdue(limits, begunAt, since))
    })

  const abandon = Effect.suspend(() =>
    isTerminal(driver.state().status) || driver.outcome() !== undefined
      ? Effect.void
      : Effect.interruptible(remote.cancel).pipe(Effect.timeoutOption(CANCEL_MILLIS), Effect.ignore)
  )

  const awaited: Effect.Effect<A, E | McpError.McpError> = Effect.suspend(() => {
    if (kept !== undefined) return kept
    const begunAt = monotonicMillis(options.clock)
    const waiting = deadline === undefined
      ? readOutcome
      : Effect.raceFirst(readOutcome, overdue(deadline.limits, begunAt, deadline.since ?? begunAt))
    return Effect.onExit(waiting, (exit) => {
      const isLeft = Exit.isFailure(exit) && !(isManual && isQuestion(exit))
      return cancels === "always" && Exit.isFailure(exit) || cancels === "left" && isLeft ? abandon : Effect.void
    })
  })

  const wait = ({ timeout, until }: WaitOptions = {}): Effect.Effect<State, McpError.McpError> => {
    const wanted: ReadonlyArray<Status> = until === undefined
      ? ["completed", "failed", "cancelled"]
      : typeof until === "string"
      ? [until]
      : until
    if (wanted.length === 0) return misused("until names no status")
    /** Whether there is nothing more to wait for: before its end, a task may come to any state. */
    const check = (state: TaskState): Exit.Exit<State, McpError.McpError> | undefined =>
      wanted.includes(state.status)
        ? Exit.succeed(toState(state))
        : isTerminal(state.status)
        ? Exit.fail(ended(state))
        : undefined
    const reached = Effect.callback<State, McpError.McpError>((resume) => {
      const current = driver.current()
      const known = current === undefined ? undefined : check(current)
      if (known !== undefined) return resume(known)
      const unwatch = driver.watch({
        wantsOutcome: false,
        onState(state) {
          const exit = check(state)
          if (exit !== undefined) leave(exit)
        },
        onStuck: (error) => leave(Effect.fail(error)),
        onEnd: (exit) =>
          resume(Exit.isFailure(exit) ? Exit.failCause(exit.cause) : check(driver.state()) ?? Effect.never)
      })
      const leave = (why: Effect.Effect<State, McpError.McpError>) => {
        unwatch()
        resume(why)
      }
      return Effect.sync(unwatch)
    })
    if (timeout === undefined) return reached
    const limit = Duration.fromInput(timeout)
    return Option.isSome(limit)
      ? within(reached, { budget: "wait", millis: Duration.toMillis(limit.value) })
      : misused(`timeout is not a duration: ${String(timeout)}`)
  }

  const changes = Stream.callback<State, McpError.McpError>((queue) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const state = driver.state()
        Queue.offerUnsafe(queue, toState(state))
        if (isTerminal(state.status)) {
          Queue.endUnsafe(queue)
          return () => {}
        }
        return driver.watch({
          wantsOutcome: false,
          onState: (state, isChanged) => void (isChanged && Queue.offerUnsafe(queue, toState(state))),
          // Somebody else may know the answer.
          onStuck: () => {},
          onEnd: (exit) =>
            void (Exit.isFailure(exit) ? Queue.failCauseUnsafe(queue, exit.cause) : Queue.endUnsafe(queue))
        })
      }),
      (unwatch) => Effect.sync(unwatch)
    ), { bufferSize: CAPACITY, strategy: "sliding" })

  // ---------------------------------------------------------------------------
  // Telling the server
  // ---------------------------------------------------------------------------

  const cancel = Effect.suspend(() =>
    isTerminal(driver.state().status)
      ? Effect.void
      : remote.cancel.pipe(
        Effect.catchIf(isUnknownTask, (error) =>
          // It is said, too, of a task that has ended meanwhile.
          Effect.flatMap(driver.poll, ({ status }) => isTerminal(status) ? Effect.void : Effect.fail(error))),
        Effect.andThen(Effect.sync(driver.wake))
      )
  )

  const answer = (inputResponses: JsonObject): Effect.Effect<void, McpError.McpError> =>
    Effect.suspend(() => {
      const keys = Object.keys(inputResponses)
      const again = keys.find((key) => answered.has(key) || onTheirWay.has(key))
      if (again !== undefined) {
        return misused(`The question ${JSON.stringify(again)} of task ${taskId} has been answered before`)
      }
      for (const key of keys) onTheirWay.add(key)
      return Effect.onExit(remote.update(inputResponses), (exit) =>
        Effect.sync(() => {
          for (const key of keys) {
            onTheirWay.delete(key)
            if (Exit.isSuccess(exit)) answered.add(key)
          }
          if (Exit.isSuccess(exit)) driver.wake()
        }))
    })

  const locate = <B, E2>(effect: Effect.Effect<B, E2>): Effect.Effect<B, E2> => Effect.mapError(effect, locateError)
  // An error that says where it comes from is of the same type as before.
  const locateError = <E2>(error: E2): E2 =>
    McpError.isMcpError(error) ? McpError.at(error, request.server, request.method) as E2 : error

  return {
    [TypeId]: TypeId,
    id: taskId,
    ranImmediately,
    immediateResponse,
    status: locate(Effect.map(driver.poll, toState)),
    changes: Stream.mapError(changes, locateError),
    await: locate(awaited),
    result: Effect.sync(() => kept !== undefined && Exit.isSuccess(kept) ? Option.some(kept.value) : Option.none()),
    wait: (options) => locate(wait(options)),
    cancel: locate(cancel),
    answer: (inputResponses) => locate(answer(inputResponses)),
    toJSON: () =>
      Saved.toJSON({
        request,
        state: driver.state(),
        startedAt,
        answered: Array.from(answered),
        outcome: driver.outcome()
      })
  }
}

export const toState = ({ pollIntervalMillis, ttlMillis, ...state }: TaskState): State => ({
  ...state,
  ttl: ttlMillis === null ? Duration.infinity : Duration.millis(ttlMillis),
  pollInterval: pollIntervalMillis === undefined ? undefined : Duration.millis(pollIntervalMillis)
})

const isQuestion = ({ cause }: Exit.Failure<unknown, unknown>): boolean =>
  cause.reasons.some((reason) =>
    Cause.isFailReason(reason) && McpError.isMcpError(reason.error) && reason.error.reason._tag === "InputRequiredError"
  )

/** Who reads a failure of the tool as a value gets to see it. */
const isToolFailure = (result: unknown): boolean => isJsonObject(result) && result["isError"] === true

const misused = (description: string): Effect.Effect<never, McpError.McpError> =>
  Effect.fail(McpError.make(new McpError.ConfigurationError({ description })))

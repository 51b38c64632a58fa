import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as McpError from "../../McpError.ts"
import { monotonicMillis } from "../jsonrpc/monotonic.ts"
import type { Session, SessionInfo } from "./session.ts"

/** How long closing may make its caller wait. What takes longer goes on in the background. */
const CLOSE_LIMIT = "5 seconds"

export type State =
  | { readonly _tag: "Idle"; readonly lost?: McpError.McpErrorReason | undefined }
  | { readonly _tag: "Connecting" }
  | { readonly _tag: "Reconnecting"; readonly attempt: number; readonly cause: McpError.McpErrorReason }
  | { readonly _tag: "Ready"; readonly session: SessionInfo }
  | { readonly _tag: "Closed" }

/**
 * One session, shared by all who use it at the same time, replaced when it is lost. Borrowing is a count and a check:
 * it happens on each call.
 */
export interface SessionRef {
  readonly state: SubscriptionRef.SubscriptionRef<State>
  /**
   * Runs an effect with the session, which stays open meanwhile, and is opened first if there is none. What it yields is
   * to be run once.
   */
  readonly use: <A, E, R>(
    f: (session: Session) => Effect.Effect<A, E, R>,
    onExit?: (exit: Exit.Exit<A, E | McpError.McpError>) => void
  ) => Effect.Effect<A, E | McpError.McpError, R>
  /** The session, if there is one. It may end at any time. */
  readonly peek: () => Session | undefined
  /** Keeps the session, and those that replace it, from closing because nobody uses it. What comes back ends that. */
  readonly keep: () => () => void
  /** Says that the server answers: losses before do not count any more. */
  readonly proven: () => void
  /** Opens a session if there is none. */
  readonly connect: Effect.Effect<void, McpError.McpError>
  /** Opens a new session. Calls under way keep the one that they began with, which closes with the last of them. */
  readonly reconnect: Effect.Effect<void, McpError.McpError>
  /** Closes the session. The next use opens another. */
  readonly close: Effect.Effect<void>
}

interface Slot {
  readonly session: Session
  readonly scope: Scope.Closeable
  borrowers: number
}

/** An attempt to connect that runs on a fiber of its own, for all who wait for it. */
interface Attempt {
  readonly result: Deferred.Deferred<Slot, McpError.McpError>
  readonly scope: Scope.Closeable
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  waiters: number
}

/** What went wrong since the server was last well. */
interface Trouble {
  readonly pause: Effect.Success<ReturnType<typeof Schedule.toStepWithSleep<unknown, McpError.McpError, never, never>>>
  attempts: number
  cause: McpError.McpError
}

export const make: (options: {
  readonly open: Effect.Effect<Session, McpError.McpError, Scope.Scope>
  /** How long a session that nobody uses stays open. */
  readonly idleTimeToLive: Duration.Duration
  /** The pauses between attempts to replace a lost session, and with its end their number. */
  readonly schedule: Schedule.Schedule<unknown, McpError.McpError>
}) => Effect.Effect<SessionRef, never, Scope.Scope> = Effect.fnUntraced(function*(options) {
  const clock = yield* Clock.Clock
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const state = yield* SubscriptionRef.make<State>({ _tag: "Idle" })
  const newPause = Schedule.toStepWithSleep(options.schedule)
  const timeToLive = Duration.toMillis(options.idleTimeToLive)

  let current: Slot | undefined
  let attempt: Attempt | undefined
  let trouble: Trouble | undefined
  let shut = false
  let idleSince = 0
  let keepers = 0
  let idleWatch: Fiber.Fiber<void> | undefined
  /** Replaced, but still borrowed. */
  const retired = new Set<Slot>()
  /** What is on its way out. */
  const closing = new Set<Fiber.Fiber<unknown, unknown>>()

  const now = () => monotonicMillis(clock)

  const setState = (next: State) => SubscriptionRef.set(state, next)

  const rest = (lost?: McpError.McpErrorReason) => setState(shut ? { _tag: "Closed" } : { _tag: "Idle", lost })

  const awaitEndOf = (fiber: Fiber.Fiber<unknown, unknown>): void => {
    if (fiber.pollUnsafe() !== undefined) return
    closing.add(fiber)
    fiber.addObserver(() => closing.delete(fiber))
  }

  /** Closes on a fiber of its own, so that closing survives whoever asked for it. */
  const closeScope = (scope: Scope.Closeable): void => awaitEndOf(runFork(Scope.close(scope, Exit.void)))

  const awaitClosing = Effect.suspend(() => Fiber.awaitAll(closing)).pipe(Effect.timeoutOption(CLOSE_LIMIT))

  const isUsable = (slot: Slot): boolean => slot.session.closedBy() === undefined

  // ---------------------------------------------------------------------------
  // Opening
  // ---------------------------------------------------------------------------

  const lose = (slot: Slot, reason: McpError.McpErrorReason): void => {
    if (current !== slot) return
    current = undefined
    // A server that forgot a session may still answer what it had taken before.
    if (reason._tag === "SessionExpiredError" && slot.borrowers > 0) retired.add(slot)
    else closeScope(slot.scope)
    runFork(Effect.andThen(troubled(McpError.make(reason)), rest(reason)))
  }

  const troubled = Effect.fnUntraced(function*(cause: McpError.McpError) {
    if (trouble === undefined) trouble = { pause: yield* newPause, attempts: 0, cause }
    else trouble.cause = cause
  })

  /** What an attempt opened before it failed is closed before the next. */
  const openIn = (scope: Scope.Scope): Effect.Effect<Session, McpError.McpError> =>
    Effect.flatMap(
      Scope.fork(scope),
      (child) => Effect.onError(Scope.provide(options.open, child), () => Effect.sync(() => closeScope(child)))
    )

  /** The first attempt to replace a lost session is made at once, each further one after a pause. */
  const replace = Effect.fnUntraced(function*(
    scope: Scope.Scope,
    trouble: Trouble
  ): Effect.fn.Return<Session, McpError.McpError> {
    while (true) {
      trouble.attempts++
      yield* setState({ _tag: "Reconnecting", attempt: trouble.attempts, cause: trouble.cause.reason })
      if (trouble.attempts > 1) {
        yield* Pull.catchDone(trouble.pause(trouble.cause), () => {
          // Enough for this time. Who asks next begins anew.
          forgive()
          return Effect.fail(trouble.cause)
        })
        yield* awaitClosing
      }
      const exit = yield* Effect.exit(openIn(scope))
      if (Exit.isSuccess(exit)) return exit.value
      const error = Cause.findErrorOption(exit.cause)
      if (Option.isNone(error) || !isTransient(error.value)) return yield* exit
      trouble.cause = error.value
    }
  })

  const open = Effect.fnUntraced(function*(scope: Scope.Scope): Effect.fn.Return<Session, McpError.McpError> {
    // Two servers can not hold one port or one file: a successor waits until its predecessor has gone.
    yield* awaitClosing
    if (trouble !== undefined) return yield* replace(scope, trouble)
    yield* setState({ _tag: "Connecting" })
    return yield* openIn(scope)
  })

  const begin = (): Attempt => {
    const self: Attempt = {
      result: Deferred.makeUnsafe(),
      scope: Scope.makeUnsafe(),
      fiber: undefined,
      waiters: 0
    }
    attempt = self
    self.fiber = runFork(Effect.onExit(open(self.scope), (exit) => {
      // An attempt that was abandoned has no say any more, and what it opened after all must go.
      const wanted = attempt === self
      if (wanted) attempt = undefined
      if (Exit.isFailure(exit) || !wanted) {
        closeScope(self.scope)
        const error = Exit.isFailure(exit)
          ? Option.getOrElse(Cause.findErrorOption(exit.cause), () => abandoned)
          : abandoned
        const failure = Exit.isFailure(exit) && Cause.hasDies(exit.cause)
          ? Exit.failCause(exit.cause)
          : Exit.fail(error)
        return Effect.andThen(wanted ? rest() : Effect.void, Deferred.done(self.result, failure))
      }
      const slot: Slot = { session: exit.value, scope: self.scope, borrowers: 0 }
      current = slot
      idleSince = now()
      runFork(Effect.flatMap(slot.session.closed, (reason) => Effect.sync(() => lose(slot, reason))))
      return setState({ _tag: "Ready", session: slot.session.info }).pipe(
        Effect.andThen(Deferred.succeed(self.result, slot)),
        Effect.andThen(Effect.sync(watchIdle))
      )
    }))
    if (attempt !== self) awaitEndOf(self.fiber)
    return self
  }

  const acquire: Effect.Effect<Slot, McpError.McpError> = Effect.suspend(() => {
    if (shut) return Effect.fail(ended)
    if (current !== undefined) {
      const reason = current.session.closedBy()
      if (reason === undefined) return Effect.succeed(current)
      lose(current, reason)
    }
    const joined = attempt ?? begin()
    joined.waiters++
    return Deferred.await(joined.result).pipe(
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          joined.waiters--
          if (joined.waiters === 0) abandon(joined)
        })
      )
    )
  })

  /** Ends an attempt that nobody waits for any more. What it leaves behind goes on closing by itself. */
  const abandon = (left: Attempt): void => {
    if (attempt === left) attempt = undefined
    if (left.fiber === undefined || left.fiber.pollUnsafe() !== undefined) return
    awaitEndOf(left.fiber)
    left.fiber.interruptUnsafe()
    runFork(rest())
  }

  // ---------------------------------------------------------------------------
  // Borrowing
  // ---------------------------------------------------------------------------

  const use: SessionRef["use"] = <A, E, R>(
    f: (session: Session) => Effect.Effect<A, E, R>,
    onExit?: (exit: Exit.Exit<A, E | McpError.McpError>) => void
  ) => {
    // The count goes up within what brings it down again: an interruption may come between any two steps.
    let held: Slot | undefined
    const borrow = (): Effect.Effect<A, E | McpError.McpError, R> => {
      if (current === undefined || !isUsable(current)) return Effect.flatMap(acquire, borrow)
      held = current
      held.borrowers++
      return f(held.session)
    }
    return Effect.onExitPrimitive(Effect.suspend(borrow), (exit) => {
      if (held !== undefined && --held.borrowers === 0) settle(held)
      onExit?.(exit)
      return undefined
    })
  }

  const settle = (slot: Slot): void => {
    if (slot !== current) {
      retired.delete(slot)
      return closeScope(slot.scope)
    }
    idleSince = now()
    watchIdle()
  }

  /** One sleeping fiber watches for idleness, however often the session is borrowed. */
  const watchIdle = (): void => {
    if (idleWatch !== undefined || keepers > 0 || timeToLive === Number.POSITIVE_INFINITY) return
    const watch: Effect.Effect<void> = Effect.suspend(() => {
      const slot = current
      if (slot === undefined || slot.borrowers > 0 || keepers > 0) return Effect.void
      const left = idleSince + timeToLive - now()
      if (left > 0) return Effect.andThen(clock.sleep(Duration.millis(Math.ceil(left))), watch)
      current = undefined
      closeScope(slot.scope)
      return rest()
    })
    idleWatch = runFork(watch)
    idleWatch.addObserver(() => {
      idleWatch = undefined
      // The session may have been let go while the watch was ending.
      if (!shut && current?.borrowers === 0) watchIdle()
    })
  }

  const keep = () => {
    keepers++
    return () => {
      keepers--
      idleSince = now()
      watchIdle()
    }
  }

  const forgive = (): void => {
    trouble = undefined
  }

  // ---------------------------------------------------------------------------
  // Closing
  // ---------------------------------------------------------------------------

  const close = Effect.suspend(() => {
    const slots = current === undefined ? Array.from(retired) : [current, ...retired]
    current = undefined
    retired.clear()
    for (const slot of slots) closeScope(slot.scope)
    if (attempt !== undefined) abandon(attempt)
    return Effect.andThen(
      awaitClosing,
      Effect.suspend(() => current === undefined && attempt === undefined ? rest() : Effect.void)
    )
  }).pipe(Effect.uninterruptible)

  const reconnect = Effect.suspend(() => {
    forgive()
    const slot = current
    current = undefined
    if (slot?.borrowers === 0) closeScope(slot.scope)
    else if (slot !== undefined) retired.add(slot)
    return Effect.asVoid(acquire)
  })

  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      shut = true
      idleWatch?.interruptUnsafe()
      return close
    })
  )

  return {
    state,
    use,
    peek: () => current?.session,
    keep,
    proven: forgive,
    connect: Effect.asVoid(acquire),
    reconnect,
    close
  }
})

const ended = McpError.make(
  new McpError.ClosedError({ description: "The client's scope has been closed", by: "client", requestSent: false })
)

const abandoned = McpError.make(
  new McpError.ClosedError({
    description: "The client was closed while it connected",
    by: "client",
    requestSent: false
  })
)

/** Whether trying again could help. */
const isTransient = (error: McpError.McpError): boolean => {
  switch (error.reason._tag) {
    case "ProcessExitError":
    case "TransportError":
    case "ClosedError":
    case "SessionExpiredError":
    case "TimeoutError":
      return true
    case "HttpError":
      return error.reason.status === 429 || error.reason.status >= 500
    default:
      return false
  }
}

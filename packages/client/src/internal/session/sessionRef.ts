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
  /** Runs an effect with the session, which stays open meanwhile, and is opened first if there is none. */
  readonly use: <A, E, R>(
    f: (session: Session) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | McpError.McpError, R>
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
  let idleWatch: Fiber.Fiber<void> | undefined
  const closing = new Set<Fiber.Fiber<void>>()

  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

  const setState = (next: State) => SubscriptionRef.set(state, next)

  const rest = (lost?: McpError.McpErrorReason) => setState(shut ? { _tag: "Closed" } : { _tag: "Idle", lost })

  /** Closes on a fiber of its own, so that closing survives whoever asked for it. */
  const closeScope = (scope: Scope.Closeable): void => {
    const fiber = runFork(Scope.close(scope, Exit.void))
    if (fiber.pollUnsafe() !== undefined) return
    closing.add(fiber)
    fiber.addObserver(() => closing.delete(fiber))
  }

  const awaitClosing = Effect.suspend(() => Fiber.awaitAll(closing)).pipe(Effect.timeoutOption(CLOSE_LIMIT))

  // ---------------------------------------------------------------------------
  // Opening
  // ---------------------------------------------------------------------------

  const openSlot = Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
    const scope = yield* Scope.make()
    const session = yield* restore(Scope.provide(options.open, scope)).pipe(
      Effect.onError(() => Effect.sync(() => closeScope(scope)))
    )
    const slot: Slot = { session, scope, borrowers: 0 }
    runFork(Effect.flatMap(session.closed, (reason) => Effect.sync(() => lose(slot, reason))))
    return slot
  }))

  const lose = (slot: Slot, reason: McpError.McpErrorReason): void => {
    if (current !== slot) return
    current = undefined
    closeScope(slot.scope)
    runFork(Effect.andThen(troubled(McpError.make(reason)), rest(reason)))
  }

  const troubled = Effect.fnUntraced(function*(cause: McpError.McpError) {
    if (trouble === undefined) trouble = { pause: yield* newPause, attempts: 0, cause }
    else trouble.cause = cause
  })

  /** The first attempt to replace a lost session is made at once, each further one after a pause. */
  const replace = Effect.fnUntraced(function*(trouble: Trouble): Effect.fn.Return<Slot, McpError.McpError> {
    while (true) {
      trouble.attempts++
      yield* setState({ _tag: "Reconnecting", attempt: trouble.attempts, cause: trouble.cause.reason })
      if (trouble.attempts > 1) {
        yield* Pull.catchDone(trouble.pause(trouble.cause), () => {
          // Enough for this time. Who asks next begins anew.
          forgive()
          return Effect.fail(trouble.cause)
        })
      }
      const exit = yield* Effect.exit(openSlot)
      if (Exit.isSuccess(exit)) return exit.value
      const error = Cause.findErrorOption(exit.cause)
      if (Option.isNone(error) || !isTransient(error.value)) return yield* exit
      trouble.cause = error.value
    }
  })

  const open = Effect.gen(function*() {
    // Two servers can not hold one port or one file: a successor waits until its predecessor has gone.
    yield* awaitClosing
    if (trouble !== undefined) return yield* replace(trouble)
    yield* setState({ _tag: "Connecting" })
    return yield* openSlot
  })

  const begin = (): Attempt => {
    const self: Attempt = { result: Deferred.makeUnsafe(), fiber: undefined, waiters: 0 }
    attempt = self
    self.fiber = runFork(Effect.onExit(open, (exit) => {
      if (attempt === self) attempt = undefined
      if (Exit.isFailure(exit)) {
        const error = Option.getOrElse(Cause.findErrorOption(exit.cause), () => abandoned)
        const failure = Cause.hasDies(exit.cause) ? exit : Exit.fail(error)
        return Effect.andThen(rest(error.reason), Deferred.done(self.result, failure))
      }
      const slot = exit.value
      current = slot
      idleSince = now()
      return setState({ _tag: "Ready", session: slot.session.info }).pipe(
        Effect.andThen(Deferred.succeed(self.result, slot)),
        Effect.andThen(Effect.sync(watchIdle))
      )
    }))
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
    return Effect.onInterrupt(Deferred.await(joined.result), () =>
      Effect.suspend(() => {
        joined.waiters--
        return joined.waiters === 0 ? abandon(joined) : Effect.void
      }))
  })

  /** Ends an attempt that nobody waits for any more, and leaves nothing of it behind. */
  const abandon = (left: Attempt) =>
    Effect.suspend(() => {
      if (attempt === left) attempt = undefined
      left.fiber?.interruptUnsafe()
      return awaitClosing
    })

  // ---------------------------------------------------------------------------
  // Borrowing
  // ---------------------------------------------------------------------------

  const borrow = <A, E, R>(slot: Slot, f: (session: Session) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    slot.borrowers++
    return Effect.onExitPrimitive(f(slot.session), () => {
      slot.borrowers--
      if (slot.borrowers === 0) settle(slot)
      return undefined
    })
  }

  const settle = (slot: Slot): void => {
    if (slot !== current) return closeScope(slot.scope)
    idleSince = now()
    watchIdle()
  }

  /** One sleeping fiber watches for idleness, however often the session is borrowed. */
  const watchIdle = (): void => {
    if (idleWatch !== undefined || timeToLive === Number.POSITIVE_INFINITY) return
    const watch: Effect.Effect<void> = Effect.suspend(() => {
      const slot = current
      const left = idleSince + timeToLive - now()
      if (slot !== undefined && slot.borrowers === 0 && left > 0) {
        return Effect.andThen(clock.sleep(Duration.millis(Math.ceil(left))), watch)
      }
      idleWatch = undefined
      if (slot === undefined || slot.borrowers > 0) return Effect.void
      current = undefined
      closeScope(slot.scope)
      return rest()
    })
    const fiber = runFork(watch)
    if (fiber.pollUnsafe() === undefined) idleWatch = fiber
  }

  const use: SessionRef["use"] = (f) =>
    Effect.suspend(() =>
      current !== undefined && current.session.closedBy() === undefined
        ? borrow(current, f)
        : Effect.flatMap(acquire, (slot) => borrow(slot, f))
    )

  const forgive = (): void => {
    trouble = undefined
  }

  // ---------------------------------------------------------------------------
  // Closing
  // ---------------------------------------------------------------------------

  const detach = (): Slot | undefined => {
    const slot = current
    current = undefined
    return slot
  }

  const close = Effect.suspend(() => {
    const slot = detach()
    if (slot !== undefined) closeScope(slot.scope)
    return attempt === undefined ? awaitClosing : abandon(attempt)
  }).pipe(Effect.andThen(Effect.suspend(() => rest())), Effect.uninterruptible)

  const reconnect = Effect.suspend(() => {
    forgive()
    const slot = detach()
    if (slot?.borrowers === 0) closeScope(slot.scope)
    return Effect.asVoid(acquire)
  })

  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      shut = true
      idleWatch?.interruptUnsafe()
      return close
    })
  )

  return { state, use, proven: forgive, connect: Effect.asVoid(acquire), reconnect, close }
})

const ended = McpError.make(
  new McpError.ClosedError({ description: "The client's scope has been closed", requestSent: false })
)

const abandoned = McpError.make(
  new McpError.ClosedError({ description: "The client was closed while it connected", requestSent: false })
)

/** Whether trying again could help. */
const isTransient = (error: McpError.McpError): boolean => {
  switch (error.reason._tag) {
    case "ProcessExitError":
    case "TransportError":
    case "ClosedError":
    case "TimeoutError":
      return true
    default:
      return false
  }
}

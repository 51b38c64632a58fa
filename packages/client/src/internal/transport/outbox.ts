import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"

/** Where a pipe puts what it sends. */
export interface Outlet<Out> {
  /**
   * Never waits: who asks waits for the answer, with a deadline, and is a bound by itself. No answer comes before `push`
   * has returned. What it returns takes the message back; false if that has left already.
   */
  readonly push: (out: Out) => () => boolean
  /** Waits for room, if too much is waiting to go out; `undefined` if there is room. For what has no answer. */
  readonly room: () => Effect.Effect<void> | undefined
  /** No more is coming. What is waiting still goes out. */
  readonly end: () => void
}

export interface Outbox<Out> extends Outlet<Out> {
  /** All that has gathered since the last take. Done when the outbox has ended. */
  readonly take: Pull.Pull<NonEmptyReadonlyArray<Out>>
}

/**
 * Gathers what is sent within one tick, so that it can leave in one write. A `Queue` would wake its taker only in the
 * next turn of the event loop, which a single call at a time feels.
 */
export const make = <Out>(capacity: number): Outbox<Out> => {
  let gathered = new Set<{ readonly out: Out }>()
  let ended = false
  let flushing = false
  let taker: (() => void) | undefined
  const waiting = new Set<() => void>()

  const flush = (): void => {
    flushing = false
    // What gathered may have been withdrawn meanwhile.
    if (gathered.size === 0 && !ended) return
    const wake = taker
    taker = undefined
    wake?.()
  }

  const flushSoon = (): void => {
    if (flushing || taker === undefined) return
    flushing = true
    queueMicrotask(flush)
  }

  const wakeWaiting = (): void => {
    const all = Array.from(waiting)
    waiting.clear()
    for (const wake of all) wake()
  }

  const takeNow = (): Pull.Pull<NonEmptyReadonlyArray<Out>> | undefined => {
    const [first, ...rest] = Array.from(gathered, ({ out }) => out)
    if (first === undefined) return ended ? Cause.done() : undefined
    gathered = new Set()
    wakeWaiting()
    return Effect.succeed([first, ...rest])
  }

  return {
    push(out) {
      const message = { out }
      if (!ended) {
        gathered.add(message)
        flushSoon()
      }
      return () => gathered.delete(message)
    },
    room: () =>
      ended || gathered.size < capacity
        ? undefined
        : Effect.callback((resume) => {
          const wake = () => resume(Effect.void)
          waiting.add(wake)
          return Effect.sync(() => waiting.delete(wake))
        }),
    end() {
      ended = true
      wakeWaiting()
      flushSoon()
    },
    take: Effect.callback((resume) => {
      const now = takeNow()
      if (now !== undefined) return resume(now)
      taker = () => resume(takeNow() ?? Cause.done())
    })
  }
}

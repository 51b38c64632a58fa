import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"

/** Where a pipe puts what it sends. */
export interface Outlet<Out> {
  /**
   * Never waits: who asks waits for the answer, with a deadline, and is a bound by itself. `context` is that of the
   * fiber that asks. What `push` returns takes the message back; false if that has left already.
   */
  readonly push: (out: Out, context: Context.Context<never>) => () => boolean
  /** Waits for room, if too much is waiting to go out; `undefined` if there is room. For what has no answer. */
  readonly room: () => Effect.Effect<void> | undefined
  /** No more is coming. What is waiting still goes out. */
  readonly end: () => void
}

export interface Outbox<Out> extends Outlet<Out> {
  /** All that has gathered since the last take. Done when the outbox has ended. */
  readonly take: Pull.Pull<Arr.NonEmptyReadonlyArray<Out>>
}

interface Message<Out> {
  readonly out: Out
  /** Whether it has left, or was taken back. */
  gone: boolean
}

/**
 * Gathers what is sent within one tick, so that it can leave in one write. A `Queue` would wake its taker only in the
 * next turn of the event loop, which a single call at a time feels.
 */
export const make = <Out>(capacity: number): Outbox<Out> => {
  let gathered: Array<Message<Out>> = []
  let size = 0
  let ended = false
  let flushing = false
  let taker: (() => void) | undefined
  const waiting = new Set<() => void>()

  const flush = (): void => {
    flushing = false
    // What gathered may have been withdrawn meanwhile.
    if (size === 0 && !ended) return
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

  const takeNow = (): Pull.Pull<Arr.NonEmptyReadonlyArray<Out>> | undefined => {
    const batch: Array<Out> = []
    for (const message of gathered) {
      if (message.gone) continue
      message.gone = true
      batch.push(message.out)
    }
    gathered = []
    size = 0
    if (!Arr.isArrayNonEmpty(batch)) return ended ? Cause.done() : undefined
    wakeWaiting()
    return Effect.succeed(batch)
  }

  return {
    push(out) {
      const message = { out, gone: ended }
      if (!ended) {
        gathered.push(message)
        size++
        flushSoon()
      }
      return () => {
        if (message.gone) return false
        message.gone = true
        size--
        return true
      }
    },
    room: () =>
      ended || size < capacity
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

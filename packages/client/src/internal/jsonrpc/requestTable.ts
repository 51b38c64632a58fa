import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as McpError from "../../McpError.ts"
import type { Progress, RequestId } from "../../McpSchema.ts"
import { monotonicMillis } from "./monotonic.ts"

/** Late answers to cancelled requests are expected, and so many ids are remembered as to know them. */
const MAX_ABANDONED = 1024

/** When a wait ends: `idleMillis` after its begin or the last progress, at the latest `totalMillis` after its begin. */
export interface Deadline {
  readonly budget: "connect" | "list" | "call"
  readonly idleMillis: number
  readonly totalMillis: number
}

export interface WaitOptions {
  readonly deadline: Deadline
  /** Progress restarts the deadline only of a request that listens to it. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** For how many milliseconds the other side has not waited for us. Before that, only the total counts. */
  readonly sinceHeld?: (() => number) | undefined
}

export interface Waiting extends WaitOptions {
  readonly resume: (exit: Exit.Exit<unknown, McpError.McpError>) => void
  /** Takes the request back. False if it has left already. */
  readonly withdraw: () => boolean
  /** Tells the other side that nobody wants the answer any more. */
  readonly cancel: (why: string) => void
}

interface Entry {
  readonly waiting: Waiting
  readonly startedAt: number
  expiresAt: number
}

/**
 * The requests that wait for an answer, with their deadlines. All deadlines of a table are kept by one sleeping fiber,
 * which wakes at the earliest of them: a timer for each call would cost more than the call.
 */
export interface RequestTable {
  readonly size: () => number
  readonly has: (id: RequestId) => boolean
  readonly add: (id: RequestId, waiting: Waiting) => void
  /** Ends a wait with what arrived. False if nobody waits for this id. */
  readonly settle: (id: RequestId, exit: Exit.Exit<unknown, McpError.McpError>) => boolean
  /** Ends a wait whose answer nobody wants any more. */
  readonly abandon: (id: RequestId) => void
  readonly wasAbandoned: (id: RequestId) => boolean
  readonly progress: (id: RequestId, progress: Progress) => void
  /** Ends all waits, with an error that may say whether the request had left. */
  readonly failAll: (errorOf: (requestSent: boolean) => McpError.McpError) => void
}

export const make: (options: {
  /** What the transport knows that helps to understand a timeout. */
  readonly detail: () => string | undefined
}) => Effect.Effect<RequestTable, never, Scope.Scope> = Effect.fnUntraced(function*(options) {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const entries = new Map<RequestId, Entry>()
  const abandoned = new Set<RequestId>()
  let wakeAt = Number.POSITIVE_INFINITY
  let sleeper: Fiber.Fiber<void> | undefined

  const now = (): number => monotonicMillis(clock)

  const forget = (id: RequestId): void => {
    entries.delete(id)
    abandoned.add(id)
    if (abandoned.size > MAX_ABANDONED) {
      for (const oldest of abandoned) {
        abandoned.delete(oldest)
        break
      }
    }
  }

  const wakeBy = (at: number): void => {
    if (at >= wakeAt) return
    wakeAt = at
    sleeper?.interruptUnsafe()
    const sleep = clock.sleep(Duration.millis(Math.max(0, Math.ceil(at - now()))))
    sleeper = Fiber.runIn(runFork(Effect.andThen(sleep, Effect.sync(sweep))), scope)
  }

  const sweep = (): void => {
    const time = now()
    let next = Number.POSITIVE_INFINITY
    sleeper = undefined
    wakeAt = next
    for (const [id, entry] of entries) {
      if (entry.expiresAt <= time) entry.expiresAt = Math.max(entry.expiresAt, expiryAfterHold(entry, time))
      if (entry.expiresAt > time) next = Math.min(next, entry.expiresAt)
      else expire(id, entry)
    }
    wakeBy(next)
  }

  const expire = (id: RequestId, { expiresAt, startedAt, waiting }: Entry): void => {
    const { budget, idleMillis, totalMillis } = waiting.deadline
    const total = idleMillis !== totalMillis && expiresAt >= startedAt + totalMillis
    forget(id)
    if (!waiting.withdraw()) waiting.cancel("timeout")
    waiting.resume(Exit.fail(McpError.make(
      new McpError.TimeoutError({
        budget: total ? "total" : budget,
        millis: total ? totalMillis : idleMillis,
        detail: options.detail()
      })
    )))
  }

  const expiry = (startedAt: number, time: number, deadline: Deadline): number =>
    Math.min(time + deadline.idleMillis, startedAt + deadline.totalMillis)

  const expiryAfterHold = ({ startedAt, waiting }: Entry, time: number): number => {
    const heldUntil = Math.max(startedAt, time - (waiting.sinceHeld?.() ?? Number.POSITIVE_INFINITY))
    return expiry(startedAt, heldUntil, waiting.deadline)
  }

  return {
    size: () => entries.size,
    has: (id) => entries.has(id),
    add(id, waiting) {
      const startedAt = now()
      const expiresAt = expiry(startedAt, startedAt, waiting.deadline)
      entries.set(id, { waiting, startedAt, expiresAt })
      wakeBy(expiresAt)
    },
    settle(id, exit) {
      const entry = entries.get(id)
      if (entry === undefined) return false
      entries.delete(id)
      entry.waiting.resume(exit)
      return true
    },
    abandon(id) {
      const entry = entries.get(id)
      if (entry === undefined) return
      forget(id)
      if (!entry.waiting.withdraw()) entry.waiting.cancel("interrupted")
    },
    wasAbandoned: (id) => abandoned.has(id),
    progress(id, progress) {
      const entry = entries.get(id)
      if (entry?.waiting.onProgress === undefined) return
      entry.expiresAt = expiry(entry.startedAt, now(), entry.waiting.deadline)
      entry.waiting.onProgress(progress)
    },
    failAll(errorOf) {
      const all = Array.from(entries.values(), ({ waiting }) => ({ waiting, sent: !waiting.withdraw() }))
      entries.clear()
      for (const { sent, waiting } of all) waiting.resume(Exit.fail(errorOf(sent)))
    }
  }
})

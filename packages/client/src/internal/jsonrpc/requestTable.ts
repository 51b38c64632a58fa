import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as McpError from "../../McpError.ts"
import type { Progress, RequestId } from "../../McpSchema.ts"

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
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export interface Waiting {
  readonly method: string
  readonly resume: (exit: Exit.Exit<unknown, McpError.McpError>) => void
  readonly deadline: Deadline
  readonly onProgress: WaitOptions["onProgress"]
  readonly startedAt: number
  expiresAt: number
}

/**
 * The requests that wait for an answer, with their deadlines. All deadlines of a table are kept by one sleeping fiber,
 * which wakes at the earliest of them: a timer for each call would cost more than the call.
 */
export interface RequestTable {
  readonly size: () => number
  readonly add: (
    id: RequestId,
    method: string,
    options: WaitOptions,
    resume: Waiting["resume"]
  ) => void
  /** Ends a wait with what arrived. False if nobody waits for this id. */
  readonly settle: (id: RequestId, exit: Exit.Exit<unknown, McpError.McpError>) => boolean
  /** Ends a wait whose answer nobody wants any more. False if it had been answered. */
  readonly abandon: (id: RequestId) => boolean
  readonly wasAbandoned: (id: RequestId) => boolean
  readonly progress: (id: RequestId, progress: Progress) => void
  readonly failAll: (error: McpError.McpError) => void
}

export const make: (options: {
  /** What the transport knows that helps to understand a timeout. */
  readonly detail: () => string | undefined
  readonly onTimeout: (id: RequestId, waiting: Waiting) => void
}) => Effect.Effect<RequestTable, never, Scope.Scope> = Effect.fnUntraced(function*(options) {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const waiting = new Map<RequestId, Waiting>()
  const abandoned = new Set<RequestId>()
  let wakeAt = Number.POSITIVE_INFINITY
  let sleeper: Fiber.Fiber<void> | undefined

  // Elapsed time must not jump with the wall clock.
  const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

  const forget = (id: RequestId): void => {
    waiting.delete(id)
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
    for (const [id, entry] of waiting) {
      if (entry.expiresAt > time) {
        next = Math.min(next, entry.expiresAt)
        continue
      }
      forget(id)
      options.onTimeout(id, entry)
      const total = entry.expiresAt >= entry.startedAt + entry.deadline.totalMillis
      entry.resume(Exit.fail(McpError.make(
        new McpError.TimeoutError({
          budget: total ? "total" : entry.deadline.budget,
          millis: total ? entry.deadline.totalMillis : entry.deadline.idleMillis,
          detail: options.detail()
        })
      )))
    }
    wakeBy(next)
  }

  const expiry = (startedAt: number, time: number, deadline: Deadline): number =>
    Math.min(time + deadline.idleMillis, startedAt + deadline.totalMillis)

  return {
    size: () => waiting.size,
    add(id, method, { deadline, onProgress }, resume) {
      const startedAt = now()
      const expiresAt = expiry(startedAt, startedAt, deadline)
      waiting.set(id, { method, resume, deadline, onProgress, startedAt, expiresAt })
      wakeBy(expiresAt)
    },
    settle(id, exit) {
      const entry = waiting.get(id)
      if (entry === undefined) return false
      waiting.delete(id)
      entry.resume(exit)
      return true
    },
    abandon(id) {
      if (!waiting.has(id)) return false
      forget(id)
      return true
    },
    wasAbandoned: (id) => abandoned.has(id),
    progress(id, progress) {
      const entry = waiting.get(id)
      if (entry === undefined) return
      entry.expiresAt = expiry(entry.startedAt, now(), entry.deadline)
      entry.onProgress?.(progress)
    },
    failAll(error) {
      const entries = Array.from(waiting.values())
      waiting.clear()
      for (const entry of entries) entry.resume(Exit.fail(error))
    }
  }
})

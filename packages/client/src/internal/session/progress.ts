import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type { Progress } from "../../McpSchema.ts"

/** Of a flood of progress that nobody keeps up with, the newest steps are kept. */
const PROGRESS_CAPACITY = 256

/**
 * Runs a request and, beside it, an effect for each step of its progress: in order, and all of them before the result is
 * handed on. Both run as the caller, with its services and spans.
 */
export const withProgress = <A, E, R, R2>(
  onProgress: (progress: Progress) => Effect.Effect<void, never, R2>,
  request: (report: (progress: Progress) => void) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | R2> =>
  Effect.gen(function*() {
    const steps = yield* Queue.sliding<Progress, Cause.Done>(PROGRESS_CAPACITY)
    const reporting = yield* Queue.take(steps).pipe(
      Effect.flatMap(onProgress),
      Effect.forever,
      Effect.catch(() => Effect.void),
      Effect.forkChild
    )
    const result = yield* Effect.exit(request((progress) => {
      Queue.offerUnsafe(steps, progress)
    }))
    Queue.endUnsafe(steps)
    yield* Fiber.join(reporting)
    return yield* result
  })

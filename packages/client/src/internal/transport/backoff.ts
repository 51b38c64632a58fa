import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

const MIN_MILLIS = 1000
const MAX_MILLIS = 30_000

/** Waits before something is tried again: the longer the more often it failed, and never quite as long as others. */
export const backoff = (failures: number, atLeast: Duration.Duration = Duration.zero): Effect.Effect<void> =>
  Effect.flatMap(Random.next, (jitter) => {
    const millis = Math.min(MAX_MILLIS, MIN_MILLIS * 2 ** failures) * (0.8 + 0.4 * jitter)
    return Effect.sleep(Duration.max(atLeast, Duration.millis(millis)))
  })

import type * as Clock from "effect/Clock"

/** Milliseconds that do not jump when the wall clock is set. Only their differences mean anything. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

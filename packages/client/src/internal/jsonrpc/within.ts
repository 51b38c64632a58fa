import * as Effect from "effect/Effect"
import * as McpError from "../../McpError.ts"

/**
 * Gives an effect so much time as is `left` of a budget. The error says how long the whole of it is: what was left for
 * one step says nothing to who set the deadline.
 */
export const within = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  { budget, left, millis }: {
    readonly budget: McpError.TimeoutError["budget"]
    readonly millis: number
    readonly left?: number
  }
): Effect.Effect<A, E | McpError.McpError, R> =>
  Effect.timeoutOrElse(effect, {
    duration: Math.max(0, left ?? millis),
    orElse: () => Effect.fail(McpError.make(new McpError.TimeoutError({ budget, millis })))
  })

/** Many calls at the same time, of which some are interrupted at some time. */
import type * as McpClient from "@effect-mcp/client/McpClient"
import type * as McpError from "@effect-mcp/client/McpError"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "./random.ts"
import { EchoLater } from "./support.ts"

export interface Outcome {
  readonly value: number
  /** Whether the server would never answer. */
  readonly hangs: boolean
  readonly interrupted: boolean
  readonly exit: Exit.Exit<unknown, McpError.McpError | McpError.ToolError>
}

export const callAndInterrupt = Effect.fnUntraced(function*(client: McpClient.McpClient, count: number, seed: number) {
  const random = Random.make(seed)
  const calls: Array<
    Omit<Outcome, "exit"> & { readonly fiber: Fiber.Fiber<unknown, McpError.McpError | McpError.ToolError> }
  > = []
  for (let value = 0; value < count; value++) {
    const hangs = random.below(3) === 0
    const call: Effect.Effect<unknown, McpError.McpError | McpError.ToolError> = hangs
      ? client.callTool("hang", { value })
      : client.call(EchoLater, { value, turns: random.below(30) })
    const fiber = yield* Effect.forkChild(call, { startImmediately: random.below(2) === 0 })
    calls.push({ value, hangs, interrupted: hangs || random.below(2) === 0, fiber })
  }
  for (const { fiber, interrupted } of random.shuffle(calls)) {
    if (!interrupted) continue
    // now and then the answers that wait get a chance
    if (random.below(10) === 0) yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
  }
  return yield* Effect.forEach(
    calls,
    ({ fiber, ...call }) => Effect.map(Fiber.await(fiber), (exit): Outcome => ({ ...call, exit }))
  )
})

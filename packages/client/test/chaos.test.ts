import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { census, connect, settled } from "./harness.ts"

const tools = {
  quick: () => Effect.succeed({}),
  slow: (_, request) => Effect.as(Effect.andThen(Effect.sleep("3 seconds"), request.progress({ progress: 1 })), {}),
  hang: () => Effect.never
} satisfies MockTransport.Options["tools"]

const Step = Schema.Literals([
  "quick",
  "slow",
  "hang",
  "list",
  "session",
  "interrupt the oldest",
  "interrupt the newest",
  "hang up",
  "hang up soon",
  "refuse to connect",
  "connect slowly",
  "garble",
  "close",
  "reconnect",
  "wait a little",
  "wait a minute",
  "let things run"
])

describe("whatever happens, in whatever order", () => {
  it.effect.prop(
    "every call comes to an end, the client heals, and nothing is left when its scope closes",
    { lazy: Schema.Boolean, steps: Schema.Array(Step).check(Schema.isMaxLength(40)) },
    ({ lazy, steps }) =>
      Effect.gen(function*() {
        const { alive, counting } = census()
        const scope = yield* Scope.make()
        const { client, mock } = yield* connect({ tools }, { lazy, idleTimeToLive: "10 seconds" }).pipe(
          Scope.provide(scope),
          counting
        )
        const running: Array<Fiber.Fiber<unknown, unknown>> = []
        const fork = (effect: Effect.Effect<unknown, unknown>) =>
          Effect.map(Effect.forkChild(effect, { startImmediately: true }), (fiber) => {
            running.push(fiber)
          })
        const interrupt = (fiber: Fiber.Fiber<unknown, unknown> | undefined) =>
          fiber === undefined ? Effect.void : fork(Fiber.interrupt(fiber))
        const take = (step: typeof Step.Type): Effect.Effect<unknown> => {
          switch (step) {
            case "quick":
            case "slow":
            case "hang":
              return fork(client.callTool(step, {}, { onProgress: () => Effect.void }))
            case "list":
              return fork(client.listTools())
            case "session":
              return fork(client.session)
            case "interrupt the oldest":
              return interrupt(running.find((fiber) => fiber.pollUnsafe() === undefined))
            case "interrupt the newest":
              return interrupt(running.findLast((fiber) => fiber.pollUnsafe() === undefined))
            case "hang up":
              return mock.disconnect()
            case "hang up soon":
              return mock.inject(Fault.disconnect(() => true, 1))
            case "refuse to connect":
              return mock.inject(Fault.disconnect("initialize", 1))
            case "connect slowly":
              return mock.inject(Fault.delay("initialize", "2 seconds", 1))
            case "garble":
              return mock.inject(Fault.garble("tools/call", { id: 1 }, 1))
            case "close":
              return fork(client.close)
            case "reconnect":
              return fork(client.reconnect)
            case "wait a little":
              return TestClock.adjust("500 millis")
            case "wait a minute":
              return TestClock.adjust("1 minute")
            case "let things run":
              return settled
          }
        }

        yield* counting(Effect.forEach(steps, take, { discard: true }))
        yield* settled
        yield* TestClock.adjust("1 hour")
        for (const fiber of running) {
          const exit = fiber.pollUnsafe()
          assert.isDefined(exit)
          assert.isFalse(exit !== undefined && Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        }

        // Of the faults that are left, each call can use up one.
        const healing = client.callTool("quick").pipe(Effect.retry({ times: steps.length }), counting)
        yield* Effect.forkChild(healing, { startImmediately: true }).pipe(
          Effect.tap(() => settled),
          Effect.tap(() => TestClock.adjust("1 hour")),
          Effect.flatMap(Fiber.join)
        )
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* mock.open, lazy ? 0 : 1)
        assert.strictEqual((yield* client.state)._tag, lazy ? "Idle" : "Ready")

        yield* Scope.close(scope, Exit.void)
        yield* settled
        assert.strictEqual(yield* mock.open, 0)
        assert.strictEqual(yield* mock.answering, 0)
        assert.strictEqual(alive(), 0)
      }),
    { arbitrary: { runs: 120, size: 40 } }
  )
})

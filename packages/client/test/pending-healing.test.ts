import * as Fault from "@effect-mcp/testing/Fault"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { connect, failsWith, start } from "./harness.ts"

describe("a server that crashes again and again", () => {
  it.effect("is not well again because this side refused to send something", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        tools: { noop: () => Effect.succeed({}) },
        faults: [Fault.disconnect(({ params }) => params?.["name"] === "crash")]
      })
      const crash = failsWith("ClosedError")(client.callTool("crash"))
      yield* crash
      yield* crash
      const refused = yield* start(failsWith("ValidationError")(client.callTool("noop", { n: 1n })))
      yield* TestClock.adjust("120 millis")
      yield* Fiber.join(refused)
      assert.strictEqual(yield* mock.connections, 3)
      yield* crash
      yield* start(client.callTool("noop"))
      assert.strictEqual(yield* mock.connections, 3)
    }))
})

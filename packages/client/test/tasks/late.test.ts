import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { eras, failsWith, start } from "../harness.ts"
import { connect, done, FIRST } from "./support.ts"

describe.each(eras)("who begins to wait late for a task of the %s era", (era) => {
  const started = Effect.fnUntraced(function*() {
    const { client, server } = yield* connect(era)
    const task = yield* client.startTool("optional", {}, { timeout: "30 seconds" })
    yield* TestClock.adjust("1 minute")
    return { server, task }
  })

  it.effect("gets what came of it meanwhile", () =>
    Effect.gen(function*() {
      const { server, task } = yield* started()
      yield* server.set(FIRST, { status: "completed" })
      assert.deepStrictEqual<unknown>((yield* task.await).content, done.content)
    }))

  it.effect("waits as long as anybody, and so does who waits again", () =>
    Effect.gen(function*() {
      const { task } = yield* started()
      for (const _ of [1, 2]) {
        const waiting = yield* start(task.await)
        yield* TestClock.adjust("29 seconds")
        assert.isUndefined(waiting.pollUnsafe())
        yield* TestClock.adjust("1 second")
        const { budget, millis } = yield* failsWith("TimeoutError")(Fiber.join(waiting))
        assert.deepStrictEqual([budget, millis], ["call", 30_000])
      }
    }))
})

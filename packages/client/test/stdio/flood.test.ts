import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { connect, Echo, perform, runProgram } from "./support.ts"

describe("a server that floods", () => {
  it.live("with notifications and noise needs no memory, and its call completes", () =>
    Effect.gen(function*() {
      // the flood has 140 MB
      const { code, stderr, stdout } = yield* runProgram("flood.ts", {
        node: ["--max-old-space-size=100"],
        args: ["100000", "600", "20000", "4000"]
      })
      assert.deepStrictEqual([stderr, stdout, code], ["", "{\"value\":\"dry\"}\n", 0])
    }), 60_000)

  it.live("with a line that does not end needs no memory", () =>
    Effect.gen(function*() {
      const { stderr, stdout } = yield* runProgram("endless.ts", { args: ["200"] })
      assert.strictEqual(stderr, "")
      const { megabytes, tag } = JSON.parse(stdout) as { readonly tag: string; readonly megabytes: number }
      assert.strictEqual(tag, "ClosedError")
      assert.isBelow(megabytes, 150)
    }), 60_000)

  it.live("does not delay other calls for ever", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const flood = yield* Effect.forkScoped(
        perform(client, { notifications: { count: 20_000, text: "x" } }, { answer: { value: "dry" } }),
        { startImmediately: true }
      )
      const values = Array.from({ length: 100 }, (_, value) => value)
      const answers = yield* Effect.forEach(values, (value) => client.call(Echo, { value }), { concurrency: 10 })
      assert.deepStrictEqual(answers.map(({ value }) => value), values)
      assert.deepStrictEqual((yield* Fiber.join(flood)).structuredContent, { value: "dry" })
    }))

  it.live("loses the oldest diagnostics of a watcher that can not keep up, not the newest", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const count = 5000
      const last = yield* client.diagnostics.pipe(
        Stream.filter((diagnostic) => diagnostic._tag === "Noise"),
        Stream.takeUntil((diagnostic) => diagnostic.count === count),
        Stream.runCollect,
        Effect.forkScoped({ startImmediately: true })
      )
      yield* perform(client, { noise: { count, text: "noise" } }, { answer: {} })
      const counts = (yield* Fiber.join(last)).map(({ count }) => count)
      assert.strictEqual(counts.at(-1), count)
      assert.deepStrictEqual(counts, Array.from(new Set(counts)).sort((a, b) => a - b))
    }))
})

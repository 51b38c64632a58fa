import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { callAndInterrupt } from "./interruption.ts"
import { connect, Echo, isRunning, Received, runProgram, watch } from "./support.ts"

describe("1,000 calls at the same time", () => {
  it.live("get each its own answer, from one process", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect()
      const values = Array.from({ length: 1000 }, (_, value) => value)
      const answers = yield* Effect.forEach(values, (value) => client.call(Echo, { value }), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(answers.map(({ value }) => value), values)
      assert.strictEqual(spawned.length, 1)
    }))

  it.live.each([1, 2, 3])(
    "of which some are interrupted leave nothing open (seed %d)",
    (seed) =>
      Effect.gen(function*() {
        const { client } = yield* connect()
        const unexpected = yield* watch(client, "Unexpected", 1)
        const outcomes = yield* callAndInterrupt(client, 1000, seed)

        for (const { exit, hangs, interrupted, value } of outcomes) {
          if (Exit.isSuccess(exit)) {
            assert.deepStrictEqual(exit.value, { value })
            assert.isFalse(hangs)
          } else {
            assert.isTrue(Exit.hasInterrupts(exit), `call ${value} failed: ${String(exit.cause)}`)
            assert.isTrue(interrupted)
          }
        }

        const { messages, outstanding } = yield* client.call(Received, {})
        assert.deepStrictEqual(outstanding, [])
        const cancelled = messages.flatMap(({ method, params }) =>
          method === "notifications/cancelled" ? [params.requestId as number] : []
        )
        assert.strictEqual(new Set(cancelled).size, cancelled.length)
        const idOf = new Map(
          messages.flatMap(({ id, method, params }) =>
            method === "tools/call" && id !== undefined ? [[params.arguments.value as number, id]] : []
          )
        )
        for (const { exit, hangs, value } of outcomes) {
          const id = idOf.get(value)
          if (id === undefined) continue
          if (Exit.isSuccess(exit)) assert.notInclude(cancelled, id, `call ${value} was answered`)
          else if (hangs) assert.include(cancelled, id, `call ${value} was left open`)
        }
        assert.isAbove(cancelled.length, 100)
        assert.strictEqual(unexpected.pollUnsafe(), undefined)
      })
  )

  it.live("leave the program nothing that keeps it alive", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* runProgram("leftovers.ts", { args: ["1000", "4"] })
      assert.deepStrictEqual([stderr, code], ["", 0])
      const { pid, resources } = JSON.parse(stdout) as {
        readonly pid: number
        readonly resources: ReadonlyArray<string>
      }
      assert.isFalse(isRunning(pid))
      assert.deepStrictEqual(resources, [])
    }), 60_000)
})

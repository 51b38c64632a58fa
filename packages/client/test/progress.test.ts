import * as McpTool from "@effect-mcp/client/McpTool"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { connect, settled, start } from "./harness.ts"

const hang: MockTransport.Tool = () => Effect.never

/** Reports so many steps, then answers. */
const steps = (count: number): MockTransport.Tool => (_, request) =>
  Effect.gen(function*() {
    for (let step = 1; step <= count; step++) {
      yield* request.progress({ progress: step, total: count, message: `step ${step}` })
    }
    return { structuredContent: { steps: count } }
  })

const progress = (progressToken: number | string, progress: unknown) => ({
  jsonrpc: "2.0",
  method: "notifications/progress",
  params: { progressToken, progress }
})

const answer = (id: number) => ({ jsonrpc: "2.0", id, result: { content: [], structuredContent: { steps: 0 } } })

const counting = McpTool.make("count", { output: Schema.Struct({ steps: Schema.Number }) })

describe("onProgress", () => {
  it.effect("runs for each step, in order, before the call ends", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { count: steps(3) } })
      const log: Array<unknown> = []
      const result = yield* client.callTool("count", {}, {
        onProgress: ({ message, progress, total }) => Effect.sync(() => void log.push([progress, total, message]))
      })
      log.push(result.structuredContent)
      assert.deepStrictEqual(log, [[1, 3, "step 1"], [2, 3, "step 2"], [3, 3, "step 3"], { steps: 3 }])
    }))

  it.effect("runs before the call ends, also when steps and answer come in one batch", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { count: hang } })
      const log: Array<unknown> = []
      const call = yield* start(client.call(counting, {}, {
        onProgress: ({ progress }) => Effect.andThen(Effect.yieldNow, Effect.sync(() => void log.push(progress)))
      }))
      yield* mock.send([progress(1, 1), progress(1, 2), answer(1), progress(1, 3)])
      log.push(yield* Fiber.join(call))
      yield* settled
      assert.deepStrictEqual(log, [1, 2, { steps: 0 }])
    }))

  it.effect("runs one after the other, and the call waits for a slow one", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { count: steps(3) } })
      const log: Array<string> = []
      const call = yield* start(client.callTool("count", {}, {
        onProgress: ({ progress }) =>
          Effect.gen(function*() {
            log.push(`begin ${progress}`)
            yield* Effect.sleep("10 seconds")
            log.push(`end ${progress}`)
          })
      }))
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(call)
      assert.deepStrictEqual(log, ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"])
    }))

  it.effect("has the services of the caller", () =>
    Effect.gen(function*() {
      class Bar extends Context.Service<Bar, { readonly set: (n: number) => Effect.Effect<void> }>()("test/Bar") {}
      const { client } = yield* connect({ tools: { count: steps(2) } })
      const seen: Array<number> = []
      yield* client.call(counting, {}, {
        onProgress: ({ progress }) => Bar.use((bar) => bar.set(progress))
      }).pipe(Effect.provideService(Bar, { set: (n) => Effect.sync(() => void seen.push(n)) }))
      assert.deepStrictEqual(seen, [1, 2])
    }))

  it.effect("of a call hears nothing of other calls", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { count: hang } })
      const seen: Record<string, Array<number>> = { a: [], b: [] }
      const listen = (who: string) =>
        start(client.callTool("count", {}, {
          onProgress: ({ progress }) => Effect.sync(() => void seen[who]?.push(progress))
        }))
      const calls = [yield* listen("a"), yield* listen("b")]
      yield* mock.send([progress(1, 10), progress(2, 20), progress(3, 30), progress(1, 11), answer(1), answer(2)])
      yield* Fiber.joinAll(calls)
      assert.deepStrictEqual(seen, { a: [10, 11], b: [20] })
    }))

  it.effect("is not run for what is no step", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { count: hang } })
      const seen: Array<number> = []
      const call = yield* start(client.callTool("count", {}, {
        onProgress: ({ progress }) => Effect.sync(() => void seen.push(progress))
      }))
      yield* mock.send([progress(1, "half"), progress(1, undefined), { ...progress(1, 1), params: {} }, answer(1)])
      yield* Fiber.join(call)
      assert.deepStrictEqual(seen, [])
    }))

  it.effect("keeps what the server adds to a step", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        tools: { count: (_, request) => Effect.as(request.progress({ progress: 1, "x-eta": "soon" }), {}) }
      })
      const seen: Array<unknown> = []
      yield* client.callTool("count", {}, { onProgress: (step) => Effect.sync(() => void seen.push(step["x-eta"])) })
      assert.deepStrictEqual(seen, ["soon"])
    }))

  it.effect("runs before the call fails, too", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        tools: { count: (_, request) => Effect.as(request.progress({ progress: 1 }), { isError: true }) }
      })
      const seen: Array<unknown> = []
      const error = yield* Effect.flip(client.callTool("count", {}, {
        onProgress: ({ progress }) => Effect.sync(() => void seen.push(progress))
      }))
      assert.strictEqual(error._tag, "ToolError")
      assert.deepStrictEqual(seen, [1])
    }))

  it.effect("that dies makes the call die, and no other", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { count: steps(1) } })
      const exit = yield* Effect.exit(client.callTool("count", {}, { onProgress: () => Effect.die("oops") }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      yield* client.callTool("count")
    }))

  it.effect("is interrupted with its call, and the server is told", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { count: hang } })
      const interrupted = yield* Deferred.make<void>()
      const call = yield* start(client.callTool("count", {}, {
        onProgress: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      }))
      yield* mock.send(progress(1, 1))
      yield* settled
      yield* Fiber.interrupt(call)
      yield* Deferred.await(interrupted)
      yield* settled
      assert.strictEqual((yield* mock.methods).at(-1), "notifications/cancelled")
      assert.strictEqual(yield* mock.answering, 0)
    }))

  it.effect("that can not keep up with a flood misses old steps, keeps the newest, and stalls nobody", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { count: hang } })
      const gate = yield* Deferred.make<void>()
      const seen: Array<number> = []
      const slow = yield* start(client.callTool("count", {}, {
        onProgress: ({ progress }) => Effect.andThen(Deferred.await(gate), Effect.sync(() => void seen.push(progress)))
      }))
      const other = yield* start(client.callTool("count"))
      yield* mock.send(Array.from({ length: 5_000 }, (_, step) => progress(1, step)))
      yield* mock.send([answer(1), answer(2)])
      yield* Fiber.join(other)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(slow)
      assert.isBelow(seen.length, 1_000)
      assert.isAbove(seen.length, 10)
      assert.strictEqual(seen.at(-1), 4_999)
      assert.deepStrictEqual(seen, [...seen].sort((a, b) => a - b))
    }))
})

describe("a stream of a call", () => {
  it.effect("yields the steps, then the result, then ends", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { count: steps(2) } })
      const events = yield* Stream.runCollect(client.callStream(counting, {}))
      assert.deepStrictEqual(
        events.map((event) => event._tag === "Progress" ? event.progress.progress : event.value),
        [1, 2, { steps: 2 }]
      )
    }))

  it.effect("sends nothing before it runs, and calls anew each time it runs", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { count: steps(0) } })
      const stream = client.callStream(counting, {})
      assert.notInclude(yield* mock.methods, "tools/call")
      yield* Stream.runDrain(stream)
      yield* Stream.runDrain(stream)
      assert.strictEqual((yield* mock.methods).filter((method) => method === "tools/call").length, 2)
    }))

  it.effect("cancels the call when nobody wants more", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        tools: { count: (_, request) => Effect.andThen(request.progress({ progress: 1 }), Effect.never) }
      })
      const [first] = yield* Stream.runCollect(Stream.take(client.callStream(counting, {}), 1))
      assert.strictEqual(first?._tag, "Progress")
      yield* settled
      assert.strictEqual((yield* mock.methods).at(-1), "notifications/cancelled")
      assert.strictEqual(yield* mock.answering, 0)
    }))

  it.effect("fails as the call fails, after its steps", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        tools: { count: (_, request) => Effect.as(request.progress({ progress: 1 }), { isError: true }) }
      })
      const tags: Array<string> = []
      const error = yield* client.callStream(counting, {}).pipe(
        Stream.runForEach((event) => Effect.sync(() => void tags.push(event._tag))),
        Effect.flip
      )
      assert.strictEqual(error._tag, "ToolError")
      assert.deepStrictEqual(tags, ["Progress"])
    }))

  it.effect("that is read slowly does not run into the deadline of the call", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { count: steps(50) } })
      const events = yield* start(
        client.callStream(counting, {}).pipe(Stream.tap(() => Effect.sleep("10 seconds")), Stream.runCollect)
      )
      yield* TestClock.adjust("510 seconds")
      assert.strictEqual((yield* Fiber.join(events)).length, 51)
    }))
})

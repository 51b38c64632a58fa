import type * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError, ToolError } from "@effect-mcp/client/McpError"
import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { clientOf, connect, failsWith, reasonOf, settled, start } from "./harness.ts"

const hang: MockTransport.Tool = () => Effect.never

/** Reports progress every `every`, for `times` times, then answers. */
const steady = (every: Duration.Input, times: number): MockTransport.ToolHandler => (_, request) =>
  Effect.gen(function*() {
    for (let step = 1; step <= times; step++) {
      yield* Effect.sleep(every)
      yield* request.progress({ progress: step })
    }
    return { structuredContent: "done" }
  })

/** Runs a call that never gets an answer, and says when and how it failed. */
const expiry = <A>(call: Effect.Effect<A, McpError | ToolError>) =>
  Effect.gen(function*() {
    const before = yield* Clock.currentTimeMillis
    const error = yield* Effect.flip(call)
    const { budget, millis } = reasonOf("TimeoutError", error)
    return { after: (yield* Clock.currentTimeMillis) - before, budget, millis }
  })

describe("a call", () => {
  it.effect.each<{ readonly what: string; readonly millis: number } & McpClient.Options & McpClient.CallOptions>([
    { what: "60 seconds by default", millis: 60_000 },
    { what: "as long as the client says", timeouts: { call: "5 seconds" }, millis: 5_000 },
    { what: "as long as the call says", timeout: "3 seconds", millis: 3_000 },
    { what: "longer than the client says", timeouts: { call: "5 seconds" }, timeout: "10 minutes", millis: 600_000 },
    { what: "longer than the usual total", timeout: "2 hours", millis: 7_200_000 },
    { what: "a fraction of a millisecond", timeout: Duration.micros(500n), millis: 0.5 }
  ])("waits $what", ({ millis, timeout, timeouts }) =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { hang } }, { timeouts })
      const call = yield* start(failsWith("TimeoutError")(client.callTool("hang", {}, { timeout })))
      yield* TestClock.adjust(Math.ceil(millis) - 1)
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust(1)
      const reason = yield* Fiber.join(call)
      assert.strictEqual(reason.budget, "call")
      assert.strictEqual(reason.millis, millis)
    }))

  it.effect("says which server and method it was, and how long it waited", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { hang } }, { name: "sleepy" })
      const call = yield* start(Effect.flip(client.raw.callTool("hang")))
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(call)
      assert.strictEqual(error.server, "sleepy")
      assert.strictEqual(error.method, "tools/call")
      assert.match(error.message, /^sleepy: tools\/call: .*60000 ms/)
    }))

  it.effect.each<McpClient.Options & McpClient.CallOptions>([
    { timeout: Duration.infinity },
    { timeouts: { call: Duration.infinity } }
  ])("may wait for ever: %j", ({ timeout, timeouts }) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang } }, { timeouts })
      const call = yield* start(client.callTool("hang", {}, { timeout }))
      yield* TestClock.adjust("1000 days")
      assert.isUndefined(call.pollUnsafe())
      yield* mock.send({ jsonrpc: "2.0", id: 1, result: { content: [] } })
      yield* Fiber.join(call)
    }))

  it.effect("that waits no time at all fails, and does not hang", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { hang } })
      const call = yield* start(failsWith("TimeoutError")(client.callTool("hang", {}, { timeout: 0 })))
      yield* TestClock.adjust(0)
      assert.strictEqual((yield* Fiber.join(call)).millis, 0)
    }))

  it.effect("tells the server that it gave up, and why, once", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang } })
      const call = yield* start(failsWith("TimeoutError")(client.callTool("hang")))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(call)
      yield* settled
      const sent = (yield* mock.messages).filter(({ from }) => from === "client").map(({ message }) => message)
      assert.deepStrictEqual(sent.slice(3), [
        { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1, reason: "timeout" } }
      ])
      assert.strictEqual(yield* mock.answering, 0)
    }))

  it.effect("that was answered in time leaves no deadline behind", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang: () => Effect.succeed({}) } })
      yield* client.callTool("hang")
      yield* TestClock.adjust("1 hour")
      yield* client.callTool("hang")
      assert.deepStrictEqual((yield* mock.methods).slice(2), ["tools/call", "tools/call"])
    }))

  it.effect("that ran out of time does not harm the next one", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        tools: { echo: (args) => Effect.succeed({ structuredContent: args }) },
        faults: [Fault.drop("tools/call", 1)]
      })
      const call = yield* start(failsWith("TimeoutError")(client.callTool("echo")))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(call)
      assert.deepStrictEqual((yield* client.callTool("echo", { n: 2 })).structuredContent, { n: 2 })
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect("does not spend its time on connecting", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(
        { tools: { echo: () => Effect.succeed({}) }, faults: [Fault.delay("initialize", "20 seconds")] },
        { lazy: true }
      )
      const call = yield* start(client.callTool("echo", {}, { timeout: "10 seconds" }))
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(call)
    }))

  it.effect.prop(
    "expires at its own time, however many wait",
    {
      timeouts: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5_000 }))).check(
        Schema.isMaxLength(40)
      )
    },
    ({ timeouts }) =>
      Effect.gen(function*() {
        const { client } = yield* connect({ tools: { hang } })
        const calls = yield* Effect.forEach(timeouts, (timeout) =>
          start(expiry(client.callTool("hang", {}, { timeout }))))
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(
          yield* Fiber.joinAll(calls),
          timeouts.map((millis) => ({ after: millis, budget: "call", millis }))
        )
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 25 } }
  )
})

describe("progress", () => {
  it.effect("lets a call go on, also when nobody listens to it", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { steady: steady("50 seconds", 10) } })
      const call = yield* start(client.callTool("steady"))
      yield* TestClock.adjust("500 seconds")
      assert.strictEqual((yield* Fiber.join(call)).structuredContent, "done")
    }))

  it.effect("restarts the wait, which ends as long after it as before", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        tools: { stuck: (args, request) => Effect.andThen(steady("40 seconds", 1)(args, request), Effect.never) }
      })
      const call = yield* start(expiry(client.callTool("stuck")))
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(yield* Fiber.join(call), { after: 100_000, budget: "call", millis: 60_000 })
    }))

  it.effect("of another call does not help", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { hang, steady: steady("30 seconds", 10) } })
      const stuck = yield* start(expiry(client.callTool("hang")))
      yield* start(client.callTool("steady"))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* Fiber.join(stuck)).after, 60_000)
    }))

  it.effect.each<{ readonly what: string; readonly millis: number } & McpClient.Options & McpClient.CallOptions>([
    { what: "an hour by default", millis: 3_600_000 },
    { what: "what the client says", timeouts: { total: "10 minutes" }, millis: 600_000 },
    { what: "what the call says", timeouts: { total: "10 minutes" }, totalTimeout: "2 minutes", millis: 120_000 }
  ])("does not help beyond the total: $what", ({ millis, timeouts, totalTimeout }) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { steady: steady("33 seconds", 10_000) } }, { timeouts })
      const call = yield* start(expiry(client.callTool("steady", {}, { totalTimeout })))
      yield* TestClock.adjust(millis)
      assert.deepStrictEqual(yield* Fiber.join(call), { after: millis, budget: "total", millis })
      yield* settled
      assert.strictEqual(yield* mock.answering, 0)
    }))

  it.effect("counts for ever when the total is infinite", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { steady: steady("50 seconds", 100) } })
      const call = yield* start(client.callTool("steady", {}, { totalTimeout: Duration.infinity }))
      yield* TestClock.adjust("90 minutes")
      assert.strictEqual((yield* Fiber.join(call)).structuredContent, "done")
    }))
})

describe("a list", () => {
  const slowPages: MockTransport.MethodHandler = (params) =>
    Effect.delay(
      Effect.succeed({ tools: [], nextCursor: String(Number(params["cursor"] ?? 0) + 1) }),
      "25 seconds"
    )

  it.effect.each<{ readonly millis: number } & McpClient.Options & McpClient.ListOptions>([
    { millis: 60_000 },
    { millis: 40_000, timeouts: { list: "40 seconds" } },
    { millis: 30_000, timeouts: { list: "40 seconds" }, timeout: "30 seconds" }
  ])("has $millis ms for all its pages together", ({ millis, timeout, timeouts }) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: {}, methods: { "tools/list": slowPages } }, { timeouts })
      const list = yield* start(expiry(client.listTools({ timeout })))
      yield* TestClock.adjust(millis)
      assert.deepStrictEqual(yield* Fiber.join(list), { after: millis, budget: "list", millis })
      yield* settled
      assert.strictEqual((yield* mock.methods).at(-1), "notifications/cancelled")
      assert.strictEqual(yield* mock.answering, 0)
    }))

  it.effect("may take for ever", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        tools: {},
        faults: [Fault.delay("tools/list", "90 minutes")]
      })
      const list = yield* start(client.listTools({ timeout: Duration.infinity }))
      yield* TestClock.adjust("90 minutes")
      assert.deepStrictEqual(yield* Fiber.join(list), [])
    }))

  it.effect("that is read page by page has that time for each page", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: {}, methods: { "tools/list": slowPages } })
      const pages = yield* start(client.toolPages().pipe(Stream.take(4), Stream.runCollect))
      yield* TestClock.adjust("100 seconds")
      assert.strictEqual((yield* Fiber.join(pages)).length, 4)
    }))

  it.effect("names server and method when it takes too long", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: {}, faults: [Fault.drop("tools/list")] }, { name: "slow" })
      const list = yield* start(Effect.flip(client.listTools()))
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(list)
      assert.strictEqual(error.server, "slow")
      assert.strictEqual(error.method, "tools/list")
    }))
})

describe("a duration that is none", () => {
  it.effect.each<readonly [string, object]>([
    ["timeouts.connect", { timeouts: { connect: "soon" } }],
    ["timeouts.list", { timeouts: { list: "soon" } }],
    ["timeouts.call", { timeouts: { call: "soon" } }],
    ["timeouts.total", { timeouts: { total: "soon" } }],
    ["idleTimeToLive", { idleTimeToLive: "soon", lazy: true }]
  ])("is refused when the client is made: %s", ([option, options]) =>
    Effect.gen(function*() {
      const { mock } = yield* connect()
      const reason = yield* failsWith("ConfigurationError")(clientOf(mock.transport, options))
      assert.include(reason.message, option)
      assert.include(reason.message, "soon")
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect.each<McpClient.CallOptions>([{ timeout: "soon" as never }, { totalTimeout: "soon" as never }])(
    "is refused when a request is made, and harms nothing: %j",
    (options) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({ tools: { hang } }, { lazy: true, idleTimeToLive: "1 second" })
        yield* client.session
        const error = yield* Effect.flip(client.raw.callTool("hang", {}, options))
        assert.strictEqual(error.reason._tag, "ConfigurationError")
        assert.strictEqual(error.method, "tools/call")
        assert.include(error.message, Object.keys(options)[0]!)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* mock.open, 0)
        assert.notInclude(yield* mock.methods, "tools/call")
      })
  )

  it.effect("is refused when a list is asked for", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: {} })
      for (const list of [client.listTools, () => client.raw.listTools(undefined, { timeout: "soon" as never })]) {
        const error = yield* Effect.flip(list({ timeout: "soon" as never }) as Effect.Effect<unknown, McpError>)
        assert.strictEqual(error.reason._tag, "ConfigurationError")
        assert.strictEqual(error.method, "tools/list")
      }
    }))
})

import { isJsonObject } from "@effect-mcp/client/McpSchema"
import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { connect, failsWith, settled, start, watchDiagnostics } from "./harness.ts"

const echo: MockTransport.Tool = (args) => Effect.succeed({ structuredContent: args })
const hang: MockTransport.Tool = () => Effect.never

const result = (id: unknown, structuredContent: unknown) => ({
  jsonrpc: "2.0",
  id,
  result: { content: [], structuredContent }
})

const sentIds = (messages: ReadonlyArray<MockTransport.Recorded>) =>
  messages.flatMap(({ from, message }) => from === "client" && "id" in message ? [message["id"]] : [])

describe("ids", () => {
  it.effect("begin with 0 and are never used again, also when a call was cancelled or failed", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { echo, hang } })
      yield* client.callTool("echo")
      yield* Fiber.interrupt(yield* start(client.callTool("hang")))
      yield* Effect.ignore(client.callTool("no such tool"))
      yield* Effect.forEach(["a", "b", "c"], () => client.callTool("echo"), { concurrency: "unbounded" })
      assert.deepStrictEqual(sentIds(yield* mock.messages), [0, 1, 2, 3, 4, 5, 6])
    }))

  it.effect("of the server are a space of their own", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang } })
      const call = yield* start(client.callTool("hang"))
      yield* settled
      assert.deepStrictEqual(yield* mock.request("ping", {}, 1), {})
      assert.isUndefined(call.pollUnsafe())
      yield* mock.send(result(1, "mine"))
      assert.strictEqual((yield* Fiber.join(call)).structuredContent, "mine")
    }))

  it.effect("tell answers apart that come in another order", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { echo }, faults: [Fault.reorder("tools/call", 4)] })
      const results = yield* Effect.forEach([1, 2, 3, 4], (n) => client.callTool("echo", { n }), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        results.map(({ structuredContent }) => structuredContent),
        [1, 2, 3, 4].map((n) => ({ n }))
      )
    }))

  it.effect("that the server turned into strings are understood", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang } })
      const call = yield* start(client.callTool("hang"))
      yield* mock.send(result("1", "by string"))
      assert.strictEqual((yield* Fiber.join(call)).structuredContent, "by string")
    }))
})

describe("a server that turns ids into strings", () => {
  it.effect("may be late", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang } })
      const diagnostics = yield* watchDiagnostics(client)
      yield* Fiber.interrupt(yield* start(client.callTool("hang")))
      yield* mock.send(result("1", "too late"))
      yield* settled
      assert.deepStrictEqual(diagnostics, [])
    }))

  it.effect("may report progress", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang } })
      const seen: Array<number> = []
      yield* start(client.callTool("hang", {}, {
        onProgress: ({ progress }) => Effect.sync(() => void seen.push(progress))
      }))
      yield* mock.notify("notifications/progress", { progressToken: "1", progress: 7 })
      yield* settled
      assert.deepStrictEqual(seen, [7])
    }))

  it.effect.each(["", " 1 ", "0x1", "1e0", "1.0", "+1"])(
    "writes them as it got them, not otherwise: %j",
    (id) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({ tools: { hang } })
        const diagnostics = yield* watchDiagnostics(client)
        const call = yield* start(client.callTool("hang"))
        yield* mock.send(result(id, "not mine"))
        yield* settled
        assert.isUndefined(call.pollUnsafe())
        assert.deepStrictEqual(diagnostics, [{ _tag: "Unexpected", id }])
      })
  )
})

describe("what arrives", () => {
  it.effect("may be a batch of answers, requests and notifications", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang } })
      const first = yield* start(client.callTool("hang"))
      const second = yield* start(client.callTool("hang"))
      yield* mock.send([
        result(2, "second"),
        { jsonrpc: "2.0", method: "notifications/tools/list_changed" },
        { jsonrpc: "2.0", id: "p", method: "ping" },
        result(1, "first")
      ])
      assert.strictEqual((yield* Fiber.join(first)).structuredContent, "first")
      assert.strictEqual((yield* Fiber.join(second)).structuredContent, "second")
      yield* settled
      assert.deepStrictEqual((yield* mock.messages).at(-1)?.message, { jsonrpc: "2.0", id: "p", result: {} })
    }))

  it.effect("may be a batch in a batch, which is no message, however deep", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang } })
      const diagnostics = yield* watchDiagnostics(client)
      const call = yield* start(client.callTool("hang"))
      let deep: unknown = [result(1, "deep down")]
      for (let depth = 0; depth < 20_000; depth++) deep = [deep]
      yield* mock.send([deep])
      yield* settled
      assert.isUndefined(call.pollUnsafe())
      assert.deepStrictEqual(diagnostics.map(({ _tag }) => _tag), ["Invalid"])
      yield* mock.send([])
      yield* mock.send([result(1, "here")])
      assert.strictEqual((yield* Fiber.join(call)).structuredContent, "here")
    }))

  it.effect.each([
    { jsonrpc: "2.0", error: { code: -32700, message: "Parse error" } },
    { jsonrpc: "2.0", id: null, error: { code: -32700, message: "Parse error" } }
  ])(
    "may be an error that names no request, which is reported and harms nobody: %j",
    (message) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({ tools: { echo } })
        const diagnostics = yield* watchDiagnostics(client)
        yield* mock.send(message)
        assert.deepStrictEqual((yield* client.callTool("echo", { still: "here" })).structuredContent, { still: "here" })
        yield* settled
        assert.strictEqual(diagnostics.length, 1)
        const [diagnostic] = diagnostics
        assert.strictEqual(diagnostic?._tag, "Uncorrelated")
        if (diagnostic?._tag !== "Uncorrelated") return
        assert.strictEqual(diagnostic.error._tag, "JsonRpcError")
        assert.strictEqual(diagnostic.error.message, "Parse error (code -32700)")
        assert.strictEqual(yield* mock.connections, 1)
      })
  )

  it.effect("may be an answer that nobody waits for, which is reported", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { echo } })
      const diagnostics = yield* watchDiagnostics(client)
      yield* mock.send(result(99, "what?"))
      yield* mock.send({ jsonrpc: "2.0", id: "ghost", error: { code: 1, message: "boo" } })
      yield* client.callTool("echo")
      yield* mock.send(result(1, "once more"))
      yield* settled
      assert.deepStrictEqual(diagnostics, [
        { _tag: "Unexpected", id: 99 },
        { _tag: "Unexpected", id: "ghost" },
        { _tag: "Unexpected", id: 1 }
      ])
    }))

  it.effect("may be the late answer to a call that was given up, which is no news", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang, echo } })
      const diagnostics = yield* watchDiagnostics(client)
      yield* Fiber.interrupt(yield* start(client.callTool("hang")))
      const late = yield* start(failsWith("TimeoutError")(client.callTool("hang", {}, { timeout: "1 second" })))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
      yield* mock.send(result(1, "too late"))
      yield* mock.send({ jsonrpc: "2.0", id: 2, error: { code: -32001, message: "Request cancelled" } })
      yield* client.callTool("echo")
      yield* settled
      assert.deepStrictEqual(diagnostics, [])
    }))

  it.effect.each([
    { what: "a number", payload: 5 },
    { what: "a string", payload: "hello" },
    { what: "null", payload: null },
    { what: "an empty object", payload: {} },
    { what: "an id alone, of nobody", payload: { jsonrpc: "2.0", id: 99 } },
    { what: "a request with the id null", payload: { jsonrpc: "2.0", id: null, method: "ping" } },
    { what: "a result with an odd id", payload: { jsonrpc: "2.0", id: {}, result: {} } },
    { what: "an odd method", payload: { jsonrpc: "2.0", id: 1, method: 7 } }
  ])("may be no message at all, which is reported and harms nobody: $what", ({ payload }) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang } })
      const diagnostics = yield* watchDiagnostics(client)
      const call = yield* start(client.callTool("hang"))
      yield* mock.send(payload)
      yield* settled
      assert.isUndefined(call.pollUnsafe())
      yield* mock.send(result(1, "fine"))
      assert.strictEqual((yield* Fiber.join(call)).structuredContent, "fine")
      assert.deepStrictEqual(diagnostics, [{ _tag: "Invalid", payload }])
    }))

  it.effect("may be an answer that is none, which fails the call that it names", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang } })
      const call = yield* start(failsWith("ProtocolError")(client.callTool("hang")))
      const other = yield* start(client.callTool("hang"))
      yield* mock.send({ jsonrpc: "2.0", id: 1, outcome: "fine" })
      assert.deepStrictEqual((yield* Fiber.join(call)).payload, { jsonrpc: "2.0", id: 1, outcome: "fine" })
      assert.isUndefined(other.pollUnsafe())
    }))

  it.effect("is left alone when it is a notification of an unknown kind", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { echo } })
      const diagnostics = yield* watchDiagnostics(client)
      yield* mock.notify("notifications/x-vendor", { a: 1 })
      yield* client.callTool("echo")
      yield* settled
      assert.deepStrictEqual(diagnostics, [])
      assert.deepStrictEqual((yield* mock.methods).slice(2), ["tools/call"])
    }))
})

describe("arguments that can not be written as JSON", () => {
  const cycle: Record<string, unknown> = {}
  cycle["self"] = cycle

  it.effect.each([{ what: "a BigInt", args: { n: 1n } }, { what: "a cycle", args: cycle }])(
    "are an error of this side, and nothing is sent: $what",
    ({ args }) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({ tools: { echo } })
        const reason = yield* failsWith("ValidationError")(client.callTool("echo", args))
        assert.strictEqual(reason.side, "input")
        yield* client.callTool("echo")
        assert.deepStrictEqual((yield* mock.methods).slice(2), ["tools/call"])
      })
  )
})

describe("errors of the server", () => {
  it.effect("come with code, message, data, server and method", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(
        { faults: [Fault.fail("tools/call", { code: 42, message: "No more", data: [1, 2] })], tools: {} },
        { name: "shop" }
      )
      const error = yield* Effect.flip(client.raw.callTool("buy"))
      assert.strictEqual(error.server, "shop")
      assert.strictEqual(error.method, "tools/call")
      assert.strictEqual(error.message, "shop: tools/call: No more (code 42)")
      assert.strictEqual(error.cause, error.reason)
      assert.strictEqual(error.reason._tag, "JsonRpcError")
      if (error.reason._tag !== "JsonRpcError") return
      assert.strictEqual(error.reason.code, 42)
      assert.deepStrictEqual(error.reason.data, [1, 2])
    }))

  it.effect("are errors also when they are malformed", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        tools: {},
        faults: [Fault.garble("tools/call", { jsonrpc: "2.0", id: 1, error: { code: "E_FAIL" } })]
      })
      const reason = yield* failsWith("JsonRpcError")(client.callTool("x"))
      assert.strictEqual(typeof reason.code, "number")
    }))

  it.effect("are named after the transport when the client has no name", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: {} })
      assert.strictEqual(client.name, "mock")
      assert.strictEqual((yield* Effect.flip(client.raw.callTool("x"))).server, "mock")
    }))
})

describe("cancelling", () => {
  it.effect("tells the server, once, which request is meant", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang } })
      const call = yield* start(client.callTool("hang"))
      yield* settled
      assert.strictEqual(yield* mock.answering, 1)
      yield* Fiber.interrupt(call)
      yield* settled
      assert.strictEqual(yield* mock.answering, 0)
      const cancelled = (yield* mock.messages).filter(({ message }) => message["method"] === "notifications/cancelled")
      assert.strictEqual(cancelled.length, 1)
      const params = cancelled[0]?.message["params"]
      assert.isTrue(isJsonObject(params) && params["requestId"] === 1 && typeof params["reason"] === "string")
    }))

  it.effect("of a call that has been answered says nothing", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { echo } })
      const call = yield* start(Effect.andThen(client.callTool("echo"), Effect.never))
      yield* settled
      yield* Fiber.interrupt(call)
      yield* settled
      assert.deepStrictEqual(yield* mock.methods, ["initialize", "notifications/initialized", "tools/call"])
    }))

  it.effect("one of many leaves the others alone", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { hang } })
      const doomed = yield* start(client.callTool("hang"))
      const other = yield* start(client.callTool("hang"))
      yield* Fiber.interrupt(doomed)
      yield* settled
      assert.isUndefined(other.pollUnsafe())
      yield* mock.send(result(2, "other"))
      assert.strictEqual((yield* Fiber.join(other)).structuredContent, "other")
    }))
})

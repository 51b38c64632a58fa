import * as McpError from "@effect-mcp/client/McpError"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { connect, Echo, failure, Large, perform, pid, watch } from "./support.ts"

const MIB = 1024 * 1024

const filler = "x".repeat(100_000)

describe("large messages", () => {
  it.live("a result of 32 MiB arrives intact", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const { text } = yield* client.call(Large, { bytes: 32 * MIB })
      // not deepStrictEqual, which would print both
      assert.isTrue(text === "0123456789abcdef".repeat(2 * MIB))
    }))

  it.live("a request of 7 MiB arrives intact, and is not overtaken", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const value = "äöü-".repeat(MIB)
      const [large, small] = yield* Effect.all([client.call(Echo, { value }), client.call(Echo, { value: 1 })], {
        concurrency: "unbounded"
      })
      assert.isTrue(large.value === value)
      assert.deepStrictEqual(small, { value: 1 })
    }))
})

describe("a message above maxMessageSize", () => {
  const limited = () => connect({ maxMessageSize: "64 KiB" })

  it.live.each([
    { what: "id first", message: `{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"x":"${filler}"}}` },
    {
      what: "id first, before the version",
      message: `{"id":$ID,"jsonrpc":"2.0","result":{"content":[],"x":"${filler}"}}`
    },
    {
      what: "id first, with spaces",
      message: `{"jsonrpc": "2.0", "id": $ID, "result": {"content": [], "x": "${filler}"}}`
    },
    { what: "id last", message: `{"jsonrpc":"2.0","result":{"content":[],"x":"${filler}"},"id":$ID}` },
    {
      what: "id last, behind the version",
      message: `{"result":{"content":[],"x":"${filler}"},"jsonrpc":"2.0","id":$ID}`
    },
    {
      what: "id last, with spaces",
      message: `{"jsonrpc": "2.0", "result": {"content": [], "x": "${filler}"}, "id": $ID}\r`
    },
    { what: "an error", message: `{"jsonrpc":"2.0","id":$ID,"error":{"code":1,"message":"no","data":"${filler}"}}` }
  ])("fails its request only: $what", ({ message }) =>
    Effect.gen(function*() {
      const { client, spawned } = yield* limited()
      const oversized = yield* watch(client, "Oversized", 1)
      const neighbour = yield* Effect.forkScoped(client.callTool("hang"), { startImmediately: true })
      const { error, reason } = yield* failure(perform(client, { stdout: `${message}\n` }), "LimitError")
      assert.strictEqual(reason.limit, 64 * 1024)
      assert.include(error.message, "maxMessageSize")
      assert.strictEqual(error.method, "tools/call")
      assert.deepStrictEqual(yield* Fiber.join(oversized), [{ _tag: "Oversized", limit: 64 * 1024 }])
      assert.strictEqual(neighbour.pollUnsafe(), undefined)
      assert.deepStrictEqual([yield* pid(client)], spawned)
    }))

  it.live("is told by its bytes: one more than allowed", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* limited()
      const frame = (id: string, text: string) =>
        `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":"${text}"}}`
      // the ids of this test have one digit, a euro sign has three bytes
      const room = 64 * 1024 - frame("1", "").length
      const fits = "€" + "x".repeat(room - 3)
      const result = yield* perform(client, { stdout: frame("$ID", fits) + "\n" })
      assert.isTrue(result.structuredContent === fits)
      yield* failure(perform(client, { stdout: frame("$ID", fits + "x") + "\n" }), "LimitError")
      assert.strictEqual(spawned.length, 1)
    }))

  it.live.each([
    { where: "first", parts: [`{"jso`, `nrpc":"2.0","id":$ID,"result":{"content":[],"x":"${filler}"}}\n`] },
    { where: "last", parts: [`{"jsonrpc":"2.0","result":{"content":[],"x":"${filler}"},"id"`, ":$ID}\n"] },
    {
      where: "last, at the limit",
      parts: [`{"result":{"content":[],"x":"${"x".repeat(65_485)}"},"jsonrpc":"2.0"`, `,"id":$ID}`, "\n"]
    }
  ])("fails its request however it was split: id $where", ({ parts }) =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect({ maxMessageSize: "64 KiB" })
      yield* failure(perform(client, { parts }), "LimitError")
      assert.deepStrictEqual([yield* pid(client)], spawned)
    }))

  it.live("leaves alone what stands around it in the same write", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* limited()
      const noise = yield* watch(client, "Noise", 2)
      const message = `{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"x":"${filler}"}}`
      yield* failure(perform(client, { stdout: `before\n${message}\nafter\n` }), "LimitError")
      assert.deepStrictEqual((yield* Fiber.join(noise)).map(({ line }) => line), ["before", "after"])
      assert.strictEqual(spawned.length, 1)
    }))

  it.live.each([
    {
      what: "a notification",
      message: `{"jsonrpc":"2.0","method":"notifications/message","params":{"x":"${filler}"}}`
    },
    {
      what: "a request of the server, whose id is its own",
      message: `{"jsonrpc":"2.0","id":$ID,"method":"sampling/createMessage","params":{"x":"${filler}"}}`
    },
    {
      what: "a request of the server, in another order",
      message: `{"method":"sampling/createMessage","params":{"x":"${filler}","a":{}},"jsonrpc":"2.0","id":$ID}`
    }
  ])("hurts no call that it does not answer: $what", ({ message }) =>
    Effect.gen(function*() {
      const { client, spawned } = yield* limited()
      const oversized = yield* watch(client, "Oversized", 1)
      const result = yield* perform(client, { stdout: `${message}\n` }, { answer: { value: 1 } })
      assert.deepStrictEqual(result.structuredContent, { value: 1 })
      yield* Fiber.join(oversized)
      assert.deepStrictEqual([yield* pid(client)], spawned)
    }))

  it.live.each([
    { what: "it has no id", message: `{"jsonrpc":"2.0","result":{"content":[],"x":"${filler}"}}` },
    { what: "its id is in the midst", message: `{"x":"${filler}","id":$ID,"y":"${filler}"}` },
    { what: "its id is unknown", message: `{"jsonrpc":"2.0","id":4711,"result":{"content":[],"x":"${filler}"}}` },
    {
      what: "an id is only part of the result",
      message: `{"jsonrpc":"2.0","result":{"x":"${filler}","a":{},"id":$ID}}`
    }
  ])("ends the session when nobody can tell whom it answers: $what", ({ message }) =>
    Effect.gen(function*() {
      const { client, spawned } = yield* limited()
      const { reason } = yield* failure(perform(client, { stdout: `${message}\n` }), "ClosedError")
      assert.isTrue(reason.requestSent)
      assert(reason.cause instanceof McpError.LimitError)
      assert.strictEqual(reason.cause.limit, 64 * 1024)
      assert.deepStrictEqual(yield* client.call(Echo, { value: 1 }), { value: 1 })
      assert.strictEqual(spawned.length, 2)
    }))

  it.live.each(["nonsense", "-1 KiB"])("needs a limit that is a size: %s", (maxMessageSize) =>
    Effect.gen(function*() {
      // as it comes from a configuration file
      const { reason } = yield* failure(connect({ maxMessageSize: maxMessageSize as "1 KiB" }), "ConfigurationError")
      assert.include(reason.message, maxMessageSize)
    }))
})

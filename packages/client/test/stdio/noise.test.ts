import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { answerLine, connect, Echo, perform, watch } from "./support.ts"

describe("noise on the standard output", () => {
  it.live("a banner before the first message is got over", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        client: { lazy: true },
        server: { start: [{ stdout: "Listening…\n{ not JSON\n\nREADY" }, { stdout: "\n" }] }
      })
      const noise = yield* watch(client, "Noise", 3)
      assert.deepStrictEqual(yield* client.call(Echo, { value: 1 }), { value: 1 })
      assert.deepStrictEqual(yield* Fiber.join(noise), [
        { _tag: "Noise", line: "Listening…", count: 1 },
        { _tag: "Noise", line: "{ not JSON", count: 2 },
        { _tag: "Noise", line: "READY", count: 3 }
      ])
    }))

  it.live("a banner can be read also by who watches once the session is open", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ server: { start: [{ stdout: "Listening…\n" }, { stderr: "debugging\n" }] } })
      const noise = yield* watch(client, "Noise", 1)
      assert.deepStrictEqual(yield* Fiber.join(noise), [{ _tag: "Noise", line: "Listening…", count: 1 }])
      const printed = yield* watch(client, "Stderr", 1)
      assert.deepStrictEqual(yield* Fiber.join(printed), [{ _tag: "Stderr", line: "debugging" }])
    }))

  it.live("lines amid a call are counted, and do not hurt it", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect()
      const noise = yield* watch(client, "Noise", 4)
      const result = yield* perform(
        client,
        { stdout: "debug: one\n" },
        { stdout: "debug: two\ndebug: three\n" + answerLine({ value: "fine" }) }
      )
      assert.deepStrictEqual(result.structuredContent, { value: "fine" })
      yield* perform(client, { stdout: "debug: four\n" }, { answer: {} })
      assert.deepStrictEqual((yield* Fiber.join(noise)).map(({ count, line }) => `${count} ${line}`), [
        "1 debug: one",
        "2 debug: two",
        "3 debug: three",
        "4 debug: four"
      ])
      assert.strictEqual(spawned.length, 1)
    }))

  it.live("JSON that is no message is told apart", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const invalid = yield* watch(client, "Invalid", 4)
      const result = yield* perform(
        client,
        { stdout: "42\n\"text\"\nnull\n{\"level\":\"info\"}\n" },
        { stdout: answerLine({ value: 1 }) }
      )
      assert.deepStrictEqual(result.structuredContent, { value: 1 })
      assert.deepStrictEqual((yield* Fiber.join(invalid)).map(({ payload }) => payload), [
        42,
        "text",
        null,
        { level: "info" }
      ])
    }))

  it.live("answers and errors that belong to no request are told apart", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const unexpected = yield* watch(client, "Unexpected", 2)
      const uncorrelated = yield* watch(client, "Uncorrelated", 1)
      const result = yield* perform(
        client,
        { stdout: "{\"jsonrpc\":\"2.0\",\"id\":4711,\"result\":{}}\n" },
        { stdout: "{\"jsonrpc\":\"2.0\",\"id\":\"mine\",\"error\":{\"code\":1,\"message\":\"no\"}}\n" },
        { stdout: "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"Parse error\"}}\n" },
        { answer: { value: 2 } }
      )
      assert.deepStrictEqual(result.structuredContent, { value: 2 })
      assert.deepStrictEqual((yield* Fiber.join(unexpected)).map(({ id }) => id), [4711, "mine"])
      const [{ error } = assert.fail("no diagnostic")] = yield* Fiber.join(uncorrelated)
      assert(error._tag === "JsonRpcError")
      assert.deepStrictEqual([error.code, error.description], [-32700, "Parse error"])
    }))

  it.live("an answer that comes twice counts once", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const unexpected = yield* watch(client, "Unexpected", 1)
      const result = yield* perform(client, {
        stdout: answerLine({ value: "first" }) + answerLine({ value: "second" })
      })
      assert.deepStrictEqual(result.structuredContent, { value: "first" })
      assert.deepStrictEqual(yield* Fiber.join(unexpected), [{ _tag: "Unexpected", id: 1 }])
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { answerLine, connect, Echo, failure, perform, pid, Received, type Step, watch } from "./support.ts"

/** Characters of one, two, three and four bytes, one that is joined from several, and a mark that some readers eat. */
const characters = "aé€😀👩‍👩‍👧 \uFEFF\u2028\u0000"

describe("the bytes of messages", () => {
  it.live("may be split anywhere, also within a character", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const text = answerLine({ value: characters })
      const { length } = Buffer.from(text)
      for (let at = 1; at < length; at++) {
        const result = yield* perform(client, { split: { text, at } })
        assert.deepStrictEqual(result.structuredContent, { value: characters }, `split at byte ${at}`)
      }
    }))

  it.live("may come one by one", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const result = yield* perform(client, { split: { text: answerLine({ value: characters }) } })
      assert.deepStrictEqual(result.structuredContent, { value: characters })
    }))

  it.live("reach the server as they are", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      // a line end within a value must not end the message
      const value = `${characters}\n\r\n\\n"`
      assert.deepStrictEqual(yield* client.call(Echo, { value }), { value })
    }))

  it.live("are not sent when a value has none, which hurts its call only", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect()
      const circular: Record<string, unknown> = {}
      circular["self"] = circular
      for (const value of [circular, 1n]) {
        const { reason } = yield* failure(client.callTool("echo", { value } as never), "ValidationError")
        assert.strictEqual(reason.side, "input")
      }
      assert.deepStrictEqual((yield* client.call(Received, {})).outstanding, [])
      assert.deepStrictEqual([yield* pid(client)], spawned)
    }))
})

describe("lines", () => {
  it.live("may end as on Windows", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const noise = yield* watch(client, "Noise", 1)
      const line = answerLine({ value: 1 }).replace("\n", "\r\n")
      const result = yield* perform(client, { stdout: `\r\n\r\nlog\r\n${line}` })
      assert.deepStrictEqual(result.structuredContent, { value: 1 })
      assert.strictEqual((yield* Fiber.join(noise)).length, 1)
    }))

  it.live("may come many in one write, and the last not whole", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const calls = yield* Effect.forkScoped(
        Effect.forEach([1, 2, 3, 4, 5], () => client.callTool("hang"), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      // the calls that hang have the ids 1 to 5, this one has 6
      const lines = [5, 1, 3, 2, 4].map((id) => answerLine({ value: `answer ${id}` }).replace("$ID", String(id))).join(
        ""
      )
      const own = answerLine({ value: "own" })
      yield* perform(client, { parts: [lines + own.slice(0, 20), own.slice(20)] })
      assert.deepStrictEqual(
        (yield* Fiber.join(calls)).map(({ structuredContent }) => structuredContent),
        [1, 2, 3, 4, 5].map((id) => ({ value: `answer ${id}` }))
      )
    }))

  it.live("may be empty, blank or surrounded by blanks", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const noise = yield* watch(client, "Noise", 1)
      yield* perform(client, { stdout: `\n\n  \n\t\n  ${answerLine({ value: 1 })}\n` })
      yield* perform(client, { stdout: "the first noise\n" }, { answer: {} })
      assert.deepStrictEqual(yield* Fiber.join(noise), [{ _tag: "Noise", line: "the first noise", count: 1 }])
    }))

  it.live("may begin with a byte order mark", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ server: { start: [{ stdout: "\uFEFF" }] } })
      assert.deepStrictEqual(yield* client.call(Echo, { value: 1 }), { value: 1 })
    }))

  it.live.each<{ readonly how: string; readonly step: Step }>([
    { how: "exit", step: { exit: 0 } },
    { how: "crash", step: { exit: 1 } },
    { how: "signal", step: { signal: "SIGKILL" } },
    { how: "closed output", step: { closeOutput: true } }
  ])("need no end when the server ends: $how", ({ step }) =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const result = yield* perform(client, { stdout: answerLine({ value: "the end" }).trimEnd() }, step)
      assert.deepStrictEqual(result.structuredContent, { value: "the end" })
    }))

  it.live("may hold a batch of messages", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const waiting = yield* Effect.forkScoped(client.callTool("hang"), { startImmediately: true })
      const message = (id: string) => answerLine({ value: id }).trimEnd().replace("$ID", id)
      const result = yield* perform(client, { stdout: `[${message("$ID")},${message("1")}]\n` })
      assert.deepStrictEqual(result.structuredContent, { value: "2" })
      assert.deepStrictEqual((yield* Fiber.join(waiting)).structuredContent, { value: "1" })
    }))

  it.live("may name the request by its id as a string", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const unexpected = yield* watch(client, "Unexpected", 1)
      const result = yield* perform(client, { stdout: answerLine({ value: 1 }).replace("$ID", "\"$ID\"") })
      assert.deepStrictEqual(result.structuredContent, { value: 1 })
      assert.strictEqual(unexpected.pollUnsafe(), undefined)
    }))
})

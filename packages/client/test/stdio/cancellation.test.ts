import type * as McpClient from "@effect-mcp/client/McpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { answerLine, connect, Echo, failure, perform, pid, Received, temporaryFolder, watch } from "./support.ts"

type Got = { readonly sent: number | undefined } | { readonly cancelled: number; readonly reason: unknown }

/** The calls that hang and the cancellations, in the order in which the server got them. */
const received = (client: McpClient.McpClient) =>
  Effect.map(
    client.call(Received, {}),
    ({ messages }) =>
      messages.flatMap(({ id, method, params }): ReadonlyArray<Got> => {
        if (method === "tools/call") return params.name === "hang" ? [{ sent: id }] : []
        return method === "notifications/cancelled" ? [{ cancelled: params.requestId, reason: params.reason }] : []
      })
  )

describe("an interrupted call", () => {
  it.live("returns at once, and the server is told", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect()
      const calling = yield* Effect.forkScoped(client.callTool("hang"), { startImmediately: true })
      // the server has got the call when it has answered the next
      yield* client.call(Echo, { value: 1 })
      yield* Fiber.interrupt(calling)
      assert.deepStrictEqual(yield* received(client), [{ sent: 1 }, { cancelled: 1, reason: "interrupted" }])
      assert.deepStrictEqual([yield* pid(client)], spawned)
    }))

  it.live("does not wait for a server that hears nothing", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      yield* perform(client, { stopReading: true }, { answer: {} })
      const calling = yield* Effect.forkScoped(client.callTool("hang"), { startImmediately: true })
      yield* Effect.timeout(Fiber.interrupt(calling), "5 seconds")
    }))

  it.live("is one that loses a race, too", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const winner = yield* Effect.raceFirst(client.callTool("hang"), client.call(Echo, { value: "first" }))
      assert.deepStrictEqual(winner, { value: "first" })
      assert.deepStrictEqual(yield* received(client), [{ sent: 1 }, { cancelled: 1, reason: "interrupted" }])
    }))

  it.live("is one whose time is over, too", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      yield* Effect.timeoutOption(client.callTool("hang"), "1 millis")
      assert.deepStrictEqual(yield* received(client), [{ sent: 1 }, { cancelled: 1, reason: "interrupted" }])
    }))

  it.live("that is answered later is no news", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const unexpected = yield* watch(client, "Unexpected", 1)
      const calling = yield* Effect.forkScoped(
        Effect.forEach([1, 2, 3], () => client.callTool("hang"), { concurrency: 3 }),
        { startImmediately: true }
      )
      yield* client.call(Echo, { value: 1 })
      yield* Fiber.interrupt(calling)
      yield* client.callTool("answerIds", { ids: [3, 1, 2, 4711] })
      // the first that is unexpected is the one that nobody sent
      assert.deepStrictEqual(yield* Fiber.join(unexpected), [{ _tag: "Unexpected", id: 4711 }])
    }))

  it.live("that is answered later is no news from a server that turns ids into strings, either", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const unexpected = yield* watch(client, "Unexpected", 1)
      const calling = yield* Effect.forkScoped(client.callTool("hang"), { startImmediately: true })
      yield* client.call(Echo, { value: 1 })
      yield* Fiber.interrupt(calling)
      const late = answerLine({ value: "late" })
      yield* perform(
        client,
        { stdout: late.replace("$ID", "\"1\"") },
        { stdout: late.replace("$ID", "4711") },
        { answer: {} }
      )
      assert.deepStrictEqual(yield* Fiber.join(unexpected), [{ _tag: "Unexpected", id: 4711 }])
    }))

  it.live("that had not left yet never leaves, needs no cancelling, and ends no session", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect()
      const calling = yield* Effect.forkScoped(client.callTool("hang"), { startImmediately: true })
      // in the same tick, before what gathered is written
      calling.interruptUnsafe()
      yield* Effect.yieldNow
      const { messages } = yield* client.call(Received, {})
      assert.deepStrictEqual(messages.map(({ method }) => method), [
        "initialize",
        "notifications/initialized",
        "tools/call"
      ])
      assert.deepStrictEqual([yield* pid(client)], spawned)
    }))

  it.live("that had been answered is not cancelled", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const calling = yield* Effect.forkScoped(
        Effect.andThen(client.call(Echo, { value: 1 }), Effect.never),
        { startImmediately: true }
      )
      yield* client.call(Echo, { value: 2 })
      yield* Fiber.interrupt(calling)
      assert.deepStrictEqual(yield* received(client), [])
    }))
})

describe("a call whose deadline has passed", () => {
  it.effect("fails, and the server is told", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ client: { name: "slow" } })
      const unexpected = yield* watch(client, "Unexpected", 1)
      const calling = yield* Effect.forkScoped(
        failure(client.callTool("hang", {}, { timeout: "3 seconds" }), "TimeoutError"),
        { startImmediately: true }
      )
      yield* client.call(Echo, { value: 1 })
      yield* TestClock.adjust("3 seconds")
      const { error, reason } = yield* Fiber.join(calling)
      assert.deepStrictEqual([reason.budget, reason.millis], ["call", 3000])
      assert.include(error.message, "server.mjs")
      assert.deepStrictEqual(yield* received(client), [{ sent: 1 }, { cancelled: 1, reason: "timeout" }])
      yield* client.callTool("answerIds", { ids: [1, 4711] })
      assert.deepStrictEqual(yield* Fiber.join(unexpected), [{ _tag: "Unexpected", id: 4711 }])
    }))
})

describe("initialize", () => {
  const methods = (file: string) =>
    (JSON.parse(readFileSync(file, "utf8")) as ReadonlyArray<{ readonly method: string }>).map(({ method }) => method)

  it.live("is not cancelled when nobody waits any more", () =>
    Effect.gen(function*() {
      const file = join(yield* temporaryFolder, "received")
      const { client } = yield* connect({
        client: { lazy: true },
        server: { initialize: [{ stderr: "asked\n" }, { never: true }], end: [{ file }] }
      })
      const asked = yield* watch(client, "Stderr", 1)
      const calling = yield* Effect.forkScoped(client.call(Echo, { value: 1 }), { startImmediately: true })
      yield* Fiber.join(asked)
      yield* Fiber.interrupt(calling)
      yield* client.close
      assert.deepStrictEqual(methods(file), ["initialize"])
    }))

  it.effect("is not cancelled when its deadline passes", () =>
    Effect.gen(function*() {
      const file = join(yield* temporaryFolder, "received")
      const { client } = yield* connect({
        client: { lazy: true, timeouts: { connect: "1 minute" } },
        server: { initialize: [{ stderr: "asked\n" }, { never: true }], end: [{ file }] }
      })
      const asked = yield* watch(client, "Stderr", 1)
      const calling = yield* Effect.forkScoped(failure(client.call(Echo, { value: 1 }), "TimeoutError"), {
        startImmediately: true
      })
      yield* Fiber.join(asked)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(calling)
      yield* client.close
      assert.deepStrictEqual(methods(file), ["initialize"])
    }))

  it.live("is the first request, and is followed by initialized", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ client: { clientInfo: { name: "me", version: "1.2.3" } } })
      const { messages } = yield* client.call(Received, {})
      const [first, second] = messages
      assert.deepStrictEqual([first?.method, first?.id, second?.method], ["initialize", 0, "notifications/initialized"])
      assert.deepStrictEqual(first?.params.clientInfo, { name: "me", version: "1.2.3" })
      assert.strictEqual(first?.params.protocolVersion, "2025-11-25")
    }))
})

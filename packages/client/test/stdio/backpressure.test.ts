import type * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import { type CallToolResult, isJsonObject } from "@effect-mcp/client/McpSchema"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { connect, Echo, failure, perform, pid, Received, runProgram, type Step } from "./support.ts"

/** More messages than may wait, and together more bytes than any pipe holds. */
const COUNT = 2000
const filler = "x".repeat(4 * 1024)

const numbers = Array.from({ length: COUNT }, (_, number) => number)

/** Connects to a server that does not read any more, and does something when it is given a sign. */
const connectToDeaf = (...steps: ReadonlyArray<Step>) =>
  Effect.gen(function*() {
    const connected = yield* connect()
    yield* perform(connected.client, { on: "SIGUSR2", steps }, { stopReading: true }, { answer: {} })
    const [server = assert.fail("no process")] = connected.spawned
    return { ...connected, sign: Effect.sync(() => process.kill(server, "SIGUSR2")) }
  })

describe("a server that does not read", () => {
  it.live("gets all that waits, in order, when it reads again", () =>
    Effect.gen(function*() {
      const { client, sign } = yield* connectToDeaf({ readAgain: true })
      const calls = yield* Effect.forEach(numbers, (value) =>
        Effect.forkScoped(client.callTool("echo", { value, filler }), { startImmediately: true }))
      yield* sign
      for (const [value, call] of calls.entries()) {
        assert.deepStrictEqual((yield* Fiber.join(call)).structuredContent, { value })
      }
      const { messages } = yield* client.call(Received, {})
      const sent = messages.flatMap(({ method, params }) =>
        method === "tools/call" && params.name === "echo" ? [params.arguments.value as number] : []
      )
      assert.deepStrictEqual(sent, numbers)
    }), 60_000)

  it.live("does not hold up the interruption of calls", () =>
    Effect.gen(function*() {
      const { client, sign, spawned } = yield* connectToDeaf({ readAgain: true })
      const calls = yield* Effect.forEach(numbers, (number) =>
        Effect.forkScoped(client.callTool("hang", { number, filler }), { startImmediately: true }))
      yield* Effect.timeout(Fiber.interruptAll(calls), "10 seconds")
      for (const call of calls) {
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(call)))
      }

      // what went out nevertheless was cancelled, and the session is as good as before
      yield* sign
      const { messages, outstanding } = yield* client.call(Received, {})
      assert.deepStrictEqual(outstanding, [])
      const hanging = messages.flatMap(({ id, method, params }) =>
        method === "tools/call" && params.name === "hang" ? [id] : []
      )
      const cancelled = messages.flatMap(({ method, params }) =>
        method === "notifications/cancelled" ? [params.requestId as number] : []
      )
      assert.deepStrictEqual(new Set(cancelled), new Set(hanging))
      assert.isBelow(hanging.length, COUNT)
      assert.deepStrictEqual([yield* pid(client)], spawned)
    }), 60_000)

  it.effect("does not keep calls from ending in time, also those that wait to be sent", () =>
    Effect.gen(function*() {
      const { client, sign } = yield* connectToDeaf({ readAgain: true })
      // nobody may have to wait for the test's clock to be ended
      yield* Effect.addFinalizer(() => sign)
      const calls = yield* Effect.forEach(numbers, () =>
        Effect.forkScoped(failure(client.callTool("hang", { filler }), "TimeoutError"), { startImmediately: true }))
      yield* TestClock.adjust("60 seconds")
      yield* TestClock.withLive(Effect.timeout(Fiber.awaitAll(calls), "10 seconds"))
      for (const call of calls) {
        const { reason } = yield* Fiber.join(call)
        assert.deepStrictEqual([reason.budget, reason.millis], ["call", 60_000])
      }
    }), 60_000)

  it.live("and asks much itself needs no memory", () =>
    Effect.gen(function*() {
      // what waits for each request needs more than a kilobyte
      const { code, stderr } = yield* runProgram("askers.ts", {
        node: ["--max-old-space-size=64"],
        args: ["50000", "100"]
      })
      assert.deepStrictEqual([stderr, code], ["", 0])
    }), 60_000)

  it.effect("is not sent for ever what nobody waits for any more", () =>
    Effect.gen(function*() {
      const { client, sign } = yield* connectToDeaf({ readAgain: true })
      for (let round = 0; round < 3; round++) {
        const calls = yield* Effect.forEach(numbers.slice(0, 1000), () =>
          Effect.forkScoped(Effect.exit(client.callTool("hang", { filler })), { startImmediately: true }))
        yield* TestClock.adjust("60 seconds")
        yield* Fiber.interruptAll(calls)
      }
      yield* sign
      const { messages } = yield* client.call(Received, {})
      assert.isBelow(messages.length, 2000)
    }), 60_000)

  it.live("is ended with its client all the same", () =>
    Effect.gen(function*() {
      // `connect` sees to it that nothing is left
      const calls = yield* Effect.scoped(Effect.gen(function*() {
        const { client } = yield* connectToDeaf()
        return yield* Effect.forEach(numbers, () =>
          Effect.forkDetach(failure(client.callTool("hang", { filler }), "ClosedError"), { startImmediately: true }))
      }))
      for (const call of calls) {
        yield* Fiber.join(call)
      }
    }), 60_000)
})

describe("a server that closes its input and stays", () => {
  it.live("has ended the session", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect({ client: { name: "frail" } })
      yield* perform(client, { closeInput: true }, { answer: {} })
      const { error, reason } = yield* failure(client.call(Echo, { value: 1 }), "ClosedError")
      assert(reason.cause instanceof McpError.TransportError)
      assert.include(error.message, "server.mjs")
      yield* client.call(Echo, { value: 2 })
      assert.strictEqual(spawned.length, 2)
    }))

  it.live("fails all calls that it may have seen; the next gets the rest", () =>
    Effect.gen(function*() {
      const { client, sign, spawned } = yield* connectToDeaf({ closeInput: true })
      const calls = yield* callEcho(client)
      yield* sign
      for (const { reason } of yield* lossesOf(calls)) {
        assert.include(String(reason.cause), "closed its standard input")
      }
      assert.strictEqual(spawned.length, 2)
    }), 60_000)
})

describe("a server that dies with much still to be written to it", () => {
  it.live("fails all calls that it may have seen; the next gets the rest", () =>
    Effect.gen(function*() {
      const { client, sign, spawned } = yield* connectToDeaf({ stderr: "out of memory" }, { signal: "SIGKILL" })
      const calls = yield* callEcho(client)
      yield* sign
      for (const { reason } of yield* lossesOf(calls)) {
        assert.include(String(reason.cause), "SIGKILL")
        assert.include(String(reason.cause), "out of memory")
      }
      assert.strictEqual(spawned.length, 2)
    }), 60_000)

  it.live("is replaced for the calls that it can not have seen", () =>
    Effect.gen(function*() {
      const { client, sign } = yield* connectToDeaf({ signal: "SIGKILL" })
      const fork = (filler: string) =>
        Effect.forkScoped(client.callTool("echo", { value: 1, filler }), { startImmediately: true })
      // the first is more than a pipe holds, so what comes later has to wait
      const first = yield* fork("x".repeat(1_000_000))
      yield* Effect.repeat(Effect.yieldNow, { times: 10 })
      const second = yield* fork("x")
      yield* sign
      assert.isTrue((yield* failure(Fiber.join(first), "ClosedError")).reason.requestSent)
      assert.deepStrictEqual((yield* Fiber.join(second)).structuredContent, { value: 1 })
    }))
})

/** More calls than the server will ever read. */
const callEcho = (client: McpClient.McpClient) =>
  Effect.forEach(
    numbers,
    (value) => Effect.forkScoped(client.callTool("echo", { value, filler }), { startImmediately: true })
  )

/** The calls that were lost. There is at least one, and all others have their answer. */
const lossesOf = Effect.fnUntraced(function*(calls: Effect.Success<ReturnType<typeof callEcho>>) {
  const exits = yield* Effect.forEach(calls, Fiber.await)
  const lost = exits.filter(Exit.isFailure)
  assert.isNotEmpty(lost)
  assert.deepStrictEqual(
    exits.flatMap((exit, value) => Exit.isSuccess(exit) && !isAnswerOf(value, exit.value) ? [exit.value] : []),
    []
  )
  const losses = yield* Effect.forEach(lost, (exit) => failure(exit, "ClosedError"))
  assert.isTrue(losses.every(({ reason }) => reason.requestSent))
  return losses
})

const isAnswerOf = (value: number, { structuredContent }: CallToolResult): boolean =>
  isJsonObject(structuredContent) && structuredContent["value"] === value

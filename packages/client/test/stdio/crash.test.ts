import type * as McpError from "@effect-mcp/client/McpError"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { answerLine, connect, Echo, failure, fixture, isRunning, perform, pid } from "./support.ts"

/** Why the process behind a lost session ended. */
const exitOf = ({ reason }: { readonly reason: McpError.ClosedError }): McpError.ProcessExitError => {
  const cause = reason.cause as McpError.ProcessExitError
  assert.strictEqual(cause._tag, "ProcessExitError")
  return cause
}

describe("a server that crashes amid a call", () => {
  it.live("fails the call with what is known of its end", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ client: { name: "frail" } })
      const lost = yield* failure(
        perform(client, { stderr: "loading\nTypeError: x is not a function\n" }, { exit: 3 }),
        "ClosedError"
      )
      assert.isTrue(lost.reason.requestSent)
      const exit = exitOf(lost)
      assert.strictEqual(exit.exitCode, 3)
      assert.strictEqual(exit.signal, undefined)
      assert.include(exit.command, "server.mjs")
      assert.strictEqual(exit.stderr, "loading\nTypeError: x is not a function")
      for (const part of ["frail", "tools/call", "server.mjs", "code 3", "TypeError: x is not a function"]) {
        assert.include(lost.error.message, part)
      }
    }))

  it.live("fails all calls under way", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const hanging = yield* Effect.forkScoped(
        Effect.forEach([1, 2, 3], () => failure(client.callTool("hang"), "ClosedError"), { concurrency: 3 }),
        { startImmediately: true }
      )
      yield* failure(perform(client, { exit: 1 }), "ClosedError")
      const lost = yield* Fiber.join(hanging)
      assert.deepStrictEqual(lost.map((one) => exitOf(one).exitCode), [1, 1, 1])
    }))

  it.live("is told apart from one that a signal ended", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const lost = yield* failure(perform(client, { stderr: "out of memory" }, { signal: "SIGKILL" }), "ClosedError")
      assert.isTrue(lost.reason.requestSent)
      const exit = exitOf(lost)
      assert.deepStrictEqual([exit.exitCode, exit.signal, exit.stderr], [undefined, "SIGKILL", "out of memory"])
      assert.include(lost.error.message, "SIGKILL")
    }))

  it.live("is not mistaken for one that was ended by a signal that its command line names", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ args: [fixture("server.mjs"), "{}", "--on=SIGTERM"] })
      const lost = yield* failure(perform(client, { signal: "SIGKILL" }), "ClosedError")
      assert.strictEqual(exitOf(lost).signal, "SIGKILL")
    }))

  it.live("is replaced for the next call", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect()
      const first = yield* pid(client)
      yield* failure(perform(client, { exit: 1 }), "ClosedError")
      const second = yield* pid(client)
      yield* failure(perform(client, { signal: "SIGSEGV" }), "ClosedError")
      const third = yield* pid(client)
      assert.deepStrictEqual(spawned, [first, second, third])
      assert.strictEqual(new Set(spawned).size, 3)
      assert.deepStrictEqual(spawned.map(isRunning), [false, false, true])
    }))

  it.live("is replaced once for all who call at the same time", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect()
      yield* failure(perform(client, { exit: 1 }), "ClosedError")
      const pids = yield* Effect.forEach(Array.from({ length: 20 }), () => pid(client), { concurrency: "unbounded" })
      assert.deepStrictEqual(new Set(pids), new Set([spawned[1]]))
      assert.strictEqual(spawned.length, 2)
    }))

  it.live("with code 0 has gone all the same", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect()
      const lost = yield* failure(perform(client, { exit: 0 }), "ClosedError")
      assert.strictEqual(exitOf(lost).exitCode, 0)
      yield* pid(client)
      assert.strictEqual(spawned.length, 2)
    }))
})

describe("what a server writes just before it ends", () => {
  it.live("is delivered: the answer to the call", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const result = yield* perform(client, { stdout: answerLine({ value: "last words" }) }, { exit: 1 })
      assert.deepStrictEqual(result.structuredContent, { value: "last words" })
    }))

  it.live("is delivered: an answer longer than a pipe holds", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const value = "x".repeat(3_000_000)
      const result = yield* perform(client, { answer: { value } }, { exit: 0 })
      assert.deepStrictEqual(result.structuredContent, { value })
    }))

  it.live("is delivered: all of its standard error", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const trace = Array.from({ length: 100 }, (_, line) => `    at line ${line}`).join("\n")
      const lost = yield* failure(perform(client, { stderr: `Error: boom\n${trace}\nend` }, { exit: 2 }), "ClosedError")
      assert.strictEqual(exitOf(lost).stderr, `Error: boom\n${trace}\nend`)
    }))
})

describe("a server that closes its output and stays", () => {
  it.live("has ended the session", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect({ client: { name: "frail" } })
      const lost = yield* failure(perform(client, { closeOutput: true }), "ClosedError")
      assert.isTrue(lost.reason.requestSent)
      assert.include(lost.error.message, "server.mjs")
      yield* client.call(Echo, { value: 1 })
      assert.deepStrictEqual(spawned.map(isRunning), [false, true])
    }))
})

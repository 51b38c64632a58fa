import * as McpError from "@effect-mcp/client/McpError"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { connect, Echo, failure, perform, runProgram, watch } from "./support.ts"

const LIMIT = 8192

/** What an error shows of the standard error of a server that ends after these steps. */
const tailAfter = (...stderr: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { client } = yield* connect()
    const { reason } = yield* failure(
      perform(client, ...stderr.map((text) => ({ stderr: text })), { exit: 1 }),
      "ClosedError"
    )
    assert(reason.cause instanceof McpError.ProcessExitError)
    return reason.cause.stderr
  })

describe("the standard error of the server", () => {
  it.live("is shown line by line in the diagnostics", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const lines = yield* watch(client, "Stderr", 3)
      yield* perform(
        client,
        { stderr: "first\nsecond, with é€😀\nthi" },
        { stderr: "rd\n" },
        { answer: {} }
      )
      assert.deepStrictEqual(yield* Fiber.join(lines), [
        { _tag: "Stderr", line: "first" },
        { _tag: "Stderr", line: "second, with é€😀" },
        { _tag: "Stderr", line: "third" }
      ])
    }))

  it.live("is shown while the server starts, too", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ client: { lazy: true }, server: { start: [{ stderr: "starting\n" }] } })
      const lines = yield* watch(client, "Stderr", 1)
      yield* client.call(Echo, { value: 1 })
      assert.deepStrictEqual(yield* Fiber.join(lines), [{ _tag: "Stderr", line: "starting" }])
    }))

  it.live("is no sign of failure, however much it is", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect()
      const stderr = "ERROR: this is only a log line\n".repeat(10_000)
      yield* perform(client, ...Array.from({ length: 10 }, () => ({ stderr })), { answer: {} })
      assert.deepStrictEqual(yield* client.call(Echo, { value: 1 }), { value: 1 })
      assert.strictEqual(spawned.length, 1)
    }))

  it.live("is in errors as it is when it is short", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* tailAfter("one\ntwo\n", "three"), "one\ntwo\nthree")
      assert.strictEqual(yield* tailAfter(), "")
    }))

  it.live("is in errors with its end when it is long", () =>
    Effect.gen(function*() {
      const lines = Array.from({ length: 100_000 }, (_, line) => `line ${line}`)
      const tail = yield* tailAfter(lines.join("\n"))
      assert.isAtMost(tail.length, LIMIT)
      assert.isAbove(tail.length, LIMIT / 2)
      assert.isTrue(lines.join("\n").endsWith(tail))
    }))

  it.live("is that of the process that ended, not of those before", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      yield* failure(perform(client, { stderr: "the first\n" }, { exit: 1 }), "ClosedError")
      const { error } = yield* failure(perform(client, { stderr: "the second\n" }, { exit: 1 }), "ClosedError")
      assert.include(error.message, "the second")
      assert.notInclude(error.message, "the first")
    }))

  it.live("goes to this process's own on demand", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* runProgram("inherit.ts")
      assert.strictEqual(stderr, "from the server\n")
      const { message, shown } = JSON.parse(stdout) as { readonly message: string; readonly shown: number }
      assert.include(message, "exited with code 1")
      assert.notInclude(message, "from the server")
      assert.deepStrictEqual([shown, code], [0, 0])
    }), 60_000)
})

describe("a line of the standard error above 64 KiB", () => {
  it.live("is shown cut in the diagnostics", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const lines = yield* watch(client, "Stderr", 2)
      yield* perform(client, { stderr: `${"x".repeat(100_000)}\nnext\nlast\n` }, { answer: {} })
      const [first, second] = yield* Fiber.join(lines)
      assert.isTrue(first?.line.startsWith("xxx"))
      assert.strictEqual(second?.line, "next")
    }))

  it.live("is in errors with its end", () =>
    Effect.gen(function*() {
      assert.match(yield* tailAfter(`${"x".repeat(100_000)} the end`), /x the end$/)
    }))
})

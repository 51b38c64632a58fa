import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { leavesNothing, Sleeps, until } from "../http/support.ts"
import { connect, fixture, temporaryFolder } from "./support.ts"

const touchy = Effect.fnUntraced(function*(manner: "answer" | "exit" | "silent") {
  const log = join(yield* temporaryFolder, "log")
  const lines = (): ReadonlyArray<string> => {
    try {
      return readFileSync(log, "utf8").trimEnd().split("\n")
    } catch {
      return []
    }
  }
  const connecting = connect({ args: [fixture("eras.mjs"), manner, log], client: { protocol: "auto" } })
  return { connecting, lines }
})

describe("a server of a process", () => {
  it.live.each(["exit", "answer"] as const)(
    "that ends when it is asked before the handshake (%s) is started again, and found to be a legacy one",
    (manner) =>
      Effect.gen(function*() {
        const { connecting, lines } = yield* touchy(manner)
        const { client, spawned } = yield* connecting
        assert.strictEqual((yield* client.session).protocolVersion, "2025-11-25")
        yield* client.callTool("any")
        assert.strictEqual(spawned.length, 2)
        assert.deepStrictEqual(lines().slice(0, 2), ["started", "server/discover"])
        assert.deepStrictEqual(lines().slice(lines().lastIndexOf("started")), [
          "started",
          "initialize",
          "notifications/initialized",
          "tools/call"
        ])
        yield* client.reconnect
        assert.strictEqual(spawned.length, 3)
        assert.deepStrictEqual(lines().filter((line) => line === "server/discover").length, 1)
      }).pipe(leavesNothing)
  )

  it.effect("that says nothing before the handshake is a legacy one, and goes on running", () =>
    Effect.gen(function*() {
      const { connecting, lines } = yield* touchy("silent")
      const sleeps = yield* Sleeps
      const fiber = yield* Effect.forkScoped(connecting)
      yield* until(() => lines().includes("server/discover"))
      yield* sleeps.until((millis) => millis === 5000)
      yield* TestClock.adjust("5 seconds")
      const { client, spawned } = yield* Fiber.join(fiber)
      assert.strictEqual((yield* client.session).protocolVersion, "2025-11-25")
      assert.strictEqual(spawned.length, 1)
      yield* client.callTool("any")
    }).pipe(leavesNothing))
})

import * as McpClient from "@effect-mcp/client/McpClient"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect, Echo, failure, isRunning, temporaryFolder, watch } from "./support.ts"

describe("a command that can not be started", () => {
  it.live("fails the layer, in words that help", () =>
    Effect.gen(function*() {
      const live = McpClient.layer().pipe(
        Layer.provide(StdioTransport.layer({ command: "no-such-command", args: ["--port", "1"] })),
        Layer.provide(NodeMcp.layer)
      )
      const { error, reason } = yield* failure(Layer.build(live), "SpawnError")
      assert.strictEqual(reason.code, "NotFound")
      assert.strictEqual(reason.command, "no-such-command --port 1")
      assert.include(error.message, "no-such-command")
      assert.include(error.message, "PATH")
    }))

  it.live("fails in the same way when a lazy client is first used, and each time", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ command: "no-such-command", client: { lazy: true } })
      yield* failure(client.call(Echo, { value: 1 }), "SpawnError")
      const { error } = yield* failure(client.call(Echo, { value: 1 }), "SpawnError")
      assert.strictEqual(error.method, "tools/call")
    }))

  it.live("is told apart when it may not be run", () =>
    Effect.gen(function*() {
      const command = join(yield* temporaryFolder, "server")
      writeFileSync(command, "#!/bin/sh\n", { mode: 0o644 })
      const { reason } = yield* failure(connect({ command }), "SpawnError")
      assert.strictEqual(reason.code, "PermissionDenied")
    }))

  it.live("is told apart when its working directory does not exist", () =>
    Effect.gen(function*() {
      const cwd = join(yield* temporaryFolder, "missing")
      const { error, reason } = yield* failure(connect({ cwd }), "SpawnError")
      assert.strictEqual(reason.code, "NotFound")
      assert.include(error.message, cwd)
      assert.notInclude(error.message, "Is it installed")
    }))

  it.live("is looked for in the PATH that the child is given", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const { error } = yield* failure(connect({ command: "node", env: { PATH: folder } }), "SpawnError")
      assert.include(error.message, "PATH of `env`")
    }))
})

describe("a server that ends before the session is open", () => {
  it.live("fails with its exit code and what it printed", () =>
    Effect.gen(function*() {
      const live = McpClient.layer({ name: "weather" }).pipe(
        Layer.provide(StdioTransport.layer({
          command: process.execPath,
          args: ["-e", "console.error('Error: %s is missing', 'API_KEY'); process.exit(78)"]
        })),
        Layer.provide(NodeMcp.layer)
      )
      const { error, reason } = yield* failure(Layer.build(live), "ProcessExitError")
      assert.deepStrictEqual([reason.exitCode, reason.stderr], [78, "Error: API_KEY is missing"])
      assert.include(reason.command, "process.exit(78)")
      for (const part of ["weather", "78", "Error: API_KEY is missing"]) assert.include(error.message, part)
    }))

  it.live.each([
    { how: "at once, with code 0", server: { start: [{ stdout: "usage: server\n" }, { exit: 0 }] }, code: 0 },
    { how: "when it is asked", server: { initialize: [{ exit: 5 }] }, code: 5 },
    { how: "by a signal", server: { start: [{ signal: "SIGTERM" }] }, code: undefined }
  ])("fails: $how", ({ code, server }) =>
    Effect.gen(function*() {
      const { reason } = yield* failure(connect({ server }), "ProcessExitError")
      assert.strictEqual(reason.exitCode, code)
      assert.strictEqual(reason.signal, code === undefined ? "SIGTERM" : undefined)
    }))
})

describe("a server that never answers", () => {
  // Only the test's clock passes the deadline: until the server has printed, it does not move.
  it.effect("fails with a timeout that names it, and is ended", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect({
        client: { lazy: true, name: "slow", timeouts: { connect: "7 seconds" } },
        server: { initialize: [{ stderr: "$PID waits for the database\n" }, { never: true }] }
      })
      const printed = yield* watch(client, "Stderr", 1)
      const calling = yield* Effect.forkScoped(failure(client.call(Echo, { value: 1 }), "TimeoutError"), {
        startImmediately: true
      })
      yield* Fiber.join(printed)
      yield* TestClock.adjust("6999 millis")
      assert.strictEqual(calling.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      const { error, reason } = yield* Fiber.join(calling)
      assert.deepStrictEqual([reason.budget, reason.millis], ["connect", 7000])
      for (const part of ["7000 ms", "connect", "server.mjs", `${spawned[0]} waits for the database`]) {
        assert.include(error.message, part)
      }
      yield* client.close
      assert.deepStrictEqual(spawned.map(isRunning), [false])
    }))

  it.live("fails the layer, which leaves nothing behind", () =>
    Effect.gen(function*() {
      // `connect` sees to it that nothing is left
      const { reason } = yield* failure(
        Effect.scoped(
          connect({ client: { timeouts: { connect: "100 millis" } }, server: { initialize: [{ never: true }] } })
        ),
        "TimeoutError"
      )
      assert.strictEqual(reason.budget, "connect")
    }))
})

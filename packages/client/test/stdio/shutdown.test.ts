import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { ChildProcessSpawner, make as makeSpawner } from "effect/process/ChildProcessSpawner"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { existsSync } from "node:fs"
import { join } from "node:path"
import {
  connect,
  connectFamily,
  Echo,
  failure,
  fixture,
  isRunning,
  pid,
  Pids,
  temporaryFolder,
  untilEnded,
  watch
} from "./support.ts"

/** Closing waits 750 ms for the server to go by itself, then two seconds after SIGTERM, then it kills. */
const BOUND = "8 seconds"

/** Closes a scope, in less than the bound. */
const close = (scope: Scope.Closeable) =>
  Effect.gen(function*() {
    const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void), { startImmediately: true })
    yield* Effect.timeout(Fiber.join(closing), BOUND)
  })

describe("closing", () => {
  it.live("ends the input of the server, which may take its leave", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client } = yield* connect({ server: { end: [{ stderr: "bye" }, { exit: 0 }] } }).pipe(
        Scope.provide(scope)
      )
      const server = yield* pid(client)
      assert.isTrue(isRunning(server))
      yield* close(scope)
      assert.isFalse(isRunning(server))
    }))

  it.live("lets a server finish what it does when its input ends", () =>
    Effect.gen(function*() {
      const note = join(yield* temporaryFolder, "note")
      yield* Effect.scoped(connect({ server: { end: [{ pause: 50 }, { file: note }] } }))
      assert.isTrue(existsSync(note))
    }))

  it.live("ends a stubborn server and its stubborn child", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client } = yield* connectFamily({ stubborn: true }).pipe(Scope.provide(scope))
      const { pids } = yield* client.call(Pids, {})
      assert.deepStrictEqual(pids.map(isRunning), [true, true])
      yield* close(scope)
      assert.deepStrictEqual(pids.map(isRunning), [false, false])
    }))

  it.live("ends the child that a server left behind when it went by itself", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client } = yield* connectFamily({ stubborn: false }).pipe(Scope.provide(scope))
      const { pids } = yield* client.call(Pids, {})
      assert.deepStrictEqual(pids.map(isRunning), [true, true])
      yield* close(scope)
      assert.deepStrictEqual(pids.map(isRunning), [false, false])
    }))

  it.live("fails the calls under way, and later ones", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client } = yield* connect().pipe(Scope.provide(scope))
      const calling = yield* Effect.forkScoped(failure(client.callTool("hang"), "ClosedError"), {
        startImmediately: true
      })
      yield* client.call(Echo, { value: 1 })
      yield* close(scope)
      const { reason } = yield* Fiber.join(calling)
      assert.isTrue(reason.requestSent)
      const later = yield* failure(client.call(Echo, { value: 1 }), "ClosedError")
      assert.isFalse(later.reason.requestSent)
    }))

  it.live("of the session only leaves a client that starts another server", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const first = yield* pid(client)
      yield* client.close
      assert.isFalse(isRunning(first))
      const second = yield* pid(client)
      assert.notStrictEqual(second, first)
      assert.isTrue(isRunning(second))
    }))
})

describe("a server that leaves while its child holds the pipe", () => {
  it.live.each(["exit", "kill"])("fails the call, and its child is ended: %s", (how) =>
    Effect.gen(function*() {
      const { client } = yield* connectFamily({ stubborn: false, sharesOutput: true })
      const { pids } = yield* client.call(Pids, {})
      const lost = yield* failure(client.callTool(how, { code: 0 }), "ClosedError").pipe(Effect.timeout("8 seconds"))
      const exit = lost.reason.cause
      assert(exit instanceof McpError.ProcessExitError)
      assert.deepStrictEqual([exit.exitCode, exit.signal], how === "exit" ? [0, undefined] : [undefined, "SIGKILL"])
      yield* client.close
      assert.deepStrictEqual(pids.map(isRunning), [false, false])
    }))
})

describe("a server that is replaced", () => {
  it.live("stays for the calls that it was given, and goes with the last of them", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect()
      const first = yield* pid(client)
      const steps = [{ on: "SIGUSR2", steps: [{ send: { id: "$ID", result: { content: [] } } }] }]
      const calling = yield* Effect.forkScoped(client.callTool("perform", { steps }), { startImmediately: true })
      yield* client.call(Echo, { value: 1 })
      yield* client.reconnect
      const second = yield* pid(client)
      assert.deepStrictEqual(spawned, [first, second])
      assert.deepStrictEqual(spawned.map(isRunning), [true, true])
      process.kill(first, "SIGUSR2")
      assert.deepStrictEqual((yield* Fiber.join(calling)).content, [])
      yield* untilEnded([first])
      assert.isTrue(isRunning(second))
    }))

  it.effect("was idle for too long", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect({ client: { lazy: true, idleTimeToLive: "1 minute" } })
      assert.deepStrictEqual(spawned, [])
      const first = yield* pid(client)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* pid(client), first)
      yield* TestClock.adjust("59 seconds")
      assert.isTrue(isRunning(first))
      yield* TestClock.adjust("1 second")
      yield* TestClock.withLive(untilEnded([first]))
      assert.notStrictEqual(yield* pid(client), first)
      assert.strictEqual(spawned.length, 2)
    }))
})

describe("an attempt to connect that is given up", () => {
  it.live("leaves no server behind", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect({
        client: { lazy: true },
        server: { initialize: [{ stderr: "asked\n" }, { never: true }] }
      })
      const asked = yield* watch(client, "Stderr", 1)
      const calling = yield* Effect.forkScoped(client.call(Echo, { value: 1 }), { startImmediately: true })
      yield* Fiber.join(asked)
      assert.deepStrictEqual(spawned.map(isRunning), [true])
      yield* Fiber.interrupt(calling)
      // nobody waits for that, but it happens while the client lives
      yield* untilEnded(spawned)
      assert.strictEqual((yield* client.state)._tag, "Idle")
    }))

  it.live("goes on while somebody else waits for it", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect({
        client: { lazy: true },
        server: { initialize: [{ stderr: "asked\n" }] }
      })
      const asked = yield* watch(client, "Stderr", 1)
      const first = yield* Effect.forkScoped(client.call(Echo, { value: 1 }), { startImmediately: true })
      const second = yield* Effect.forkScoped(client.call(Echo, { value: 2 }), { startImmediately: true })
      yield* Fiber.interrupt(first)
      yield* Fiber.join(asked)
      assert.deepStrictEqual(yield* Fiber.join(second), { value: 2 })
      assert.strictEqual(spawned.length, 1)
    }))

  it.live.each<{ readonly when: string; readonly defer: (interrupt: () => void) => unknown }>([
    { when: "at the same moment", defer: queueMicrotask },
    { when: "in the same turn", defer: process.nextTick },
    { when: "in the next turn", defer: setImmediate }
  ])("leaves nothing behind if its server was just being started: $when", ({ defer }) =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner
      let started = 0
      let ended = 0
      let interrupt = () => {}
      const spying = makeSpawner((command) =>
        Effect.gen(function*() {
          // runs after the process has been ended
          yield* Effect.addFinalizer(() => Effect.sync(() => ended++))
          started++
          defer(() => interrupt())
          return yield* spawner.spawn(command)
        })
      )
      const transport = yield* StdioTransport.make({ command: process.execPath, args: [fixture("server.mjs")] }).pipe(
        Effect.provideService(ChildProcessSpawner, spying)
      )
      const scope = yield* Scope.make()
      const connecting = yield* McpClient.make().pipe(
        Effect.provideService(McpTransport.McpTransport, transport),
        Scope.provide(scope),
        Effect.forkScoped
      )
      interrupt = () => connecting.interruptUnsafe()
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(connecting)))
      yield* close(scope)
      assert.deepStrictEqual([started, ended], [1, 1])
    }).pipe(Effect.provide(NodeMcp.layer)))
})

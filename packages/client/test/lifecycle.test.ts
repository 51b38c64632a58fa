import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as Fault from "@effect-mcp/testing/Fault"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { census, clientOf, connect, failsWith, logged, settled, start, watchStates } from "./harness.ts"

const tools = { noop: () => Effect.succeed({}), hang: () => Effect.never } satisfies MockTransport.Options["tools"]

const noop = (client: McpClient.McpClient) => client.callTool("noop")

describe("an eager client", () => {
  it.effect("opens its session when it is made, and keeps it for its scope", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ tools })
      const { log, transport } = logged(mock.transport)
      const scope = yield* Scope.make()
      const client = yield* Scope.provide(clientOf(transport), scope)
      assert.deepStrictEqual(log, ["open 1"])
      assert.strictEqual((yield* client.state)._tag, "Ready")
      yield* TestClock.adjust("2 days")
      yield* noop(client)
      assert.deepStrictEqual(log, ["open 1"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["open 1", "close 1"])
    }))

  it.effect("is not made when the server can not be started: the reason is the transport's", () =>
    Effect.gen(function*() {
      const spawn = new McpError.SpawnError({ command: "no-such-server", code: "NotFound" })
      const transport = McpTransport.make({ label: "no-such-server", connect: Effect.fail(McpError.make(spawn)) })
      const error = yield* Effect.flip(clientOf(transport))
      assert.strictEqual(error.reason, spawn)
      assert.strictEqual(error.server, "no-such-server")
    }))

  it.effect("is not made when the server takes too long to start", () =>
    Effect.gen(function*() {
      const transport = McpTransport.make({ label: "stuck", connect: Effect.never })
      const making = yield* start(
        failsWith("TimeoutError")(clientOf(transport, { timeouts: { connect: "5 seconds" } }))
      )
      yield* TestClock.adjust("5 seconds")
      const { budget, millis } = yield* Fiber.join(making)
      assert.deepStrictEqual({ budget, millis }, { budget: "connect", millis: 5_000 })
    }))

  it.effect("has one deadline for the start of the server and the handshake", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ faults: [Fault.drop("initialize")] })
      const connect = Effect.delay(mock.transport.connect, "3 seconds")
      const transport = McpTransport.make({ label: "slow", connect })
      const making = yield* start(
        failsWith("TimeoutError")(clientOf(transport, { timeouts: { connect: "5 seconds" } }))
      )
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(making.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const { budget, millis } = yield* Fiber.join(making)
      assert.deepStrictEqual({ budget, millis }, { budget: "connect", millis: 5_000 })
    }))

  it.effect("makes its layer fail, and leaves nothing open", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ faults: [Fault.fail("initialize", { code: 1, message: "no" })] })
      const layer = McpClient.layer().pipe(Layer.provide(Layer.succeed(McpTransport.McpTransport, mock.transport)))
      const error = yield* Effect.flip(Effect.provide(McpClient.McpClient, layer))
      assert.strictEqual(error.reason._tag, "JsonRpcError")
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect("is shared by all who are given its layer", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ tools })
      const live = McpClient.layer().pipe(Layer.provide(Layer.succeed(McpTransport.McpTransport, mock.transport)))
      const use = Effect.flatMap(McpClient.McpClient, noop)
      yield* Effect.all([use, Effect.provide(use, live), use], { concurrency: "unbounded" }).pipe(Effect.provide(live))
      assert.strictEqual(yield* mock.connections, 1)
      assert.strictEqual(yield* mock.open, 0)
    }))
})

describe("a lazy client", () => {
  it.effect("opens its session when it is first used", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools }, { lazy: true })
      const states = yield* watchStates(client)
      assert.strictEqual(yield* mock.connections, 0)
      assert.deepStrictEqual(yield* client.state, { _tag: "Idle" })
      yield* noop(client)
      yield* settled
      assert.deepStrictEqual(states.tags(), ["Idle", "Connecting", "Ready"])
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect("has in its state what both sides agreed on", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools }, { lazy: true })
      const session = yield* client.session
      assert.deepStrictEqual(yield* client.state, { _tag: "Ready", session })
    }))

  it.effect("fails where it is used, and tries again at the next use", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(
        { tools, faults: [Fault.disconnect("initialize", 1)] },
        { lazy: true }
      )
      yield* failsWith("TransportError")(noop(client))
      assert.strictEqual((yield* client.state)._tag, "Idle")
      yield* noop(client)
      assert.strictEqual(yield* mock.connections, 2)
    }))

  it.effect("tries once for each use, also when a list is asked for", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools, faults: [Fault.disconnect("initialize")] }, { lazy: true })
      yield* failsWith("TransportError")(client.listTools())
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect("opens one session for all who use it at the same time", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(
        { tools, faults: [Fault.delay("initialize", "1 second")] },
        { lazy: true }
      )
      const users = yield* start(Effect.forEach(Array.from({ length: 50 }), () => noop(client), {
        concurrency: "unbounded"
      }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(users)
      assert.strictEqual(yield* mock.connections, 1)
      assert.strictEqual((yield* mock.methods).filter((method) => method === "initialize").length, 1)
    }))

  it.effect("tells all who wait when its session can not be opened", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(
        { tools, methods: { initialize: () => Effect.delay(Effect.succeed("nonsense"), "1 second") } },
        { lazy: true }
      )
      const users = yield* start(
        Effect.forEach([1, 2, 3], () => failsWith("ProtocolError")(noop(client)), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(users)).length, 3)
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect("shares its session among nested and successive uses", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        tools: { ...tools, outer: (_, request) => Effect.as(request.progress({ progress: 1 }), {}) }
      }, { lazy: true })
      yield* client.callTool("outer", {}, { onProgress: () => Effect.orDie(Effect.asVoid(noop(client))) })
      yield* noop(client)
      assert.strictEqual(yield* mock.connections, 1)
    }))
})

describe("an idle session", () => {
  const idle = Effect.fnUntraced(function*(options: McpClient.Options = {}) {
    const mock = yield* MockTransport.make({
      tools: { ...tools, slow: () => Effect.delay(Effect.succeed({}), "50 seconds") }
    })
    const { log, transport } = logged(mock.transport)
    return { log, client: yield* clientOf(transport, { lazy: true, ...options }) }
  })

  it.effect("is closed after a minute, and the next use opens another", () =>
    Effect.gen(function*() {
      const { client, log } = yield* idle()
      const states = yield* watchStates(client)
      yield* noop(client)
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(log, ["open 1"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log, ["open 1", "close 1"])
      yield* noop(client)
      yield* settled
      assert.deepStrictEqual(log, ["open 1", "close 1", "open 2"])
      assert.deepStrictEqual(states.tags(), ["Idle", "Connecting", "Ready", "Idle", "Connecting", "Ready"])
      assert.deepStrictEqual(states.log[3], { _tag: "Idle", lost: undefined })
    }))

  it.effect("is as old as its last use", () =>
    Effect.gen(function*() {
      const { client, log } = yield* idle({ idleTimeToLive: "10 seconds" })
      for (let use = 0; use < 5; use++) {
        yield* noop(client)
        yield* TestClock.adjust("9 seconds")
      }
      assert.deepStrictEqual(log, ["open 1"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log, ["open 1", "close 1"])
    }))

  it.effect("is not idle while a call is under way, and is from its end on", () =>
    Effect.gen(function*() {
      const { client, log } = yield* idle({ idleTimeToLive: "10 seconds" })
      const call = yield* start(client.callTool("slow"))
      yield* TestClock.adjust("50 seconds")
      yield* Fiber.join(call)
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(log, ["open 1"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log, ["open 1", "close 1"])
    }))

  it.effect("leaves nothing that waits for its end when the scope of the client is closed before", () =>
    Effect.gen(function*() {
      const { alive, counting } = census()
      const scope = yield* Scope.make()
      const { client } = yield* idle().pipe(Scope.provide(scope), counting)
      yield* counting(noop(client))
      yield* settled
      assert.isAbove(alive(), 0)
      yield* Scope.close(scope, Exit.void)
      yield* settled
      assert.strictEqual(alive(), 0)
    }))

  it.effect("may live no time at all", () =>
    Effect.gen(function*() {
      const { client, log } = yield* idle({ idleTimeToLive: 0 })
      yield* noop(client)
      yield* settled
      yield* noop(client)
      yield* settled
      assert.deepStrictEqual(log, ["open 1", "close 1", "open 2", "close 2"])
    }))

  it.effect("may live for ever", () =>
    Effect.gen(function*() {
      const { client, log } = yield* idle({ idleTimeToLive: Duration.infinity })
      yield* noop(client)
      yield* TestClock.adjust("1000 days")
      assert.deepStrictEqual(log, ["open 1"])
    }))

  it.effect.prop(
    "is opened as often as it was idle for too long",
    {
      pauses: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))).check(
        Schema.isMaxLength(20)
      )
    },
    ({ pauses }) =>
      Effect.gen(function*() {
        const { client, log } = yield* idle({ idleTimeToLive: "10 seconds" })
        yield* noop(client)
        for (const pause of pauses) {
          yield* TestClock.adjust(Duration.seconds(pause))
          yield* noop(client)
        }
        const opened = log.filter((event) => event.startsWith("open")).length
        assert.strictEqual(opened, 1 + pauses.filter((pause) => pause >= 10).length)
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 25 } }
  )
})

describe("leaving while it connects", () => {
  const connecting = Effect.fnUntraced(function*() {
    const { client, mock } = yield* connect(
      { tools, faults: [Fault.delay("initialize", "10 seconds", 1)] },
      { lazy: true }
    )
    const starter = yield* start(noop(client))
    return { client, mock, starter }
  })

  it.effect("leaves nothing open, and the next use works", () =>
    Effect.gen(function*() {
      const { client, mock, starter } = yield* connecting()
      assert.strictEqual(yield* mock.open, 1)
      yield* Fiber.interrupt(starter)
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
      assert.deepStrictEqual(yield* client.state, { _tag: "Idle", lost: undefined })
      yield* noop(client)
      assert.strictEqual(yield* mock.connections, 2)
      assert.strictEqual(yield* mock.open, 1)
    }))

  it.effect("does not disturb others who wait", () =>
    Effect.gen(function*() {
      const { client, mock, starter } = yield* connecting()
      const other = yield* start(noop(client))
      yield* Fiber.interrupt(starter)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(other)
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect("goes on until the last one has left", () =>
    Effect.gen(function*() {
      const { client, mock, starter } = yield* connecting()
      const others = yield* Effect.forEach([1, 2, 3], () => start(noop(client)))
      yield* Fiber.interruptAll([others[1]!, starter, others[0]!])
      assert.strictEqual(yield* mock.open, 1)
      yield* Fiber.interrupt(others[2]!)
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect("of what can not be interrupted at once does not disturb the next attempt", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ tools, faults: [Fault.delay("initialize", "3 seconds")] })
      let attempts = 0
      const connect = Effect.suspend(() =>
        ++attempts === 1
          ? Effect.uninterruptible(Effect.delay(mock.transport.connect, "1 second"))
          : mock.transport.connect
      )
      const client = yield* clientOf(McpTransport.make({ label: "tough", connect }), { lazy: true })
      const leaving = yield* start(Effect.flatMap(start(noop(client)), Fiber.interrupt))
      const next = yield* start(noop(client))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(leaving)
      const last = yield* start(noop(client))
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.joinAll([next, last])
      assert.strictEqual(attempts, 2)
      assert.strictEqual(yield* mock.open, 1)
    }))

  it.effect("may be for lack of time", () =>
    Effect.gen(function*() {
      const { client, mock, starter } = yield* connecting()
      yield* Fiber.interrupt(starter)
      const { transport } = yield* MockTransport.make({ faults: [Fault.drop("initialize")] })
      const eager = yield* start(Effect.timeoutOption(clientOf(transport), "1 second"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(eager))._tag, "None")
      yield* noop(client)
      assert.strictEqual(yield* mock.open, 1)
    }))
})

describe("two clients of one transport", () => {
  it.effect("have sessions of their own", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools })
      const other = yield* clientOf(mock.transport, { lazy: true, idleTimeToLive: "1 second" })
      yield* noop(other)
      assert.strictEqual(yield* mock.open, 2)
      const call = yield* start(client.callTool("hang"))
      yield* TestClock.adjust("1 second")
      yield* other.close
      assert.strictEqual(yield* mock.open, 1)
      assert.isUndefined(call.pollUnsafe())
      assert.strictEqual((yield* client.state)._tag, "Ready")
    }))
})

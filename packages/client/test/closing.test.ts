import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as Fault from "@effect-mcp/testing/Fault"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { clientOf, connect, failsWith, logged, reasonOf, settled, start, watchStates } from "./harness.ts"

/** A tool that answers when the gate opens, with the number of its connection. */
const makeServer = Effect.fnUntraced(function*() {
  const gate = yield* Deferred.make<void>()
  const mock = yield* MockTransport.make({
    tools: {
      noop: () => Effect.succeed({}),
      hang: () => Effect.never,
      gated: () => Effect.as(Deferred.await(gate), { structuredContent: "through" })
    }
  })
  return { ...logged(mock.transport), mock, open: Deferred.succeed(gate, undefined) }
})

/** A transport whose first connection closes only when it is allowed to. */
const makeStubborn = Effect.fnUntraced(function*() {
  const server = yield* makeServer()
  const allowed = yield* Deferred.make<void>()
  let first = true
  const transport = McpTransport.make({
    label: "stubborn",
    connect: Effect.gen(function*() {
      if (first) {
        first = false
        yield* Effect.addFinalizer(() =>
          Effect.andThen(Deferred.await(allowed), Effect.sync(() => server.log.push("gone")))
        )
      }
      return yield* server.transport.connect
    })
  })
  return { ...server, transport, allow: Deferred.succeed(allowed, undefined) }
})

describe("close", () => {
  it.effect("fails calls under way, which may have been carried out", () =>
    Effect.gen(function*() {
      const { mock, transport } = yield* makeServer()
      const client = yield* clientOf(transport, { name: "shop" })
      const call = yield* start(Effect.flip(client.raw.callTool("hang")))
      yield* client.close
      const error = yield* Fiber.join(call)
      assert.strictEqual(error.server, "shop")
      assert.strictEqual(error.method, "tools/call")
      const { by, message, requestSent } = reasonOf("ClosedError", error)
      assert.deepStrictEqual({ by, requestSent }, { by: "client", requestSent: true })
      assert.notInclude(message, "hung up")
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect("fails a list, too, which is not asked for again", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: {}, methods: { "tools/list": () => Effect.never } })
      const list = yield* start(failsWith("ClosedError")(client.listTools()))
      yield* client.close
      assert.strictEqual((yield* Fiber.join(list)).by, "client")
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect("leaves a client that can be used again", () =>
    Effect.gen(function*() {
      const { log, transport } = yield* makeServer()
      const client = yield* clientOf(transport)
      const states = yield* watchStates(client)
      yield* client.close
      assert.deepStrictEqual(log, ["open 1", "close 1"])
      yield* client.callTool("noop")
      yield* settled
      assert.deepStrictEqual(log, ["open 1", "close 1", "open 2"])
      assert.deepStrictEqual(states.tags(), ["Ready", "Idle", "Connecting", "Ready"])
      assert.deepStrictEqual(states.log[1], { _tag: "Idle", lost: undefined })
    }))

  it.effect("of what is closed does nothing", () =>
    Effect.gen(function*() {
      const { log, transport } = yield* makeServer()
      const client = yield* clientOf(transport, { lazy: true })
      yield* client.close
      yield* client.callTool("noop")
      yield* client.close
      yield* client.close
      assert.deepStrictEqual(log, ["open 1", "close 1"])
      assert.strictEqual((yield* client.state)._tag, "Idle")
    }))

  it.effect("fails who waits for a connection: their request was not sent", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(
        { tools: { noop: () => Effect.succeed({}) }, faults: [Fault.drop("initialize", 1)] },
        { lazy: true }
      )
      const waiting = yield* start(failsWith("ClosedError")(client.callTool("noop")))
      yield* client.close
      assert.isFalse((yield* Fiber.join(waiting)).requestSent)
      assert.strictEqual(yield* mock.open, 0)
      assert.notInclude(yield* mock.methods, "tools/call")
      yield* client.callTool("noop")
      assert.strictEqual(yield* mock.connections, 2)
    }))

  it.effect("waits for the end of the server, so that a successor finds its place free", () =>
    Effect.gen(function*() {
      const { allow, log, transport } = yield* makeStubborn()
      const client = yield* clientOf(transport)
      const closing = yield* start(client.close)
      const call = yield* start(client.callTool("noop"))
      assert.isUndefined(closing.pollUnsafe())
      assert.deepStrictEqual(log, ["open 1", "close 1"])
      yield* allow
      yield* Fiber.join(closing)
      yield* Fiber.join(call)
      assert.deepStrictEqual(log, ["open 1", "close 1", "gone", "open 2"])
    }))

  it.effect("waits for five seconds at most, and what takes longer still comes to its end", () =>
    Effect.gen(function*() {
      const { allow, log, transport } = yield* makeStubborn()
      const client = yield* clientOf(transport)
      const closing = yield* start(client.close)
      const call = yield* start(client.callTool("noop"))
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      yield* Fiber.join(call)
      yield* allow
      yield* settled
      assert.deepStrictEqual(log, ["open 1", "close 1", "open 2", "gone"])
    }))

  it.effect("does not fail who waited for the same connection and had not yet begun", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(
        { tools: { noop: () => Effect.succeed({}) }, faults: [Fault.delay("initialize", "1 second", 1)] },
        { lazy: true }
      )
      const closer = yield* start(Effect.andThen(client.session, client.close))
      const other = yield* start(client.callTool("noop"))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closer)
      yield* Fiber.join(other)
      assert.strictEqual(yield* mock.connections, 2)
    }))

  it.effect("comes to its end also when who asked for it leaves", () =>
    Effect.gen(function*() {
      const { allow, log, transport } = yield* makeStubborn()
      const client = yield* clientOf(transport)
      const closing = yield* start(client.close)
      const leaving = yield* start(Fiber.interrupt(closing))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(leaving)
      yield* allow
      yield* settled
      assert.deepStrictEqual(log, ["open 1", "close 1", "gone"])
    }))
})

describe("reconnect", () => {
  it.effect("opens a new session, and closes the old one when nobody uses it", () =>
    Effect.gen(function*() {
      const { log, transport } = yield* makeServer()
      const client = yield* clientOf(transport)
      yield* client.reconnect
      yield* client.callTool("noop")
      assert.deepStrictEqual(log, ["open 1", "close 1", "open 2"])
    }))

  it.effect("lets calls under way finish in the old session, which closes with the last of them", () =>
    Effect.gen(function*() {
      const { log, open, transport } = yield* makeServer()
      const client = yield* clientOf(transport)
      const calls = yield* Effect.forEach([1, 2], () => start(client.callTool("gated")))
      const patient = yield* start(client.callTool("hang"))
      yield* client.reconnect
      yield* client.callTool("noop")
      assert.deepStrictEqual(log, ["open 1", "open 2"])
      yield* open
      const results = yield* Fiber.joinAll(calls)
      assert.deepStrictEqual(results.map(({ structuredContent }) => structuredContent), ["through", "through"])
      assert.deepStrictEqual(log, ["open 1", "open 2"])
      yield* Fiber.interrupt(patient)
      yield* settled
      assert.deepStrictEqual(log, ["open 1", "open 2", "close 1"])
      yield* client.callTool("noop")
      assert.deepStrictEqual(log, ["open 1", "open 2", "close 1"])
    }))

  it.effect("does not save calls in the old session from a close", () =>
    Effect.gen(function*() {
      const { log, transport } = yield* makeServer()
      const client = yield* clientOf(transport)
      const call = yield* start(failsWith("ClosedError")(client.callTool("hang")))
      yield* client.reconnect
      yield* client.close
      assert.strictEqual((yield* Fiber.join(call)).by, "client")
      assert.sameMembers(log, ["open 1", "open 2", "close 1", "close 2"])
    }))

  it.effect("does not save calls in the old session from the end of the scope", () =>
    Effect.gen(function*() {
      const { log, transport } = yield* makeServer()
      const scope = yield* Scope.make()
      const client = yield* Scope.provide(clientOf(transport), scope)
      const call = yield* start(failsWith("ClosedError")(client.callTool("hang")))
      yield* client.reconnect
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(call)).by, "client")
      assert.sameMembers(log, ["open 1", "open 2", "close 1", "close 2"])
    }))

  it.effect("connects a client that is not connected", () =>
    Effect.gen(function*() {
      const { log, transport } = yield* makeServer()
      const client = yield* clientOf(transport, { lazy: true })
      yield* client.reconnect
      assert.deepStrictEqual(log, ["open 1"])
      assert.strictEqual((yield* client.state)._tag, "Ready")
    }))

  it.effect("fails when the server has gone, with the name of the server; the next use tries again", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { noop: () => Effect.succeed({}) } }, { name: "shop" })
      yield* mock.inject(Fault.fail("initialize", { code: -32000, message: "closed for today" }, 1))
      const error = yield* Effect.flip(client.reconnect)
      assert.strictEqual(error.server, "shop")
      assert.strictEqual(error.reason._tag, "JsonRpcError")
      yield* client.callTool("noop")
    }))
})

describe("the end of the scope", () => {
  it.effect("fails calls under way and later ones, and is a state", () =>
    Effect.gen(function*() {
      const { log, mock, transport } = yield* makeServer()
      const scope = yield* Scope.make()
      const client = yield* Scope.provide(clientOf(transport), scope)
      const states = yield* watchStates(client)
      const call = yield* start(failsWith("ClosedError")(client.callTool("hang")))
      yield* Scope.close(scope, Exit.void)
      assert.isTrue((yield* Fiber.join(call)).requestSent)
      yield* states.ended
      assert.deepStrictEqual(states.tags(), ["Ready", "Closed"])
      assert.deepStrictEqual(yield* client.state, { _tag: "Closed" })

      const later = yield* failsWith("ClosedError")(client.callTool("noop"))
      assert.isFalse(later.requestSent)
      yield* failsWith("ClosedError")(client.session)
      yield* failsWith("ClosedError")(client.listTools())
      yield* failsWith("ClosedError")(client.reconnect)
      yield* client.close
      assert.deepStrictEqual(yield* client.state, { _tag: "Closed" })
      assert.deepStrictEqual(log, ["open 1", "close 1"])
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect("is told also to who begins to watch after it", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client } = yield* Scope.provide(connect(), scope)
      yield* Scope.close(scope, Exit.void)
      const states = yield* watchStates(client)
      yield* states.ended
      assert.deepStrictEqual(states.tags(), ["Closed"])
    }))

  it.effect("fails who waits for a connection, and leaves nothing open", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client, mock } = yield* Scope.provide(
        connect({ faults: [Fault.drop("initialize")] }, { lazy: true }),
        scope
      )
      const waiting = yield* start(failsWith("ClosedError")(client.session))
      yield* Scope.close(scope, Exit.void)
      assert.isFalse((yield* Fiber.join(waiting)).requestSent)
      assert.strictEqual(yield* mock.open, 0)
      assert.deepStrictEqual(yield* client.state, { _tag: "Closed" })
    }))

  it.effect("waits for the end of the server for five seconds at most", () =>
    Effect.gen(function*() {
      const { allow, log, transport } = yield* makeStubborn()
      const scope = yield* Scope.make()
      yield* Scope.provide(clientOf(transport), scope)
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["open 1", "close 1"])
      yield* allow
      yield* settled
      assert.deepStrictEqual(log, ["open 1", "close 1", "gone"])
    }))
})

import type * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import * as Fault from "@effect-mcp/testing/Fault"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { clientOf, failsWith, logged, settled, start, watchStates } from "./harness.ts"

const tools = {
  noop: () => Effect.succeed({}),
  crash: () => Effect.never,
  hang: () => Effect.never
} satisfies MockTransport.Options["tools"]

const isCrash: Fault.Match = ({ method, params }) => method === "tools/call" && params?.["name"] === "crash"

/** A client, its server, and what becomes of its connections. */
const healing = Effect.fnUntraced(function*(server: MockTransport.Options = {}, options?: McpClient.Options) {
  const mock = yield* MockTransport.make({ tools, ...server })
  const { log, openedAt, transport } = logged(mock.transport)
  const client = yield* clientOf(transport, options)
  const noop = client.callTool("noop")
  /** Hangs up, after which so many attempts to connect fail. */
  const lose = (failures = 0) =>
    Effect.gen(function*() {
      if (failures > 0) yield* mock.inject(Fault.disconnect("initialize", failures))
      yield* mock.disconnect()
      yield* settled
    })
  /** The pauses between the attempts to connect since the loss. */
  const pauses = () => openedAt.slice(2).map((time, index) => time - openedAt[index + 1]!)
  return { client, log, lose, mock, noop, pauses }
})

const between = (value: number | undefined, least: number, most: number) => {
  assert.isAtLeast(value ?? Number.NaN, least)
  assert.isAtMost(value ?? Number.NaN, most)
}

describe("a lost session", () => {
  it.effect("is replaced for the next user, at once", () =>
    Effect.gen(function*() {
      const { client, log, lose, noop } = yield* healing()
      const states = yield* watchStates(client)
      yield* lose()
      assert.deepStrictEqual(log, ["open 1", "close 1"])
      yield* noop
      yield* settled
      assert.deepStrictEqual(log, ["open 1", "close 1", "open 2"])
      assert.deepStrictEqual(states.tags(), ["Ready", "Idle", "Reconnecting", "Ready"])
      const [, idle, reconnecting] = states.log
      assert.isTrue(idle?._tag === "Idle" && idle.lost?.message.includes("hung up"))
      assert.isTrue(
        reconnecting?._tag === "Reconnecting" && reconnecting.attempt === 1 &&
          reconnecting.cause.message.includes("hung up")
      )
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    }))

  it.effect("says why it was lost", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* healing()
      const lost = new McpError.ProcessExitError({ command: "node server.js", exitCode: 3, stderr: "out of memory" })
      yield* mock.disconnect(lost)
      yield* settled
      assert.deepStrictEqual(yield* client.state, { _tag: "Idle", lost })
    }))

  it.effect("is not replaced while nobody uses the client", () =>
    Effect.gen(function*() {
      const { log, lose } = yield* healing()
      yield* lose()
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(log, ["open 1", "close 1"])
    }))

  it.effect("is replaced once for all who use the client at the same time", () =>
    Effect.gen(function*() {
      const { log, lose, noop } = yield* healing()
      yield* lose(1)
      const users = yield* start(Effect.all([noop, noop, noop], { concurrency: "unbounded" }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(users)
      assert.deepStrictEqual(log, ["open 1", "close 1", "open 2", "close 2", "open 3"])
    }))

  it.effect("of a lazy client is replaced like any other", () =>
    Effect.gen(function*() {
      const { log, lose, noop } = yield* healing({}, { lazy: true })
      yield* noop
      yield* lose()
      yield* noop
      assert.deepStrictEqual(log, ["open 1", "close 1", "open 2"])
    }))

  it.effect("fails what was under way, which may have been carried out and is not repeated", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* healing({ faults: [Fault.disconnect(isCrash)] })
      const other = yield* start(failsWith("ClosedError")(client.callTool("hang")))
      const reason = yield* failsWith("ClosedError")(client.callTool("crash"))
      assert.isTrue(reason.requestSent)
      assert.strictEqual(reason.by, "server")
      assert.strictEqual((reason.cause as McpError.TransportError)._tag, "TransportError")
      assert.isTrue((yield* Fiber.join(other)).requestSent)
      yield* settled
      assert.strictEqual((yield* mock.methods).filter((method) => method === "tools/call").length, 2)
      assert.strictEqual(yield* mock.connections, 1)
    }))
})

describe("attempts to replace a session", () => {
  it.effect("come after pauses that double, up to five seconds, each a little different", () =>
    Effect.gen(function*() {
      const reconnect = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(
        Schedule.jittered,
        Schedule.upTo({ times: 9 })
      )
      const usual = yield* healing()
      const another = yield* healing()
      const longer = yield* healing({}, { reconnect })
      yield* usual.lose(5)
      yield* another.lose(5)
      yield* longer.lose(9)
      const calls = yield* Effect.forEach([usual, another, longer], ({ noop }) => start(noop))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.joinAll(calls)

      const plain = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]
      assert.strictEqual(usual.pauses().length, 5)
      for (const [index, pause] of usual.pauses().entries()) between(pause, plain[index]! * 0.8, plain[index]! * 1.2)
      assert.strictEqual(longer.pauses().length, 9)
      for (const [index, pause] of longer.pauses().entries()) between(pause, plain[index]! * 0.8, plain[index]! * 1.2)
      assert.notDeepEqual(usual.pauses(), another.pauses())
    }))

  it.effect("are counted in the state, with what went wrong last", () =>
    Effect.gen(function*() {
      const { client, lose, noop } = yield* healing()
      const states = yield* watchStates(client)
      yield* lose(2)
      const call = yield* start(noop)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(call)
      assert.deepStrictEqual(
        states.log.slice(2).map((state) =>
          state._tag === "Reconnecting" ? [state.attempt, state.cause._tag] : state._tag
        ),
        [[1, "TransportError"], [2, "TransportError"], [3, "TransportError"], "Ready"]
      )
    }))

  it.effect("end with the schedule: who waits is told why, and who comes later begins anew", () =>
    Effect.gen(function*() {
      const { client, lose, log, noop } = yield* healing()
      const states = yield* watchStates(client)
      yield* lose(6)
      const waiting = yield* start(
        Effect.all([Effect.flip(noop), Effect.flip(client.session)], { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 minute")
      const errors = yield* Fiber.join(waiting)
      assert.deepStrictEqual(
        errors.map((error) => error._tag === "McpError" ? [error.server, error.method, error.reason._tag] : error._tag),
        [["mock", "tools/call", "TransportError"], ["mock", undefined, "TransportError"]]
      )
      assert.strictEqual((yield* client.state)._tag, "Idle")
      assert.strictEqual(log.length, 14)
      const before = yield* Clock.currentTimeMillis
      yield* noop
      assert.strictEqual(yield* Clock.currentTimeMillis, before)
      assert.strictEqual(states.tags().at(-1), "Ready")
    }))

  it.effect("follow the schedule of the client's options", () =>
    Effect.gen(function*() {
      const { lose, noop, pauses } = yield* healing({}, {
        reconnect: Schedule.spaced("3 seconds").pipe(Schedule.upTo({ times: 2 }))
      })
      yield* lose(9)
      const call = yield* start(failsWith("TransportError")(noop))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(call)
      assert.deepStrictEqual(pauses(), [3_000, 3_000])
    }))

  it.effect("are made again after a server that does not answer in time", () =>
    Effect.gen(function*() {
      const { lose, mock, noop } = yield* healing({}, { timeouts: { connect: "2 seconds" } })
      yield* mock.inject(Fault.drop("initialize", 1))
      yield* lose()
      const call = yield* start(noop)
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(call)
      assert.strictEqual(yield* mock.connections, 3)
      assert.strictEqual(yield* mock.open, 1)
    }))

  it.effect.each(
    [
      { tag: "JsonRpcError", fault: Fault.fail("initialize", { code: -32000, message: "no" }) },
      { tag: "ProtocolError", fault: Fault.garble("initialize", { jsonrpc: "2.0", id: 0, result: "nonsense" }) },
      {
        tag: "UnsupportedError",
        fault: Fault.garble("initialize", {
          jsonrpc: "2.0",
          id: 0,
          result: { protocolVersion: "2099-01-01", capabilities: {}, serverInfo: { name: "x", version: "1" } }
        })
      }
    ] as const
  )("are not repeated after what will not change: $tag", ({ fault, tag }) =>
    Effect.gen(function*() {
      const { lose, mock, noop } = yield* healing()
      yield* mock.inject(fault)
      yield* lose()
      yield* failsWith(tag)(noop)
      assert.strictEqual(yield* mock.connections, 2)
    }))

  it.effect("stop when nobody waits any more, and leave nothing open", () =>
    Effect.gen(function*() {
      const { lose, mock, noop } = yield* healing()
      yield* lose(1)
      const call = yield* start(noop)
      assert.strictEqual(yield* mock.connections, 2)
      yield* Fiber.interrupt(call)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* mock.connections, 2)
      assert.strictEqual(yield* mock.open, 0)
      const next = yield* start(noop)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(next)
    }))

  it.effect("go on for others when one of those who wait leaves", () =>
    Effect.gen(function*() {
      const { lose, noop } = yield* healing()
      yield* lose(3)
      const one = yield* start(noop)
      const other = yield* start(noop)
      yield* Fiber.interrupt(one)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(other)
    }))

  it.effect("end when the client is closed, which makes who waits fail", () =>
    Effect.gen(function*() {
      const { client, lose, mock, noop } = yield* healing()
      yield* lose(3)
      const waiting = yield* start(failsWith("ClosedError")(noop))
      yield* client.close
      assert.isFalse((yield* Fiber.join(waiting)).requestSent)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* mock.connections, 2)
      assert.strictEqual(yield* mock.open, 0)
    }))
})

describe("a server that crashes again and again", () => {
  it.effect("is given longer and longer pauses, before it is connected to", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* healing({ faults: [Fault.disconnect(isCrash)] })
      yield* failsWith("ClosedError")(client.callTool("crash"))
      yield* failsWith("ClosedError")(client.callTool("crash"))
      assert.strictEqual(yield* mock.connections, 2)
      const third = yield* start(failsWith("ClosedError")(client.callTool("crash")))
      yield* TestClock.adjust("79 millis")
      assert.strictEqual(yield* mock.connections, 2)
      yield* TestClock.adjust("41 millis")
      yield* Fiber.join(third)
      const fourth = yield* start(failsWith("ClosedError")(client.callTool("crash")))
      yield* TestClock.adjust("159 millis")
      assert.strictEqual(yield* mock.connections, 3)
      yield* TestClock.adjust("81 millis")
      yield* Fiber.join(fourth)
      assert.strictEqual(yield* mock.connections, 4)
    }))

  it.effect("is well again when it has answered a call", () =>
    Effect.gen(function*() {
      const { client, mock, noop } = yield* healing({ faults: [Fault.disconnect(isCrash)] })
      yield* failsWith("ClosedError")(client.callTool("crash"))
      yield* failsWith("ClosedError")(client.callTool("crash"))
      const call = yield* start(noop)
      yield* TestClock.adjust("120 millis")
      yield* Fiber.join(call)
      yield* failsWith("ClosedError")(client.callTool("crash"))
      const before = yield* Clock.currentTimeMillis
      yield* noop
      assert.strictEqual(yield* Clock.currentTimeMillis, before)
      assert.strictEqual(yield* mock.connections, 4)
    }))

  it.effect("is well again when it has answered, be it with an error", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* healing({ faults: [Fault.disconnect(isCrash)] })
      const crash = failsWith("ClosedError")(client.callTool("crash"))
      yield* crash
      yield* crash
      const refused = yield* start(failsWith("JsonRpcError")(client.callTool("no such tool")))
      yield* TestClock.adjust("120 millis")
      yield* Fiber.join(refused)
      yield* crash
      yield* crash
      assert.strictEqual(yield* mock.connections, 4)
    }))

  it.effect("is not well again because this side refused to send something", () =>
    Effect.gen(function*() {
      const { client, mock, noop } = yield* healing({ faults: [Fault.disconnect(isCrash)] })
      const crash = failsWith("ClosedError")(client.callTool("crash"))
      yield* crash
      yield* crash
      const refused = yield* start(failsWith("ValidationError")(client.callTool("noop", { n: 1n })))
      yield* TestClock.adjust("120 millis")
      yield* Fiber.join(refused)
      yield* crash
      yield* start(noop)
      assert.strictEqual(yield* mock.connections, 3)
    }))

  it.effect("is not waited for by who asks for a new session, nor after that", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* healing({ faults: [Fault.disconnect(isCrash)] })
      for (let crash = 0; crash < 2; crash++) yield* failsWith("ClosedError")(client.callTool("crash"))
      yield* client.reconnect
      assert.strictEqual(yield* mock.connections, 3)
      yield* failsWith("ClosedError")(client.callTool("crash"))
      yield* failsWith("ClosedError")(client.callTool("crash"))
      assert.strictEqual(yield* mock.connections, 4)
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    }))
})

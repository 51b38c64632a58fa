import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { connectTo, connectToMock, settled, start } from "./harness.ts"

const methods = { "x/echo": (params) => Effect.succeed(params) } satisfies MockTransport.Options["methods"]

const withFaults = (...faults: ReadonlyArray<Fault.Fault>) => connectToMock({ methods, faults })

describe("delay", () => {
  it.effect("lets the answer come later", () =>
    Effect.gen(function*() {
      const { ask } = yield* withFaults(Fault.delay("x/echo", "10 seconds"))
      const asking = yield* start(ask("x/echo", { n: 1 }))
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(asking.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(asking), { n: 1 })
    }))
})

describe("drop", () => {
  it.effect("lets the answer never come", () =>
    Effect.gen(function*() {
      const { ask, mock } = yield* withFaults(Fault.drop("x/echo"))
      const asking = yield* start(ask("x/echo"))
      yield* TestClock.adjust("1 day")
      assert.isUndefined(asking.pollUnsafe())
      assert.deepStrictEqual(yield* mock.methods, ["x/echo"])
      assert.strictEqual(yield* mock.answering, 0)
    }))
})

describe("reorder", () => {
  it.effect("holds answers back until there are enough, and turns them round", () =>
    Effect.gen(function*() {
      const { ask, mock } = yield* withFaults(Fault.reorder("x/echo", 3))
      const first = yield* start(Effect.all([ask("x/echo", { n: 0 }), ask("x/echo", { n: 1 })], { concurrency: 2 }))
      assert.isUndefined(first.pollUnsafe())
      assert.deepStrictEqual(yield* ask("x/echo", { n: 2 }), { n: 2 })
      assert.deepStrictEqual(yield* Fiber.join(first), [{ n: 0 }, { n: 1 }])
      const answers = (yield* mock.messages).filter(({ from }) => from === "server").map(({ message }) => message["id"])
      assert.deepStrictEqual(answers, [2, 1, 0])
    }))
})

describe("fail", () => {
  it.effect("answers with an error", () =>
    Effect.gen(function*() {
      const { ask } = yield* withFaults(Fault.fail("x/echo", { code: -32000, message: "busy", data: { for: 3 } }))
      const { reason } = yield* Effect.flip(ask("x/echo"))
      if (reason._tag !== "JsonRpcError") return assert.fail(reason._tag)
      assert.deepStrictEqual([reason.code, reason.description, reason.data], [-32000, "busy", { for: 3 }])
    }))
})

describe("disconnect", () => {
  it.effect("hangs up when the request arrives; another connection may be opened", () =>
    Effect.gen(function*() {
      const { ask, connection, mock } = yield* withFaults(Fault.disconnect("x/echo", 1))
      const { reason } = yield* Effect.flip(ask("x/echo"))
      assert.isTrue(reason._tag === "ClosedError" && reason.requestSent)
      assert.include((yield* connection.closed).message, "hung up")
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
      const next = yield* connectTo(mock.transport)
      assert.deepStrictEqual(yield* next.ask("x/echo", { n: 1 }), { n: 1 })
    }))
})

describe("garble", () => {
  it.effect("puts something else in the place of the answer", () =>
    Effect.gen(function*() {
      const { ask, next } = yield* withFaults(Fault.garble("x/echo", { what: "is this" }))
      const asking = yield* start(ask("x/echo"))
      assert.deepStrictEqual(yield* next, {
        _tag: "Diagnostic",
        diagnostic: { _tag: "Invalid", payload: { what: "is this" } }
      })
      assert.isUndefined(asking.pollUnsafe())
    }))
})

describe("a fault", () => {
  it.effect("hits the requests of one method only", () =>
    Effect.gen(function*() {
      const { ask } = yield* withFaults(Fault.drop("x/other"))
      assert.deepStrictEqual(yield* ask("x/echo", { n: 1 }), { n: 1 })
    }))

  it.effect("hits the requests that a test picks", () =>
    Effect.gen(function*() {
      const { ask } = yield* withFaults(Fault.fail(({ params }) => params?.["n"] === 2, { code: 1, message: "two" }))
      assert.deepStrictEqual(yield* ask("x/echo", { n: 1 }), { n: 1 })
      assert.include((yield* Effect.flip(ask("x/echo", { n: 2 }))).message, "two")
    }))

  it.effect.each([
    { what: "delay", fault: Fault.delay("x/echo", "1 second", 2) },
    { what: "drop", fault: Fault.drop("x/echo", 2) },
    { what: "fail", fault: Fault.fail("x/echo", { code: 1, message: "no" }, 2) },
    { what: "garble", fault: Fault.garble("x/echo", "?", 2) }
  ])("hits as often as it says: $what", ({ fault }) =>
    Effect.gen(function*() {
      const { ask } = yield* withFaults(fault)
      yield* start(Effect.ignore(ask("x/echo")))
      yield* start(Effect.ignore(ask("x/echo")))
      assert.deepStrictEqual(yield* ask("x/echo", { n: 3 }), { n: 3 })
    }))

  it.effect("comes after those before it have been used up", () =>
    Effect.gen(function*() {
      const { ask } = yield* withFaults(
        Fault.fail("x/echo", { code: 1, message: "first" }, 1),
        Fault.fail("x/echo", { code: 2, message: "second" }, 1)
      )
      assert.include((yield* Effect.flip(ask("x/echo"))).message, "first")
      assert.include((yield* Effect.flip(ask("x/echo"))).message, "second")
      assert.deepStrictEqual(yield* ask("x/echo", { n: 1 }), { n: 1 })
    }))

  it.effect("can be added at any time", () =>
    Effect.gen(function*() {
      const { ask, mock } = yield* withFaults()
      assert.deepStrictEqual(yield* ask("x/echo", { n: 1 }), { n: 1 })
      yield* mock.inject(Fault.fail("x/echo", { code: 1, message: "now" }, 1))
      assert.include((yield* Effect.flip(ask("x/echo"))).message, "now")
      assert.deepStrictEqual(yield* ask("x/echo", { n: 2 }), { n: 2 })
    }))

  it("says what it hits", () => {
    const request = { jsonrpc: "2.0", id: 1, method: "x/echo" } as const
    assert.isTrue(Fault.hits(Fault.drop("x/echo"), request))
    assert.isFalse(Fault.hits(Fault.drop("x/other"), request))
    assert.isTrue(Fault.hits(Fault.drop(({ id }) => id === 1), request))
  })
})

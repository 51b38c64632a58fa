import * as McpError from "@effect-mcp/client/McpError"
import type { JsonRpcMessage, JsonRpcRequest } from "@effect-mcp/client/McpSchema"
import type { Deadline } from "@effect-mcp/client/McpTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as Outbox from "../src/internal/transport/outbox.ts"
import * as Pipe from "../src/internal/transport/pipe.ts"
import { failsWith, settled, start } from "./harness.ts"

const request = (id: number, params?: Record<string, unknown>): JsonRpcRequest => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params
})

const patient: Deadline = { budget: "call", idleMillis: Infinity, totalMillis: Infinity }
const impatient: Deadline = { budget: "call", idleMillis: 1_000, totalMillis: Infinity }

/** A pipe that writes JSON into an outbox, and what has gathered there. */
const makePipe = Effect.fnUntraced(function*(capacity = 1_000) {
  const outbox = Outbox.make<string>(capacity)
  const pipe = yield* Pipe.make({
    outlet: outbox,
    encode: (message: JsonRpcMessage) => JSON.stringify(message),
    detail: () => "the transport says hello"
  })
  const take = Effect.map(outbox.take, (lines) => lines.map((line): unknown => JSON.parse(line)))
  return { ...pipe, take }
})

const cycle: Record<string, unknown> = {}
cycle["self"] = cycle

describe("values that can not be written", () => {
  it.effect.each([{ what: "a BigInt", value: { n: 1n } }, { what: "a cycle", value: cycle }])(
    "$what: fails the request, and nothing is sent",
    ({ value }) =>
      Effect.gen(function*() {
        const { connection, receive, take } = yield* makePipe()
        const reason = yield* failsWith("ValidationError")(
          connection.exchange(request(1, value), { deadline: patient })
        )
        assert.strictEqual(reason.side, "input")
        assert.strictEqual(reason.kind, "request")
        assert.strictEqual(reason.name, "tools/call")

        const next = yield* start(connection.exchange(request(2), { deadline: patient }))
        assert.deepStrictEqual(yield* take, [{ jsonrpc: "2.0", id: 2, method: "tools/call" }])
        receive({ jsonrpc: "2.0", id: 2, result: "fine" })
        assert.strictEqual(yield* Fiber.join(next), "fine")
      })
  )

  it.effect("fail notifications and answers, too", () =>
    Effect.gen(function*() {
      const { connection, take } = yield* makePipe()
      yield* connection.send({ jsonrpc: "2.0", method: "notifications/x", params: cycle }).pipe(
        failsWith("ValidationError")
      )
      yield* connection.send({ jsonrpc: "2.0", id: 1, result: { n: 1n } }).pipe(failsWith("ValidationError"))
      yield* connection.send({ jsonrpc: "2.0", method: "notifications/y" })
      assert.deepStrictEqual(yield* take, [{ jsonrpc: "2.0", method: "notifications/y" }])
    }))
})

describe("what goes out", () => {
  it.effect("gathers in order until it is taken", () =>
    Effect.gen(function*() {
      const { connection, take } = yield* makePipe()
      yield* start(connection.exchange(request(1), { deadline: patient }))
      yield* connection.send({ jsonrpc: "2.0", method: "notifications/x" })
      yield* start(connection.exchange(request(2), { deadline: patient }))
      assert.deepStrictEqual(yield* take, [
        { jsonrpc: "2.0", id: 1, method: "tools/call" },
        { jsonrpc: "2.0", method: "notifications/x" },
        { jsonrpc: "2.0", id: 2, method: "tools/call" }
      ])
    }))

  it.effect("waits, when the outbox is full, if nobody waits for its answer, and keeps its order", () =>
    Effect.gen(function*() {
      const { connection, take } = yield* makePipe(1)
      const note = (n: number) => ({ jsonrpc: "2.0", method: `notifications/${n}` } as const)
      const sending = yield* Effect.forEach([1, 2, 3], (n) => start(connection.send(note(n))))
      assert.deepStrictEqual(sending.map((fiber) => fiber.pollUnsafe() === undefined), [false, true, true])
      for (const n of [1, 2, 3]) {
        assert.deepStrictEqual(yield* take, [note(n)])
        yield* settled
      }
      yield* Fiber.joinAll(sending)
    }))

  it.effect("is not what was interrupted while it waited", () =>
    Effect.gen(function*() {
      const { connection, take } = yield* makePipe(1)
      yield* start(connection.send({ jsonrpc: "2.0", method: "notifications/1" }))
      yield* Fiber.interrupt(yield* start(connection.send({ jsonrpc: "2.0", method: "notifications/2" })))
      assert.deepStrictEqual(yield* take, [{ jsonrpc: "2.0", method: "notifications/1" }])
      yield* start(connection.send({ jsonrpc: "2.0", method: "notifications/3" }))
      assert.deepStrictEqual(yield* take, [{ jsonrpc: "2.0", method: "notifications/3" }])
    }))

  it.effect("makes no request wait for longer than its deadline, however full the outbox is", () =>
    Effect.gen(function*() {
      const { connection } = yield* makePipe(1)
      yield* start(Effect.ignore(connection.exchange(request(1), { deadline: patient })))
      const late = yield* start(failsWith("TimeoutError")(connection.exchange(request(2), { deadline: impatient })))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(late)).millis, 1_000)
    }))

  it.effect("is not a request that nobody wanted any more before it left, which needs no cancelling either", () =>
    Effect.gen(function*() {
      const { connection, take } = yield* makePipe()
      const ask = (id: number, deadline = patient) => connection.exchange(request(id), { deadline })
      yield* start(ask(1))
      yield* Fiber.interrupt(yield* start(ask(2)))
      const late = yield* start(failsWith("TimeoutError")(ask(3, impatient)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
      assert.deepStrictEqual(yield* take, [{ jsonrpc: "2.0", id: 1, method: "tools/call" }])
      yield* start(ask(4))
      assert.deepStrictEqual(yield* take, [{ jsonrpc: "2.0", id: 4, method: "tools/call" }])
    }))

  it.effect("never cancels initialize", () =>
    Effect.gen(function*() {
      const { connection, take } = yield* makePipe()
      const initialize = (id: number, deadline: Deadline) =>
        start(Effect.ignore(connection.exchange({ jsonrpc: "2.0", id, method: "initialize" }, { deadline })))
      const late = yield* initialize(1, impatient)
      const unwanted = yield* initialize(2, patient)
      assert.strictEqual((yield* take).length, 2)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
      yield* Fiber.interrupt(unwanted)
      yield* connection.send({ jsonrpc: "2.0", method: "notifications/x" })
      assert.deepStrictEqual(yield* take, [{ jsonrpc: "2.0", method: "notifications/x" }])
    }))

  it.effect("fails when the pipe closes while it waits", () =>
    Effect.gen(function*() {
      const { close, connection } = yield* makePipe(1)
      yield* start(connection.send({ jsonrpc: "2.0", method: "notifications/1" }))
      const waiting = yield* start(
        failsWith("ClosedError")(connection.send({ jsonrpc: "2.0", method: "notifications/2" }))
      )
      close()
      assert.isFalse((yield* Fiber.join(waiting)).requestSent)
    }))

  it.effect("still goes out when the pipe closes", () =>
    Effect.gen(function*() {
      const { close, connection, take } = yield* makePipe()
      yield* connection.send({ jsonrpc: "2.0", method: "notifications/last" })
      close()
      assert.deepStrictEqual(yield* take, [{ jsonrpc: "2.0", method: "notifications/last" }])
      assert.isTrue(Exit.isFailure(yield* Effect.exit(take)))
    }))
})

describe("closing", () => {
  it.effect("fails what waits with what was the reason, and says whether it had been sent", () =>
    Effect.gen(function*() {
      const { close, connection, take } = yield* makePipe()
      const sent = yield* start(failsWith("ClosedError")(connection.exchange(request(1), { deadline: patient })))
      yield* take
      const unsent = yield* start(failsWith("ClosedError")(connection.exchange(request(2), { deadline: patient })))
      const broken = new McpError.TransportError({ description: "The wire was cut" })
      close(broken)
      close(new McpError.TransportError({ description: "Something later" }))
      const [first, second] = [yield* Fiber.join(sent), yield* Fiber.join(unsent)]
      assert.deepStrictEqual([first.requestSent, second.requestSent], [true, false])
      for (const reason of [first, second]) {
        assert.strictEqual(reason.by, "server")
        assert.strictEqual(reason.cause, broken)
        assert.include(reason.message, "The wire was cut")
      }
      assert.strictEqual(connection.closedBy(), broken)
      assert.strictEqual(yield* connection.closed, broken)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(take)))
    }))

  it.effect("fails what comes later, and says that it was not sent", () =>
    Effect.gen(function*() {
      const { close, connection } = yield* makePipe()
      close()
      const later = yield* failsWith("ClosedError")(connection.exchange(request(1), { deadline: patient }))
      assert.isFalse(later.requestSent)
      const sent = yield* failsWith("ClosedError")(connection.send({ jsonrpc: "2.0", method: "notifications/x" }))
      assert.isFalse(sent.requestSent)
    }))

  it.effect("ends what arrives, after what had arrived", () =>
    Effect.gen(function*() {
      const { close, connection, receive } = yield* makePipe()
      receive({ jsonrpc: "2.0", method: "notifications/last" })
      close()
      assert.deepStrictEqual(yield* Queue.takeAll(connection.incoming), [
        { _tag: "Notification", method: "notifications/last", params: {} }
      ])
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Queue.take(connection.incoming))))
    }))

  it.effect("happens with the scope, by this side's wish", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { connection, take } = yield* Scope.provide(makePipe(), scope)
      const call = yield* start(failsWith("ClosedError")(connection.exchange(request(1), { deadline: patient })))
      yield* take
      yield* Scope.close(scope, Exit.void)
      const { by, requestSent } = yield* Fiber.join(call)
      assert.deepStrictEqual({ by, requestSent }, { by: "client", requestSent: true })
    }))
})

describe("the transport's part", () => {
  it.effect("a single request can be failed for it", () =>
    Effect.gen(function*() {
      const { connection, fail, receive } = yield* makePipe()
      const doomed = yield* start(failsWith("LimitError")(connection.exchange(request(1), { deadline: patient })))
      const other = yield* start(connection.exchange(request(2), { deadline: patient }))
      const limit = new McpError.LimitError({ what: "bytes of a message", limit: 10 })
      assert.isTrue(fail(1, limit))
      assert.isFalse(fail(1, limit))
      assert.strictEqual((yield* Fiber.join(doomed)).limit, 10)
      receive({ jsonrpc: "2.0", id: 2, result: null })
      assert.isNull(yield* Fiber.join(other))
    }))

  it.effect("a timeout tells what it knows", () =>
    Effect.gen(function*() {
      const { connection, take } = yield* makePipe()
      const call = yield* start(failsWith("TimeoutError")(connection.exchange(request(1), { deadline: impatient })))
      yield* take
      yield* TestClock.adjust("1 second")
      assert.include((yield* Fiber.join(call)).message, "the transport says hello")
      assert.deepStrictEqual(yield* take, [{
        jsonrpc: "2.0",
        method: "notifications/cancelled",
        params: { requestId: 1, reason: "timeout" }
      }])
    }))
})

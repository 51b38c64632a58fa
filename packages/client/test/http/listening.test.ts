import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { watchDiagnostics } from "../harness.ts"
import {
  type Call,
  callText,
  connect,
  type Events,
  eventText,
  leavesNothing,
  priming,
  serve,
  Sleeps,
  until
} from "./support.ts"

/** A server that does one thing after the other when it is listened to, and offers nothing in the end. */
const offering = (...steps: ReadonlyArray<(events: Events) => void>) =>
  Effect.gen(function*() {
    const left = [...steps]
    const server = yield* serve({
      GET: (call) => {
        const step = left.shift()
        if (step === undefined) call.reply(405)
        else step(call.stream())
      }
    })
    const lastEventIds = () => server.of("GET").map(({ headers }) => headers["last-event-id"])
    return { lastEventIds, server }
  })

const ping = (id: string) => ({ jsonrpc: "2.0", id, method: "ping" })

const isAbout = (seconds: number) => (millis: number) =>
  millis >= 800 * seconds && millis <= 1200 * seconds && millis !== 1000 * seconds

describe("what the server says unasked", () => {
  it.live("is listened to when the session is open, and not before", () =>
    Effect.gen(function*() {
      const initialized: Array<Call> = []
      const server = yield* serve({ "notifications/initialized": (call) => void initialized.push(call) })
      const connecting = yield* Effect.forkScoped(connect(server))
      yield* server.received("notifications/initialized")
      assert.deepStrictEqual(server.of("GET"), [])
      for (const call of initialized) call.reply(202)
      yield* server.received("GET")
      assert.strictEqual(connecting.pollUnsafe()?._tag ?? "Success", "Success")
    }).pipe(leavesNothing))

  it.live("is answered where it asks", () =>
    Effect.gen(function*() {
      const { server } = yield* offering((events) => events.send(ping("there?"), { id: "1" }))
      yield* connect(server)
      yield* server.received("response")
      assert.deepStrictEqual(
        server.of("response").map(({ headers, message, method }) => [
          method,
          headers["mcp-session-id"],
          message
        ]),
        [["POST", "session-1", { jsonrpc: "2.0", id: "there?", result: {} }]]
      )
    }).pipe(leavesNothing))

  it.effect.each([400, 401, 403, 404, 405, 406, 501, 200, 204])(
    "is left alone when the server offers none (%d)",
    (status) =>
      Effect.gen(function*() {
        const server = yield* serve({ GET: (call) => call.reply(status, status === 204 ? "" : "no") })
        const client = yield* connect(server)
        yield* server.received("GET")
        for (let turn = 0; turn < 3; turn++) assert.strictEqual(yield* callText(client, "echo"), "echo")
        yield* TestClock.adjust("1 day")
        assert.strictEqual(yield* callText(client, "echo"), "echo")
        assert.deepStrictEqual([server.of("GET").length, server.of("initialize").length], [1, 1])
      }).pipe(leavesNothing)
  )

  it.effect("is asked for again where it ended, when the server says", () =>
    Effect.gen(function*() {
      const { lastEventIds, server } = yield* offering(
        (events) => {
          events.write(priming("a", 4000))
          events.send(ping("1"), { id: "b" })
          events.end()
        },
        (events) => {
          events.send(ping("2"), { id: "c", retry: 9000 })
          events.cut()
        },
        (events) => events.send(ping("3"))
      )
      yield* connect(server)
      const sleeps = yield* Sleeps
      yield* sleeps.until((millis) => millis === 4000)
      yield* TestClock.adjust("3999 millis")
      assert.deepStrictEqual(lastEventIds(), [undefined])
      yield* TestClock.adjust("1 millis")
      yield* sleeps.until((millis) => millis === 9000)
      yield* TestClock.adjust("9 seconds")
      yield* server.received("response", 3)
      assert.deepStrictEqual(lastEventIds(), [undefined, "b", "c"])
      assert.deepStrictEqual(server.of("response").map(({ message }) => message["id"]), ["1", "2", "3"])
    }).pipe(leavesNothing))

  it.effect("is asked for ever less often when nothing comes, even if the server wants no pause", () =>
    Effect.gen(function*() {
      const silent = (events: Events) => events.end()
      const brief = (events: Events) => {
        events.write(priming("1", 0))
        events.end()
      }
      const manySilent = Array.from({ length: 8 }, () => silent)
      const { server } = yield* offering(
        brief,
        ...manySilent,
        brief,
        silent,
        (events) => events.send(ping("at last"))
      )
      yield* connect(server)
      const sleeps = yield* Sleeps
      for (const seconds of [2, 4, 8, 16, 30, 30, 30, 30, 2]) {
        yield* TestClock.adjust(yield* sleeps.until(isAbout(seconds)))
      }
      yield* server.received("response")
    }).pipe(leavesNothing))

  it.effect("is asked for later when the server can not say anything now", () =>
    Effect.gen(function*() {
      const answers: Array<(call: Call) => void> = [
        (call) => call.reply(503),
        (call) => call.reply(429, "", { "retry-after": "1" }),
        (call) => call.cut(),
        (call) => call.stream().send(ping("now"))
      ]
      const server = yield* serve({ GET: (call) => answers.shift()?.(call) })
      yield* connect(server)
      const sleeps = yield* Sleeps
      for (const seconds of [1, 2, 4]) yield* TestClock.adjust(yield* sleeps.until(isAbout(seconds)))
      yield* server.received("response")
    }).pipe(leavesNothing))

  it.live("tells of the end of the session", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        GET: (call) => {
          if (server.of("GET").length > 1) return call.reply(404)
          const events = call.stream()
          events.write(priming("1", 0))
          events.end()
        }
      })
      const client = yield* connect(server)
      const idle = yield* client.stateChanges.pipe(
        Stream.filter(({ _tag }) => _tag === "Idle"),
        Stream.take(1),
        Stream.runCollect
      )
      assert.isTrue(idle[0]?._tag === "Idle" && idle[0].lost?._tag === "SessionExpiredError")
      assert.strictEqual(yield* callText(client, "echo"), "echo")
      assert.strictEqual(server.of("initialize").length, 2)
    }).pipe(leavesNothing))

  it.live("is not listened to any more when the session has ended", () =>
    Effect.gen(function*() {
      const streams: Array<Call> = []
      const server = yield* serve({
        GET: (call) => {
          call.stream()
          streams.push(call)
        }
      })
      const client = yield* connect(server)
      yield* server.received("GET")
      yield* client.close
      yield* until(() => streams.every((call) => call.isOver()))
    }).pipe(leavesNothing))

  it.live("may be too large, which is noticed, and does not keep the rest from being heard", () =>
    Effect.gen(function*() {
      const { server } = yield* offering((events) => {
        events.write(eventText("x".repeat(5000)))
        events.send(ping("after"))
      })
      const client = yield* connect(server, { maxMessageSize: 1000 })
      const diagnostics = yield* watchDiagnostics(client)
      yield* server.received("response")
      yield* until(() => diagnostics.length > 0)
      assert.deepStrictEqual(diagnostics, [{ _tag: "Oversized", limit: 1000 }])
    }).pipe(leavesNothing))
})

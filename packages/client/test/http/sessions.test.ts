import * as McpError from "@effect-mcp/client/McpError"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { failsWith, reasonOf } from "../harness.ts"
import {
  type Call,
  callText,
  connect,
  initializeResult,
  leavesNothing,
  progress,
  type Script,
  serve,
  Sleeps,
  text,
  transportTo,
  until
} from "./support.ts"

/** What servers say when they do not know a session. */
const refusals: ReadonlyArray<readonly [name: string, refuse: (call: Call) => void]> = [
  ["404", (call) => call.reply(404)],
  ["404 with a page", (call) => call.reply(404, "<h1>Not found</h1>", { "content-type": "text/html" })],
  [
    "404 with an error of the protocol",
    (call) => call.reply(404, { jsonrpc: "2.0", id: call.id, error: { code: -32001, message: "Session not found" } })
  ],
  [
    "404 with an error that does not say so",
    (call) => call.reply(404, { jsonrpc: "2.0", id: null, error: { code: -32000, message: "Nobody knows you here" } })
  ],
  ["400 with an error of the protocol", (call) =>
    call.reply(400, {
      jsonrpc: "2.0",
      id: null,
      error: { code: -32000, message: "Bad Request: No valid session ID provided" }
    })]
]

const isOfFirst = ({ headers }: Call): boolean => headers["mcp-session-id"] === "session-1"

/** A server that takes so many calls, and has then forgotten the session. */
const forgetting = (count: number, refuse: (call: Call) => void): Script => {
  const waiting: Array<Call> = []
  return {
    "tools/call": (call) => {
      if (!isOfFirst(call)) return call.answer(text(call.tool))
      waiting.push(call)
      if (waiting.length === count) waiting.forEach(refuse)
    }
  }
}

const sessionIds = (calls: ReadonlyArray<Pick<Call, "headers">>) =>
  calls.map(({ headers }) => headers["mcp-session-id"])

describe("a session", () => {
  it.live("is named in all requests after the first, as is the version of the protocol", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        initialize: (call) => call.answer(initializeResult("2025-06-18"), { "mcp-session-id": "abc~!" })
      })
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* connect(server)
        yield* callText(client, "echo")
        yield* client.listTools()
        yield* server.received("GET")
      }))
      const [initialize, ...later] = server.requests
      assert.strictEqual(initialize?.headers["mcp-session-id"], undefined)
      assert.strictEqual(initialize?.headers["mcp-protocol-version"], undefined)
      assert.sameMembers(later.map(({ kind }) => kind), [
        "notifications/initialized",
        "GET",
        "tools/call",
        "tools/list",
        "DELETE"
      ])
      for (const { headers, kind } of later) {
        assert.strictEqual(headers["mcp-session-id"], "abc~!", kind)
        assert.strictEqual(headers["mcp-protocol-version"], "2025-06-18", kind)
      }
      assert.strictEqual(server.requests.at(-1)?.kind, "DELETE")
    }).pipe(leavesNothing))

  it.live("is named in answers that go out before it is open", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        initialize: (call) => {
          const events = call.stream({ "mcp-session-id": "early" })
          events.send({ jsonrpc: "2.0", id: "are you there?", method: "ping" })
          begun.push(() => {
            events.send(call.result(initializeResult()))
            events.end()
          })
        },
        response: (call) => {
          call.reply(call.headers["mcp-session-id"] === "early" ? 202 : 400)
          for (const end of begun) end()
        }
      })
      const begun: Array<() => void> = []
      const client = yield* connect(server)
      assert.strictEqual(yield* callText(client, "echo"), "echo")
      assert.deepStrictEqual(sessionIds(server.of("response")), ["early"])
    }).pipe(leavesNothing))

  it.live("says in each request what can be read, and what is written", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const client = yield* connect(server)
      yield* callText(client, "echo")
      yield* server.received("GET")
      for (const { headers, method } of server.requests) {
        assert.deepStrictEqual(
          [headers.accept, headers["content-type"]],
          method === "POST"
            ? ["application/json, text/event-stream", "application/json"]
            : ["text/event-stream", undefined]
        )
      }
    }).pipe(leavesNothing))

  it.live("need not have a name", () =>
    Effect.gen(function*() {
      const server = yield* serve({ initialize: (call) => call.answer(initializeResult()) })
      yield* Effect.scoped(Effect.flatMap(connect(server), (client) => callText(client, "echo")))
      assert.deepStrictEqual(new Set(sessionIds(server.requests)), new Set([undefined]))
      assert.deepStrictEqual(server.of("DELETE"), [])
    }).pipe(leavesNothing))

  it.live.each(["has space", "t\u00e4b", ""])(
    "has no name that HTTP or the protocol does not allow: %j",
    (id) =>
      Effect.gen(function*() {
        const server = yield* serve({ initialize: (call) => call.answer(initializeResult(), { "mcp-session-id": id }) })
        const reason = yield* failsWith("ProtocolError")(connect(server))
        assert.notInclude(reason.message, "has space")
      }).pipe(leavesNothing)
  )

  it.live("ends with the client, also when the server does not want to hear that", () =>
    Effect.gen(function*() {
      const server = yield* serve({ DELETE: (call) => call.reply(405) })
      const client = yield* connect(server)
      yield* client.close
      yield* client.close
      assert.deepStrictEqual(sessionIds(server.of("DELETE")), ["session-1"])
      assert.strictEqual(yield* callText(client, "echo"), "echo")
      yield* client.close
      assert.deepStrictEqual(sessionIds(server.of("DELETE")), ["session-1", "session-2"])
    }).pipe(leavesNothing))

  it.effect("ends without a server that does not listen any more", () =>
    Effect.gen(function*() {
      const server = yield* serve({ "tools/call": () => {}, DELETE: () => {} })
      const client = yield* connect(server)
      const sleeps = yield* Sleeps
      const calling = yield* Effect.forkScoped(failsWith("ClosedError")(callText(client, "hang")), {
        startImmediately: true
      })
      yield* server.received("tools/call")
      const closing = yield* Effect.forkScoped(client.close, { startImmediately: true })
      yield* server.received("DELETE")
      assert.strictEqual((yield* Fiber.join(calling)).by, "client")
      yield* sleeps.until((millis) => millis === 2000)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
    }).pipe(leavesNothing))
})

describe("a session that the server has forgotten", () => {
  it.live.each(refusals)("is replaced once for 50 calls that wait: %s", ([, refuse]) =>
    Effect.gen(function*() {
      const server = yield* serve(forgetting(50, refuse))
      const names = Array.from({ length: 50 }, (_, index) => `tool ${index}`)
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* connect(server)
        const answers = yield* Effect.forEach(names, (name) => callText(client, name), { concurrency: "unbounded" })
        assert.deepStrictEqual(answers, names)
      }))
      assert.strictEqual(server.of("initialize").length, 2)
      assert.deepStrictEqual(sessionIds(server.of("initialize")), [undefined, undefined])
      assert.deepStrictEqual(
        sessionIds(server.of("tools/call")),
        [...names.map(() => "session-1"), ...names.map(() => "session-2")]
      )
      // Nobody says farewell to who does not know him.
      assert.deepStrictEqual(sessionIds(server.of("DELETE")), ["session-2"])
    }).pipe(leavesNothing))

  it.live("fails what it had begun to answer, and only that", () =>
    Effect.gen(function*() {
      const waiting: Array<Call> = []
      const answering: Array<Call> = []
      const listening: Array<Call> = []
      const server = yield* serve({
        GET: (call) => {
          call.stream()
          listening.push(call)
        },
        "tools/call": (call) => {
          if (!isOfFirst(call)) return call.answer(text(call.tool))
          if (call.tool === "begun") {
            answering.push(call)
            return call.stream().send(progress(call, 1))
          }
          if (call.tool === "waiting") return void waiting.push(call)
          call.reply(404)
        }
      })
      const client = yield* connect(server)
      const reports: Array<number> = []
      const begun = yield* Effect.forkScoped(Effect.flip(callText(client, "begun", {
        onProgress: ({ progress }) => Effect.sync(() => void reports.push(progress))
      })))
      yield* until(() => reports.length > 0)
      const held = yield* Effect.forkScoped(callText(client, "waiting"))
      yield* server.received("tools/call", 2)
      assert.strictEqual(yield* callText(client, "refused"), "refused")
      const error = yield* Fiber.join(begun)
      const reason = reasonOf("ClosedError", error)
      assert.isTrue(reason.requestSent)
      assert.strictEqual(reason.by, "server")
      assert.isTrue(reason.cause instanceof McpError.SessionExpiredError)
      yield* until(() => listening.length === 2)
      yield* until(() => [...answering, listening[0]].every((call) => call?.isOver()))
      // It had taken this one before, and answers it after all.
      for (const call of waiting) call.answer(text("late"))
      assert.strictEqual(yield* Fiber.join(held), "late")
      assert.strictEqual(server.of("initialize").length, 2)
    }).pipe(leavesNothing))

  it.live("takes no more messages", () =>
    Effect.gen(function*() {
      const server = yield* serve({ "tools/call": (call) => call.reply(404) })
      const transport = yield* transportTo(server)
      const connection = yield* transport.connect
      const deadline = { budget: "call", idleMillis: 10_000, totalMillis: 10_000 } as const
      const exchange = (id: number, method: string) =>
        connection.exchange({ jsonrpc: "2.0", id, method, params: {} }, { deadline })
      yield* exchange(0, "initialize")
      yield* failsWith("ClosedError")(exchange(1, "tools/call"))
      assert.strictEqual((yield* connection.closed)._tag, "SessionExpiredError")
      yield* failsWith("ClosedError")(connection.send({ jsonrpc: "2.0", method: "notifications/late" }))
      yield* failsWith("ClosedError")(exchange(2, "tools/call"))
      assert.deepStrictEqual(server.requests.map(({ kind }) => kind), ["initialize", "tools/call"])
    }).pipe(leavesNothing))

  it.live("is replaced a few times, and not for ever", () =>
    Effect.gen(function*() {
      const server = yield* serve({ "tools/call": (call) => call.reply(404) })
      const client = yield* connect(server)
      const reason = yield* failsWith("ClosedError")(client.callTool("echo"))
      assert.isFalse(reason.requestSent)
      assert.isTrue(reason.cause instanceof McpError.SessionExpiredError)
      assert.strictEqual(server.of("initialize").length, server.of("tools/call").length)
      assert.isAtMost(server.of("initialize").length, 4)
    }).pipe(leavesNothing))

  it.live("is noticed by whatever is sent", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream()
          if (isOfFirst(call)) events.send({ jsonrpc: "2.0", id: 1, method: "ping" })
          else events.send(call.result(text("second")))
          events.end()
        },
        response: (call) => call.reply(404)
      })
      const client = yield* connect(server)
      yield* Effect.forkScoped(Effect.ignore(callText(client, "asks")), { startImmediately: true })
      yield* Stream.runDrain(Stream.takeUntil(client.stateChanges, ({ _tag }) => _tag === "Idle"))
      assert.strictEqual(yield* callText(client, "again"), "second")
    }).pipe(leavesNothing))

  it.live("is none that knows what was asked for, and has it not", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) =>
          call.reply(404, { jsonrpc: "2.0", id: call.id, error: { code: -32602, message: "Unknown tool" } })
      })
      const client = yield* connect(server)
      const reason = yield* failsWith("JsonRpcError")(client.callTool("echo"))
      assert.strictEqual(reason.code, -32602)
      assert.strictEqual(server.of("initialize").length, 1)
    }).pipe(leavesNothing))

  it.live("is no such thing where there are no sessions", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        initialize: (call) => call.answer(initializeResult()),
        "tools/call": (call) => call.reply(404, "no such tool")
      })
      const client = yield* connect(server)
      const reason = yield* failsWith("HttpError")(client.callTool("echo"))
      assert.strictEqual(reason.status, 404)
      assert.strictEqual(server.of("initialize").length, 1)
    }).pipe(leavesNothing))
})

describe("a server that is gone for a while", () => {
  it.effect("gets a new session when it is back", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const client = yield* connect(server, { client: { reconnect: Schedule.spaced("7 seconds") } })
      const sleeps = yield* Sleeps
      yield* callText(client, "echo")
      yield* server.stop
      const call = yield* Effect.forkScoped(callText(client, "after"), { startImmediately: true })
      for (let attempt = 0; attempt < 3; attempt++) {
        yield* sleeps.until((millis) => millis === 7000)
        if (attempt === 2) yield* server.restart
        yield* TestClock.adjust("7 seconds")
      }
      assert.strictEqual(yield* Fiber.join(call), "after")
      assert.deepStrictEqual(sessionIds(server.of("tools/call")), ["session-1", "session-2"])
    }).pipe(leavesNothing))

  it.live("is told apart from one that broke off: nothing was sent", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      yield* server.stop
      const reason = yield* failsWith("ClosedError")(connect(server))
      assert.isFalse(reason.requestSent)
      assert.include(reason.message, "can not be reached")
      yield* server.restart
    }).pipe(leavesNothing))
})

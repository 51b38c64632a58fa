import * as McpProtocol from "@effect-mcp/client/McpProtocol"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { clientOf, failsWith } from "../harness.ts"
import {
  type Call,
  callText,
  connect as connectTo,
  type ConnectOptions,
  discoverResult,
  type Events,
  eventText,
  initializeResult,
  leavesNothing,
  type Script,
  serve,
  type Server,
  Sleeps,
  transportTo
} from "./support.ts"

/** Connects as a client that finds out by itself what a server speaks. */
const connect = (server: Server, options?: ConnectOptions) =>
  connectTo(server, { ...options, client: { protocol: "auto", ...options?.client } })

/** What opened the sessions so far. */
const openings = ({ requests }: Server) =>
  requests.flatMap(({ kind }) => kind === "server/discover" || kind === "initialize" ? [kind] : [])

const error = (code: number, data?: unknown) => ({ jsonrpc: "2.0", id: null, error: { code, message: "no", data } })

type Answer = readonly [name: string, answer: (call: Call) => void]

const discovering = (answer: (call: Call) => void, script?: Script) => serve({ "server/discover": answer, ...script })

/** A server that refuses a first time. */
const once = (refuse: (call: Call) => void) => {
  let refused = false
  return (call: Call): void => {
    if (refused) return call.answer(discoverResult())
    refused = true
    refuse(call)
  }
}

describe("a modern server", () => {
  it.live.each<Answer>([
    ["as JSON", (call) => call.answer(discoverResult())],
    ["as an event", (call) => {
      const events = call.stream()
      events.send(call.result(discoverResult()))
      events.end()
    }],
    ["and gives a session, which it can not have", (call) => call.answer(discoverResult(), { "mcp-session-id": "s" })]
  ])("that answers %s needs nothing else, and has no session", ([, answer]) =>
    Effect.gen(function*() {
      const server = yield* discovering(answer)
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* connect(server)
        assert.strictEqual((yield* client.session).protocolVersion, "2026-07-28")
        assert.strictEqual(yield* callText(client, "echo"), "echo")
      }))
      assert.deepStrictEqual(server.requests.map(({ kind }) => kind), ["server/discover", "tools/call"])
      for (const { headers } of server.requests) assert.isUndefined(headers["mcp-session-id"])
    }).pipe(leavesNothing))

  it.live.each([-32020, -32021, -32022])("that refuses with %d gets no handshake", (code) =>
    Effect.gen(function*() {
      const server = yield* discovering((call) => call.reply(400, error(code)))
      const reason = yield* failsWith("JsonRpcError")(connect(server))
      assert.deepInclude(reason, { code, httpStatus: 400 })
      assert.deepStrictEqual(openings(server), ["server/discover"])
    }).pipe(leavesNothing))

  it.live("that wants another version of ours is asked again by it", () =>
    Effect.gen(function*() {
      const data = { supported: ["2099-01-01", "2026-07-28"], requested: "?" }
      const server = yield* discovering(once((call) => call.reply(400, error(-32022, data))))
      const client = yield* connect(server)
      assert.strictEqual((yield* client.session).protocolVersion, "2026-07-28")
      assert.deepStrictEqual(openings(server), ["server/discover", "server/discover"])
      const ids = server.of("server/discover").map(({ message }) => message["id"])
      assert.isDefined(ids[0])
    }).pipe(leavesNothing))

  it.live("of which we know no version fails with both lists", () =>
    Effect.gen(function*() {
      const server = yield* discovering((call) => call.reply(400, error(-32022, { supported: ["2099-01-01"] })))
      const { description } = yield* failsWith("UnsupportedError")(connect(server))
      for (const version of ["2099-01-01", ...McpProtocol.modernVersions, ...McpProtocol.legacyVersions]) {
        assert.include(description, version)
      }
      assert.deepStrictEqual(openings(server), ["server/discover"])
    }).pipe(leavesNothing))

  it.live("that knows only legacy versions gets a handshake by the best of them", () =>
    Effect.gen(function*() {
      const data = { supported: ["2024-11-05", "2025-06-18"], requested: "2026-07-28" }
      const server = yield* discovering((call) => call.reply(400, error(-32022, data)))
      yield* connect(server)
      const params = server.of("initialize")[0]?.message["params"] as JsonObject
      assert.strictEqual(params["protocolVersion"], "2025-06-18")
    }).pipe(leavesNothing))
})

describe("a legacy server", () => {
  const page = { "content-type": "text/html" }
  it.live.each<Answer>([
    ["200 and no answer", (call) => call.answer(undefined)],
    ["200 and -32601", (call) => call.reply(200, { ...error(-32601), id: call.id })],
    ["an event with an error", (call) => {
      const events = call.stream()
      events.send({ ...error(-32601), id: call.id })
      events.end()
    }],
    ["200 and a page", (call) => call.reply(200, "<h1>Hello</h1>", page)],
    ["200 and nothing", (call) => call.reply(200)],
    ["200 and what is no discovery", (call) => call.answer({})],
    ["202", (call) => call.reply(202)],
    ["400 and nothing", (call) => call.reply(400)],
    ["400 and text", (call) => call.reply(400, "Bad Request: Server not initialized")],
    ["400 and JSON", (call) => call.reply(400, { error: "bad" })],
    ["400 and -32000", (call) => call.reply(400, error(-32000))],
    ["400 and -32600", (call) => call.reply(400, error(-32600))],
    ["404 and nothing", (call) => call.reply(404)],
    ["404 and a page", (call) => call.reply(404, "<h1>Not found</h1>", page)],
    ["404 and -32601", (call) => call.reply(404, error(-32601))],
    ["405", (call) => call.reply(405)],
    ["406", (call) => call.reply(406)],
    ["415", (call) => call.reply(415)],
    ["422", (call) => call.reply(422)]
  ])("says so by %s", ([, answer]) =>
    Effect.gen(function*() {
      const server = yield* discovering(answer)
      const client = yield* connect(server)
      assert.strictEqual((yield* client.session).protocolVersion, "2025-11-25")
      assert.strictEqual(yield* callText(client, "echo"), "echo")
      assert.deepStrictEqual(openings(server), ["server/discover", "initialize"])
      const [discover, initialize] = server.requests
      assert.strictEqual(discover?.headers["mcp-protocol-version"], "2026-07-28")
      assert.isUndefined(initialize?.headers["mcp-protocol-version"])
      assert.isUndefined(initialize?.headers["mcp-method"])
    }).pipe(leavesNothing))

  it.live.each([400, 404, 405])(
    "of 2024-11-05 is found behind two refusals with %d",
    (status) =>
      Effect.gen(function*() {
        let events: Events | undefined
        const refused = (call: Call, answer: () => void) => {
          if (call.path === "/mcp") return call.reply(status)
          call.reply(202)
          answer()
        }
        const server = yield* serve({
          "server/discover": (call) => call.reply(status),
          initialize: (call) =>
            refused(call, () =>
              events?.send(call.result({
                protocolVersion: "2024-11-05",
                capabilities: { tools: {} },
                serverInfo: { name: "old", version: "1" }
              }))),
          "tools/call": (call) => refused(call, () => events?.send(call.result({ content: [] }))),
          GET: (call) => {
            events = call.stream()
            events.write(eventText("/messages", { event: "endpoint" }))
          }
        })
        const client = yield* connect(server)
        assert.strictEqual((yield* client.session).protocolVersion, "2024-11-05")
        yield* client.callTool("echo")
        assert.deepStrictEqual(server.requests.slice(0, 3).map(({ kind, path }) => `${kind} ${path}`), [
          "server/discover /mcp",
          "initialize /mcp",
          "GET /mcp"
        ])
      }).pipe(leavesNothing)
  )

  it.live("is not asked again in its next session", () =>
    Effect.gen(function*() {
      const server = yield* discovering((call) => call.reply(404))
      const client = yield* connect(server)
      yield* client.reconnect
      assert.deepStrictEqual(openings(server), ["server/discover", "initialize", "initialize"])
    }).pipe(leavesNothing))

  it.live("that has become a modern one is found out", () =>
    Effect.gen(function*() {
      let isModern = false
      const server = yield* serve({
        "server/discover": (call) => isModern ? call.answer(discoverResult()) : call.reply(404),
        initialize: (call) => isModern ? call.reply(400, error(-32022)) : call.answer(initializeResult())
      })
      const client = yield* connect(server)
      isModern = true
      yield* client.reconnect
      assert.strictEqual((yield* client.session).protocolVersion, "2026-07-28")
      assert.deepStrictEqual(openings(server), ["server/discover", "initialize", "initialize", "server/discover"])
    }).pipe(leavesNothing))
})

describe("a handshake that failed", () => {
  it.live("leaves no session behind for what comes after it", () =>
    Effect.gen(function*() {
      let isModern = false
      const server = yield* serve({
        "server/discover": (call) => isModern ? call.answer(discoverResult()) : call.reply(404),
        initialize: (call) =>
          isModern
            ? call.reply(200, { ...error(-32022), id: call.id }, { "mcp-session-id": "unwanted" })
            : call.answer(initializeResult())
      })
      const client = yield* connect(server)
      isModern = true
      yield* client.reconnect
      assert.strictEqual(yield* callText(client, "echo"), "echo")
      for (const { headers } of [...server.of("server/discover"), ...server.of("tools/call")]) {
        assert.isUndefined(headers["mcp-session-id"])
      }
    }).pipe(leavesNothing))
})

describe("no evidence", () => {
  const passing: ReadonlyArray<
    readonly [...Answer, reason: "AuthRequired" | "ClosedError" | "HttpError" | "JsonRpcError"]
  > = [
    ["401", (call) => call.reply(401, "", { "www-authenticate": "Bearer" }), "AuthRequired"],
    ["401 with an error of the protocol", (call) => call.reply(401, error(-32601)), "AuthRequired"],
    ["403", (call) => call.reply(403), "HttpError"],
    ["403 with an error of the protocol", (call) => call.reply(403, error(-32601)), "JsonRpcError"],
    ["429", (call) => call.reply(429, "", { "retry-after": "1" }), "HttpError"],
    ["500", (call) => call.reply(500), "HttpError"],
    ["500 with an error of the protocol", (call) => call.reply(500, error(-32603)), "JsonRpcError"],
    ["502 with a page", (call) => call.reply(502, "<h1>Bad</h1>", { "content-type": "text/html" }), "HttpError"],
    ["503", (call) => call.reply(503), "HttpError"],
    ["a broken connection", (call) => call.cut(), "ClosedError"],
    ["a stream that ends", (call) => call.stream().end(), "ClosedError"],
    ["a stream that breaks", (call) => call.stream().cut(), "ClosedError"]
  ]

  it.live.each(passing)(
    "is %s: it fails, and the server is asked again later",
    ([, refuse, reason]) =>
      Effect.gen(function*() {
        const server = yield* discovering(once(refuse))
        const transport = yield* transportTo(server)
        yield* failsWith(reason)(clientOf(transport, { protocol: "auto" }))
        assert.deepStrictEqual(openings(server), ["server/discover"])
        const client = yield* clientOf(transport, { protocol: "auto" })
        assert.strictEqual((yield* client.session).protocolVersion, "2026-07-28")
      }).pipe(leavesNothing)
  )

  it.live("is a server that can not be reached", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const transport = yield* transportTo(server)
      yield* server.stop
      const reason = yield* failsWith("ClosedError")(clientOf(transport, { protocol: "auto" }))
      assert.isFalse(reason.requestSent)
      yield* server.restart
    }).pipe(leavesNothing))

  it.effect("is silence", () =>
    Effect.gen(function*() {
      const server = yield* discovering(() => {})
      const sleeps = yield* Sleeps
      const connecting = yield* Effect.forkChild(failsWith("TimeoutError")(connect(server)))
      yield* server.received("server/discover")
      yield* sleeps.until((millis) => millis === 30_000)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Fiber.join(connecting)).budget, "connect")
      assert.deepStrictEqual(openings(server), ["server/discover"])
    }).pipe(leavesNothing))

  it.live("is another origin", () =>
    Effect.gen(function*() {
      const server = yield* discovering((call) => call.reply(307, "", { location: "http://other.example/mcp" }))
      yield* failsWith("ConfigurationError")(connect(server))
      assert.deepStrictEqual(openings(server), ["server/discover"])
    }).pipe(leavesNothing))
})

describe("what to speak may be said:", () => {
  it.live("legacy, by which a server is not asked", () =>
    Effect.gen(function*() {
      const server = yield* discovering((call) => call.answer(discoverResult()))
      yield* connect(server, { client: { protocol: "2025-03-26" } })
      assert.deepStrictEqual(openings(server), ["initialize"])
    }).pipe(leavesNothing))

  it.live("modern, by which a legacy server fails, with what it says", () =>
    Effect.gen(function*() {
      const server = yield* discovering((call) => call.reply(405))
      const reason = yield* failsWith("HttpError")(connect(server, { client: { protocol: "modern" } }))
      assert.strictEqual(reason.status, 405)
      assert.deepStrictEqual(openings(server), ["server/discover"])
    }).pipe(leavesNothing))
})

import * as SseTransport from "@effect-mcp/client/SseTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { failsWith, reasonOf, watchDiagnostics } from "../harness.ts"
import {
  type Call,
  callText,
  connect,
  type ConnectOptions,
  type Events,
  eventText,
  httpClients,
  initializeResult,
  leavesNothing,
  progress,
  type Script,
  serve,
  text,
  until
} from "./support.ts"

const endpoint = (place: string): string => eventText(place, { event: "endpoint" })

/** Answers on the stream. */
type Handler = (call: Call, events: Events) => void

/** A server of 2024-11-05: the messages for a client come on the stream that it opened. */
const serveEvents = (handlers: Readonly<Record<string, Handler>> = {}, greet = endpoint("/messages?session=1")) => {
  const streams: Array<Call> = []
  const answer = (handler: Handler): Handler => (call, events) => {
    call.reply(202, "Accepted")
    handler(call, events)
  }
  const all: Readonly<Record<string, Handler>> = {
    initialize: answer((call, events) => events.send(call.result(initializeResult("2024-11-05")))),
    "tools/call": answer((call, events) => events.send(call.result(text(call.tool)))),
    ...handlers
  }
  let events: Events | undefined
  const byEndpoint = Object.entries(all).map(([kind, handler]) =>
    [kind, (call: Call) => {
      if (call.path === "/mcp" || events === undefined) {
        return call.reply(404, "Cannot POST", { "content-type": "text/html" })
      }
      handler(call, events)
    }] as const
  )
  const script: Script = {
    ...Object.fromEntries(byEndpoint),
    GET: (call) => {
      streams.push(call)
      events = call.stream()
      events.write(greet)
    }
  }
  return Effect.map(serve(script), (server) => ({ server, streams, events: () => events }))
}

const ways: ReadonlyArray<readonly [name: string, options: ConnectOptions]> = [
  ["by SseTransport", { make: SseTransport.make }],
  ["by HttpTransport, which finds out", {}],
  ["by SseTransport, over fetch", { make: SseTransport.make, over: "fetch" }],
  ["by HttpTransport, over fetch", { over: "fetch" }]
]

/** A stream that does not come to an answer. */
const hangUp: Handler = (call, events) => {
  call.reply(202)
  events.end()
}

describe.each(ways)("a server of 2024-11-05, %s", (_, options) => {
  it.live("gets messages where it says, and answers on its stream", () =>
    Effect.gen(function*() {
      const { server, streams } = yield* serveEvents()
      const client = yield* connect(server, { ...options, headers: { "x-tenant": "acme" } })
      assert.strictEqual((yield* client.session).protocolVersion, "2024-11-05")
      const tools = Array.from({ length: 20 }, (_, index) => `tool ${index}`)
      assert.deepStrictEqual(yield* Effect.forEach(tools, (tool) => callText(client, tool), { concurrency: 20 }), tools)
      const calls = server.of("tools/call")
      assert.deepStrictEqual(new Set(calls.map(({ path }) => path)), new Set(["/messages?session=1"]))
      assert.deepStrictEqual(new Set(server.requests.map(({ headers }) => headers["x-tenant"])), new Set(["acme"]))
      assert.strictEqual(streams.length, 1)
      yield* client.close
      yield* until(() => streams.every((call) => call.isOver()))
      assert.deepStrictEqual(server.of("DELETE"), [])
    }).pipe(leavesNothing))

  it.live("may answer before it accepts, byte by byte, with progress, and ask itself", () =>
    Effect.gen(function*() {
      const drip = (events: Events, [byte, ...rest]: ReadonlyArray<number>, then: () => void): void => {
        if (byte === undefined) return then()
        events.write(Uint8Array.of(byte))
        setImmediate(() => drip(events, rest, then))
      }
      const { server } = yield* serveEvents({
        "tools/call": (call, events) => {
          events.send({ jsonrpc: "2.0", id: "ask", method: "ping" })
          events.send(progress(call, 1))
          const answer = eventText(JSON.stringify(call.result(text("äöü 🎉"))))
          drip(events, Array.from(new TextEncoder().encode(answer)), () => call.reply(200, "OK"))
        }
      })
      const client = yield* connect(server, options)
      const steps: Array<number> = []
      const onProgress = ({ progress }: { readonly progress: number }) => Effect.sync(() => void steps.push(progress))
      assert.strictEqual(yield* callText(client, "echo", { onProgress }), "äöü 🎉")
      assert.deepStrictEqual(steps, [1])
      yield* server.received("response")
      assert.deepStrictEqual(server.of("response").map(({ message, path }) => [path, message["id"]]), [
        ["/messages?session=1", "ask"]
      ])
    }).pipe(leavesNothing))

  it.live.each(["./messages", "messages", "//$HOST/messages", "$ORIGIN/messages"])(
    "may name the place as it likes: %s",
    (place) =>
      Effect.gen(function*() {
        const origin: Array<string> = []
        const served = yield* serve({
          GET: (call) => {
            const events = call.stream()
            streams.push(events)
            events.write(
              endpoint(place.replace("$ORIGIN", origin[0] ?? "").replace("$HOST", new URL(origin[0] ?? "").host))
            )
          },
          initialize: (call) => {
            if (call.path === "/mcp") return call.reply(405)
            call.reply(202)
            streams[0]?.send(call.result(initializeResult("2024-11-05")))
          }
        })
        const streams: Array<Events> = []
        origin.push(served.origin)
        yield* connect(served, options)
        assert.strictEqual(served.requests.at(-1)?.path, "/messages")
      }).pipe(leavesNothing)
  )

  it.live("may not send messages to another origin", () =>
    Effect.gen(function*() {
      const thief = yield* serve()
      for (const place of [thief.url, `//${new URL(thief.origin).host}/`, "http://[", "data:,x"]) {
        const { server } = yield* serveEvents({}, endpoint(place))
        const error = yield* Effect.flip(connect(server, { ...options, headers: { authorization: "Bearer secret" } }))
        if (options.make !== undefined) assert.include(reasonOf("ProtocolError", error).message, "another origin")
      }
      assert.deepStrictEqual([thief.requests, thief.sockets()], [[], 0])
    }).pipe(leavesNothing))

  it.effect("that never says where is given up in time", () =>
    Effect.gen(function*() {
      const { server } = yield* serveEvents({}, ": welcome\n\n")
      const connecting = yield* Effect.forkScoped(
        failsWith("TimeoutError")(connect(server, { ...options, client: { timeouts: { connect: "5 seconds" } } })),
        { startImmediately: true }
      )
      yield* server.received("GET")
      yield* TestClock.adjust("5 seconds")
      const reason = yield* Fiber.join(connecting)
      assert.deepStrictEqual([reason.budget, reason.millis], ["connect", 5000])
    }).pipe(leavesNothing))

  it.live("whose stream ends before it says where is no server", () =>
    Effect.gen(function*() {
      const { server } = yield* serveEvents({}, ": welcome\n\n")
      const connecting = yield* Effect.forkScoped(Effect.flip(connect(server, options)), { startImmediately: true })
      yield* server.received("GET")
      yield* server.stop
      assert.strictEqual((yield* Fiber.join(connecting))._tag, "McpError")
      yield* server.restart
    }).pipe(leavesNothing))

  it.live.each<[how: string, end: Handler]>([
    ["ends", hangUp],
    ["breaks", (call, events) => {
      call.reply(202)
      events.cut()
    }],
    ["says too much at once", (call, events) => {
      call.reply(202)
      events.write(eventText("x".repeat(20_000)))
    }]
  ])("fails its calls when its stream %s, and gets a new session", ([, end]) =>
    Effect.gen(function*() {
      const { server } = yield* serveEvents({
        "tools/call": (call, events) => {
          if (call.tool === "end") return end(call, events)
          call.reply(202)
          if (call.tool !== "hang") events.send(call.result(text(call.tool)))
        }
      })
      const client = yield* connect(server, {
        ...options,
        maxMessageSize: 10_000,
        client: { reconnect: Schedule.recurs(3) }
      })
      const hanging = yield* Effect.forkScoped(failsWith("ClosedError")(callText(client, "hang")), {
        startImmediately: true
      })
      yield* server.received("tools/call")
      for (const reason of [yield* failsWith("ClosedError")(callText(client, "end")), yield* Fiber.join(hanging)]) {
        assert.deepStrictEqual([reason.by, reason.requestSent], ["server", true])
      }
      assert.strictEqual(yield* callText(client, "again"), "again")
      assert.strictEqual(server.of("initialize").filter(({ path }) => path !== "/mcp").length, 2)
    }).pipe(leavesNothing))

  it.live("is told when a call is interrupted, and forgets it", () =>
    Effect.gen(function*() {
      const { events, server } = yield* serveEvents({
        "tools/call": (call) => call.reply(202)
      })
      const client = yield* connect(server, options)
      const diagnostics = yield* watchDiagnostics(client)
      const calling = yield* Effect.forkScoped(callText(client, "hang"), { startImmediately: true })
      yield* server.received("tools/call")
      yield* Fiber.interrupt(calling)
      yield* server.received("notifications/cancelled")
      const id = server.of("tools/call")[0]?.message["id"]
      assert.deepStrictEqual(server.of("notifications/cancelled")[0]?.message["params"], {
        requestId: id,
        reason: "interrupted"
      })
      // An answer that comes too late is no news.
      events()?.send({ jsonrpc: "2.0", id, result: text("late") })
      events()?.send({ jsonrpc: "2.0", id: 4711, result: {} })
      yield* until(() => diagnostics.length > 0)
      assert.deepStrictEqual(diagnostics, [{ _tag: "Unexpected", id: 4711 }])
    }).pipe(leavesNothing))

  it.live("that refuses a message fails that call, and no other", () =>
    Effect.gen(function*() {
      const { server } = yield* serveEvents({
        "tools/call": (call, events) => {
          if (call.tool === "refused") return call.reply(500, "no")
          if (call.tool === "auth") return call.reply(401)
          call.reply(202)
          events.send(call.result(text(call.tool)))
        }
      })
      const client = yield* connect(server, options)
      assert.strictEqual((yield* failsWith("HttpError")(callText(client, "refused"))).status, 500)
      yield* failsWith("AuthRequired")(callText(client, "auth"))
      assert.strictEqual(yield* callText(client, "echo"), "echo")
    }).pipe(leavesNothing))
})

describe("a URL behind which is no server of 2024-11-05", () => {
  it.live.each<[name: string, answer: (call: Call) => void, tag: "AuthRequired" | "HttpError"]>([
    ["404", (call) => call.reply(404), "HttpError"],
    ["a page", (call) => call.reply(200, "<h1>Hello</h1>", { "content-type": "text/html" }), "HttpError"],
    ["a challenge", (call) => call.reply(401, "", { "www-authenticate": "Bearer" }), "AuthRequired"]
  ])("is told by SseTransport: %s", ([, answer, tag]) =>
    Effect.gen(function*() {
      const server = yield* serve({ GET: answer })
      yield* failsWith(tag)(connect(server, { make: SseTransport.make }))
    }).pipe(leavesNothing))

  it.live.each(Object.keys(httpClients) as ReadonlyArray<keyof typeof httpClients>)(
    "is told by HttpTransport as what it said first (%s)",
    (over) =>
      Effect.gen(function*() {
        const server = yield* serve({
          initialize: (call) => call.reply(404, "nothing here"),
          GET: (call) => call.reply(500, "nor there")
        })
        const reason = yield* failsWith("HttpError")(connect(server, { over }))
        assert.deepStrictEqual([reason.status, reason.excerpt], [404, "nothing here"])
        assert.deepStrictEqual(server.requests.map(({ kind }) => kind), ["initialize", "GET"])
      }).pipe(leavesNothing)
  )
})

import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { failsWith } from "../harness.ts"
import { bytesOf, type Call, callText, connect, eventText, leavesNothing, type Script, serve, text } from "./support.ts"

/** A server that answers calls of `echo`, and others in its own way. */
const refusing = (refuse: (call: Call) => void): Script => ({
  "tools/call": (call) => call.tool === "echo" ? call.answer(text("echo")) : refuse(call)
})

/** Connects to a server that refuses calls, and lets it refuse one. After that, the session has to work as before. */
const refusedWith = Effect.fnUntraced(function*<A, E>(
  refuse: (call: Call) => void,
  check: (call: Effect.Effect<string, Effect.Error<ReturnType<typeof callText>>>) => Effect.Effect<A, E>,
  options?: Parameters<typeof connect>[1]
) {
  const server = yield* serve(refusing(refuse))
  const client = yield* connect(server, options)
  const checked = yield* check(callText(client, "refused"))
  assert.strictEqual(yield* callText(client, "echo"), "echo")
  assert.strictEqual(server.of("initialize").length, 1)
  assert.strictEqual(server.of("tools/call").length, 2)
  return checked
})

const page =
  `<!DOCTYPE html><html><head><title>Sign in</title><style>body { color: red }</style><script>alert("hi")</script>
</head><body><h1>Please sign in</h1>\u001b[31m<p>to  Acme &amp; Co.${" more".repeat(200)}</p></body></html>`

describe("an answer that is no message", () => {
  it.live("says what it is", () =>
    Effect.gen(function*() {
      const reason = yield* refusedWith(
        (call) => call.reply(200, "hello", { "content-type": "text/plain; charset=utf-8" }),
        failsWith("HttpError")
      )
      assert.deepStrictEqual([reason.status, reason.contentType, reason.excerpt], [200, "text/plain", "hello"])
      assert.include(reason.message, "text/plain")
    }).pipe(leavesNothing))

  it.live.each([200, 403, 500])(
    "is shown as a reader would see it, if it is a page (%d)",
    (status) =>
      Effect.gen(function*() {
        const reason = yield* refusedWith(
          (call) => call.reply(status, page, { "content-type": "text/html" }),
          failsWith("HttpError")
        )
        assert.strictEqual(reason.status, status)
        assert.include(reason.message, "is this the URL of an MCP server?")
        assert.match(reason.excerpt, /^Sign in Please sign in \[31m to Acme/)
        assert.notInclude(reason.excerpt, "alert")
        assert.notInclude(reason.excerpt, "\u001b")
        assert.isBelow(reason.excerpt.length, 400)
      }).pipe(leavesNothing)
  )

  it.live("need not have a type, or a body", () =>
    Effect.gen(function*() {
      for (const [status, body] of [[200, ""], [204, ""], [418, ""], [500, ""]] as const) {
        const reason = yield* refusedWith((call) => call.reply(status, body), failsWith("HttpError"))
        assert.deepStrictEqual([reason.status, reason.contentType, reason.excerpt], [status, undefined, ""])
      }
    }).pipe(leavesNothing))

  it.live("to the first request is no session", () =>
    Effect.gen(function*() {
      for (const status of [200, 400, 404, 405, 500]) {
        const server = yield* serve({
          initialize: (call) => call.reply(status, page, { "content-type": "text/html" }),
          GET: (call) => call.reply(status, page, { "content-type": "text/html" })
        })
        const reason = yield* failsWith("HttpError")(connect(server))
        assert.strictEqual(reason.status, status)
        assert.include(reason.excerpt, "Please sign in")
      }
    }).pipe(leavesNothing))
})

describe("an error of the protocol", () => {
  it.live.each([200, 400, 402, 403, 404, 405, 422, 429, 500, 502])(
    "comes with any status (%d)",
    (status) =>
      Effect.gen(function*() {
        const reason = yield* refusedWith(
          (call) =>
            call.reply(status, {
              jsonrpc: "2.0",
              id: call.id,
              error: { code: -32602, message: "Unknown tool", data: { hint: "look closer" } }
            }),
          failsWith("JsonRpcError")
        )
        assert.deepStrictEqual([reason.code, reason.description, reason.data], [
          -32602,
          "Unknown tool",
          { hint: "look closer" }
        ])
      }).pipe(leavesNothing)
  )

  it.live.each([200, 400])("need not say what it answers: that is known (%d)", (status) =>
    Effect.gen(function*() {
      const reason = yield* refusedWith(
        (call) => call.reply(status, { jsonrpc: "2.0", id: null, error: { code: -32700, message: "Parse error" } }),
        failsWith("JsonRpcError")
      )
      assert.strictEqual(reason.code, -32700)
    }).pipe(leavesNothing))

  it.live("is none when it only looks like one", () =>
    Effect.gen(function*() {
      for (const body of [{ error: "invalid_token" }, { error: null }, [], "{\"error\":{\"code\":1", "null"]) {
        const reason = yield* refusedWith(
          (call) => call.reply(400, body, { "content-type": "application/json" }),
          failsWith("HttpError")
        )
        assert.strictEqual(reason.status, 400)
      }
    }).pipe(leavesNothing))
})

describe("a server that wants to know who asks", () => {
  const challenge =
    "Bearer resource_metadata=\"https://example.com/.well-known/oauth-protected-resource\", scope=\"read\""

  it.live("says how, for the first request and for any other", () =>
    Effect.gen(function*() {
      const refuse = (call: Call) => call.reply(401, { error: "invalid_token" }, { "www-authenticate": challenge })
      const server = yield* serve({ initialize: refuse, GET: refuse })
      assert.strictEqual((yield* failsWith("AuthRequired")(connect(server))).wwwAuthenticate, challenge)
      assert.strictEqual((yield* refusedWith(refuse, failsWith("AuthRequired"))).wwwAuthenticate, challenge)
    }).pipe(leavesNothing))

  it.live("need not say how", () =>
    Effect.gen(function*() {
      const reason = yield* refusedWith((call) => call.reply(401), failsWith("AuthRequired"))
      assert.strictEqual(reason.wwwAuthenticate, undefined)
    }).pipe(leavesNothing))

  it.live("is another than one that does not allow it", () =>
    Effect.gen(function*() {
      const reason = yield* refusedWith(
        (call) => call.reply(403, "", { "www-authenticate": challenge }),
        failsWith("HttpError")
      )
      assert.deepStrictEqual([reason.status, reason.wwwAuthenticate], [403, challenge])
    }).pipe(leavesNothing))
})

describe("a server that is busy", () => {
  it.effect.each(
    [
      [429, "3", 3000],
      [503, "0", 0],
      [503, "Thu, 01 Jan 1970 00:01:00 GMT", 60_000],
      [503, "Wed, 31 Dec 1969 23:59:00 GMT", 0],
      [503, "soon", undefined],
      [503, "-5", undefined],
      [503, undefined, undefined]
    ] as const
  )("says when to come again: %d, %s", ([status, header, millis]) =>
    Effect.gen(function*() {
      const reason = yield* refusedWith(
        (call) => call.reply(status, "", header === undefined ? {} : { "retry-after": header }),
        failsWith("HttpError")
      )
      assert.strictEqual(reason.status, status)
      assert.strictEqual(reason.retryAfter === undefined ? undefined : Duration.toMillis(reason.retryAfter), millis)
    }).pipe(leavesNothing))
})

describe("a message that is too large", () => {
  const limit = 2000
  const large = (call: Call) => JSON.stringify(call.result(text("x".repeat(limit))))

  it.live.each<[name: string, send: (call: Call) => void]>([
    [
      "in JSON that says so",
      (call) =>
        call.reply(200, large(call), { "content-type": "application/json", "content-length": large(call).length })
    ],
    [
      "in JSON that does not",
      (call) => call.reply(200, large(call), { "content-type": "application/json", "transfer-encoding": "chunked" })
    ],
    [
      "in JSON that says so, and does not come",
      (call) => call.begin({ "content-type": "application/json", "content-length": 1e12 }).write("{")
    ],
    ["in JSON that has no end", (call) => {
      const { write } = call.begin({ "content-type": "application/json" })
      const more = (): void => {
        if (call.isOver()) return
        write(" ".repeat(10_000))
        setImmediate(more)
      }
      more()
    }],
    ["in an event", (call) => {
      const events = call.stream()
      events.write(eventText(large(call)))
      events.end()
    }],
    ["in an event that comes in pieces", (call) => call.drip("text/event-stream", eventText(large(call)))],
    ["in an event that has no end", (call) => {
      const events = call.stream()
      const more = (): void => {
        if (call.isOver()) return
        events.write("data: 1\n".repeat(1000))
        setImmediate(more)
      }
      more()
    }]
  ])("%s is not read", ([, send]) =>
    Effect.gen(function*() {
      const reason = yield* refusedWith(send, failsWith("LimitError"), { maxMessageSize: limit })
      assert.strictEqual(reason.limit, limit)
      assert.include(reason.message, "maxMessageSize")
    }).pipe(leavesNothing))

  it.live("is one byte larger than one that is read", () =>
    Effect.gen(function*() {
      const answer = (call: Call, bytes: number): string => {
        const empty = JSON.stringify(call.result(text("ä")))
        return JSON.stringify(call.result(text("ä" + "x".repeat(bytes - bytesOf(empty).length))))
      }
      const send = (call: Call, bytes: number) =>
        call.reply(200, answer(call, bytes), { "content-type": "application/json" })
      const server = yield* serve({ "tools/call": (call) => send(call, Number(call.tool)) })
      const client = yield* connect(server, { maxMessageSize: limit })
      yield* callText(client, String(limit))
      yield* failsWith("LimitError")(callText(client, String(limit + 1)))
    }).pipe(leavesNothing))

  it.live("is shown only in part when it is refused", () =>
    Effect.gen(function*() {
      const reason = yield* refusedWith((call) => call.reply(500, "why ".repeat(100_000)), failsWith("HttpError"))
      assert.match(reason.excerpt, /^(why )+(wh?)?…$/)
      assert.isBelow(reason.excerpt.length, 400)
    }).pipe(leavesNothing))
})

describe("a message that has no answer", () => {
  it.live.each<[name: string, accept: (call: Call) => void]>([
    ["202", (call) => call.reply(202)],
    ["204", (call) => call.reply(204)],
    ["200", (call) => call.reply(200)],
    ["200 with text", (call) => call.reply(200, "ok")],
    ["200 with JSON", (call) => call.reply(200, { ok: true })],
    ["200 with a message", (call) => call.reply(200, { jsonrpc: "2.0", id: 0, result: {} })],
    ["200 with events", (call) => {
      const events = call.stream()
      events.send({ jsonrpc: "2.0", id: 1, result: {} })
      events.end()
    }]
  ])("may be accepted with %s", ([, accept]) =>
    Effect.gen(function*() {
      const server = yield* serve({ "notifications/initialized": accept })
      const client = yield* connect(server)
      assert.strictEqual(yield* callText(client, "echo"), "echo")
    }).pipe(leavesNothing))

  it.live("may be accepted with a body that does not end", () =>
    Effect.gen(function*() {
      const server = yield* serve({ "notifications/initialized": (call) => call.begin({}).write("…") })
      const client = yield* connect(server)
      assert.strictEqual(yield* callText(client, "echo"), "echo")
    }).pipe(leavesNothing))

  it.effect("may be accepted with a body that is longer than anybody wants to read", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "notifications/initialized": (call) => {
          const { write } = call.begin({})
          const more = (): void => {
            if (call.isOver()) return
            write("x".repeat(10_000))
            setImmediate(more)
          }
          more()
        }
      })
      const client = yield* connect(server)
      assert.strictEqual(yield* callText(client, "echo"), "echo")
    }).pipe(leavesNothing))

  it.live("that can not be written as JSON is an error, and is not sent", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const client = yield* connect(server)
      yield* failsWith("ValidationError")(client.notify("notifications/large", { value: 1n }))
      yield* failsWith("ValidationError")(client.callTool("large", { value: 1n }))
      assert.strictEqual(yield* callText(client, "echo"), "echo")
      assert.deepStrictEqual([server.of("notifications/large").length, server.of("tools/call").length], [0, 1])
    }).pipe(leavesNothing))

  it.live("that is refused is an error", () =>
    Effect.gen(function*() {
      const server = yield* serve({ "notifications/initialized": (call) => call.reply(500, "out of order") })
      assert.strictEqual((yield* failsWith("HttpError")(connect(server))).status, 500)
    }).pipe(leavesNothing))
})

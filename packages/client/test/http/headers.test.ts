import * as HttpTransport from "@effect-mcp/client/HttpTransport"
import type * as McpError from "@effect-mcp/client/McpError"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import { failsWith, turn } from "../harness.ts"
import { type Call, callText, connect, leavesNothing, type Script, serve, text, transportTo } from "./support.ts"

const valuesOf = (calls: ReadonlyArray<Pick<Call, "headers">>, name: string) =>
  calls.map(({ headers }) => headers[name])

describe("headers", () => {
  it.live("go out with every request", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* connect(server, {
          headers: { Authorization: Redacted.make("Bearer 1"), "X-Tenant": "acme", "X-None": undefined }
        })
        yield* callText(client, "echo")
        yield* server.received("GET")
      }))
      assert.sameMembers(server.requests.map(({ kind }) => kind), [
        "initialize",
        "notifications/initialized",
        "GET",
        "tools/call",
        "DELETE"
      ])
      assert.deepStrictEqual(new Set(valuesOf(server.requests, "authorization")), new Set(["Bearer 1"]))
      assert.deepStrictEqual(new Set(valuesOf(server.requests, "x-tenant")), new Set(["acme"]))
      assert.deepStrictEqual(new Set(valuesOf(server.requests, "x-none")), new Set([undefined]))
    }).pipe(leavesNothing))

  it.live("are made anew for each request, if an effect makes them", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      let made = 0
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* connect(server, {
          headers: Effect.sync(() => ({ authorization: Redacted.make(`Bearer ${++made}`) }))
        })
        yield* server.received("GET")
        yield* Effect.forEach(["a", "b", "c"], (tool) => callText(client, tool), { concurrency: 3 })
      }))
      const values = valuesOf(server.requests, "authorization")
      assert.strictEqual(values.length, 7)
      assert.sameMembers(values, values.map((_, index) => `Bearer ${index + 1}`))
    }).pipe(leavesNothing))

  it.live("may take a while to make", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const client = yield* connect(server, { headers: Effect.as(turn, { "x-slow": "yes" }) })
      assert.strictEqual(yield* callText(client, "echo"), "echo")
      assert.deepStrictEqual(new Set(valuesOf(server.requests, "x-slow")), new Set(["yes"]))
    }).pipe(leavesNothing))

  it.live.each<[how: string, broken: Effect.Effect<never, unknown>]>([
    ["fails", Effect.fail("no token")],
    ["dies", Effect.die(new Error("no token"))],
    ["is interrupted", Effect.interrupt]
  ])("whose effect %s fail the request, before it is sent, and only that", ([, broken]) =>
    Effect.gen(function*() {
      const server = yield* serve()
      let works = true
      const client = yield* connect(server, {
        headers: Effect.suspend((): Effect.Effect<HttpTransport.HeadersInput, unknown> =>
          works ? Effect.succeed({ "x-ok": "yes" }) : broken
        )
      })
      yield* server.received("GET")
      works = false
      const reason = yield* failsWith("TransportError")(callText(client, "never"))
      assert.include(reason.message, "headers")
      works = true
      assert.strictEqual(yield* callText(client, "echo"), "echo")
      assert.deepStrictEqual([server.of("tools/call").length, server.of("initialize").length], [1, 1])
    }).pipe(leavesNothing))

  it.live("do not override those of the protocol", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const client = yield* connect(server, {
        headers: {
          Accept: "text/html",
          "Content-Type": "text/plain",
          "Mcp-Session-Id": "mine",
          "MCP-Protocol-Version": "1999-01-01",
          "Last-Event-ID": "mine"
        }
      })
      yield* callText(client, "echo")
      yield* server.received("GET")
      const [initialize, ...later] = server.requests
      assert.strictEqual(initialize?.headers["content-type"], "application/json")
      assert.strictEqual(initialize?.headers.accept, "application/json, text/event-stream")
      assert.strictEqual(initialize?.headers["mcp-session-id"], undefined)
      assert.strictEqual(initialize?.headers["mcp-protocol-version"], undefined)
      assert.deepStrictEqual(new Set(valuesOf(later, "mcp-session-id")), new Set(["session-1"]))
      assert.deepStrictEqual(new Set(valuesOf(later, "mcp-protocol-version")), new Set(["2025-11-25"]))
      assert.deepStrictEqual(new Set(valuesOf(server.requests, "last-event-id")), new Set([undefined]))
      assert.deepStrictEqual(valuesOf(server.of("GET"), "content-type"), [undefined])
    }).pipe(leavesNothing))

  it.live.each(["", "has space", "colon:", "line\nbreak", "ünï", "("])(
    "need a name that HTTP can carry: %j",
    (name) =>
      Effect.gen(function*() {
        const server = yield* serve()
        const headers = { [name]: "secret" }
        const reason = yield* failsWith("ConfigurationError")(connect(server, { headers }))
        assert.notInclude(reason.message, "secret")
        yield* failsWith("ConfigurationError")(connect(server, { headers: Effect.succeed(headers) }))
        assert.deepStrictEqual(server.requests, [])
      }).pipe(leavesNothing)
  )

  it.live.each(["line\nbreak", "return\r", "nul\u0000", "emoji 🎉", "ツ"])(
    "need a value that HTTP can carry: %j",
    (value) =>
      Effect.gen(function*() {
        const server = yield* serve()
        const headers = { "x-key": value }
        const reason = yield* failsWith("ConfigurationError")(connect(server, { headers }))
        assert.include(reason.message, "x-key")
        assert.notInclude(reason.message, value)
        yield* failsWith("ConfigurationError")(connect(server, { headers: Effect.succeed(headers) }))
        assert.deepStrictEqual(server.requests, [])
      }).pipe(leavesNothing)
  )

  it.live.each(["Connection", "Content-Length", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Expect"])(
    "that belong to the connection can not be given: %s",
    (name) =>
      Effect.gen(function*() {
        const server = yield* serve()
        const reason = yield* failsWith("ConfigurationError")(connect(server, { headers: { [name]: "1" } }))
        assert.include(reason.message, name)
      }).pipe(leavesNothing)
  )
})

describe("a URL", () => {
  it.effect.each<[url: string, complaint: string]>([
    ["", "no URL"],
    ["mcp.example.com", "no URL"],
    ["/mcp", "no URL"],
    ["http://", "no URL"],
    ["http://[", "no URL"],
    ["ftp://example.com/mcp", "not by ftp:"],
    ["file:///etc/passwd", "not by file:"],
    ["javascript:alert(1)", "not by javascript:"],
    ["https://user:secret@example.com/mcp", "credentials"]
  ])("has to lead to a server: %s", ([url, complaint]) =>
    Effect.gen(function*() {
      const http = HttpClient.make(() => Effect.die("nothing is sent"))
      const reason = yield* HttpTransport.make({ url }).pipe(
        Effect.provideService(HttpClient.HttpClient, http),
        failsWith("ConfigurationError")
      )
      assert.include(reason.message, complaint)
      assert.notInclude(reason.message, "secret")
    }))

  it.live("is used as it is, and shown without what may be secret", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      for (const url of [`${server.origin}/a%20b/?key=s%C3%A9cret&x=1#part`, new URL(`${server.origin}/?key=secret`)]) {
        const transport = yield* transportTo(server, { url })
        assert.notMatch(transport.label, /secret|s%C3/)
        const client = yield* connect(server, { url })
        yield* callText(client, "echo")
        assert.notMatch(client.name, /secret|s%C3/)
      }
      assert.deepStrictEqual(
        new Set(server.requests.map(({ path }) => path)),
        new Set(["/a%20b/?key=s%C3%A9cret&x=1", "/?key=secret"])
      )
    }).pipe(leavesNothing))

  it.effect.each(["nonsense", "-1 MiB"])(
    "is used with a size that is one: %s",
    (maxMessageSize) =>
      Effect.gen(function*() {
        const http = HttpClient.make(() => Effect.die("nothing is sent"))
        // What a program without types may give.
        const options = { url: "https://example.com", maxMessageSize: maxMessageSize as "1 MiB" }
        const reason = yield* HttpTransport.make(options).pipe(
          Effect.provideService(HttpClient.HttpClient, http),
          failsWith("ConfigurationError")
        )
        assert.include(reason.message, maxMessageSize)
      })
  )
})

describe("secrets", () => {
  const secrets = ["SECRET-TOKEN", "SECRET-SESSION", "SECRET-QUERY", "SECRET-KEY"]
  const [token = "", session = "", query = "", key = ""] = secrets

  const broken: Script = {
    initialize: (call) =>
      call.answer({
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "x", version: "1" }
      }, {
        "mcp-session-id": session
      }),
    "tools/call": (call) => {
      const behaviours: Readonly<Record<string, () => void>> = {
        echo: () => call.answer(text("echo")),
        status: () => call.reply(500, "broken"),
        page: () => call.reply(200, "<h1>hi</h1>", { "content-type": "text/html" }),
        auth: () => call.reply(401),
        cut: () => call.cut(),
        half: () => call.begin({ "content-type": "application/json", "content-length": 100 }).cut(),
        stream: () => call.stream().cut(),
        expired: () => call.reply(404),
        away: () => call.reply(307, "", { location: "http://127.0.0.1:1/" }),
        circle: () => call.reply(307, "", { location: call.path }),
        mute: () => call.reply(200, {}),
        noise: () => call.reply(200, "{", { "content-type": "application/json" })
      }
      behaviours[call.tool]?.()
    }
  }

  const tools = ["status", "page", "auth", "cut", "half", "stream", "expired", "away", "circle", "mute", "noise"]

  const shown = (error: McpError.McpError | McpError.ToolError): string =>
    [
      error.message,
      String(error),
      error.stack ?? "",
      JSON.stringify(error),
      inspect(error, { depth: Infinity, showHidden: true }),
      Cause.pretty(Cause.fail(error))
    ].join("\n")

  const assertHidden = (text: string) => {
    for (const secret of secrets) assert.notInclude(text, secret)
  }

  it.live.each(["pooled", "fetch"] as const)(
    "are in nothing that an error shows (%s)",
    (over) =>
      Effect.gen(function*() {
        const server = yield* serve(broken)
        const options = {
          over,
          url: `${server.url}?key=${query}`,
          headers: { Authorization: `Bearer ${token}`, "x-key": Redacted.make(key) }
        }
        const client = yield* connect(server, options)
        for (const tool of tools) {
          const error = yield* Effect.flip(callText(client, tool, { timeout: "10 seconds" }))
          assertHidden(shown(error))
        }
        yield* server.stop
        assertHidden(shown(yield* Effect.flip(connect(server, options))))
        yield* server.restart
      }).pipe(leavesNothing)
  )

  it.live.each(["pooled", "fetch"] as const)(
    "are in no span, even if somebody records headers (%s)",
    (over) =>
      Effect.gen(function*() {
        const server = yield* serve(broken)
        const spans: Array<Tracer.Span> = []
        const tracer = Tracer.make({
          span: (options) => {
            const span = new Tracer.NativeSpan(options)
            spans.push(span)
            return span
          }
        })
        yield* Effect.gen(function*() {
          const client = yield* connect(server, {
            over,
            url: `${server.url}?key=${query}`,
            headers: { Authorization: `Bearer ${token}`, "x-key": Redacted.make(key) }
          })
          yield* callText(client, "echo")
          yield* Effect.flip(callText(client, "status"))
        }).pipe(
          Effect.provideService(HttpClient.TracerHeaderFilter, () => true),
          Effect.provideService(Tracer.Tracer, tracer),
          Effect.scoped
        )
        const attributes = spans.map(({ attributes }) => Object.fromEntries(attributes))
        const http = attributes.filter((attributes) => "http.request.method" in attributes)
        assert.isAtLeast(http.length, 4)
        assert.isTrue(http.some((attributes) => attributes["http.request.header.mcp-session-id"] === "<redacted>"))
        assertHidden(inspect(attributes, { depth: Infinity }))
        assert.deepStrictEqual(yield* Headers.CurrentRedactedNames, [
          "authorization",
          "cookie",
          "set-cookie",
          "x-api-key"
        ])
      }).pipe(leavesNothing)
  )
})

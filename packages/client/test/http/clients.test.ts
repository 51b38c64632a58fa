import * as HttpTransport from "@effect-mcp/client/HttpTransport"
import * as McpClient from "@effect-mcp/client/McpClient"
import type * as McpError from "@effect-mcp/client/McpError"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as SseTransport from "@effect-mcp/client/SseTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { clientOf, failsWith } from "../harness.ts"
import {
  callText,
  connect,
  eventText,
  httpClients,
  initializeResult,
  leavesNothing,
  priming,
  serve,
  text,
  until
} from "./support.ts"

type Reply = Effect.Effect<Response, HttpClientError.HttpClientError>

interface Sent {
  readonly kind: string
  readonly message: JsonObject
  readonly request: HttpClientRequest
}

const json = (body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { headers: { "content-type": "application/json", ...headers } })

const usual = ({ kind, message }: Sent): Response => {
  const result = (result: unknown, headers?: Record<string, string>) =>
    json({ jsonrpc: "2.0", id: message["id"], result }, headers)
  switch (kind) {
    case "initialize":
      return result(initializeResult(), { "mcp-session-id": "mocked" })
    case "tools/call":
      return result(text("mocked"))
    case "GET":
      return new Response(null, { status: 405 })
    default:
      return new Response(null, { status: 202 })
  }
}

/** An HTTP client that sends nothing. */
const mocked = (reply: (sent: Sent, index: number) => Reply | undefined = () => undefined) => {
  const sent: Array<string> = []
  const http = HttpClient.make((request) =>
    Effect.suspend(() => {
      const { body, method } = request
      const message: JsonObject = body._tag === "Raw" ? JSON.parse(String(body.body)) : {}
      const kind = typeof message["method"] === "string" ? message["method"] : method
      const index = sent.filter((_) => _ === kind).length
      sent.push(kind)
      return Effect.map(
        reply({ kind, message, request }, index) ?? Effect.succeed(usual({ kind, message, request })),
        (response) => HttpClientResponse.fromWeb(request, response)
      )
    })
  )
  return { http, sent }
}

const connectTo = Effect.fnUntraced(function*(
  http: HttpClient.HttpClient,
  options?: McpClient.Options,
  make: typeof HttpTransport.make = HttpTransport.make
) {
  const transport = yield* make({ url: "https://mcp.example.com/mcp" }).pipe(
    Effect.provideService(HttpClient.HttpClient, http)
  )
  return yield* clientOf(transport, options)
})

describe.each(Object.keys(httpClients) as ReadonlyArray<keyof typeof httpClients>)("over %s", (over) => {
  it.live("answers come as JSON and as events, calls run at the same time, and sessions heal", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          if (call.tool === "forget" && call.headers["mcp-session-id"] === "session-1") return call.reply(404)
          if (Number(call.tool) % 2 === 0) return call.answer(text(call.tool))
          const events = call.stream()
          events.send(call.result(text(call.tool)))
          events.end()
        }
      })
      const client = yield* connect(server, { over })
      const tools = Array.from({ length: 100 }, (_, index) => String(index))
      assert.deepStrictEqual(
        yield* Effect.forEach(tools, (tool) => callText(client, tool), { concurrency: "unbounded" }),
        tools
      )
      assert.strictEqual(yield* callText(client, "forget"), "forget")
      assert.strictEqual(server.of("initialize").length, 2)
      yield* server.stop
      yield* failsWith("ClosedError")(Effect.scoped(connect(server, { over })))
      yield* server.restart
    }).pipe(leavesNothing))

  it.live("streams are taken up again", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream()
          events.write(priming("1", 0))
          events.end()
        },
        GET: (call) => {
          const events = call.stream()
          if (call.headers["last-event-id"] === undefined) return
          for (const { message } of server.of("tools/call")) {
            events.send({ jsonrpc: "2.0", id: message["id"], result: text("resumed") })
          }
          events.end()
        }
      })
      const client = yield* connect(server, { over })
      assert.strictEqual(yield* callText(client, "echo"), "resumed")
    }).pipe(leavesNothing))
})

describe("a mocked HTTP client", () => {
  it.live("takes the place of the real one", () =>
    Effect.gen(function*() {
      const { http, sent } = mocked()
      const program = Effect.gen(function*() {
        const client = yield* McpClient.McpClient
        return yield* callText(client, "echo")
      })
      const answer = yield* Effect.provide(
        program,
        McpClient.layer({ protocol: "legacy" }).pipe(
          Layer.provide(HttpTransport.layer({ url: "https://mcp.example.com/mcp" })),
          Layer.provide(Layer.succeed(HttpClient.HttpClient, http))
        )
      )
      assert.strictEqual(answer, "mocked")
      assert.sameMembers(sent, ["initialize", "notifications/initialized", "GET", "tools/call", "DELETE"])
    }).pipe(leavesNothing))

  it.live("may make errors of statuses", () =>
    Effect.gen(function*() {
      const { http } = mocked(({ kind }) =>
        kind === "tools/call" ? Effect.succeed(new Response("no", { status: 401 })) : undefined
      )
      const client = yield* connectTo(HttpClient.filterStatusOk(http))
      yield* failsWith("AuthRequired")(callText(client, "echo"))
    }).pipe(leavesNothing))

  it.live("that has followed a redirect to another origin by itself is not trusted", () =>
    Effect.gen(function*() {
      const { http } = mocked(({ kind, message }) => {
        if (kind !== "tools/call") return undefined
        const response = json({ jsonrpc: "2.0", id: message["id"], result: text("from elsewhere") })
        Object.defineProperty(response, "url", { value: "https://elsewhere.example.com/mcp" })
        return Effect.succeed(response)
      })
      const client = yield* connectTo(http)
      assert.include((yield* failsWith("ConfigurationError")(callText(client, "echo"))).message, "elsewhere")
    }).pipe(leavesNothing))
})

const anyRequest = { method: "POST" } as HttpClientRequest

const refused = () =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({
      request: anyRequest,
      cause: new TypeError("fetch failed", { cause: Object.assign(new Error("connect"), { code: "ECONNREFUSED" }) })
    })
  })

const broken = () =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({ request: anyRequest, cause: new Error("socket hang up") })
  })

describe("an HTTP client that fails", () => {
  it.live("before anything was sent lets the call go out in a new session, once", () =>
    Effect.gen(function*() {
      const { http, sent } = mocked(({ kind }, index) =>
        kind === "tools/call" && index === 0 ? Effect.fail(refused()) : undefined
      )
      const client = yield* connectTo(http, { reconnect: Schedule.recurs(3) })
      assert.strictEqual(yield* callText(client, "echo"), "mocked")
      const count = (kind: string) => sent.filter((_) => _ === kind).length
      assert.deepStrictEqual([count("initialize"), count("tools/call")], [2, 2])
    }).pipe(leavesNothing))

  it.live("amid a call fails that call, which may have been carried out, and keeps the session", () =>
    Effect.gen(function*() {
      const { http, sent } = mocked(({ kind }, index) =>
        kind === "tools/call" && index === 0 ? Effect.fail(broken()) : undefined
      )
      const client = yield* connectTo(http)
      const reason = yield* failsWith("ClosedError")(callText(client, "echo"))
      assert.isTrue(reason.requestSent)
      assert.include(reason.message, "socket hang up")
      assert.strictEqual(yield* callText(client, "echo"), "mocked")
      assert.strictEqual(sent.filter((kind) => kind === "initialize").length, 1)
    }).pipe(leavesNothing))

  const kinds = ["initialize", "notifications/initialized", "GET", "tools/call", "DELETE"]

  const ways: ReadonlyArray<readonly [how: string, reply: () => Reply]> = [
    ["dies", () => Effect.die(new Error("a bug"))],
    ["throws", () => {
      throw new Error("a bug")
    }],
    ["fails", () => Effect.fail(broken())],
    ["gives up", () => Effect.interrupt],
    ["answers with a body that breaks", () =>
      Effect.succeed(
        new Response(new ReadableStream({ start: (controller) => controller.error(new Error("broken")) }), {
          headers: { "content-type": "application/json" }
        })
      )],
    ["answers with events that break", () =>
      Effect.succeed(
        new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("broken")) }), {
          headers: { "content-type": "text/event-stream" }
        })
      )]
  ]

  describe.each(ways)("and %s", (_, reply) => {
    it.live.each(kinds)(
      "at %s never does so as a defect, and leaves nothing that hangs",
      (kind) =>
        Effect.gen(function*() {
          const { http, sent } = mocked((request, index) => request.kind === kind && index === 0 ? reply() : undefined)
          const client = yield* connectTo(http, { lazy: true, reconnect: Schedule.recurs(2) })
          const call: Effect.Effect<string, McpError.McpError | McpError.ToolError> = callText(client, "echo")
          const results = [yield* Effect.result(call), yield* Effect.result(call)]
          for (const result of results) {
            if (result._tag === "Failure") assert.strictEqual(result.failure._tag, "McpError")
          }
          assert.isTrue(results[1]?._tag === "Success")
          yield* client.close
          yield* until(() => kind === "GET" || sent.includes("DELETE"))
        }).pipe(leavesNothing)
    )
  })

  it.live.each(ways)("is no defect of SseTransport either: it %s", ([, reply]) =>
    Effect.gen(function*() {
      const { http } = mocked(reply)
      const error = yield* Effect.flip(connectTo(http, {}, SseTransport.make))
      assert.strictEqual(error._tag, "McpError")

      const { http: later } = mocked(({ kind }) =>
        kind === "GET"
          ? Effect.succeed(
            new Response(eventText("/messages", { event: "endpoint" }), {
              headers: { "content-type": "text/event-stream" }
            })
          )
          : reply()
      )
      assert.strictEqual((yield* Effect.flip(connectTo(later, {}, SseTransport.make)))._tag, "McpError")
    }).pipe(leavesNothing))
})

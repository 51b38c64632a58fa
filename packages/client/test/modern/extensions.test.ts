import type * as McpExtension from "@effect-mcp/client/McpExtension"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { failsWith, settled, start } from "../harness.ts"
import { connect as connectHttp, leavesNothing, serve } from "./http.ts"
import { connect, extensions, META, metaOf, sent } from "./support.ts"

const tickets: McpExtension.McpExtension = {
  id: "com.example/tickets",
  settings: { colors: ["red"] },
  results: {
    ticket: ({ ticket }, { method, request }) =>
      Effect.map(request("tickets/redeem", { ticket }), (redeemed) => ({ content: [], redeemed, method }))
  },
  names: { "tickets/redeem": "ticket" },
  notifications: { ticketsChanged: true }
}

const silent: McpExtension.McpExtension = { id: "com.example/silent" }

const server = {
  methods: {
    "tools/call": () => Effect.succeed({ resultType: "ticket", ticket: "T1" }),
    "tickets/redeem": ({ ticket }: { readonly ticket?: unknown }) => Effect.succeed({ seat: `of ${String(ticket)}` })
  },
  capabilities: { tools: {} }
}

describe("an extension", () => {
  it.effect("is declared with its settings in each request", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, { extensions: [tickets, silent] })
      yield* client.request("x/y").pipe(Effect.ignore)
      for (const message of yield* sent(mock)) {
        assert.deepStrictEqual(metaOf(message)[`${META}clientCapabilities`], {
          extensions: { "com.example/tickets": { colors: ["red"] }, "com.example/silent": {}, ...extensions }
        })
      }
    }))

  it.effect("says what becomes of its results, and may ask the server meanwhile", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, { extensions: [silent, tickets] })
      assert.deepStrictEqual(yield* client.callTool("buy"), {
        content: [],
        redeemed: { seat: "of T1" },
        method: "tools/call"
      })
      const methods = (yield* sent(mock)).map(({ method }) => method)
      assert.deepStrictEqual(methods.slice(-2), ["tools/call", "tickets/redeem"])
    }))

  it.effect("does not outlast the deadline of the call that it serves", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        ...server,
        methods: { ...server.methods, "tickets/redeem": () => Effect.never }
      }, { extensions: [tickets] })
      const call = yield* start(failsWith("TimeoutError")(client.callTool("buy", {}, { timeout: "3 seconds" })))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(call)).millis, 3000)
    }))

  it.effect("that nobody has is an error, with what the server said", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(server, { extensions: [silent] })
      const { payload } = yield* failsWith("ProtocolError")(client.callTool("buy"))
      assert.deepInclude(payload, { resultType: "ticket", ticket: "T1" })
    }))

  it.effect("asks to be told of what only it knows", () =>
    Effect.gen(function*() {
      const { mock } = yield* connect({ ...server, capabilities: { tools: { listChanged: true } } }, {
        extensions: [tickets]
      })
      yield* settled
      const listen = (yield* sent(mock)).find(({ method }) => method === "subscriptions/listen")
      assert.deepInclude(listen?.params, { notifications: { toolsListChanged: true, ticketsChanged: true } })
    }))

  it.live("names its requests in the headers", () =>
    Effect.gen(function*() {
      const http = yield* serve({
        "server/discover": (call) =>
          call.answer({ resultType: "complete", supportedVersions: ["2026-07-28"], capabilities: { tools: {} } }),
        "tickets/redeem": (call) => call.answer({})
      })
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* connectHttp(http, { client: { extensions: [tickets] } })
        yield* client.request("tickets/redeem", { ticket: "Ä1" })
      }))
      const redeem = http.requests.find(({ headers }) => headers["mcp-method"] === "tickets/redeem")
      assert.strictEqual(redeem?.headers["mcp-name"], "=?base64?w4Qx?=")
    }).pipe(leavesNothing))
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { failsWith } from "../harness.ts"
import { type Call, callText, connect, httpClients, leavesNothing, serve, text } from "./support.ts"

const headers = { Authorization: "Bearer secret" }

/** A server that sends on what comes to `/mcp`, once it is in the session. */
const moving = (status: number, location: (call: Call) => string | undefined) =>
  serve({
    "tools/call": (call) => {
      const place = call.path === "/mcp" ? location(call) : undefined
      if (place === undefined) return call.answer(text(`${call.tool} at ${call.path}`))
      call.reply(status, "gone", { location: place })
    }
  })

describe.each(Object.keys(httpClients) as ReadonlyArray<keyof typeof httpClients>)("a redirect, over %s", (over) => {
  it.live.each([301, 302, 307, 308])(
    "within the origin is followed, with method, headers and body (%d)",
    (status) =>
      Effect.gen(function*() {
        const server = yield* moving(status, () => "/elsewhere?key=1")
        const client = yield* connect(server, { over, headers })
        assert.strictEqual(yield* callText(client, "echo"), "echo at /elsewhere?key=1")
        const [first, second] = server.of("tools/call")
        assert(second?.method === "POST")
        assert.deepStrictEqual(second.message, first?.message)
        for (const name of ["authorization", "mcp-session-id", "mcp-protocol-version", "accept", "content-type"]) {
          assert.isDefined(second.headers[name], name)
          assert.strictEqual(second.headers[name], first?.headers[name])
        }
        // One that lasts is remembered.
        yield* callText(client, "again")
        const lasts = status === 301 || status === 308
        assert.deepStrictEqual(
          server.of("tools/call").slice(2).map(({ path }) => path),
          lasts ? ["/elsewhere?key=1"] : ["/mcp", "/elsewhere?key=1"]
        )
      }).pipe(leavesNothing)
  )

  it.live("to another origin is not followed, and nothing is sent there", () =>
    Effect.gen(function*() {
      const thief = yield* serve()
      for (const status of [301, 302, 307, 308]) {
        for (const place of [thief.url, `//${new URL(thief.origin).host}/mcp`]) {
          const server = yield* moving(status, () => place)
          const client = yield* connect(server, { over, headers })
          const reason = yield* failsWith("ConfigurationError")(callText(client, "echo"))
          assert.include(reason.message, thief.origin)
          assert.strictEqual(server.of("tools/call").length, 1)
        }
      }
      assert.deepStrictEqual([thief.requests, thief.sockets()], [[], 0])
    }).pipe(leavesNothing))

  it.live("to another origin by way of its own is not followed either", () =>
    Effect.gen(function*() {
      const thief = yield* serve()
      const server = yield* serve({
        initialize: (call) => call.reply(307, "", { location: call.path === "/mcp" ? "/next" : thief.url })
      })
      yield* failsWith("ConfigurationError")(connect(server, { over, headers }))
      assert.deepStrictEqual(thief.requests, [])
      assert.deepStrictEqual(server.requests.map(({ path }) => path), ["/mcp", "/next"])
    }).pipe(leavesNothing))

  it.live("in circles ends", () =>
    Effect.gen(function*() {
      const server = yield* moving(307, ({ path }) => path)
      const client = yield* connect(server, { over })
      const reason = yield* failsWith("LimitError")(callText(client, "echo"))
      assert.include(reason.message, "redirects")
      assert.isAtMost(server.of("tools/call").length, 10)
      assert.strictEqual(server.of("initialize").length, 1)
    }).pipe(leavesNothing))

  it.live.each([undefined, "http://[", "", "javascript:alert(1)", "http:///"])(
    "to nowhere is an error (%j)",
    (location) =>
      Effect.gen(function*() {
        const server = yield* serve({
          "tools/call": (call) =>
            call.tool === "echo"
              ? call.answer(text("echo"))
              : call.reply(307, "", location === undefined ? {} : { location })
        })
        const client = yield* connect(server, { over })
        const error = yield* Effect.flip(callText(client, "lost"))
        assert.strictEqual(error._tag, "McpError")
        assert.isAtMost(server.of("tools/call").length, 10)
        assert.strictEqual(yield* callText(client, "echo"), "echo")
      }).pipe(leavesNothing)
  )

  it.live("that a page or a GET belongs to (303) is not followed", () =>
    Effect.gen(function*() {
      const server = yield* moving(303, () => "/elsewhere")
      const client = yield* connect(server, { over })
      assert.strictEqual((yield* failsWith("HttpError")(callText(client, "echo"))).status, 303)
    }).pipe(leavesNothing))

  it.live("does not keep its connection when its body does not end", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          if (call.path !== "/mcp") return call.answer(text("there"))
          call.begin({ location: "/elsewhere" }, 307).write("wait for it")
        }
      })
      const client = yield* connect(server, { over })
      assert.strictEqual(yield* callText(client, "echo"), "there")
    }).pipe(leavesNothing))
})

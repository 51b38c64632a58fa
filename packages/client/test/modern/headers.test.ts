import type * as McpTransport from "@effect-mcp/client/McpTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import { failsWith, settled, watchDiagnostics } from "../harness.ts"
import { discoverResult, type Recorded, type Script, Sleeps } from "../http/support.ts"
import { type Call, callText, connect, error, leavesNothing, serve, text } from "./http.ts"
import { META, metaOf, objectOf } from "./support.ts"

const capabilities = { tools: {}, resources: {}, prompts: {}, completions: {} }

const everything: Script = {
  "server/discover": (call) => call.answer(discoverResult({ capabilities })),
  "prompts/get": (call) => call.answer({ messages: [] }),
  "prompts/list": (call) => call.answer({ prompts: [] }),
  "resources/read": (call) => call.answer({ contents: [] }),
  "completion/complete": (call) => call.answer({ completion: { values: [] } }),
  "x/y": (call) => call.answer({})
}

/** The headers of a request that are the protocol's. */
const ofProtocol = (request: Recorded | undefined) =>
  Object.fromEntries(Object.entries(request?.headers ?? {}).filter(([name]) => name.startsWith("mcp-")))

describe("each HTTP request", () => {
  it.live("says in headers what its message says", () =>
    Effect.gen(function*() {
      const server = yield* serve(everything)
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* connect(server)
        yield* client.listTools()
        yield* client.callTool("echo")
        yield* client.getPrompt("greet")
        yield* client.readResource("file:///a b/ä")
        yield* client.complete({ ref: { type: "ref/prompt", name: "greet" }, argument: { name: "a", value: "b" } })
        yield* client.request("x/y", { name: "not a name", uri: "a:b" })
      }))
      const version = { "mcp-protocol-version": "2026-07-28" }
      assert.deepStrictEqual(server.requests.map(ofProtocol), [
        { ...version, "mcp-method": "server/discover" },
        { ...version, "mcp-method": "tools/list" },
        { ...version, "mcp-method": "tools/call", "mcp-name": "echo" },
        { ...version, "mcp-method": "prompts/get", "mcp-name": "greet" },
        { ...version, "mcp-method": "resources/read", "mcp-name": "=?base64?ZmlsZTovLy9hIGIvw6Q=?=" },
        { ...version, "mcp-method": "completion/complete" },
        { ...version, "mcp-method": "x/y" }
      ])
      for (const { headers, message, method } of server.requests) {
        assert.strictEqual(method, "POST")
        assert.strictEqual(headers["content-type"], "application/json")
        assert.strictEqual(headers.accept, "application/json, text/event-stream")
        assert.strictEqual(metaOf(message)[`${META}protocolVersion`], headers["mcp-protocol-version"])
      }
    }).pipe(leavesNothing))

  it.live("has nothing of sessions: no id, no stream of its own, no end", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream({ "mcp-session-id": "unasked" })
          events.send(call.result(text("hi")), { id: "7", retry: 5 })
          events.end()
        }
      })
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* connect(server)
        yield* callText(client, "echo")
        yield* callText(client, "echo")
      }))
      assert.deepStrictEqual(server.requests.map(({ method }) => method), ["POST", "POST", "POST"])
      for (const { headers } of server.requests) {
        assert.isUndefined(headers["mcp-session-id"])
        assert.isUndefined(headers["last-event-id"])
      }
    }).pipe(leavesNothing))

  it.live("carries the user's headers, but none that the protocol says itself", () =>
    Effect.gen(function*() {
      const server = yield* serve(everything)
      const client = yield* connect(server, {
        headers: {
          authorization: Redacted.make("Bearer secret"),
          "x-tenant": "acme",
          "mcp-gateway": "eu",
          Accept: "text/plain",
          "Content-Type": "text/plain",
          "MCP-Protocol-Version": "1999-01-01",
          "Mcp-Method": "evil/method",
          "mcp-name": "evil",
          "Mcp-Param-Region": "evil",
          "mcp-session-id": "evil"
        }
      })
      yield* client.listTools()
      yield* client.callTool("echo")
      for (const request of server.requests) {
        const { headers, kind } = request
        assert.include(headers, { authorization: "Bearer secret", "x-tenant": "acme", "mcp-gateway": "eu" })
        assert.notInclude(JSON.stringify(headers), "evil")
        assert.strictEqual(headers["mcp-method"], kind)
        assert.strictEqual(headers["mcp-protocol-version"], "2026-07-28")
        assert.strictEqual(headers.accept, "application/json, text/event-stream")
        assert.strictEqual(headers["content-type"], "application/json")
      }
    }).pipe(leavesNothing))

  it.live("says its version also when it is no question", () =>
    Effect.gen(function*() {
      const server = yield* serve(everything)
      const client = yield* connect(server)
      yield* client.notify("x/happened", { name: "a" })
      assert.deepStrictEqual(ofProtocol(server.of("x/happened")[0]), {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "x/happened"
      })
    }).pipe(leavesNothing))

  it.live("of a method that no header can carry fails by itself, and is told", () =>
    Effect.gen(function*() {
      const server = yield* serve(everything)
      const client = yield* connect(server)
      for (const method of ["x\r\nevil: 1", "ä世"]) {
        const failure = yield* Effect.flip(client.request(method))
        assert.notStrictEqual(failure.message, "")
      }
      yield* callText(client, "echo")
      for (const { headers } of server.requests) assert.isUndefined(headers["evil"])
    }).pipe(leavesNothing))
})

describe("a refusal", () => {
  it.live.each(
    [
      [404, -32601],
      [400, -32602],
      [400, -32021],
      [400, -32022],
      [500, -32603],
      [200, -32601]
    ] as const
  )(
    "with status %d and code %d is the error that it is, and the session goes on",
    ([status, code]) =>
      Effect.gen(function*() {
        const data = { requiredCapabilities: { elicitation: {} } }
        const server = yield* serve({
          "tools/call": (call) =>
            call.tool === "echo" ? call.answer(text("echo")) : call.reply(status, { ...error(code, data), id: call.id })
        })
        const client = yield* connect(server)
        const reason = yield* failsWith("JsonRpcError")(client.callTool("other"))
        assert.deepInclude(reason, { code, data })
        assert.strictEqual(reason.httpStatus, status === 200 ? undefined : status)
        assert.strictEqual(yield* callText(client, "echo"), "echo")
        assert.strictEqual(server.of("server/discover").length, 1)
      }).pipe(leavesNothing)
  )
})

// ---------------------------------------------------------------------------
// Headers from arguments
// ---------------------------------------------------------------------------

const region = { type: "string", "x-mcp-header": "Region" }

const tool = (name: string, properties: object) => ({ name, inputSchema: { type: "object", properties } })

const lists = (...tools: ReadonlyArray<unknown>) => (call: Call) => call.answer({ resultType: "complete", tools })

describe("arguments that are wanted as headers", () => {
  const listed = tool("sql", {
    region,
    query: { type: "string" },
    limit: { type: "integer", "x-mcp-header": "Limit" },
    dry: { type: "boolean", "x-mcp-header": "Dry-Run" },
    nested: { type: "object", properties: { deep: { type: "string", "x-mcp-header": "Deep" } } }
  })

  it.live("go out so, once the tool was listed, and stay in the message", () =>
    Effect.gen(function*() {
      const server = yield* serve({ "tools/list": lists(listed) })
      const client = yield* connect(server)
      const args = { region: "us-west1", query: "SELECT 1", limit: 42, dry: false, nested: { deep: "ä" } }
      yield* client.callTool("sql", args)
      yield* client.listTools()
      yield* client.callTool("sql", args)
      yield* client.callTool("sql", { query: "x", region: null, limit: undefined, nested: {} })
      yield* client.callTool("other", args)
      const own = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call" }
      assert.deepStrictEqual(server.of("tools/call").map(ofProtocol), [
        { ...own, "mcp-name": "sql" },
        {
          ...own,
          "mcp-name": "sql",
          "mcp-param-region": "us-west1",
          "mcp-param-limit": "42",
          "mcp-param-dry-run": "false",
          "mcp-param-deep": "=?base64?w6Q=?="
        },
        { ...own, "mcp-name": "sql" },
        { ...own, "mcp-name": "other" }
      ])
      assert.deepStrictEqual(objectOf(server.of("tools/call")[1]?.message["params"])["arguments"], args)
    }).pipe(leavesNothing))

  it.live("are those of the latest list", () =>
    Effect.gen(function*() {
      let current: unknown = listed
      const server = yield* serve({ "tools/list": (call) => lists(current)(call) })
      const client = yield* connect(server)
      yield* client.listTools()
      current = tool("sql", { region: { ...region, "x-mcp-header": "Place" } })
      yield* client.listTools()
      yield* client.callTool("sql", { region: "eu" })
      current = tool("sql", { region: { type: "number", "x-mcp-header": "Place" } })
      assert.deepStrictEqual(yield* client.listTools(), [])
      yield* client.callTool("sql", { region: "eu" })
      const [call, last] = server.of("tools/call")
      assert.strictEqual(call?.headers["mcp-param-place"], "eu")
      assert.isUndefined(call?.headers["mcp-param-region"])
      assert.isUndefined(last?.headers["mcp-param-place"])
    }).pipe(leavesNothing))

  it.live("are the same in each round of a call", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/list": lists(listed),
        "tools/call": (call) => {
          const { requestState } = objectOf(call.message["params"])
          if (requestState === "s") return call.answer(text("done"))
          call.answer({
            resultType: "input_required",
            requestState: "s",
            inputRequests: { a: { method: "roots/list" } }
          })
        }
      })
      const client = yield* connect(server, { client: { handlers: { roots: [] } } })
      yield* client.listTools()
      yield* client.callTool("sql", { region: "eu" })
      const [first, second] = server.of("tools/call")
      assert.deepStrictEqual(ofProtocol(first), ofProtocol(second))
      assert.strictEqual(second?.headers["mcp-param-region"], "eu")
    }).pipe(leavesNothing))

  it.live("in a way that is not allowed make the tool invalid: it is left out, and this is told", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/list": lists(
          tool("good", { region }),
          tool("bad", { region: { type: "number", "x-mcp-header": "Region" } }),
          tool("worse", { region: { type: "string", "x-mcp-header": "a b" } }),
          tool("plain", {}),
          { ...tool("worst", { region: { type: "number", "x-mcp-header": "Region" } }), name: { toString: 7 } },
          "no tool at all"
        )
      })
      const client = yield* connect(server)
      const diagnostics = yield* watchDiagnostics(client)
      assert.deepStrictEqual((yield* client.listTools()).map(({ name }) => name), ["good", "plain"])
      yield* settled
      const found = diagnostics.filter(({ _tag }) => _tag === "InvalidTool") as ReadonlyArray<
        Extract<McpTransport.Diagnostic, { readonly _tag: "InvalidTool" }>
      >
      assert.deepStrictEqual(found.map(({ name }) => name), ["bad", "worse", "{\"toString\":7}"])
      assert.include(found[0]?.description, "number")
      assert.include(found[1]?.description, "a b")
    }).pipe(leavesNothing))
})

describe("headers that the server does not accept (-32020)", () => {
  const mismatch = (call: Call) => call.reply(400, error(-32020))
  const kinds = (requests: ReadonlyArray<Recorded>) => requests.map(({ kind }) => kind).slice(1)

  it.live("are learned anew, and the call is made once more", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/list": lists(tool("other", {}), tool("sql", { region })),
        "tools/call": (call) => call.headers["mcp-param-region"] === "eu" ? call.answer(text("ok")) : mismatch(call)
      })
      const client = yield* connect(server)
      yield* client.callTool("sql", { region: "eu" })
      assert.deepStrictEqual(kinds(server.requests), ["tools/call", "tools/list", "tools/call"])
      const ids = server.requests.map(({ message }) => message["id"])
      assert.strictEqual(new Set(ids).size, ids.length)
      yield* client.callTool("sql", { region: "eu" })
      assert.strictEqual(server.of("tools/list").length, 1)
    }).pipe(leavesNothing))

  it.live("are learned from as many pages as it takes", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/list": (call) => {
          const { cursor } = objectOf(call.message["params"])
          const page = cursor === undefined ? 0 : String(cursor).length
          if (page === 3) return lists(tool("sql", { region }))(call)
          call.answer({ resultType: "complete", tools: [tool(`t${page}`, {})], nextCursor: "x".repeat(page + 1) })
        },
        "tools/call": (call) => call.headers["mcp-param-region"] === "eu" ? call.answer(text("ok")) : mismatch(call)
      })
      const client = yield* connect(server)
      yield* client.callTool("sql", { region: "eu" })
      assert.strictEqual(server.of("tools/list").length, 4)
    }).pipe(leavesNothing))

  it.live("twice fail the call", () =>
    Effect.gen(function*() {
      const server = yield* serve({ "tools/list": lists(tool("sql", { region })), "tools/call": mismatch })
      const client = yield* connect(server)
      assert.strictEqual((yield* failsWith("JsonRpcError")(client.callTool("sql", { region: "eu" }))).code, -32020)
      assert.deepStrictEqual(kinds(server.requests), ["tools/call", "tools/list", "tools/call"])
    }).pipe(leavesNothing))

  it.live("of a tool that is not listed, or by a list without end, fail the call", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/list": (call) => call.answer({ resultType: "complete", tools: [], nextCursor: "again" }),
        "tools/call": mismatch
      })
      const client = yield* connect(server)
      assert.strictEqual((yield* failsWith("JsonRpcError")(client.callTool("sql"))).code, -32020)
      assert.isAtMost(server.of("tools/list").length, 100)
      assert.strictEqual(server.of("tools/call").length, 2)
    }).pipe(leavesNothing))

  it.live("of anything but a tool fail at once", () =>
    Effect.gen(function*() {
      const server = yield* serve({ ...everything, "prompts/get": mismatch })
      const client = yield* connect(server)
      assert.strictEqual((yield* failsWith("JsonRpcError")(client.getPrompt("greet"))).code, -32020)
      assert.deepStrictEqual(kinds(server.requests), ["prompts/get"])
    }).pipe(leavesNothing))

  it.effect("take no longer than the call may", () =>
    Effect.gen(function*() {
      const pages: Array<Call> = []
      const server = yield* serve({ "tools/list": (call) => void pages.push(call), "tools/call": mismatch })
      const sleeps = yield* Sleeps
      const client = yield* connect(server)
      const options = { timeout: "10 seconds", totalTimeout: "10 seconds" } as const
      const call = yield* Effect.forkChild(failsWith("TimeoutError")(client.callTool("sql", {}, options)))
      yield* server.received("tools/list")
      yield* TestClock.adjust("6 seconds")
      pages[0]?.answer({ resultType: "complete", tools: [], nextCursor: "more" })
      yield* server.received("tools/list", 2)
      yield* sleeps.until((millis) => millis > 0)
      yield* TestClock.adjust("6 seconds")
      assert.deepInclude(yield* Fiber.join(call), { budget: "total", millis: 10_000 })
      assert.strictEqual(server.of("tools/call").length, 1)
    }).pipe(leavesNothing))
})

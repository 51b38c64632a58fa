import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { TestClock } from "effect/testing"
import * as Tracer from "effect/Tracer"
import { clientOf, failsWith, settled, start, watchDiagnostics } from "../harness.ts"
import { connect, extensions, META, metaOf, type Mock, protocolVersions, sent } from "./support.ts"

const server: MockTransport.Options = {
  tools: { noop: () => Effect.succeed({}), hang: () => Effect.never },
  resources: { "a:b": () => Effect.succeed("text") },
  resourceTemplates: { "a:{name}": () => Effect.succeed("text") },
  prompts: { greet: () => Effect.succeed("Hello!") },
  completions: () => Effect.succeed(["Ada"]),
  methods: { "x/y": () => Effect.succeed({ y: 1 }), "x/42": () => Effect.succeed(42) }
}

const clientInfo = { name: "me", version: "3", title: "Me" }

const lastMeta = (mock: Mock) => Effect.map(sent(mock), (messages) => metaOf(messages.at(-1) ?? {}))

describe("each request", () => {
  it.effect("says by which version it is, who asks, and what can be answered", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, {
        clientInfo,
        handlers: { roots: [], sampling: () => Effect.succeed({ content: "", model: "" }) }
      })
      yield* client.listTools()
      yield* client.callTool("noop")
      yield* client.listResources()
      yield* client.listResourceTemplates()
      yield* client.readResource("a:b")
      yield* client.listPrompts()
      yield* client.getPrompt("greet")
      yield* client.complete({ ref: { type: "ref/prompt", name: "greet" }, argument: { name: "name", value: "A" } })
      yield* client.request("x/y")
      const messages = yield* sent(mock)
      assert.deepStrictEqual(messages.map(({ method }) => method), [
        "server/discover",
        "subscriptions/listen",
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
        "prompts/get",
        "completion/complete",
        "x/y"
      ])
      for (const message of messages) {
        assert.deepInclude(metaOf(message), {
          [`${META}protocolVersion`]: "2026-07-28",
          [`${META}clientInfo`]: clientInfo,
          [`${META}clientCapabilities`]: { roots: {}, sampling: {}, extensions }
        })
      }
      const ids = messages.map(({ id }) => id)
      assert.strictEqual(new Set(ids).size, ids.length)
    }))

  it.effect("has beside that what is given for it, which does not take the place of what the protocol says", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* client.callTool("noop", {}, {
        meta: { "acme/a": 1, [`${META}protocolVersion`]: "1999-01-01", [`${META}clientCapabilities`]: { roots: {} } }
      })
      assert.deepInclude(yield* lastMeta(mock), {
        "acme/a": 1,
        [`${META}protocolVersion`]: "2026-07-28",
        [`${META}clientCapabilities`]: { extensions }
      })
      yield* client.request("x/y", { a: 1, _meta: { "acme/b": 2 } }, { meta: { "acme/c": 3 } })
      const [message] = yield* sent(mock, "x/y")
      assert.deepInclude(message?.["params"], { a: 1 })
      assert.deepInclude(metaOf(message ?? {}), { "acme/b": 2, "acme/c": 3, [`${META}protocolVersion`]: "2026-07-28" })
    }))

  it.effect("declares what can be answered during it, and no other", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, {
        handlers: { roots: [], elicitation: { form: () => Effect.succeed(McpHandlers.decline) } }
      })
      const declared = Effect.map(lastMeta(mock), (meta) => meta[`${META}clientCapabilities`])
      yield* client.callTool("noop", {}, { handlers: { sampling: () => Effect.succeed({ content: "", model: "" }) } })
      assert.deepStrictEqual(yield* declared, { roots: {}, sampling: {}, elicitation: { form: {} }, extensions })
      yield* client.callTool("noop", {}, { handlers: { elicitation: false, roots: false } })
      assert.deepStrictEqual(yield* declared, { extensions })
      yield* client.callTool("noop")
      assert.deepStrictEqual(yield* declared, { roots: {}, elicitation: { form: {} }, extensions })
    }))

  it.effect("declares no changes of the roots, which are asked for when they are needed", () =>
    Effect.gen(function*() {
      const roots = yield* SubscriptionRef.make<ReadonlyArray<McpHandlers.Root>>([])
      const { mock } = yield* connect(server, { handlers: { roots } })
      assert.deepStrictEqual((yield* lastMeta(mock))[`${META}clientCapabilities`], { roots: {}, extensions })
    }))

  it.effect("asks for progress by its own id, and gets it", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        tools: {
          count: (_, { progress }) => Effect.as(Effect.forEach([1, 2, 3], (step) => progress({ progress: step })), {})
        }
      })
      const steps: Array<number> = []
      yield* client.callTool("count", {}, {
        onProgress: ({ progress }) => Effect.sync(() => void steps.push(progress))
      })
      assert.deepStrictEqual(steps, [1, 2, 3])
      const [message] = yield* sent(mock, "tools/call")
      assert.strictEqual(metaOf(message ?? {})["progressToken"], message?.["id"])
    }))

  it.effect("belongs to the trace of its span", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* client.callTool("noop")
      assert.notProperty(yield* lastMeta(mock), "traceparent")
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      yield* client.callTool("noop").pipe(Effect.withSpan("program"), Effect.provideService(Tracer.Tracer, tracer))
      const span = spans.find(({ name }) => name === "tools/call noop")
      const { traceparent } = yield* lastMeta(mock)
      assert.match(String(traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      assert.strictEqual(traceparent, `00-${span?.traceId}-${span?.spanId}-01`)
    }))

  it.effect("says which messages of the log are wanted, once that is set, in later sessions, too", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ ...server, capabilities: { tools: {}, logging: {} } })
      const level = Effect.map(lastMeta(mock), (meta) => meta[`${META}logLevel`])
      yield* client.callTool("noop")
      assert.strictEqual(yield* level, undefined)
      yield* client.setLogLevel("warning")
      yield* client.callTool("noop")
      assert.strictEqual(yield* level, "warning")
      yield* mock.disconnect()
      yield* client.callTool("noop")
      assert.strictEqual(yield* level, "warning")
      assert.notInclude(yield* mock.methods, "logging/setLevel")
    }))
})

describe("an answer", () => {
  const answering = (result: unknown) =>
    connect({ capabilities: { tools: {} }, methods: { "tools/call": () => Effect.succeed(result) } })

  it.effect.each([{ content: [] }, { resultType: "complete", content: [] }])(
    "of no type is complete, as is one that says so: %j",
    (result) =>
      Effect.gen(function*() {
        const { client } = yield* answering(result)
        assert.deepStrictEqual<unknown>(yield* client.callTool("any"), result)
      })
  )

  it.effect.each<unknown>(["task", "partial", "", "Complete", null, 7, {}, { toString: 7 }])(
    "of the type %j, which nobody knows, fails with all that came",
    (resultType) =>
      Effect.gen(function*() {
        const payload = { resultType, content: [], taskId: "1" }
        const { client } = yield* answering(payload)
        const reason = yield* failsWith("ProtocolError")(client.callTool("any"))
        assert.deepStrictEqual(reason.payload, payload)
        assert.include(reason.message, "tools/call")
      })
  )

  it.effect("of a method that nobody knows may be anything", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(server)
      assert.strictEqual(yield* client.request("x/42"), 42)
    }))

  it.effect("that there is no such resource is understood by the code of this version", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(server)
      const reason = yield* failsWith("ResourceNotFoundError")(client.readResource("b:c"))
      assert.deepInclude(reason, { uri: "b:c", code: -32602 })
    }))
})

describe("what this version does not have", () => {
  it.effect("is not sent: pings", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const reason = yield* failsWith("UnsupportedError")(client.ping())
      assert.include(reason.description, "2026-07-28")
      assert.notInclude(yield* mock.methods, "ping")
    }))

  it.effect("is not sent: handshakes, answers, and that the roots are others", () =>
    Effect.gen(function*() {
      const roots = yield* SubscriptionRef.make<ReadonlyArray<McpHandlers.Root>>([])
      const { client, mock } = yield* connect(server, { handlers: { roots } })
      yield* SubscriptionRef.set(roots, [{ uri: "file:///a" }])
      yield* mock.send({ jsonrpc: "2.0", id: 1, method: "ping" })
      yield* mock.send({ jsonrpc: "2.0", id: 2, method: "roots/list" })
      yield* settled
      yield* client.callTool("noop")
      const messages = yield* sent(mock)
      assert.isTrue(messages.every(({ method }) => typeof method === "string"))
      assert.deepStrictEqual(messages.filter(({ method }) => String(method).startsWith("notifications/")), [])
      assert.notInclude(yield* mock.methods, "initialize")
    }))

  it.effect("is noticed: requests of the server", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, { handlers: { roots: [] } })
      const diagnostics = yield* watchDiagnostics(client)
      yield* mock.send({ jsonrpc: "2.0", id: 1, method: "roots/list" })
      yield* settled
      assert.deepStrictEqual(diagnostics, [{ _tag: "Dropped", method: "roots/list" }])
    }))
})

describe("a call on a pipe", () => {
  it.effect("is taken back by a notification when it is interrupted, or its time is over", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const before = yield* mock.answering
      const call = yield* start(client.callTool("hang"))
      assert.strictEqual(yield* mock.answering, before + 1)
      yield* Fiber.interrupt(call)
      yield* settled
      const late = yield* start(failsWith("TimeoutError")(client.callTool("hang", {}, { timeout: "1 second" })))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
      yield* settled
      assert.strictEqual(yield* mock.answering, before)
      const ids = (yield* sent(mock, "tools/call")).map(({ id }) => id)
      const cancelled = (yield* sent(mock, "notifications/cancelled")).map(({ params }) =>
        (params as JsonObject)["requestId"]
      )
      assert.deepStrictEqual(cancelled, ids)
    }))

  it.effect("that the loss of the server cut off is repeated only where that is safe", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* mock.inject(Fault.disconnect("tools/call", 1))
      assert.isTrue((yield* failsWith("ClosedError")(client.callTool("noop"))).requestSent)
      yield* client.callTool("noop")
      yield* mock.inject(Fault.disconnect("tools/call", 1))
      yield* client.callTool("noop", {}, { idempotent: true })
      yield* mock.inject(Fault.disconnect("resources/read", 1))
      yield* client.readResource("a:b")
      assert.strictEqual(yield* mock.connections, 4)
    }))

  it.effect("hears what the server says in its log about it", () =>
    Effect.gen(function*() {
      const message = { level: "info", data: "working" }
      const connected: Effect.Success<ReturnType<typeof connect>> = yield* connect({
        tools: { talk: () => Effect.as(connected.mock.notify("notifications/message", message), {}) }
      })
      const { client } = connected
      const logs = yield* start(Stream.runCollect(Stream.take(client.logs, 1)))
      yield* client.callTool("talk")
      assert.deepStrictEqual((yield* Fiber.join(logs)).map(({ data }) => data), ["working"])
    }))
})

describe("a tool on a pipe", () => {
  it.effect("may want headers in any way: there are none", () =>
    Effect.gen(function*() {
      const tool = { name: "odd", inputSchema: { type: "object", "x-mcp-header": "a b" } }
      const { client } = yield* connect({
        capabilities: { tools: {} },
        methods: { "tools/list": () => Effect.succeed({ tools: [tool] }) }
      })
      assert.deepStrictEqual((yield* client.listTools()).map(({ name }) => name), ["odd"])
    }))
})

describe("clients of both eras", () => {
  it.effect("share a transport, and do not mind each other", () =>
    Effect.gen(function*() {
      const { mock } = yield* connect({ ...server, protocolVersions: [...protocolVersions, "2025-11-25"] })
      const legacy = yield* clientOf(mock.transport, { protocol: "legacy" })
      const modern = yield* clientOf(mock.transport, { protocol: "modern" })
      yield* legacy.ping()
      yield* legacy.callTool("noop")
      yield* modern.callTool("noop")
      const metas = (yield* sent(mock, "tools/call")).map((message) => `${META}protocolVersion` in metaOf(message))
      assert.deepStrictEqual(metas, [false, true])
    }))

  it.effect("are told of the same session by the same names", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ ...server, protocolVersions: [...protocolVersions, "2025-11-25"] })
      const legacy = yield* clientOf(mock.transport, { protocol: "legacy" })
      const { protocolVersion: _, ...modernInfo } = yield* client.session
      const { protocolVersion: __, ...legacyInfo } = yield* legacy.session
      assert.deepStrictEqual(modernInfo, legacyInfo)
    }))

  it.effect("have a name for a server that does not say its own", () =>
    Effect.gen(function*() {
      const supportedVersions = ["2026-07-28"]
      for (const rest of [{}, { _meta: null }, { _meta: {} }, { _meta: { [`${META}serverInfo`]: { name: 7 } } }]) {
        const { client } = yield* connect({
          methods: { "server/discover": () => Effect.succeed({ supportedVersions, capabilities: {}, ...rest }) }
        })
        assert.deepStrictEqual((yield* client.session).serverInfo, { name: "unknown", version: "unknown" })
      }
    }))
})

describe("what can not be written as JSON", () => {
  it.effect("fails before it is sent", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const reason = yield* failsWith("ValidationError")(client.callTool("noop", { n: 1n }))
      assert.strictEqual(reason.side, "input")
      assert.notInclude(yield* mock.methods, "tools/call")
    }))
})

import * as McpProtocol from "@effect-mcp/client/McpProtocol"
import * as Fault from "@effect-mcp/testing/Fault"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { clientOf, connect, failsWith, settled, start } from "./harness.ts"

const serverInfo = { name: "weather-server", version: "3.2.1", title: "Weather" }

describe("handshake", () => {
  it.effect.each(McpProtocol.legacyVersions)(
    "agrees on %s with a server that speaks it",
    (version) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({
          protocolVersions: [version],
          serverInfo,
          instructions: "Ask for one city at a time.",
          capabilities: { tools: {}, experimental: { "x-vendor": true } },
          tools: { echo: (args) => Effect.succeed({ structuredContent: args }) }
        })
        assert.deepStrictEqual(yield* client.session, {
          protocolVersion: version,
          serverInfo,
          capabilities: { tools: {}, experimental: { "x-vendor": true } },
          instructions: "Ask for one city at a time."
        })
        const result = yield* client.callTool("echo", { n: 1 })
        assert.deepStrictEqual(result.structuredContent, { n: 1 })
        assert.strictEqual(yield* mock.connections, 1)
      })
  )

  it.effect("tells of the extensions that there are", () =>
    Effect.gen(function*() {
      const { mock } = yield* connect({}, {
        extensions: [{ id: "com.example/a", settings: { colors: ["red"] } }, { id: "com.example/b" }],
        handlers: { roots: [] }
      })
      const [first] = yield* mock.messages
      assert.deepNestedPropertyVal(first?.message, "params.capabilities", {
        roots: {},
        extensions: { "com.example/a": { colors: ["red"] }, "com.example/b": {} }
      })
    }))

  it.effect("asks for the newest version, claims no capability, and says who it is", () =>
    Effect.gen(function*() {
      const clientInfo = { name: "demo", version: "1.0.0", title: "A demo" }
      const { mock } = yield* connect({}, { clientInfo })
      const [first] = yield* mock.messages
      assert.deepStrictEqual(first, {
        from: "client",
        connection: 1,
        message: {
          jsonrpc: "2.0",
          id: 0,
          method: "initialize",
          params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo }
        }
      })
    }))

  it.effect("has a name and a version of its own when none is given", () =>
    Effect.gen(function*() {
      const { mock } = yield* connect()
      const [first] = yield* mock.messages
      const params = first?.message["params"] as {
        readonly clientInfo: { readonly name: string; readonly version: string }
      }
      assert.match(params.clientInfo.name, /\w/)
      assert.match(params.clientInfo.version, /\d/)
    }))

  it.effect("says that it is initialized after the answer and before anything else", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { noop: () => Effect.succeed({}) } }, { lazy: true })
      assert.deepStrictEqual(yield* mock.messages, [])
      yield* client.callTool("noop")
      const log = (yield* mock.messages).map(({ from, message }) => `${from} ${String(message["method"] ?? "answer")}`)
      assert.deepStrictEqual(log, [
        "client initialize",
        "server answer",
        "client notifications/initialized",
        "client tools/call",
        "server answer"
      ])
    }))

  it.effect("has no instructions when the server gives none", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      const { capabilities, instructions } = yield* client.session
      assert.isUndefined(instructions)
      assert.deepStrictEqual(capabilities, {})
    }))

  it.effect("keeps what the server adds to the protocol", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        capabilities: { tools: { listChanged: true, "x-sorted": true }, "x-billing": { plan: "free" } },
        serverInfo: { ...serverInfo, "x-build": 7 }
      })
      const session = yield* client.session
      assert.deepStrictEqual(session.capabilities["x-billing"], { plan: "free" })
      assert.strictEqual(session.capabilities.tools?.["x-sorted"], true)
      assert.strictEqual(session.serverInfo["x-build"], 7)
    }))

  it.effect("refuses a version that it does not speak, and names both sides'", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ protocolVersions: ["1999-01-01"] })
      const error = yield* Effect.flip(clientOf(mock.transport, { name: "antique" }))
      assert.strictEqual(error.reason._tag, "UnsupportedError")
      assert.strictEqual(error.server, "antique")
      for (const version of ["1999-01-01", ...McpProtocol.legacyVersions]) assert.include(error.message, version)
      assert.deepStrictEqual(yield* mock.methods, ["initialize"])
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect.each([
    { what: "null", answer: null },
    { what: "a string", answer: "hello" },
    { what: "an array", answer: [] },
    { what: "an empty object", answer: {} },
    { what: "a version that is a number", answer: { protocolVersion: 20251125, capabilities: {}, serverInfo } },
    { what: "no capabilities", answer: { protocolVersion: "2025-11-25", serverInfo } },
    { what: "odd capabilities", answer: { protocolVersion: "2025-11-25", capabilities: [], serverInfo } },
    { what: "no server info", answer: { protocolVersion: "2025-11-25", capabilities: {} } },
    { what: "odd server info", answer: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "x" } } },
    {
      what: "odd instructions",
      answer: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo, instructions: 7 }
    }
  ])("fails on an answer to initialize that is none: $what", ({ answer }) =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ methods: { initialize: () => Effect.succeed(answer) } })
      const reason = yield* failsWith("ProtocolError")(clientOf(mock.transport))
      assert.deepStrictEqual(reason.payload, answer)
      assert.deepStrictEqual(yield* mock.methods, ["initialize"])
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect("hands on the server's refusal, and does not try again", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({
        faults: [Fault.fail("initialize", { code: -32000, message: "Go away", data: { until: "Monday" } })]
      })
      const reason = yield* failsWith("JsonRpcError")(clientOf(mock.transport))
      assert.strictEqual(reason.code, -32000)
      assert.strictEqual(reason.description, "Go away")
      assert.deepStrictEqual(reason.data, { until: "Monday" })
      assert.strictEqual(yield* mock.connections, 1)
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect("fails for the reason for which the connection ended, when the server hangs up instead of answering", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ faults: [Fault.disconnect("initialize")] })
      const reason = yield* failsWith("TransportError")(clientOf(mock.transport))
      assert.include(reason.message, "hung up")
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect.each([
    { timeouts: undefined, millis: 30_000 },
    { timeouts: { connect: "2 seconds" }, millis: 2_000 }
  ])(
    "gives up connecting after $millis ms, without cancelling initialize",
    ({ millis, timeouts }) =>
      Effect.gen(function*() {
        const mock = yield* MockTransport.make({ faults: [Fault.drop("initialize")] })
        const connecting = yield* start(failsWith("TimeoutError")(clientOf(mock.transport, { timeouts } as object)))
        yield* TestClock.adjust(millis - 1)
        assert.isUndefined(connecting.pollUnsafe())
        yield* TestClock.adjust(1)
        const reason = yield* Fiber.join(connecting)
        assert.strictEqual(reason.budget, "connect")
        assert.strictEqual(reason.millis, millis)
        assert.deepStrictEqual(yield* mock.methods, ["initialize"])
        yield* settled
        assert.strictEqual(yield* mock.open, 0)
      })
  )

  it.effect("never cancels initialize, also when who waits for it leaves", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ faults: [Fault.drop("initialize")] })
      const connecting = yield* start(clientOf(mock.transport))
      yield* settled
      yield* Fiber.interrupt(connecting)
      assert.deepStrictEqual(yield* mock.methods, ["initialize"])
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect("answers a ping that comes before the answer to initialize", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ faults: [Fault.delay("initialize", "1 second")] })
      const connecting = yield* start(clientOf(mock.transport))
      yield* settled
      assert.deepStrictEqual(yield* mock.request("ping", {}, "before"), {})
      assert.deepStrictEqual(yield* mock.methods, ["initialize"])
      yield* TestClock.adjust("1 second")
      const client = yield* Fiber.join(connecting)
      assert.strictEqual((yield* client.session).serverInfo.name, "mock")
    }))
})

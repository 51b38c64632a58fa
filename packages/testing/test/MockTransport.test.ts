import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { connectTo, connectToMock, settled, start } from "./harness.ts"

describe("answers", () => {
  it.effect("initialize with what the options say", () =>
    Effect.gen(function*() {
      const { ask } = yield* connectToMock({
        protocolVersions: ["2025-06-18", "2025-03-26"],
        capabilities: { prompts: {} },
        serverInfo: { name: "poet", version: "2.0.0" },
        instructions: "Rhyme."
      })
      const rest = {
        capabilities: { prompts: {} },
        serverInfo: { name: "poet", version: "2.0.0" },
        instructions: "Rhyme."
      }
      assert.deepStrictEqual<unknown>(yield* ask("initialize", { protocolVersion: "2025-03-26" }), {
        protocolVersion: "2025-03-26",
        ...rest
      })
      assert.deepStrictEqual<unknown>(yield* ask("initialize", { protocolVersion: "2025-11-25" }), {
        protocolVersion: "2025-06-18",
        ...rest
      })
    }))

  it.effect("offers tools when it has some, or an empty list of them", () =>
    Effect.gen(function*() {
      const without = yield* connectToMock()
      const withNone = yield* connectToMock({ tools: {} })
      assert.deepNestedPropertyVal(yield* without.ask("initialize"), "capabilities", {})
      assert.nestedProperty(yield* withNone.ask("initialize"), "capabilities.tools")
    }))

  it.effect("ping", () =>
    Effect.gen(function*() {
      const { ask } = yield* connectToMock()
      assert.deepStrictEqual(yield* ask("ping"), {})
    }))

  it.effect("tools/list with the descriptions", () =>
    Effect.gen(function*() {
      const handler = () => Effect.succeed({})
      const { ask } = yield* connectToMock({
        tools: {
          plain: handler,
          described: { description: "Does it.", outputSchema: { type: "object" }, handler }
        }
      })
      assert.deepStrictEqual<unknown>(yield* ask("tools/list"), {
        tools: [
          { name: "plain", inputSchema: { type: "object" } },
          {
            name: "described",
            inputSchema: { type: "object" },
            description: "Does it.",
            outputSchema: { type: "object" }
          }
        ]
      })
    }))

  it.effect("tools/call with what the tool yields, and with no content when it yields none", () =>
    Effect.gen(function*() {
      const { ask } = yield* connectToMock({
        tools: { echo: (args) => Effect.succeed({ structuredContent: args, "x-vendor": 1 }) }
      })
      assert.deepStrictEqual(yield* ask("tools/call", { name: "echo", arguments: { a: 1 } }), {
        content: [],
        structuredContent: { a: 1 },
        "x-vendor": 1
      })
      assert.deepNestedPropertyVal(yield* ask("tools/call", { name: "echo" }), "structuredContent", {})
    }))

  it.effect.each(["nope", "toString", "constructor"])(
    "a call of a tool that it does not have with an error: %s",
    (name) =>
      Effect.gen(function*() {
        const { ask } = yield* connectToMock({ tools: {} })
        const { reason } = yield* Effect.flip(ask("tools/call", { name }))
        assert.isTrue(reason._tag === "JsonRpcError" && reason.code === -32602)
        assert.include(reason.message, name)
      })
  )

  it.effect("offers what it has", () =>
    Effect.gen(function*() {
      const { ask } = yield* connectToMock({
        resourceTemplates: {},
        prompts: {},
        completions: () => Effect.succeed([])
      })
      assert.deepNestedPropertyVal(yield* ask("initialize"), "capabilities", {
        resources: { listChanged: true, subscribe: true },
        prompts: { listChanged: true },
        completions: {}
      })
    }))

  it.effect("lists of resources, templates and prompts with the descriptions", () =>
    Effect.gen(function*() {
      const handler = () => Effect.succeed("")
      const { ask } = yield* connectToMock({
        resources: { "a:b": handler, "a:c": { name: "c", mimeType: "text/plain", handler } },
        resourceTemplates: { "a:{b}": { description: "All of them.", handler } },
        prompts: { plain: handler, greet: { arguments: [{ name: "who", required: true }], handler } }
      })
      assert.deepStrictEqual<unknown>(yield* ask("resources/list"), {
        resources: [{ uri: "a:b", name: "a:b" }, { uri: "a:c", name: "c", mimeType: "text/plain" }]
      })
      assert.deepStrictEqual<unknown>(yield* ask("resources/templates/list"), {
        resourceTemplates: [{ uriTemplate: "a:{b}", name: "a:{b}", description: "All of them." }]
      })
      assert.deepStrictEqual<unknown>(yield* ask("prompts/list"), {
        prompts: [{ name: "plain" }, { name: "greet", arguments: [{ name: "who", required: true }] }]
      })
    }))

  it.effect("resources/read with text, bytes, or what the handler says", () =>
    Effect.gen(function*() {
      const { ask } = yield* connectToMock({
        resources: {
          "a:text": { mimeType: "text/plain", handler: (uri) => Effect.succeed(`I am ${uri}`) },
          "a:bytes": () => Effect.succeed(new Uint8Array([0, 255])),
          "a:whole": () => Effect.succeed({ contents: [], _meta: { a: 1 } })
        },
        resourceTemplates: { "b://{name}/x.y{?z}": (uri) => Effect.succeed(uri) }
      })
      const read = (uri: string) => ask("resources/read", { uri })
      assert.deepStrictEqual<unknown>(yield* read("a:text"), {
        contents: [{ uri: "a:text", mimeType: "text/plain", text: "I am a:text" }]
      })
      assert.deepStrictEqual<unknown>(yield* read("a:bytes"), { contents: [{ uri: "a:bytes", blob: "AP8=" }] })
      assert.deepStrictEqual<unknown>(yield* read("a:whole"), { contents: [], _meta: { a: 1 } })
      for (const uri of ["b://one/x.y", "b://one/two/x.y?z=1"]) {
        assert.deepStrictEqual<unknown>(yield* read(uri), { contents: [{ uri, text: uri }] })
      }
      for (const uri of ["a:nope", "toString", "b://one/xay"]) {
        const { reason } = yield* Effect.flip(read(uri))
        assert.isTrue(reason._tag === "JsonRpcError" && reason.code === -32002)
        assert.deepNestedPropertyVal(reason, "data.uri", uri)
      }
    }))

  it.effect("prompts/get with a message of the user, or what the handler says", () =>
    Effect.gen(function*() {
      const { ask } = yield* connectToMock({
        prompts: {
          greet: ({ who }) => Effect.succeed(`Hello ${String(who)}`),
          whole: { handler: () => Effect.succeed({ messages: [], description: "None." }) }
        }
      })
      assert.deepStrictEqual<unknown>(yield* ask("prompts/get", { name: "greet", arguments: { who: "Ada" } }), {
        messages: [{ role: "user", content: { type: "text", text: "Hello Ada" } }]
      })
      assert.deepStrictEqual<unknown>(yield* ask("prompts/get", { name: "whole" }), {
        messages: [],
        description: "None."
      })
      const { reason } = yield* Effect.flip(ask("prompts/get", { name: "nope" }))
      assert.isTrue(reason._tag === "JsonRpcError" && reason.code === -32602)
    }))

  it.effect("completion/complete with the values, if it has any", () =>
    Effect.gen(function*() {
      const { ask } = yield* connectToMock({
        completions: ({ argument }) => Effect.succeed([JSON.stringify(argument)])
      })
      assert.deepStrictEqual<unknown>(yield* ask("completion/complete", { argument: 7 }), {
        completion: { values: ["7"] }
      })
      const without = yield* connectToMock()
      const { reason } = yield* Effect.flip(without.ask("completion/complete", {}))
      assert.isTrue(reason._tag === "JsonRpcError" && reason.code === -32601)
    }))

  it.effect("logging/setLevel", () =>
    Effect.gen(function*() {
      const { ask } = yield* connectToMock()
      assert.deepStrictEqual(yield* ask("logging/setLevel", { level: "info" }), {})
    }))

  it.effect("a method that it does not know with an error", () =>
    Effect.gen(function*() {
      const { ask } = yield* connectToMock()
      const { reason } = yield* Effect.flip(ask("tasks/list"))
      assert.isTrue(reason._tag === "JsonRpcError" && reason.code === -32601)
    }))

  it.effect("a method as the options say, also in place of its own answer", () =>
    Effect.gen(function*() {
      const refuse = new McpError.JsonRpcError({ code: 7, description: "no", data: { a: 1 } })
      const { ask } = yield* connectToMock({
        methods: {
          ping: () => Effect.succeed("pong"),
          "x/double": ({ n }) => Effect.succeed(Number(n) * 2),
          "x/refuse": () => Effect.fail(refuse)
        }
      })
      assert.strictEqual(yield* ask("ping"), "pong")
      assert.strictEqual(yield* ask("x/double", { n: 21 }), 42)
      const { reason } = yield* Effect.flip(ask("x/refuse"))
      if (reason._tag !== "JsonRpcError") return assert.fail(reason._tag)
      assert.deepStrictEqual([reason.code, reason.description, reason.data], [7, "no", { a: 1 }])
    }))

  it.effect("with progress under the token of the request", () =>
    Effect.gen(function*() {
      const { ask, next } = yield* connectToMock({
        tools: { step: (_, request) => Effect.as(request.progress({ progress: 1, total: 2 }), {}) }
      })
      yield* ask("tools/call", { name: "step", _meta: { progressToken: "t" } })
      assert.deepStrictEqual(yield* next, {
        _tag: "Notification",
        method: "notifications/progress",
        params: { progressToken: "t", progress: 1, total: 2 }
      })
    }))

  it.effect("gives a handler a scope of its own, which ends with the answer", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { ask } = yield* connectToMock({
        methods: {
          "x/scoped": () => Effect.as(Effect.addFinalizer(() => Effect.sync(() => void log.push("released"))), "done")
        }
      })
      log.push(String(yield* ask("x/scoped")))
      assert.deepStrictEqual(log, ["released", "done"])
    }))

  it.effect("with an error when a handler dies, so that no test hangs on it", () =>
    Effect.gen(function*() {
      const { ask } = yield* connectToMock({ methods: { "x/die": () => Effect.die(new Error("a mistake in a test")) } })
      const { reason } = yield* Effect.flip(ask("x/die"))
      assert.isTrue(reason._tag === "JsonRpcError" && reason.code === -32603)
      assert.include(reason.message, "a mistake in a test")
    }))

  it.effect("no more when the request is cancelled: the handler is interrupted", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const { ask, mock } = yield* connectToMock({
        methods: { "x/hang": () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)) }
      })
      const asking = yield* start(ask("x/hang"))
      assert.strictEqual(yield* mock.answering, 1)
      yield* Fiber.interrupt(asking)
      yield* Deferred.await(interrupted)
      yield* settled
      assert.strictEqual(yield* mock.answering, 0)
    }))
})

describe("controls", () => {
  it.effect("remember every message of both sides, in order, with its connection", () =>
    Effect.gen(function*() {
      const { ask, connection, mock } = yield* connectToMock()
      yield* ask("ping")
      yield* connection.send({ jsonrpc: "2.0", method: "notifications/x", params: { a: 1 } })
      yield* settled
      const second = yield* connectTo(mock.transport)
      yield* second.ask("ping")
      yield* mock.send("not a message")
      yield* settled
      assert.deepStrictEqual<unknown>(yield* mock.messages, [
        { from: "client", connection: 1, message: { jsonrpc: "2.0", id: 0, method: "ping" } },
        { from: "server", connection: 1, message: { jsonrpc: "2.0", id: 0, result: {} } },
        { from: "client", connection: 1, message: { jsonrpc: "2.0", method: "notifications/x", params: { a: 1 } } },
        { from: "client", connection: 2, message: { jsonrpc: "2.0", id: 0, method: "ping" } },
        { from: "server", connection: 2, message: { jsonrpc: "2.0", id: 0, result: {} } },
        { from: "server", connection: 2, message: { payload: "not a message" } }
      ])
      assert.deepStrictEqual(yield* mock.methods, ["ping", "notifications/x", "ping"])
    }))

  it.effect("count the connections that were opened, and those that are open", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make()
      const counts = Effect.all([mock.connections, mock.open])
      assert.deepStrictEqual(yield* counts, [0, 0])
      const scope = yield* Scope.make()
      yield* Scope.provide(connectTo(mock.transport), scope)
      yield* connectTo(mock.transport)
      yield* settled
      assert.deepStrictEqual(yield* counts, [2, 2])
      yield* Scope.close(scope, Exit.void)
      yield* settled
      assert.deepStrictEqual(yield* counts, [2, 1])
    }))

  it.effect("send notifications and anything else over the newest connection", () =>
    Effect.gen(function*() {
      const { mock } = yield* connectToMock()
      yield* settled
      const second = yield* connectTo(mock.transport)
      yield* settled
      yield* mock.notify("notifications/x", { a: 1 })
      yield* mock.send({ nonsense: true })
      const [notified, sent] = [yield* second.next, yield* second.next]
      assert.deepInclude(notified, { _tag: "Notification", method: "notifications/x", params: { a: 1 } })
      assert.deepStrictEqual(sent, { _tag: "Diagnostic", diagnostic: { _tag: "Invalid", payload: { nonsense: true } } })
    }))

  it.effect("ask the client, each time under another id, and wait for its answer", () =>
    Effect.gen(function*() {
      const { connection, mock, next } = yield* connectToMock()
      yield* settled
      const first = yield* start(mock.request("roots/list"))
      const second = yield* start(Effect.flip(mock.request("sampling/createMessage", { a: 1 }, "s")))
      const [one, two] = [yield* next, yield* next]
      if (one._tag !== "Request" || two._tag !== "Request") return assert.fail("no requests")
      assert.strictEqual(two.id, "s")
      assert.deepStrictEqual(two.params, { a: 1 })
      yield* connection.send({ jsonrpc: "2.0", id: two.id, error: { code: -1, message: "no", data: 7 } })
      yield* connection.send({ jsonrpc: "2.0", id: one.id, result: { roots: [] } })
      assert.deepStrictEqual(yield* Fiber.join(first), { roots: [] })
      const error = yield* Fiber.join(second)
      assert.deepStrictEqual([error.code, error.description, error.data], [-1, "no", 7])
    }))

  it.effect("can not send when nobody is connected, and say so", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make()
      const exit = yield* Effect.exit(mock.notify("notifications/x"))
      assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "no open connection")
    }))

  it.effect("hang up on all connections, with a reason", () =>
    Effect.gen(function*() {
      const { connection, mock } = yield* connectToMock()
      const second = yield* connectTo(mock.transport)
      yield* settled
      const reason = new McpError.TransportError({ description: "The wire was cut" })
      yield* mock.disconnect(reason)
      assert.strictEqual(yield* connection.closed, reason)
      assert.strictEqual(yield* second.connection.closed, reason)
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
      const third = yield* connectTo(mock.transport)
      yield* settled
      yield* mock.disconnect()
      assert.include((yield* third.connection.closed).message, "hung up")
    }))
})

describe("subscriptions", () => {
  it.effect("are counted, and told of what they asked for and its parts", () =>
    Effect.gen(function*() {
      const { ask, mock, next } = yield* connectToMock({ resources: {} })
      yield* ask("resources/subscribe", { uri: "a:b" })
      yield* ask("resources/subscribe", { uri: "a:c" })
      yield* ask("resources/unsubscribe", { uri: "a:c" })
      assert.deepStrictEqual(yield* mock.subscriptions, ["a:b"])
      for (const uri of ["a:c", "a:bc", "a:b/d", "a:b"]) yield* mock.updated(uri)
      const told = [yield* next, yield* next]
      assert.deepStrictEqual<unknown>(
        told,
        ["a:b/d", "a:b"].map((uri) => ({
          _tag: "Notification",
          method: "notifications/resources/updated",
          params: { uri }
        }))
      )
    }))

  it.effect("end with their connection", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ resources: {} })
      const first = yield* connectTo(mock.transport)
      yield* first.ask("resources/subscribe", { uri: "a:b" })
      yield* mock.disconnect()
      yield* settled
      assert.deepStrictEqual(yield* mock.subscriptions, [])
    }))
})

describe("layer", () => {
  it.effect("provides a transport and the controls of that transport", () =>
    Effect.gen(function*() {
      const client = yield* McpClient.McpClient
      const mock = yield* MockTransport.MockTransport
      assert.strictEqual(mock.transport, yield* McpTransport.McpTransport)
      yield* client.callTool("slow", {}, { timeout: "1 hour" }).pipe(
        start,
        Effect.flatMap((call) => Effect.andThen(TestClock.adjust("10 minutes"), Fiber.join(call)))
      )
      assert.deepStrictEqual(yield* mock.methods, ["initialize", "notifications/initialized", "tools/call"])
    }).pipe(Effect.provide(
      McpClient.layer({ protocol: "legacy" }).pipe(Layer.provideMerge(MockTransport.layer({
        tools: { slow: () => Effect.delay(Effect.succeed({}), "10 minutes") }
      })))
    )))
})

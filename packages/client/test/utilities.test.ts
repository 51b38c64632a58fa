import type { CompleteRequest } from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as Fault from "@effect-mcp/testing/Fault"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { clientOf, connect, failsWith, settled, start, watchDiagnostics } from "./harness.ts"

type Mock = MockTransport.MockTransport["Service"]

/** What the client sent by this method, with the number of the connection. */
const sent = (mock: Mock, method: string) =>
  Effect.map(
    mock.messages,
    (messages) =>
      messages.flatMap(({ connection, from, message }) =>
        from === "client" && message["method"] === method ? [{ connection, params: message["params"] }] : []
      )
  )

describe("completion", () => {
  const request: CompleteRequest = {
    ref: { type: "ref/prompt", name: "greet" },
    argument: { name: "language", value: "py" },
    context: { arguments: { style: "short" } }
  }

  const completing = (completion: JsonObject, extra: JsonObject = {}) =>
    connect({
      completions: () => Effect.succeed([]),
      methods: { "completion/complete": () => Effect.succeed({ completion, ...extra }) }
    })

  it.effect("yields what the value may become, and how much more there is", () =>
    Effect.gen(function*() {
      const completion = { values: ["python", "pypy"], total: 3, hasMore: true, "x-vendor": 1 }
      const { client, mock } = yield* completing(completion, { _meta: { took: 1 } })
      assert.deepStrictEqual<unknown>(yield* client.complete(request), completion)
      assert.deepStrictEqual<unknown>(yield* client.raw.complete(request), { completion, _meta: { took: 1 } })
      assert.deepStrictEqual((yield* sent(mock, "completion/complete"))[0]?.params, request)
    }))

  it.effect("yields what there is", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* completing({ values: [], total: null })
      const ref = { type: "ref/resource", uri: "a:{b}" } as const
      assert.deepStrictEqual(yield* client.complete({ ref, argument: { name: "b", value: "" } }), { values: [] })
      assert.deepStrictEqual((yield* sent(mock, "completion/complete"))[0]?.params, {
        ref,
        argument: { name: "b", value: "" }
      })
    }))

  it.effect("fails on an answer that is none", () =>
    Effect.gen(function*() {
      const { client } = yield* completing({ values: "python" })
      assert.include((yield* failsWith("ProtocolError")(client.complete(request))).message, "completion/complete")
    }))

  it.effect("takes the options of a request", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* completing({ values: [] })
      yield* client.complete(request, { meta: { a: 1 } })
      assert.deepNestedPropertyVal(yield* sent(mock, "completion/complete"), "[0].params._meta", { a: 1 })
      yield* mock.inject(Fault.drop("completion/complete"))
      const late = yield* start(failsWith("TimeoutError")(client.complete(request, { timeout: "1 second" })))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
    }))

  it.effect.each(["2025-11-25", "2025-06-18", "2025-03-26"])(
    "needs the capability: %s",
    (version) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({ prompts: {}, resources: {}, protocolVersions: [version] })
        assert.include((yield* failsWith("UnsupportedError")(client.complete(request))).message, "completions")
        assert.deepStrictEqual(yield* sent(mock, "completion/complete"), [])
      })
  )

  it.effect("needs none of the first servers, which had none", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        prompts: {},
        protocolVersions: ["2024-11-05"],
        methods: { "completion/complete": () => Effect.succeed({ completion: { values: ["python"] } }) }
      })
      assert.deepStrictEqual((yield* client.complete(request)).values, ["python"])
    }))
})

describe("ping", () => {
  it.effect("asks any server for a sign of life", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ capabilities: {} })
      assert.isUndefined(yield* client.ping())
      yield* client.ping({ meta: { a: 1 } })
      assert.deepStrictEqual((yield* sent(mock, "ping")).map(({ params }) => params), [
        undefined,
        { _meta: { a: 1 } }
      ])
    }))

  it.effect("opens a session if there is none", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({}, { lazy: true })
      yield* client.ping()
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect("fails when there is none", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ faults: [Fault.drop("ping")] })
      const late = yield* start(failsWith("TimeoutError")(client.ping({ timeout: "1 second" })))
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* Fiber.join(late), { millis: 1_000 })
    }))
})

describe("the log level", () => {
  const server: MockTransport.Options = { capabilities: { logging: {} } }

  const levels = (mock: Mock) =>
    Effect.map(
      sent(mock, "logging/setLevel"),
      (all) => all.map(({ connection, params }) => [connection, (params as { readonly level: string }).level])
    )

  const lose = (mock: Mock) => Effect.andThen(mock.disconnect(), settled)

  it.effect("is sent, and sent again in each new session before anything else", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* client.setLogLevel("warning", { meta: { a: 1 } })
      yield* client.setLogLevel("debug")
      yield* lose(mock)
      yield* client.ping()
      yield* client.close
      yield* client.ping()
      assert.deepStrictEqual(yield* levels(mock), [[1, "warning"], [1, "debug"], [2, "debug"], [3, "debug"]])
      assert.deepStrictEqual((yield* mock.methods).slice(-3), ["notifications/initialized", "logging/setLevel", "ping"])
      assert.deepNestedPropertyVal(yield* sent(mock, "logging/setLevel"), "[0].params._meta", { a: 1 })
    }))

  it.effect("is not sent before somebody sets it", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* lose(mock)
      yield* client.ping()
      assert.deepStrictEqual(yield* levels(mock), [])
    }))

  it.effect("that the server refused is not sent again", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* client.setLogLevel("info")
      yield* mock.inject(Fault.fail("logging/setLevel", { code: -32602, message: "no" }, 1))
      yield* failsWith("JsonRpcError")(client.setLogLevel("alert"))
      yield* lose(mock)
      yield* client.ping()
      assert.deepStrictEqual((yield* levels(mock)).at(-1), [2, "info"])
    }))

  it.effect("holds up no session, and it is said when it could not be set again", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const diagnostics = yield* watchDiagnostics(client)
      yield* client.setLogLevel("info")
      yield* mock.inject(Fault.fail("logging/setLevel", { code: -32603, message: "no" }, 1))
      yield* lose(mock)
      yield* client.ping()
      yield* settled
      assert.deepStrictEqual(diagnostics, [{
        _tag: "NotRestored",
        method: "logging/setLevel",
        error: new McpError.JsonRpcError({ code: -32603, description: "no" })
      }])

      yield* mock.inject(Fault.drop("logging/setLevel", 1))
      yield* lose(mock)
      yield* client.ping()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        diagnostics.slice(1).map((diagnostic) => diagnostic._tag === "NotRestored" ? diagnostic.error._tag : ""),
        ["TimeoutError"]
      )
    }))

  it.effect("needs a server that logs", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: {} })
      assert.include((yield* failsWith("UnsupportedError")(client.setLogLevel("info"))).message, "logging")
      assert.deepStrictEqual(yield* levels(mock), [])
    }))
})

describe("any other request", () => {
  const server: MockTransport.Options = {
    methods: {
      "x/echo": (params) => Effect.succeed({ params }),
      "x/slow": (_, { progress }) => Effect.andThen(progress({ progress: 1 }), Effect.never)
    }
  }

  it.effect("is sent as it is, and its result comes as it is", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const params = { a: [1], _meta: { own: 1, both: 1 } }
      assert.deepStrictEqual<unknown>(yield* client.request("x/echo", params), { params })
      assert.deepStrictEqual<unknown>(yield* client.request("x/echo", params, { meta: { both: 2, ours: 3 } }), {
        params: { a: [1], _meta: { own: 1, both: 2, ours: 3 } }
      })
      yield* client.request("x/echo")
      assert.deepStrictEqual((yield* sent(mock, "x/echo")).map(({ params }) => params).at(-1), undefined)
    }))

  it.effect("takes the options of a call", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const seen: Array<number> = []
      const running = yield* start(
        failsWith("TimeoutError")(client.request("x/slow", { _meta: { a: 1 } }, {
          onProgress: ({ progress }) => Effect.sync(() => void seen.push(progress)),
          timeout: "1 second"
        }))
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(running)
      assert.deepStrictEqual(seen, [1])
      assert.deepNestedPropertyVal(yield* sent(mock, "x/slow"), "[0].params._meta", { a: 1, progressToken: 1 })
    }))

  it.effect("fails with what the server answers, and with what can not be sent", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(server, { name: "shop" })
      const error = yield* Effect.flip(client.request("x/nope"))
      assert.strictEqual(error.message, "shop: x/nope: Method not found: x/nope (code -32601)")
      yield* failsWith("ValidationError")(client.request("x/echo", { n: 1n }))
      yield* failsWith("ConfigurationError")(client.request("x/echo", {}, { timeout: "soon" as never }))
    }))
})

describe("any notification", () => {
  it.effect("is sent as it is", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect()
      yield* client.notify("x/happened", { a: [1] })
      yield* client.notify("x/happened")
      yield* settled
      assert.deepStrictEqual((yield* sent(mock, "x/happened")).map(({ params }) => params), [{ a: [1] }, undefined])
    }))

  it.effect("opens a session if there is none", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({}, { lazy: true })
      yield* client.notify("x/happened")
      yield* settled
      assert.deepStrictEqual(yield* mock.methods, ["initialize", "notifications/initialized", "x/happened"])
    }))

  it.effect("says where it failed", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({}, { name: "shop" })
      const error = yield* Effect.flip(client.notify("x/happened", { n: 1n }))
      assert.deepStrictEqual([error.server, error.method, error.reason._tag], [
        "shop",
        "x/happened",
        "ValidationError"
      ])
    }))

  it.effect("does not wait without end for a server that does not read", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make()
      const client = yield* clientOf(McpTransport.make({
        label: "full",
        connect: Effect.map(mock.transport.connect, (connection): McpTransport.Connection => ({
          ...connection,
          send: (message) =>
            "method" in message && message.method === "x/happened" ? Effect.never : connection.send(message)
        }))
      }))
      const waiting = yield* start(failsWith("TimeoutError")(client.notify("x/happened")))
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Fiber.join(waiting), { budget: "call", millis: 60_000 })
    }))
})

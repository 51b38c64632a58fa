import * as McpTool from "@effect-mcp/client/McpTool"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { connect, failsWith, settled } from "./harness.ts"

const echo: MockTransport.Tool = (args) => Effect.succeed({ structuredContent: args })

/** A client of a server whose one tool gives always the same answer. */
const answering = (answer: MockTransport.ToolAnswer) => connect({ tools: { tool: () => Effect.succeed(answer) } })

/** A client of a server that answers calls with anything. */
const answeringRaw = (result: unknown) =>
  connect({ tools: {}, methods: { "tools/call": () => Effect.succeed(result) } })

const sent = Effect.fnUntraced(function*(mock: MockTransport.MockTransport["Service"]) {
  const calls = (yield* mock.messages).filter(({ message }) => message["method"] === "tools/call")
  return calls.map(({ message }) => message["params"])
})

/** A value that refers to itself, as those of a domain model do. */
class Knot {
  readonly self = this
  readonly n: number
  constructor(n: number) {
    this.n = n
  }
}

const KnotFromNumber = Schema.Number.pipe(Schema.decodeTo(Schema.instanceOf(Knot), {
  decode: SchemaGetter.transform((n: number) => new Knot(n)),
  encode: SchemaGetter.transform(({ n }: Knot) => n)
}))

describe("input", () => {
  const forecast = McpTool.make("get_forecast", {
    input: Schema.Struct({
      city: Schema.String,
      days: Schema.optionalKey(Schema.Int),
      near: Schema.optionalKey(Schema.Array(Schema.Struct({ lat: Schema.Number })))
    })
  })

  it.effect("goes out under the protocol's name", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { get_forecast: echo } })
      yield* client.call(forecast, { city: "Berlin", days: 2 })
      assert.deepStrictEqual(yield* sent(mock), [
        { name: "get_forecast", arguments: { city: "Berlin", days: 2 }, _meta: { progressToken: 1 } }
      ])
    }))

  it.effect("has no key for what is left out", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: { get_forecast: echo } })
      const result = yield* client.call(forecast, { city: "Berlin" })
      assert.deepStrictEqual(Object.keys(result.structuredContent as object), ["city"])
    }))

  it.effect("is encoded before it is sent", () =>
    Effect.gen(function*() {
      const Hex = Schema.String.pipe(Schema.decodeTo(Schema.Number, {
        decode: SchemaGetter.transform((hex: string) => Number.parseInt(hex, 16)),
        encode: SchemaGetter.transform((n: number) => n.toString(16))
      }))
      const { client, mock } = yield* connect({ tools: { paint: echo } })
      yield* client.call(McpTool.make("paint", { input: Schema.Struct({ color: Hex }) }), { color: 255 })
      assert.deepNestedPropertyVal(yield* sent(mock), "[0].arguments", { color: "ff" })
    }))

  it.effect("is JSON when it is sent, as output is JSON when it comes", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { both: echo } })
      const Both = Schema.Struct({
        at: Schema.Date,
        count: Schema.BigInt,
        lasts: Schema.Duration,
        tags: Schema.ReadonlySet(Schema.String)
      })
      const both = { at: new Date(0), count: 7n, lasts: Duration.seconds(3), tags: new Set(["a"]) }
      const result = yield* client.call(McpTool.make("both", { input: Both, output: Both }), both)
      assert.deepStrictEqual(result, both)
      const args = "[0].arguments"
      assert.deepNestedPropertyVal(yield* sent(mock), `${args}.at`, "1970-01-01T00:00:00.000Z")
      assert.deepNestedPropertyVal(yield* sent(mock), `${args}.count`, "7")
      assert.deepNestedPropertyVal(yield* sent(mock), `${args}.tags`, ["a"])
    }))

  it.effect("has no key for what is undefined, at any depth", () =>
    Effect.gen(function*() {
      const Inner = Schema.Struct({ a: Schema.optional(Schema.String), b: Schema.NullOr(Schema.String) })
      const input = Schema.Struct({ ...Inner.fields, inner: Inner, list: Schema.Array(Inner) })
      const { client, mock } = yield* connect({ tools: { echo } })
      const value = { a: undefined, b: null }
      yield* client.call(McpTool.make("echo", { input }), { ...value, inner: value, list: [value] })
      assert.deepNestedPropertyVal(yield* sent(mock), "[0].arguments", {
        b: null,
        inner: { b: null },
        list: [{ b: null }]
      })
    }))

  it.effect("has no key for what is undefined, also when the schema renames it", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { echo } })
      const input = Schema.Struct({ userId: Schema.optional(Schema.String), n: Schema.Number }).pipe(
        Schema.encodeKeys({ userId: "user_id" })
      )
      yield* client.call(McpTool.make("echo", { input }), { userId: undefined, n: 1 })
      assert.deepNestedPropertyVal(yield* sent(mock), "[0].arguments", { n: 1 })
    }))

  it.effect("may hold values that refer to themselves, when the schema writes them as JSON", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { echo } })
      const input = Schema.Struct({ knot: KnotFromNumber })
      yield* client.call(McpTool.make("echo", { input }), { knot: new Knot(7) })
      assert.deepNestedPropertyVal(yield* sent(mock), "[0].arguments", { knot: 7 })
    }))

  it.effect("that does not fit is not sent, and the error says what, where and which value", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { get_forecast: echo } }, { name: "weather" })
      const input = { city: "Berlin", days: 1.5, near: [{ lat: 1 }, { lat: "north" }] }
      const error = yield* Effect.flip(client.call(forecast, input as never))
      assert.strictEqual(error._tag, "McpError")
      if (error._tag !== "McpError" || error.reason._tag !== "ValidationError") return assert.fail(error.message)
      assert.strictEqual(error.server, "weather")
      assert.strictEqual(error.method, "tools/call")
      const { issues, kind, name, path, side, value } = error.reason
      assert.deepStrictEqual({ side, kind, name }, { side: "input", kind: "tool", name: "get_forecast" })
      assert.deepStrictEqual(path, ["days"])
      assert.strictEqual(value, 1.5)
      assert.deepStrictEqual(issues.map((issue) => issue.path), [["days"], ["near", 1, "lat"]])
      for (const part of ["get_forecast", "days", "near.1.lat", "weather"]) assert.include(error.message, part)
      assert.deepStrictEqual(yield* sent(mock), [])
    }))

  it.effect("has to be an object", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { list: echo } })
      const reason = yield* client.call(McpTool.make("list", { input: Schema.Array(Schema.Number) }), [1, 2]).pipe(
        failsWith("ValidationError")
      )
      assert.strictEqual(reason.side, "input")
      assert.deepStrictEqual(yield* sent(mock), [])
    }))

  it.effect("of a tool that takes nothing is an empty object", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { now: echo } })
      yield* client.call(McpTool.make("now"), {})
      yield* client.callTool("now")
      for (const params of yield* sent(mock)) assert.deepNestedPropertyVal(params, "arguments", {})
    }))

  it.effect("may need services to be encoded", () =>
    Effect.gen(function*() {
      class Prefix extends Context.Service<Prefix, string>()("test/Prefix") {}
      const Prefixed = Schema.String.pipe(Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.passthrough(),
        encode: SchemaGetter.transformEffect((value: string) => Effect.map(Prefix, (prefix) => prefix + value))
      }))
      const { client, mock } = yield* connect({ tools: { log: echo } })
      yield* client.call(McpTool.make("log", { input: Schema.Struct({ line: Prefixed }) }), { line: "hi" }).pipe(
        Effect.provideService(Prefix, "> ")
      )
      assert.deepNestedPropertyVal(yield* sent(mock), "[0].arguments", { line: "> hi" })
    }))
})

describe("output", () => {
  it.effect("is the structured content, decoded", () =>
    Effect.gen(function*() {
      const { client } = yield* answering({
        structuredContent: { at: "2025-01-02T03:04:05.000Z", celsius: 21, rain: "NaN", vendor: true }
      })
      const tool = McpTool.make("tool", {
        output: Schema.Struct({
          at: Schema.Date,
          celsius: Schema.Number,
          rain: Schema.Number,
          wind: Schema.optionalKey(Schema.Number)
        })
      })
      assert.deepStrictEqual(yield* client.call(tool, {}), {
        at: new Date("2025-01-02T03:04:05.000Z"),
        celsius: 21,
        rain: Number.NaN
      })
    }))

  it.effect("that does not fit fails, and the error says what, where and which value", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        tools: { tool: () => Effect.succeed({ structuredContent: { days: [{ celsius: 1 }, { celsius: "warm" }] } }) }
      }, { name: "weather" })
      const output = Schema.Struct({ days: Schema.Array(Schema.Struct({ celsius: Schema.Number })) })
      const error = yield* Effect.flip(client.call(McpTool.make("tool", { output }), {}))
      if (error._tag !== "McpError" || error.reason._tag !== "ValidationError") return assert.fail(error.message)
      const { kind, name, path, side, value } = error.reason
      assert.deepStrictEqual({ kind, name, path, side, value }, {
        kind: "tool",
        name: "tool",
        path: ["days", 1, "celsius"],
        side: "output",
        value: "warm"
      })
      assert.strictEqual(error.server, "weather")
      assert.strictEqual(error.method, "tools/call")
    }))

  it.effect("that is missing fails", () =>
    Effect.gen(function*() {
      const { client } = yield* answering({ content: [{ type: "text", text: "{\"celsius\":21}" }] })
      const tool = McpTool.make("tool", { output: Schema.Struct({ celsius: Schema.Number }) })
      const reason = yield* failsWith("ValidationError")(client.call(tool, {}))
      assert.strictEqual(reason.side, "output")
      assert.deepStrictEqual(reason.path, [])
      assert.include(reason.message, "structuredContent")
    }))

  it.effect.each([null, 0, false, "", []])(
    "may be a value that looks like nothing: %j",
    (value) =>
      Effect.gen(function*() {
        const { client } = yield* answering({ structuredContent: value })
        const output = Schema.Union([
          Schema.Null,
          Schema.Number,
          Schema.Boolean,
          Schema.String,
          Schema.Array(Schema.Number)
        ])
        assert.deepStrictEqual(yield* client.call(McpTool.make("tool", { output }), {}), value)
      })
  )

  it.effect("may need services to be decoded", () =>
    Effect.gen(function*() {
      class Rate extends Context.Service<Rate, number>()("test/Rate") {}
      const Money = Schema.Number.pipe(Schema.decodeTo(Schema.Number, {
        decode: SchemaGetter.transformEffect((value: number) => Effect.map(Rate, (rate) => value * rate)),
        encode: SchemaGetter.passthrough()
      }))
      const { client } = yield* answering({ structuredContent: { price: 3 } })
      const tool = McpTool.make("tool", { output: Schema.Struct({ price: Money }) })
      assert.deepStrictEqual(yield* Effect.provideService(client.call(tool, {}), Rate, 2), { price: 6 })
    }))

  it.effect("is the protocol's result when the tool declares none", () =>
    Effect.gen(function*() {
      const answer = { content: [{ type: "text", text: "hi" }], structuredContent: { a: 1 }, _meta: { took: 3 } }
      const { client } = yield* answering(answer)
      assert.deepStrictEqual<unknown>(yield* client.call(McpTool.make("tool"), {}), answer)
    }))
})

describe("a result", () => {
  it.effect("by name is the protocol's, with all that the server adds", () =>
    Effect.gen(function*() {
      const answer = {
        content: [{ type: "text", text: "hi", annotations: { audience: ["user"] }, "x-color": "red" }],
        _meta: { "vendor.example/trace": "abc" },
        "x-vendor": { deep: [1] }
      }
      const { client } = yield* answering(answer)
      assert.deepStrictEqual<unknown>(yield* client.callTool("tool"), answer)
      assert.deepStrictEqual<unknown>(yield* client.raw.callTool("tool"), answer)
    }))

  it.effect("keeps content of every type, known or not", () =>
    Effect.gen(function*() {
      const content = [
        { type: "text", text: "a" },
        { type: "image", data: "AA==", mimeType: "image/png" },
        { type: "audio", data: "AA==", mimeType: "audio/wav" },
        { type: "resource_link", uri: "file:///a", name: "a" },
        { type: "resource", resource: { uri: "file:///b", blob: "AA==" } },
        { type: "hologram", depth: 3 }
      ]
      const { client } = yield* answering({ content })
      const result = yield* client.callTool("tool")
      assert.deepStrictEqual<unknown>(result.content, content)
      const texts = result.content.map((block) => {
        switch (block.type) {
          case "text":
            return block.text
          case "image":
          case "audio":
            return block.mimeType
          case "resource_link":
            return block.uri
          case "resource":
            return block.resource.blob
          default:
            return block["depth"]
        }
      })
      assert.deepStrictEqual(texts, ["a", "image/png", "audio/wav", "file:///a", "AA==", 3])
    }))

  it.effect("without content has none", () =>
    Effect.gen(function*() {
      const { client } = yield* answeringRaw({ structuredContent: { a: 1 } })
      assert.deepStrictEqual(yield* client.callTool("tool"), { content: [], structuredContent: { a: 1 } })
      const output = Schema.Struct({ a: Schema.Number })
      assert.deepStrictEqual(yield* client.call(McpTool.make("tool", { output }), {}), { a: 1 })
    }))

  it.effect.each([
    { what: "null", result: null },
    { what: "a string", result: "done" },
    { what: "content that is no list", result: { content: "done" } },
    { what: "a block without type", result: { content: [{ text: "done" }] } },
    { what: "a text without text", result: { content: [{ type: "text" }] } },
    { what: "an odd isError", result: { content: [], isError: "yes" } }
  ])("that is none fails, with what came: $what", ({ result }) =>
    Effect.gen(function*() {
      const { client } = yield* answeringRaw(result)
      const reason = yield* failsWith("ProtocolError")(client.callTool("tool"))
      assert.deepStrictEqual(reason.payload, result)
      assert.include(reason.message, "tools/call")
    }))
})

describe("_meta", () => {
  it.effect("goes out beside what the library puts there", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: { echo } })
      const meta = { traceparent: "00-aa-bb-01", "vendor.example/tenant": { id: 7 } }
      yield* client.callTool("echo", {}, { meta })
      yield* client.call(McpTool.make("echo"), {}, { meta })
      yield* client.raw.callTool("echo", {}, { meta })
      const all = (yield* sent(mock)) as ReadonlyArray<{ readonly _meta: object }>
      assert.deepStrictEqual(
        all.map(({ _meta }) => _meta),
        [1, 2, 3].map((progressToken) => ({ ...meta, progressToken }))
      )
    }))

  it.effect("of a result is kept", () =>
    Effect.gen(function*() {
      const { client } = yield* answering({ _meta: { "vendor.example/cost": 3 } })
      assert.deepStrictEqual((yield* client.callTool("tool"))._meta, { "vendor.example/cost": 3 })
    }))
})

describe("a server without tools", () => {
  it.effect("is not asked to call any", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ capabilities: { prompts: {} } }, { name: "poet" })
      const error = yield* Effect.flip(client.raw.callTool("tool"))
      assert.strictEqual(error.reason._tag, "UnsupportedError")
      assert.strictEqual(error.server, "poet")
      assert.strictEqual(error.method, "tools/call")
      yield* failsWith("UnsupportedError")(client.call(McpTool.make("tool"), {}))
      yield* settled
      assert.deepStrictEqual(yield* mock.methods, ["initialize", "notifications/initialized"])
    }))
})

describe("a tool that the server does not know", () => {
  it.effect("is the server's error", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: {} })
      const reason = yield* failsWith("JsonRpcError")(client.callTool("nope"))
      assert.strictEqual(reason.code, -32602)
      assert.include(reason.message, "nope")
    }))
})

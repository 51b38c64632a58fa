import type * as McpClient from "@effect-mcp/client/McpClient"
import type * as McpError from "@effect-mcp/client/McpError"
import * as McpResource from "@effect-mcp/client/McpResource"
import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { TestClock } from "effect/testing"
import { connect, failsWith, settled, start } from "./harness.ts"

/** A client of a server that answers all reads with these parts. */
const having = (...contents: ReadonlyArray<unknown>) =>
  connect({ resources: {}, methods: { "resources/read": () => Effect.succeed({ contents }) } })

/** A client of a server whose one resource has this text. */
const texted = (text: string, mimeType?: string) => having({ uri: "a:b", text, ...(mimeType && { mimeType }) })

const asked = Effect.fnUntraced(function*(mock: MockTransport.MockTransport["Service"]) {
  const reads = (yield* mock.messages).filter(({ message }) => message["method"] === "resources/read")
  return reads.map(({ message }) => message["params"])
})

describe("reading a resource", () => {
  it.effect("yields its parts, text as text and base64 as bytes, with all that the server says of them", () =>
    Effect.gen(function*() {
      const { client } = yield* having(
        { uri: "a:b", mimeType: "text/plain", text: "hi", _meta: { a: 1 }, "x-vendor": 1 },
        { uri: "a:b/c", mimeType: "image/png", blob: "AP9/", annotations: { priority: 1 } },
        { uri: "a:b/d", text: "" },
        { uri: "a:b/e", blob: "" },
        { uri: "a:b/f", text: "hi", blob: null }
      )
      assert.deepStrictEqual<unknown>(yield* client.readResource("a:b"), [
        { uri: "a:b", mimeType: "text/plain", text: "hi", _meta: { a: 1 }, "x-vendor": 1 },
        { uri: "a:b/c", mimeType: "image/png", blob: new Uint8Array([0, 255, 127]), annotations: { priority: 1 } },
        { uri: "a:b/d", text: "" },
        { uri: "a:b/e", blob: new Uint8Array() },
        { uri: "a:b/f", text: "hi" }
      ])
    }))

  it.effect("has a twin that leaves the protocol's result untouched", () =>
    Effect.gen(function*() {
      const result = { contents: [{ uri: "a:b", blob: "%%%" }, { uri: "a:b" }], _meta: { took: 1 }, "x-vendor": 1 }
      const { client } = yield* connect({
        resources: {},
        methods: { "resources/read": () => Effect.succeed(result) }
      })
      assert.deepStrictEqual<unknown>(yield* client.raw.readResource("a:b"), result)
    }))

  it.effect.each([
    "file:///a/../b",
    "HTTP://Example.COM",
    "custom:Ünïcode path",
    "app://x/%7Euser/%zz",
    "no uri at all",
    "tpl://{city}",
    " padded ",
    ""
  ])("sends the URI as it is: %j", (uri) =>
    Effect.gen(function*() {
      const { client, mock } = yield* texted("hi")
      yield* client.readResource(uri)
      assert.deepStrictEqual(yield* asked(mock), [{ uri, _meta: { progressToken: 1 } }])
    }))

  it.effect.each([
    { what: "characters that base64 has not", blob: "@@@@" },
    { what: "a length that base64 has not", blob: "AAAAA" },
    { what: "padding in the middle", blob: "A=AA" },
    { what: "letters of other alphabets", blob: "ÄÖÜß" }
  ])("fails on a blob with $what", ({ blob }) =>
    Effect.gen(function*() {
      const { client } = yield* having({ uri: "a:b", text: "fine" }, { uri: "a:b/c", blob })
      const reason = yield* failsWith("ProtocolError")(client.readResource("a:b"))
      assert.include(reason.message, "a:b/c")
      assert.deepStrictEqual(reason.payload, { uri: "a:b/c", blob })
    }))

  it.effect("fails on a part that has neither text nor blob", () =>
    Effect.gen(function*() {
      const { client } = yield* having({ uri: "a:b", text: null })
      assert.include((yield* failsWith("ProtocolError")(client.readResource("a:b"))).message, "a:b")
    }))

  it.effect.each([
    { what: "null", result: null },
    { what: "no contents", result: {} },
    { what: "contents that are no list", result: { contents: "hi" } },
    { what: "a part without URI", result: { contents: [{ text: "hi" }] } },
    { what: "a text that is none", result: { contents: [{ uri: "a:b", text: 7 }] } }
  ])("fails on an answer that is none: $what", ({ result }) =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        resources: {},
        methods: { "resources/read": () => Effect.succeed(result) }
      })
      const reason = yield* failsWith("ProtocolError")(client.readResource("a:b"))
      assert.include(reason.message, "resources/read")
      assert.deepStrictEqual(reason.payload, result)
    }))

  it.effect("takes the options of a request", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        resources: {
          "a:b": (_, { progress }) => Effect.as(progress({ progress: 1, total: 2 }), "text"),
          "a:slow": () => Effect.never
        }
      })
      const seen: Array<unknown> = []
      const onProgress: NonNullable<McpClient.ProgressOptions["onProgress"]> = (step) =>
        Effect.sync(() => void seen.push(step.total))
      yield* client.readResource("a:b", { onProgress, meta: { a: 1 } })
      yield* client.raw.readResource("a:b", { onProgress })
      yield* client.read(McpResource.make("a:b"), {}, { onProgress })
      assert.deepStrictEqual(seen, [2, 2, 2])
      assert.deepStrictEqual((yield* asked(mock))[0], { uri: "a:b", _meta: { a: 1, progressToken: 1 } })

      const late = yield* start(failsWith("TimeoutError")(client.readResource("a:slow", { timeout: "3 seconds" })))
      yield* TestClock.adjust("3 seconds")
      assert.deepInclude(yield* Fiber.join(late), { budget: "call", millis: 3_000 })
    }))

  it.effect("that is interrupted is cancelled", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ resources: { "a:slow": () => Effect.never } })
      yield* Fiber.interrupt(yield* start(client.readResource("a:slow")))
      yield* settled
      assert.strictEqual((yield* mock.methods).at(-1), "notifications/cancelled")
    }))

  it.effect("is not asked of a server without resources", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ capabilities: { tools: {} } }, { name: "shop" })
      const error = yield* Effect.flip(client.readResource("a:b"))
      assert.strictEqual(error.message, "shop: resources/read: The server does not offer resources")
      yield* failsWith("UnsupportedError")(client.raw.readResource("a:b"))
      yield* failsWith("UnsupportedError")(client.read(McpResource.make("a:b")))
      yield* settled
      assert.deepStrictEqual(yield* mock.methods, ["initialize", "notifications/initialized"])
    }))
})

describe("a resource that the server does not have", () => {
  it.effect.each([
    { code: -32002, data: { uri: "a:b" } },
    { code: -32602, data: undefined }
  ])("is an error of its own, whatever the code: $code", ({ code, data }) =>
    Effect.gen(function*() {
      const error = { code, message: "Not here", ...(data && { data }) }
      const { client } = yield* connect({ resources: {}, faults: [Fault.fail("resources/read", error)] }, {
        name: "shop"
      })
      const reads: ReadonlyArray<Effect.Effect<unknown, McpError.McpError>> = [
        client.readResource("a:b"),
        client.raw.readResource("a:b"),
        client.read(McpResource.make("a:b", { schema: Schema.Number }))
      ]
      for (const read of reads) {
        const failure = yield* Effect.flip(read)
        assert.deepStrictEqual([failure.server, failure.method], ["shop", "resources/read"])
        assert.include(failure.message, "a:b")
        const found = yield* read.pipe(
          Effect.catchReason("McpError", "ResourceNotFoundError", (reason) => Effect.succeed(reason))
        )
        assert.deepInclude(found, { uri: "a:b", code, description: "Not here", data })
      }
    }))

  it.effect("is not told from other errors by their words", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        resources: {},
        faults: [Fault.fail("resources/read", { code: -32603, message: "Resource not found" })]
      })
      assert.strictEqual((yield* failsWith("JsonRpcError")(client.readResource("a:b"))).code, -32603)
    }))

  it.effect("is none of the errors of other methods", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ prompts: {}, resources: {} })
      assert.strictEqual((yield* failsWith("JsonRpcError")(client.getPrompt("nope"))).code, -32602)
    }))
})

describe("a declared resource", () => {
  const Config = Schema.Struct({ theme: Schema.String, since: Schema.Date })
  const config = McpResource.make("config://app", { schema: Config })

  it.effect("is its text, decoded from JSON", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* texted(`{"theme":"dark","since":"1970-01-01T00:00:00Z","vendor":1}`)
      assert.deepStrictEqual(yield* client.read(config), { theme: "dark", since: new Date(0) })
      assert.deepNestedPropertyVal(yield* asked(mock), "[0].uri", "config://app")
    }))

  it.effect("is its contents, when it declares no schema", () =>
    Effect.gen(function*() {
      const { client } = yield* having({ uri: "a:b", text: "hi" }, { uri: "a:c", blob: "AA==" })
      assert.deepStrictEqual<unknown>(yield* client.read(McpResource.make("a:b")), [
        { uri: "a:b", text: "hi" },
        { uri: "a:c", blob: new Uint8Array([0]) }
      ])
    }))

  it.effect("is what has its type, if it declares one", () =>
    Effect.gen(function*() {
      const { client } = yield* having(
        { uri: "a:b", mimeType: "text/html", text: "<p>" },
        { uri: "a:b", mimeType: "application/json", blob: "AA==" },
        { uri: "a:b", mimeType: "Application/JSON; charset=utf-8", text: "7" },
        { uri: "a:b", text: "untyped" }
      )
      const mimeType = "application/json"
      assert.strictEqual(yield* client.read(McpResource.make("a:b", { schema: Schema.Number, mimeType })), 7)
      const contents = yield* client.read(McpResource.make("a:b", { mimeType }))
      assert.deepStrictEqual(contents.map(({ blob, text }) => text ?? blob), [new Uint8Array([0]), "7", "untyped"])
      const reason = yield* failsWith("ValidationError")(
        client.read(McpResource.make("a:b", { schema: Schema.Number }))
      )
      assert.strictEqual(reason.value, "<p>")
    }))

  it.effect("that does not fit fails, and the error says what, where and which value", () =>
    Effect.gen(function*() {
      const { client } = yield* texted(`{"theme":"dark","since":7}`)
      const error = yield* Effect.flip(client.read(config))
      assert.deepStrictEqual([error.server, error.method], ["mock", "resources/read"])
      if (error.reason._tag !== "ValidationError") return assert.fail(error.message)
      const { kind, name, path, side, value } = error.reason
      assert.deepStrictEqual({ kind, name, path, side, value }, {
        kind: "resource",
        name: "config://app",
        path: ["since"],
        side: "output",
        value: 7
      })
    }))

  it.effect.each([
    {
      what: "text that is no JSON",
      contents: [{ uri: "a:b", text: "theme: dark" }],
      value: "theme: dark",
      part: "JSON"
    },
    { what: "no text", contents: [{ uri: "a:b", blob: "" }], value: undefined, part: "no text" },
    { what: "nothing", contents: [], value: undefined, part: "no text" }
  ])("fails on $what", ({ contents, part, value }) =>
    Effect.gen(function*() {
      const { client } = yield* having(...contents)
      const reason = yield* failsWith("ValidationError")(client.read(config))
      assert.include(reason.message, part)
      if (value !== undefined) assert.strictEqual(reason.value, value)
    }))

  it.effect("may need services to be decoded", () =>
    Effect.gen(function*() {
      class Rate extends Context.Service<Rate, number>()("test/resources/Rate") {}
      const Money = Schema.Number.pipe(Schema.decodeTo(Schema.Number, {
        decode: SchemaGetter.transformEffect((value: number) => Effect.map(Rate, (rate) => value * rate)),
        encode: SchemaGetter.passthrough()
      }))
      const { client } = yield* texted("3")
      const price = client.read(McpResource.make("a:b", { schema: Money }))
      assert.strictEqual(yield* Effect.provideService(price, Rate, 2), 6)
    }))
})

describe("a family of resources", () => {
  const forecast = McpResource.template("weather://{city}/{day}{?unit,tags*}", {
    params: Schema.Struct({
      city: Schema.String,
      day: Schema.Date,
      unit: Schema.optional(Schema.Literals(["C", "F"])),
      tags: Schema.optionalKey(Schema.Array(Schema.String))
    }),
    schema: Schema.Struct({ degrees: Schema.Number })
  })

  it.effect("is read by its variables, which are encoded first", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* texted(`{"degrees":21}`)
      const day = new Date(0)
      assert.deepStrictEqual(yield* client.read(forecast, { city: "São Paulo/SP", day }), { degrees: 21 })
      yield* client.read(forecast, { city: "Rome", day, unit: "C", tags: ["a b", "c"] })
      yield* client.read(forecast, { city: "Rome", day, unit: undefined, tags: [] })
      const at = "1970-01-01T00%3A00%3A00.000Z"
      assert.deepStrictEqual((yield* asked(mock)).map((params) => (params as { readonly uri: string }).uri), [
        `weather://S%C3%A3o%20Paulo%2FSP/${at}`,
        `weather://Rome/${at}?unit=C&tags=a%20b&tags=c`,
        `weather://Rome/${at}`
      ])
    }))

  it.effect("is not asked for by variables that do not fit", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* texted("{}")
      const error = yield* Effect.flip(client.read(forecast, { city: 7, day: new Date(0) } as never))
      assert.strictEqual(error.method, "resources/read")
      if (error.reason._tag !== "ValidationError") return assert.fail(error.message)
      const { kind, name, path, side } = error.reason
      assert.deepStrictEqual({ kind, name, path, side }, {
        kind: "resource",
        name: forecast.uri,
        path: ["city"],
        side: "input"
      })
      assert.deepStrictEqual(yield* asked(mock), [])
    }))

  it.effect("needs no variables when it declares none that have to be", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* texted("hi")
      const list = McpResource.template("list://all{?page}", {
        params: Schema.Struct({ page: Schema.optionalKey(Schema.Int) })
      })
      yield* client.read(list)
      yield* client.read(list, { page: 2 })
      assert.deepStrictEqual((yield* asked(mock)).map((params) => (params as { readonly uri: string }).uri), [
        "list://all",
        "list://all?page=2"
      ])
    }))

  it.effect.each(["a:{", "a:}", "a:{}", "a:{b", "a:{b,}", "a:{=b}", "a:{b c}", "a:{b:0}", "a:{{b}}", "a:{b*:2}"])(
    "has to have a template that is one: %s",
    (template) =>
      Effect.gen(function*() {
        const { client, mock } = yield* texted("hi")
        const broken = McpResource.template(template, { params: Schema.Struct({ b: Schema.String }) })
        assert.include((yield* failsWith("ConfigurationError")(client.read(broken, { b: "x" }))).message, template)
        assert.deepStrictEqual(yield* asked(mock), [])
      })
  )

  it.effect("has no place for what no URI can say", () =>
    Effect.gen(function*() {
      const { client } = yield* texted("hi")
      const any = McpResource.template("a:{b}", { params: Schema.Struct({ b: Schema.String }) })
      const reason = yield* failsWith("ValidationError")(client.read(any, { b: "\uD800" }))
      assert.strictEqual(reason.side, "input")
    }))
})

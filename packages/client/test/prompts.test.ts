import * as McpPrompt from "@effect-mcp/client/McpPrompt"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { TestClock } from "effect/testing"
import { connect, failsWith, settled, start } from "./harness.ts"

const greet: MockTransport.Prompt = ({ name }) => Effect.succeed(`Hello ${String(name)}`)

const asked = Effect.fnUntraced(function*(mock: MockTransport.MockTransport["Service"]) {
  const gets = (yield* mock.messages).filter(({ message }) => message["method"] === "prompts/get")
  return gets.map(({ message }) => (message["params"] as { readonly arguments?: unknown }).arguments)
})

describe("getting a prompt", () => {
  it.effect("yields its messages, with all that the server says of them", () =>
    Effect.gen(function*() {
      const result = {
        description: "A greeting",
        messages: [
          { role: "user", content: { type: "text", text: "Hello" }, "x-vendor": 1 },
          { role: "assistant", content: { type: "image", data: "AA==", mimeType: "image/png" } },
          { role: "user", content: { type: "resource", resource: { uri: "a:b", text: "hi" } } },
          { role: "narrator", content: { type: "hologram", depth: 3 } }
        ],
        _meta: { took: 1 }
      }
      const { client } = yield* connect({ prompts: { greet: () => Effect.succeed(result) } })
      assert.deepStrictEqual<unknown>(yield* client.getPrompt("greet"), result)
      assert.deepStrictEqual<unknown>(yield* client.raw.getPrompt("greet"), result)
      assert.deepStrictEqual<unknown>(yield* client.get(McpPrompt.make("greet")), result)
    }))

  it.effect("sends strings as they are, other values as compact JSON, and nothing for undefined", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ prompts: { greet } })
      yield* client.getPrompt("greet", {
        plain: "[1, 2]",
        empty: "",
        number: 1.5,
        yes: true,
        nothing: null,
        list: [1, "two", { three: 3 }],
        map: { key: "value", gone: undefined },
        date: new Date(0),
        ["__proto__"]: 1,
        gone: undefined
      })
      assert.deepStrictEqual(yield* asked(mock), [{
        plain: "[1, 2]",
        empty: "",
        number: "1.5",
        yes: "true",
        nothing: "null",
        list: `[1,"two",{"three":3}]`,
        map: `{"key":"value"}`,
        date: `"1970-01-01T00:00:00.000Z"`,
        ["__proto__"]: "1"
      }])
    }))

  it.effect("leaves the arguments out when there are none", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ prompts: { greet } })
      yield* client.getPrompt("greet")
      yield* client.getPrompt("greet", {})
      yield* client.getPrompt("greet", { name: undefined })
      yield* client.raw.getPrompt("greet", {})
      yield* client.get(McpPrompt.make("greet"))
      assert.deepStrictEqual(yield* asked(mock), [undefined, undefined, undefined, undefined, undefined])
      const gets = (yield* mock.messages).filter(({ message }) => message["method"] === "prompts/get")
      for (const { message } of gets) assert.hasAllKeys(message["params"], ["name", "_meta"])
    }))

  it.effect.each([
    { what: "a big integer", value: 1n },
    { what: "a function", value: () => 1 },
    { what: "a symbol", value: Symbol("x") },
    {
      what: "a value that refers to itself",
      value: (() => {
        const knot: Record<string, unknown> = {}
        knot["self"] = knot
        return knot
      })()
    },
    {
      what: "a value that throws",
      value: {
        toJSON: () => {
          throw new Error("no")
        }
      }
    }
  ])("does not send $what, and says where it stands", ({ value }) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ prompts: { greet } }, { name: "poet" })
      const error = yield* Effect.flip(client.getPrompt("greet", { fine: 1, odd: value }))
      assert.deepStrictEqual([error.server, error.method], ["poet", "prompts/get"])
      if (error.reason._tag !== "ValidationError") return assert.fail(error.message)
      assert.deepInclude(error.reason, { side: "input", kind: "prompt", name: "greet", path: ["odd"], value })
      assert.deepStrictEqual(yield* asked(mock), [])
    }))

  it.effect.each([
    { what: "null", result: null },
    { what: "no messages", result: {} },
    { what: "a message without content", result: { messages: [{ role: "user" }] } },
    { what: "a message without role", result: { messages: [{ content: { type: "text", text: "" } }] } },
    { what: "content that is broken", result: { messages: [{ role: "user", content: { type: "text" } }] } }
  ])("fails on an answer that is none: $what", ({ result }) =>
    Effect.gen(function*() {
      const { client } = yield* connect({ prompts: {}, methods: { "prompts/get": () => Effect.succeed(result) } })
      const reason = yield* failsWith("ProtocolError")(client.getPrompt("greet"))
      assert.include(reason.message, "prompts/get")
      assert.deepStrictEqual(reason.payload, result)
    }))

  it.effect("takes the options of a request", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        prompts: {
          greet: (_, { progress }) => Effect.as(progress({ progress: 1 }), "Hello"),
          slow: () => Effect.never
        }
      })
      const seen: Array<number> = []
      const onProgress = ({ progress }: { readonly progress: number }) => Effect.sync(() => void seen.push(progress))
      yield* client.getPrompt("greet", {}, { onProgress, meta: { a: 1 } })
      yield* client.raw.getPrompt("greet", {}, { onProgress, meta: { a: 1 } })
      yield* client.get(McpPrompt.make("greet"), {}, { onProgress, meta: { a: 1 } })
      assert.deepStrictEqual(seen, [1, 1, 1])
      const gets = (yield* mock.messages).filter(({ message }) => message["method"] === "prompts/get")
      for (const { message } of gets) assert.deepNestedPropertyVal(message, "params._meta.a", 1)

      const late = yield* start(failsWith("TimeoutError")(client.getPrompt("slow", {}, { timeout: "3 seconds" })))
      yield* TestClock.adjust("3 seconds")
      assert.deepInclude(yield* Fiber.join(late), { budget: "call", millis: 3_000 })
    }))

  it.effect("is not asked of a server without prompts", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ capabilities: { tools: {} } }, { name: "shop" })
      const error = yield* Effect.flip(client.getPrompt("greet"))
      assert.strictEqual(error.message, "shop: prompts/get: The server does not offer prompts")
      yield* failsWith("UnsupportedError")(client.raw.getPrompt("greet"))
      yield* failsWith("UnsupportedError")(client.get(McpPrompt.make("greet")))
      yield* settled
      assert.deepStrictEqual(yield* mock.methods, ["initialize", "notifications/initialized"])
    }))

  it.effect("that the server does not know is the server's error", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ prompts: {} })
      const reason = yield* failsWith("JsonRpcError")(client.getPrompt("nope"))
      assert.strictEqual(reason.code, -32602)
      assert.include(reason.message, "nope")
    }))
})

describe("a declared prompt", () => {
  it.effect("sends its arguments as its schema encodes them, each as a string", () =>
    Effect.gen(function*() {
      const review = McpPrompt.make("review", {
        arguments: Schema.Struct({
          code: Schema.String,
          at: Schema.Date,
          strict: Schema.Boolean,
          lines: Schema.Array(Schema.Int),
          limit: Schema.optional(Schema.Int),
          style: Schema.optionalKey(Schema.String),
          author: Schema.NullOr(Schema.String)
        }).pipe(Schema.encodeKeys({ at: "as_of" }))
      })
      const { client, mock } = yield* connect({ prompts: { review: greet } })
      const args = { code: "1 + 1", at: new Date(0), strict: true, lines: [1, 2], limit: undefined, author: null }
      yield* client.get(review, args)
      assert.deepStrictEqual(yield* asked(mock), [{
        code: "1 + 1",
        as_of: "1970-01-01T00:00:00.000Z",
        strict: "true",
        lines: "[1,2]",
        author: "null"
      }])
    }))

  it.effect("is not asked for with arguments that do not fit", () =>
    Effect.gen(function*() {
      const prompt = McpPrompt.make("greet", { arguments: Schema.Struct({ name: Schema.NonEmptyString }) })
      const { client, mock } = yield* connect({ prompts: { greet } })
      const error = yield* Effect.flip(client.get(prompt, { name: "" }))
      assert.strictEqual(error.method, "prompts/get")
      if (error.reason._tag !== "ValidationError") return assert.fail(error.message)
      const { kind, name, path, side } = error.reason
      assert.deepStrictEqual({ kind, name, path, side }, {
        kind: "prompt",
        name: "greet",
        path: ["name"],
        side: "input"
      })
      assert.deepStrictEqual(yield* asked(mock), [])
    }))

  it.effect("may need services to be encoded", () =>
    Effect.gen(function*() {
      class Prefix extends Context.Service<Prefix, string>()("test/prompts/Prefix") {}
      const Prefixed = Schema.String.pipe(Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.passthrough(),
        encode: SchemaGetter.transformEffect((value: string) => Effect.map(Prefix, (prefix) => prefix + value))
      }))
      const prompt = McpPrompt.make("greet", { arguments: Schema.Struct({ name: Prefixed }) })
      const { client, mock } = yield* connect({ prompts: { greet } })
      yield* Effect.provideService(client.get(prompt, { name: "Ada" }), Prefix, "Dr ")
      assert.deepStrictEqual(yield* asked(mock), [{ name: "Dr Ada" }])
    }))
})

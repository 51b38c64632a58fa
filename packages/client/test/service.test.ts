import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpPrompt from "@effect-mcp/client/McpPrompt"
import * as McpResource from "@effect-mcp/client/McpResource"
import type { GetPromptResult } from "@effect-mcp/client/McpSchema"
import * as McpTool from "@effect-mcp/client/McpTool"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { reasonOf, settled, start } from "./harness.ts"

class Weather extends McpClient.Service<Weather>()("test/Weather", {
  tools: {
    forecast: McpTool.make("get_forecast", {
      input: Schema.Struct({ city: Schema.String }),
      output: Schema.Struct({ celsius: Schema.Number })
    }),
    cities: McpTool.make("list_cities", { input: Schema.Struct({ country: Schema.optionalKey(Schema.String) }) }),
    ping: McpTool.make("ping")
  }
}) {}

class Clocks extends McpClient.Service<Clocks>()("test/Clocks", {
  tools: { now: McpTool.make("now", { output: Schema.Struct({ at: Schema.Date }) }) }
}) {}

const server: MockTransport.Options = {
  tools: {
    get_forecast: ({ city }, request) =>
      Effect.as(request.progress({ progress: 1 }), { structuredContent: { celsius: String(city).length } }),
    list_cities: (args) => Effect.succeed({ structuredContent: args }),
    ping: (args) => Effect.succeed({ structuredContent: args })
  }
}

const weather = (options?: McpClient.Options) =>
  Weather.layer(options).pipe(Layer.provideMerge(MockTransport.layer(server)))

describe("a declared server", () => {
  it.effect("has a method for each tool, under the name of its declaration", () =>
    Effect.gen(function*() {
      const { tools } = yield* Weather
      assert.deepStrictEqual(Object.keys(tools), ["forecast", "cities", "ping"])
      assert.deepStrictEqual(yield* tools.forecast({ city: "Berlin" }), { celsius: 6 })
    }).pipe(Effect.provide(weather())))

  it.effect("is called without input when the tool needs none", () =>
    Effect.gen(function*() {
      const { tools } = yield* Weather
      assert.deepStrictEqual((yield* tools.ping()).structuredContent, {})
      assert.deepStrictEqual((yield* tools.ping.raw()).structuredContent, {})
      assert.deepStrictEqual((yield* tools.cities()).structuredContent, {})
      assert.deepStrictEqual((yield* tools.cities({ country: "DE" })).structuredContent, { country: "DE" })
      assert.strictEqual((yield* Stream.runCollect(tools.ping.stream())).length, 1)
    }).pipe(Effect.provide(weather())))

  it.effect("takes the options of a call", () =>
    Effect.gen(function*() {
      const { tools } = yield* Weather
      const seen: Array<number> = []
      const onProgress = ({ progress }: { readonly progress: number }) => Effect.sync(() => void seen.push(progress))
      yield* tools.forecast({ city: "Rome" }, { onProgress, meta: { a: 1 } })
      yield* tools.forecast.raw({ city: "Rome" }, { onProgress, meta: { a: 2 } })
      yield* Stream.runDrain(tools.forecast.stream({ city: "Rome" }, { meta: { a: 3 } }))
      assert.deepStrictEqual(seen, [1, 1])
      const { messages } = yield* MockTransport.MockTransport
      const calls = (yield* messages).filter(({ message }) => message["method"] === "tools/call")
      for (const [index, { message }] of calls.entries()) {
        assert.deepNestedPropertyVal(message, "params._meta.a", index + 1)
      }
    }).pipe(Effect.provide(weather())))

  it.effect("yields the protocol's result, untouched, when asked for raw", () =>
    Effect.gen(function*() {
      const { tools } = yield* Weather
      assert.deepStrictEqual(yield* tools.forecast.raw({ city: "Rome" }), {
        content: [],
        structuredContent: { celsius: 4 }
      })
      const error = yield* Effect.flip(tools.forecast.raw({ city: 7 } as never))
      assert.deepStrictEqual(reasonOf("ValidationError", error).path, ["city"])
      assert.deepStrictEqual([error.server, error.method], ["meteo", "tools/call"])
    }).pipe(Effect.provide(weather({ name: "meteo" }))))

  it.effect("streams", () =>
    Effect.gen(function*() {
      const { tools } = yield* Weather
      const events = yield* Stream.runCollect(tools.forecast.stream({ city: "Oslo" }))
      assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["Progress", "Result"])
      assert.deepStrictEqual(events[1], { _tag: "Result", value: { celsius: 4 } })
    }).pipe(Effect.provide(weather())))

  it.effect("is a client, too", () =>
    Effect.gen(function*() {
      const client = yield* Weather
      assert.strictEqual(client.name, "meteo")
      assert.strictEqual((yield* client.session).serverInfo.name, "mock")
      assert.strictEqual((yield* client.listTools()).length, 3)
      assert.deepStrictEqual((yield* client.callTool("ping", { a: 1 })).structuredContent, { a: 1 })
    }).pipe(Effect.provide(weather({ name: "meteo" }))))

  it.effect("keeps its declaration at hand", () =>
    Effect.sync(() => {
      assert.strictEqual(Weather.definition.tools.forecast.name, "get_forecast")
      assert.strictEqual(Weather.key, "test/Weather")
    }))

  it.effect("is made without a layer, for the scope", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make(server)
      const make = Effect.provideService(Weather.make(), McpTransport.McpTransport, mock.transport)
      yield* Effect.scoped(Effect.flatMap(make, ({ tools }) => tools.ping()))
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect("stands beside another one", () =>
    Effect.gen(function*() {
      const { tools } = yield* Weather
      const clocks = yield* Clocks
      assert.deepStrictEqual(yield* tools.forecast({ city: "Rome" }), { celsius: 4 })
      assert.deepStrictEqual(yield* clocks.tools.now(), { at: new Date(0) })
      yield* clocks.close
      assert.strictEqual((yield* (yield* Weather).state)._tag, "Ready")
    }).pipe(Effect.provide([
      weather(),
      Clocks.layer().pipe(Layer.provide(MockTransport.layer({
        tools: { now: () => Effect.succeed({ structuredContent: { at: "1970-01-01T00:00:00.000Z" } }) }
      })))
    ])))

  it.effect("can be replaced by a service of one's own", () =>
    Effect.gen(function*() {
      const { tools } = yield* Weather
      return yield* tools.forecast({ city: "anywhere" })
    }).pipe(
      Effect.provide(Layer.effect(
        Weather,
        Effect.gen(function*() {
          const context = yield* Layer.build(weather())
          const real = Context.get(context, Weather)
          const forecast = Object.assign(() => Effect.succeed({ celsius: -1 }), {
            raw: real.tools.forecast.raw,
            start: real.tools.forecast.start,
            resume: real.tools.forecast.resume,
            stream: real.tools.forecast.stream
          })
          return { ...real, tools: { ...real.tools, forecast } }
        })
      )),
      Effect.map((answer) => assert.deepStrictEqual(answer, { celsius: -1 }))
    ))
})

class Library extends McpClient.Service<Library>()("test/Library", {
  resources: {
    config: McpResource.make("config://app", { schema: Schema.Struct({ theme: Schema.String }) }),
    logo: McpResource.make("logo://app"),
    book: McpResource.template("book://{isbn}", {
      params: Schema.Struct({ isbn: Schema.Int }),
      schema: Schema.Struct({ title: Schema.String })
    })
  },
  prompts: {
    greet: McpPrompt.make("greet_reader", { arguments: Schema.Struct({ name: Schema.String, age: Schema.Int }) }),
    bye: McpPrompt.make("say_goodbye")
  }
}) {}

const library = (options?: McpClient.Options) =>
  Library.layer({ protocol: "legacy", ...options }).pipe(Layer.provideMerge(MockTransport.layer({
    resources: {
      "config://app": (_, { progress }) => Effect.as(progress({ progress: 1 }), `{"theme":"dark"}`),
      "logo://app": () => Effect.succeed(new Uint8Array([1, 2]))
    },
    resourceTemplates: { "book://{isbn}": (uri) => Effect.succeed(JSON.stringify({ title: `Book ${uri.slice(7)}` })) },
    prompts: {
      greet_reader: ({ age, name }, { progress }) =>
        Effect.as(progress({ progress: 2 }), `Hello ${String(name)}, ${JSON.stringify(age)}`),
      say_goodbye: () => Effect.succeed("Bye")
    }
  })))

const sentMethods = Effect.flatMap(MockTransport.MockTransport, ({ methods }) => methods)

describe("a server that is declared with resources and prompts", () => {
  it.effect("has a method for each of them, and none for tools", () =>
    Effect.gen(function*() {
      const { prompts, resources, tools } = yield* Library
      assert.deepStrictEqual(Object.keys(resources), ["config", "logo", "book"])
      assert.deepStrictEqual(Object.keys(prompts), ["greet", "bye"])
      assert.deepStrictEqual(tools, {})
      assert.strictEqual(Library.definition.resources.book.uri, "book://{isbn}")
    }).pipe(Effect.provide(library())))

  it.effect("reads", () =>
    Effect.gen(function*() {
      const { resources } = yield* Library
      assert.deepStrictEqual(yield* resources.config(), { theme: "dark" })
      assert.deepStrictEqual<unknown>(yield* resources.logo(), [{ uri: "logo://app", blob: new Uint8Array([1, 2]) }])
      assert.deepStrictEqual(yield* resources.book({ isbn: 7 }), { title: "Book 7" })
      const contents = [{ uri: "book://7", text: `{"title":"Book 7"}` }]
      assert.deepStrictEqual<unknown>(yield* resources.book.raw({ isbn: 7 }), { contents })
      assert.deepStrictEqual<unknown>(yield* resources.logo.raw(), { contents: [{ uri: "logo://app", blob: "AQI=" }] })
    }).pipe(Effect.provide(library())))

  it.effect("gets prompts", () =>
    Effect.gen(function*() {
      const { prompts } = yield* Library
      const text = ({ messages }: GetPromptResult) =>
        messages.map(({ content }) => content.type === "text" ? content.text : "")
      assert.deepStrictEqual(text(yield* prompts.greet({ name: "Ada", age: 36 })), [`Hello Ada, "36"`])
      assert.deepStrictEqual(text(yield* prompts.bye()), ["Bye"])
    }).pipe(Effect.provide(library())))

  it.effect("tells when to read again", () =>
    Effect.gen(function*() {
      const { resources } = yield* Library
      const { subscriptions, updated } = yield* MockTransport.MockTransport
      const book = yield* start(Stream.runCollect(Stream.take(resources.book.subscribe({ isbn: 7 }), 2)))
      const config = yield* start(Stream.runCollect(Stream.take(resources.config.subscribe(), 1)))
      assert.deepStrictEqual(yield* subscriptions, ["book://7"])
      yield* updated("book://7")
      assert.deepStrictEqual((yield* Fiber.join(book)).map(({ _tag, uri }) => [_tag, uri]), [
        ["Subscribed", "book://7"],
        ["Updated", "book://7"]
      ])
      assert.strictEqual((yield* Fiber.join(config)).length, 1)
    }).pipe(Effect.provide(library())))

  it.effect("takes the options of a request", () =>
    Effect.gen(function*() {
      const { prompts, resources } = yield* Library
      const seen: Array<number> = []
      const onProgress = ({ progress }: { readonly progress: number }) => Effect.sync(() => void seen.push(progress))
      yield* resources.config({}, { onProgress })
      yield* resources.config.raw(undefined, { onProgress })
      yield* prompts.greet({ name: "Ada", age: 36 }, { onProgress })
      assert.deepStrictEqual(seen, [1, 1, 2])
    }).pipe(Effect.provide(library())))

  it.effect("sends nothing that does not fit, and says where", () =>
    Effect.gen(function*() {
      const { prompts, resources } = yield* Library
      const isbn = "seven" as never
      const errors = [
        yield* Effect.flip(resources.book({ isbn })),
        yield* Effect.flip(resources.book.raw({ isbn })),
        yield* Effect.flip(Stream.runDrain(resources.book.subscribe({ isbn }))),
        yield* Effect.flip(prompts.greet({ name: "Ada", age: isbn }))
      ]
      assert.deepStrictEqual(errors.map(({ method, reason, server }) => [server, method, reason._tag]), [
        ["library", "resources/read", "ValidationError"],
        ["library", "resources/read", "ValidationError"],
        ["library", "resources/subscribe", "ValidationError"],
        ["library", "prompts/get", "ValidationError"]
      ])
      yield* settled
      assert.deepStrictEqual(yield* sentMethods, ["initialize", "notifications/initialized"])
    }).pipe(Effect.provide(library({ name: "library" }))))
})

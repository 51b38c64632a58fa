import * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError, ToolError } from "@effect-mcp/client/McpError"
import * as McpPrompt from "@effect-mcp/client/McpPrompt"
import * as McpResource from "@effect-mcp/client/McpResource"
import type {
  AudioContent,
  CallToolResult,
  CompleteResult,
  Completion,
  ContentBlock,
  EmbeddedResource,
  GetPromptResult,
  ImageContent,
  Progress,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceLink,
  ResourceTemplate,
  TextContent,
  Tool,
  UnknownContent
} from "@effect-mcp/client/McpSchema"
import * as McpTool from "@effect-mcp/client/McpTool"
import type { McpTransport } from "@effect-mcp/client/McpTransport"
import { describe, expectTypeOf, it } from "@effect/vitest"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"

type Errors = McpError | ToolError

interface Secret {
  readonly _: unique symbol
}

declare const client: McpClient.McpClient
declare const progressed: (progress: Progress) => Effect.Effect<void, never, Secret>
const NeedsSecret = Schema.String as unknown as Schema.Codec<string, string, Secret, Secret>

const forecast = McpTool.make("get_forecast", {
  input: Schema.Struct({ city: Schema.String, at: Schema.optionalKey(Schema.Date) }),
  output: Schema.Struct({ celsius: Schema.Number, until: Schema.Date })
})
const search = McpTool.make("search", { input: Schema.Struct({ limit: Schema.optionalKey(Schema.Int) }) })
const now = McpTool.make("now", { output: Schema.Struct({ iso: Schema.String }) })
const ping = McpTool.make("ping")
const secret = McpTool.make("secret", {
  input: Schema.Struct({ key: NeedsSecret }),
  output: Schema.Struct({ value: NeedsSecret })
})

class Weather extends McpClient.Service<Weather>()("types/Weather", {
  tools: { forecast, search, now, ping, secret }
}) {}

declare const weather: Weather["Service"]

/** Only the types matter: nothing in here runs. */
const types = (check: () => void) => it("holds", () => void check)

describe("a declaration", () => {
  types(() => {
    expectTypeOf(forecast.name).toEqualTypeOf<"get_forecast">()
    expectTypeOf<McpTool.Input<typeof forecast>>().toEqualTypeOf<{ readonly city: string; readonly at?: Date }>()
    expectTypeOf<McpTool.Output<typeof forecast>>().toEqualTypeOf<{ readonly celsius: number; readonly until: Date }>()
    expectTypeOf<McpTool.Output<typeof search>>().toEqualTypeOf<CallToolResult>()
    expectTypeOf<McpTool.Input<typeof ping>>().toEqualTypeOf<{}>()
    expectTypeOf<McpTool.Services<typeof forecast>>().toEqualTypeOf<never>()
    expectTypeOf<McpTool.Services<typeof secret>>().toEqualTypeOf<Secret>()
  })
})

describe("a typed call", () => {
  types(() => {
    expectTypeOf(client.call(forecast, { city: "Berlin" })).toEqualTypeOf<
      Effect.Effect<{ readonly celsius: number; readonly until: Date }, Errors>
    >()
    expectTypeOf(client.call(secret, { key: "k" })).toEqualTypeOf<
      Effect.Effect<{ readonly value: string }, Errors, Secret>
    >()
    expectTypeOf(client.call(ping, {}, { onProgress: progressed })).toEqualTypeOf<
      Effect.Effect<CallToolResult, Errors, Secret>
    >()
    expectTypeOf(client.callStream(forecast, { city: "Berlin" })).toEqualTypeOf<
      Stream.Stream<McpClient.CallEvent<{ readonly celsius: number; readonly until: Date }>, Errors>
    >()
    // @ts-expect-error a key that is missing
    client.call(forecast, {})
    // @ts-expect-error a value of the wrong type
    client.call(forecast, { city: 7 })
    // @ts-expect-error the encoded form in place of the decoded one
    client.call(forecast, { city: "Berlin", at: "2025-01-01" })
    // @ts-expect-error a key that the tool does not take
    client.call(forecast, { city: "Berlin", country: "DE" })
    // @ts-expect-error no tool
    client.call("get_forecast", {})
    // @ts-expect-error a stream reports progress by itself
    client.callStream(ping, {}, { onProgress: progressed })
  })
})

describe("a call by name", () => {
  types(() => {
    expectTypeOf(client.callTool("x")).toEqualTypeOf<Effect.Effect<CallToolResult, Errors>>()
    expectTypeOf(client.callTool("x", {}, { onProgress: progressed })).toEqualTypeOf<
      Effect.Effect<CallToolResult, Errors, Secret>
    >()
    expectTypeOf(client.raw.callTool("x")).toEqualTypeOf<Effect.Effect<CallToolResult, McpError>>()
    expectTypeOf(client.listTools()).toEqualTypeOf<Effect.Effect<ReadonlyArray<Tool>, McpError>>()
    expectTypeOf(client.toolPages()).toEqualTypeOf<Stream.Stream<ReadonlyArray<Tool>, McpError>>()
    // @ts-expect-error arguments are an object
    client.callTool("x", [1, 2])
    // @ts-expect-error a duration needs a unit
    client.callTool("x", {}, { timeout: "soon" })
    // @ts-expect-error a handler of progress does not fail
    client.callTool("x", {}, { onProgress: () => Effect.fail("no") })
  })
})

describe("a declared server", () => {
  types(() => {
    expectTypeOf(weather.tools.forecast({ city: "Berlin" })).toEqualTypeOf<
      Effect.Effect<{ readonly celsius: number; readonly until: Date }, Errors>
    >()
    expectTypeOf(weather.tools.ping()).toEqualTypeOf<Effect.Effect<CallToolResult, Errors>>()
    expectTypeOf(weather.tools.search()).toEqualTypeOf<Effect.Effect<CallToolResult, Errors>>()
    expectTypeOf(weather.tools.now()).toEqualTypeOf<Effect.Effect<{ readonly iso: string }, Errors>>()
    expectTypeOf(weather.tools.now(undefined, { timeout: "1 second" })).toEqualTypeOf<
      Effect.Effect<{ readonly iso: string }, Errors>
    >()
    expectTypeOf(weather.tools.forecast.raw({ city: "Berlin" })).toEqualTypeOf<
      Effect.Effect<CallToolResult, McpError>
    >()
    expectTypeOf(weather.tools.secret.raw({ key: "k" })).toEqualTypeOf<
      Effect.Effect<CallToolResult, McpError, Secret>
    >()
    expectTypeOf(weather.tools.now.stream()).toEqualTypeOf<
      Stream.Stream<McpClient.CallEvent<{ readonly iso: string }>, Errors>
    >()
    // @ts-expect-error input is needed
    weather.tools.forecast()
    // @ts-expect-error input is needed for a stream, too
    weather.tools.forecast.stream()
    // @ts-expect-error a value of the wrong type
    weather.tools.search({ limit: "many" })
    // @ts-expect-error a tool that is not declared
    void weather.tools.search2
  })

  types(() => {
    expectTypeOf(Weather.layer()).toEqualTypeOf<Layer.Layer<Weather, McpError, McpTransport>>()
    expectTypeOf(Weather.make()).toExtend<
      Effect.Effect<McpClient.McpClient, McpError, McpTransport | Scope.Scope>
    >()
    expectTypeOf(McpClient.layer()).toEqualTypeOf<Layer.Layer<McpClient.McpClient, McpError, McpTransport>>()
    expectTypeOf<Context.Service.Shape<typeof Weather>>().toExtend<McpClient.McpClient>()
    // @ts-expect-error there is no such option
    Weather.layer({ idle: "1 minute" })
    // @ts-expect-error a server has to have a name and a version
    Weather.layer({ clientInfo: { name: "demo" } })
  })
})

describe("a tool that is declared in place", () => {
  class Shop extends McpClient.Service<Shop>()("types/Shop", {
    tools: {
      buy: McpTool.make("buy", { input: Schema.Struct({ n: Schema.Number }) }),
      ping: McpTool.make("ping"),
      now: McpTool.make("now", { output: Schema.Struct({ iso: Schema.String }) }),
      both: McpTool.make("both", {
        input: Schema.Struct({ n: Schema.Number }),
        output: Schema.Struct({ m: Schema.Date })
      })
    }
  }) {}

  types(() => {
    const { tools } = undefined as unknown as Shop["Service"]
    expectTypeOf<McpTool.Input<typeof Shop.definition.tools.ping>>().toEqualTypeOf<{}>()
    expectTypeOf(tools.ping()).toEqualTypeOf<Effect.Effect<CallToolResult, Errors>>()
    expectTypeOf(tools.ping.raw()).toEqualTypeOf<Effect.Effect<CallToolResult, McpError>>()
    expectTypeOf(tools.now()).toEqualTypeOf<Effect.Effect<{ readonly iso: string }, Errors>>()
    expectTypeOf(tools.buy({ n: 1 })).toEqualTypeOf<Effect.Effect<CallToolResult, Errors>>()
    expectTypeOf(tools.both({ n: 1 })).toEqualTypeOf<Effect.Effect<{ readonly m: Date }, Errors>>()
    const program = Effect.gen(function*() {
      return [yield* tools.ping(), yield* tools.ping.raw(), yield* Effect.flip(tools.now())] as const
    })
    expectTypeOf<Effect.Services<typeof program>>().toEqualTypeOf<never>()
    // @ts-expect-error it takes a number
    tools.buy({ n: "1" })
    // @ts-expect-error it takes something
    tools.both()
  })
})

describe("a declared resource", () => {
  const config = McpResource.make("config://app", { schema: Schema.Struct({ theme: Schema.String, at: Schema.Date }) })
  const logo = McpResource.make("logo://app")
  const book = McpResource.template("book://{isbn}", {
    params: Schema.Struct({ isbn: Schema.Int }),
    schema: Schema.Struct({ title: Schema.String })
  })
  const shelf = McpResource.template("shelf://all{?page}", {
    params: Schema.Struct({ page: Schema.optionalKey(Schema.Int) })
  })
  const vault = McpResource.template("vault://{key}", {
    params: Schema.Struct({ key: NeedsSecret }),
    schema: NeedsSecret
  })

  class Library extends McpClient.Service<Library>()("types/Library", {
    resources: { config, logo, book, shelf, vault }
  }) {}

  const library = undefined as unknown as Library["Service"]

  types(() => {
    expectTypeOf(config.uri).toEqualTypeOf<"config://app">()
    expectTypeOf<McpResource.Params<typeof config>>().toEqualTypeOf<{}>()
    expectTypeOf<McpResource.Params<typeof book>>().toEqualTypeOf<{ readonly isbn: number }>()
    expectTypeOf<McpResource.Value<typeof config>>().toEqualTypeOf<{ readonly theme: string; readonly at: Date }>()
    expectTypeOf<McpResource.Value<typeof logo>>().toEqualTypeOf<ReadonlyArray<McpResource.Content>>()
    expectTypeOf<McpResource.Services<typeof book>>().toEqualTypeOf<never>()
    expectTypeOf<McpResource.Services<typeof vault>>().toEqualTypeOf<Secret>()
  })

  types(() => {
    expectTypeOf(client.read(config)).toEqualTypeOf<
      Effect.Effect<{ readonly theme: string; readonly at: Date }, McpError>
    >()
    expectTypeOf(client.read(logo, {}, { timeout: "1 second" })).toEqualTypeOf<
      Effect.Effect<ReadonlyArray<McpResource.Content>, McpError>
    >()
    expectTypeOf(client.read(book, { isbn: 7 })).toEqualTypeOf<Effect.Effect<{ readonly title: string }, McpError>>()
    expectTypeOf(client.read(book, { isbn: 7 }, { onProgress: progressed })).toEqualTypeOf<
      Effect.Effect<{ readonly title: string }, McpError, Secret>
    >()
    expectTypeOf(client.read(shelf)).toEqualTypeOf<Effect.Effect<ReadonlyArray<McpResource.Content>, McpError>>()
    expectTypeOf(client.read(vault, { key: "k" })).toEqualTypeOf<Effect.Effect<string, McpError, Secret>>()
    // @ts-expect-error a variable that is missing
    client.read(book)
    // @ts-expect-error a value of the wrong type
    client.read(book, { isbn: "7" })
    // @ts-expect-error a variable that the template does not have
    client.read(shelf, { shelf: 1 })
    // @ts-expect-error a read can not be idempotent: it always is
    client.read(config, {}, { idempotent: true })
    // @ts-expect-error no resource
    client.read("config://app")
  })

  types(() => {
    const { resources } = library
    expectTypeOf(resources.config()).toEqualTypeOf<
      Effect.Effect<{ readonly theme: string; readonly at: Date }, McpError>
    >()
    expectTypeOf(resources.logo()).toEqualTypeOf<Effect.Effect<ReadonlyArray<McpResource.Content>, McpError>>()
    expectTypeOf(resources.book({ isbn: 7 })).toEqualTypeOf<Effect.Effect<{ readonly title: string }, McpError>>()
    expectTypeOf(resources.book.raw({ isbn: 7 })).toEqualTypeOf<Effect.Effect<ReadResourceResult, McpError>>()
    expectTypeOf(resources.book.subscribe({ isbn: 7 })).toEqualTypeOf<Stream.Stream<McpResource.Update, McpError>>()
    expectTypeOf(resources.config.subscribe()).toEqualTypeOf<Stream.Stream<McpResource.Update, McpError>>()
    expectTypeOf(resources.vault.raw({ key: "k" })).toEqualTypeOf<Effect.Effect<ReadResourceResult, McpError, Secret>>()
    expectTypeOf(resources.vault.subscribe({ key: "k" })).toEqualTypeOf<
      Stream.Stream<McpResource.Update, McpError, Secret>
    >()
    // @ts-expect-error a variable that is missing
    resources.book()
    // @ts-expect-error a variable that is missing
    resources.book.subscribe({})
    // @ts-expect-error a resource that is not declared
    void resources.nope
    // @ts-expect-error a server that is declared without tools
    void library.tools.nope
  })

  types(() => {
    const content = undefined as unknown as McpResource.Content
    if (content.text !== undefined) expectTypeOf(content).toEqualTypeOf<McpResource.TextContent>()
    else expectTypeOf(content.blob).toEqualTypeOf<Uint8Array>()
    const update = undefined as unknown as McpResource.Update
    expectTypeOf(update.uri).toEqualTypeOf<string>()
    // @ts-expect-error what the server said is there when it said something
    void update.params
  })
})

describe("a declared prompt", () => {
  const greet = McpPrompt.make("greet", {
    arguments: Schema.Struct({ name: Schema.String, at: Schema.optionalKey(Schema.Date) })
  })
  const bye = McpPrompt.make("bye")
  const whisper = McpPrompt.make("whisper", { arguments: Schema.Struct({ key: NeedsSecret }) })

  class Poet extends McpClient.Service<Poet>()("types/Poet", { prompts: { greet, bye, whisper }, tools: { ping } }) {}

  const poet = undefined as unknown as Poet["Service"]

  types(() => {
    expectTypeOf(greet.name).toEqualTypeOf<"greet">()
    expectTypeOf<McpPrompt.Arguments<typeof greet>>().toEqualTypeOf<{ readonly name: string; readonly at?: Date }>()
    expectTypeOf(client.get(bye)).toEqualTypeOf<Effect.Effect<GetPromptResult, McpError>>()
    expectTypeOf(client.get(greet, { name: "Ada" })).toEqualTypeOf<Effect.Effect<GetPromptResult, McpError>>()
    expectTypeOf(client.get(whisper, { key: "k" })).toEqualTypeOf<Effect.Effect<GetPromptResult, McpError, Secret>>()
    expectTypeOf(client.get(bye, {}, { onProgress: progressed })).toEqualTypeOf<
      Effect.Effect<GetPromptResult, McpError, Secret>
    >()
    expectTypeOf(poet.prompts.bye()).toEqualTypeOf<Effect.Effect<GetPromptResult, McpError>>()
    expectTypeOf(poet.prompts.greet({ name: "Ada" })).toEqualTypeOf<Effect.Effect<GetPromptResult, McpError>>()
    expectTypeOf(poet.prompts.whisper({ key: "k" })).toEqualTypeOf<Effect.Effect<GetPromptResult, McpError, Secret>>()
    expectTypeOf(poet.tools.ping()).toEqualTypeOf<Effect.Effect<CallToolResult, Errors>>()
    // @ts-expect-error an argument that is missing
    client.get(greet)
    // @ts-expect-error the encoded form in place of the decoded one
    client.get(greet, { name: "Ada", at: "2025-01-01" })
    // @ts-expect-error an argument that is missing
    poet.prompts.greet()
    // @ts-expect-error a prompt that is not declared
    void poet.prompts.nope
  })
})

describe("other operations", () => {
  types(() => {
    expectTypeOf(client.listResources()).toEqualTypeOf<Effect.Effect<ReadonlyArray<Resource>, McpError>>()
    expectTypeOf(client.resourcePages()).toEqualTypeOf<Stream.Stream<ReadonlyArray<Resource>, McpError>>()
    expectTypeOf(client.listResourceTemplates()).toEqualTypeOf<
      Effect.Effect<ReadonlyArray<ResourceTemplate>, McpError>
    >()
    expectTypeOf(client.listPrompts()).toEqualTypeOf<Effect.Effect<ReadonlyArray<Prompt>, McpError>>()
    expectTypeOf(client.readResource("a:b")).toEqualTypeOf<
      Effect.Effect<ReadonlyArray<McpResource.Content>, McpError>
    >()
    expectTypeOf(client.raw.readResource("a:b", { onProgress: progressed })).toEqualTypeOf<
      Effect.Effect<ReadResourceResult, McpError, Secret>
    >()
    expectTypeOf(client.subscribe("a:b")).toEqualTypeOf<Stream.Stream<McpResource.Update, McpError>>()
    expectTypeOf(client.getPrompt("greet", { age: 36 })).toEqualTypeOf<Effect.Effect<GetPromptResult, McpError>>()
    expectTypeOf(client.ping()).toEqualTypeOf<Effect.Effect<void, McpError>>()
    expectTypeOf(client.setLogLevel("info")).toEqualTypeOf<Effect.Effect<void, McpError>>()
    expectTypeOf(client.request("x/y", {}, { idempotent: true })).toEqualTypeOf<Effect.Effect<unknown, McpError>>()
    expectTypeOf(client.notify("x/y")).toEqualTypeOf<Effect.Effect<void, McpError>>()
    const request = { ref: { type: "ref/prompt", name: "greet" }, argument: { name: "a", value: "" } } as const
    expectTypeOf(client.complete(request)).toEqualTypeOf<Effect.Effect<Completion, McpError>>()
    expectTypeOf(client.raw.complete(request)).toEqualTypeOf<Effect.Effect<CompleteResult, McpError>>()
    expectTypeOf(Effect.map(client.complete(request), ({ hasMore, total, values }) => ({ hasMore, total, values })))
      .toEqualTypeOf<
        Effect.Effect<
          { hasMore: boolean | undefined; total: number | undefined; values: ReadonlyArray<string> },
          McpError
        >
      >()
    // @ts-expect-error no level
    client.setLogLevel("loud")
    // @ts-expect-error arguments of the raw prompt are strings
    client.raw.getPrompt("greet", { age: 36 })
    // @ts-expect-error no reference
    client.complete({ ref: { type: "ref/tool", name: "x" }, argument: { name: "a", value: "" } })
  })
})

describe("content", () => {
  types(() => {
    const block = undefined as unknown as ContentBlock
    switch (block.type) {
      case "text":
        return expectTypeOf(block).toEqualTypeOf<TextContent>()
      case "image":
        return expectTypeOf(block).toEqualTypeOf<ImageContent>()
      case "audio":
        return expectTypeOf(block).toEqualTypeOf<AudioContent>()
      case "resource_link":
        return expectTypeOf(block).toEqualTypeOf<ResourceLink>()
      case "resource":
        return expectTypeOf(block).toEqualTypeOf<EmbeddedResource>()
      default: {
        expectTypeOf(block).toEqualTypeOf<UnknownContent>()
        expectTypeOf(block.type).toExtend<string>()
        return expectTypeOf(block["anything"]).toEqualTypeOf<unknown>()
      }
    }
  })

  types(() => {
    const result = undefined as unknown as CallToolResult
    const texts = result.content.flatMap((block) => block.type === "text" ? [block.text] : [])
    expectTypeOf(texts).toEqualTypeOf<Array<string>>()
    expectTypeOf(result.structuredContent).toEqualTypeOf<unknown>()
    expectTypeOf(result["x-vendor"]).toEqualTypeOf<unknown>()
    expectTypeOf(result.content[0]?.["text"]).toEqualTypeOf<unknown>()
  })
})

describe("events of a stream", () => {
  types(() => {
    const event = undefined as unknown as McpClient.CallEvent<number>
    if (event._tag === "Progress") expectTypeOf(event.progress).toEqualTypeOf<Progress>()
    else expectTypeOf(event.value).toEqualTypeOf<number>()
  })
})

describe("states", () => {
  types(() => {
    const state = undefined as unknown as McpClient.State
    if (state._tag === "Ready") expectTypeOf(state.session).toEqualTypeOf<McpClient.SessionInfo>()
    if (state._tag === "Reconnecting") expectTypeOf(state.cause).toEqualTypeOf<McpError["reason"]>()
    expectTypeOf(state._tag).toEqualTypeOf<"Idle" | "Connecting" | "Reconnecting" | "Ready" | "Closed">()
  })
})

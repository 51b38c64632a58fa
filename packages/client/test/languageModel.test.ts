import type { McpError } from "@effect-mcp/client/McpError"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { ContentBlock } from "@effect-mcp/client/McpSchema"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { flow } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { failsWith, settled, start } from "./harness.ts"
import { runProgram } from "./stdio/support.ts"

type Request = Partial<McpHandlers.SamplingRequest>
type Answer = ReadonlyArray<Response.PartEncoded>

const requestOf = (request: Request): McpHandlers.SamplingRequest => ({
  server: "asking",
  messages: [{ role: "user", content: [{ type: "text", text: "Hello?" }] }],
  maxTokens: 100,
  systemPrompt: undefined,
  temperature: undefined,
  stopSequences: undefined,
  includeContext: undefined,
  modelPreferences: undefined,
  tools: undefined,
  toolChoice: undefined,
  metadata: undefined,
  ...request
})

const modelOf = (generateText: Parameters<typeof LanguageModel.make>[0]["generateText"]) =>
  LanguageModel.make({ generateText, streamText: () => Stream.die("nobody reads it as a stream") })

/** Asks a language model that gives always the same answer. It keeps a log of what it was asked. */
const asking = Effect.fnUntraced(function*(request: Request, answer: Answer = [{ type: "text", text: "Hello!" }]) {
  const log: Array<LanguageModel.ProviderOptions> = []
  const model = yield* modelOf((options) =>
    Effect.sync(() => {
      log.push(options)
      return [...answer]
    })
  )
  const result = McpHandlers.samplingFromLanguageModel().createMessage(requestOf(request)).pipe(
    Effect.provideService(LanguageModel.LanguageModel, model),
    // The type of a handler does not say how it fails.
    Effect.mapError((error) => error as McpError)
  )
  return { log, result }
})

/** The messages that a language model is given. */
const promptOf = Effect.fnUntraced(function*(request: Request) {
  const { log, result } = yield* asking(request)
  yield* result
  return log.flatMap(({ prompt }) => prompt.content.map(plain))
})

/** A message without what `effect/ai` writes into each. */
const plain = ({ content, role }: Prompt.Message): unknown => ({
  role,
  content: typeof content === "string" ? content : content.map(plainPart)
})

const plainPart = (part: Prompt.Part): unknown =>
  Object.fromEntries(
    Object.entries(part)
      .filter(([key, value]) => !key.startsWith("~") && key !== "options" && value !== false)
      .map((
        [key, value]
      ) => [key, key === "modelOutput" ? part.type === "tool-result" && part.modelOutput?.map(plainPart) : value])
  )

/** What is answered to the server when the language model gives such an answer. */
const resultOf = (answer: Answer, request: Request = {}) =>
  Effect.flatMap(asking(request, answer), ({ result }) => result)

const user = (...content: ReadonlyArray<McpHandlers.SamplingContent>): McpHandlers.SamplingMessage => ({
  role: "user",
  content
})

const assistant = (...content: ReadonlyArray<McpHandlers.SamplingContent>): McpHandlers.SamplingMessage => ({
  role: "assistant",
  content
})

const text = (text: string) => ({ type: "text" as const, text })

const use = (id: string, name: string) => ({ type: "tool_use" as const, id, name, input: { city: "Berlin" } })

const returned = (toolUseId: string, ...content: ReadonlyArray<ContentBlock>) => ({
  type: "tool_result" as const,
  toolUseId,
  content
})

/** Content as a server may send it, also of types that nobody knows. */
const unknown = (content: object) => content as McpHandlers.SamplingContent & ContentBlock

const finish = (reason: Response.FinishReason, outputTokens?: number): Response.FinishPartEncoded => ({
  type: "finish",
  reason,
  usage: {
    inputTokens: { uncached: undefined, total: undefined, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: outputTokens, text: undefined, reasoning: undefined }
  },
  response: undefined
})

const bytes = Uint8Array.of(1, 2, 3)

const forecast: McpHandlers.SamplingTool = {
  name: "get_forecast",
  description: "Tells the weather",
  inputSchema: {
    type: "object",
    properties: { city: { type: "string", pattern: "^B" } },
    if: { required: ["city"] },
    "x-vendor": true
  }
}

describe("a language model is given", () => {
  it.effect("the system prompt, and then the messages", () =>
    Effect.gen(function*() {
      const messages = [user(text("Hi."), text("Who are you?")), assistant(text("A parrot.")), user(text("Oh."))]
      assert.deepStrictEqual(yield* promptOf({ systemPrompt: "Be short.", messages }), [
        { role: "system", content: "Be short." },
        { role: "user", content: [text("Hi."), text("Who are you?")] },
        { role: "assistant", content: [text("A parrot.")] },
        { role: "user", content: [text("Oh.")] }
      ])
    }))

  it.effect.each([undefined, ""])("no system prompt when there is none: %j", (systemPrompt) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* promptOf({ systemPrompt }), [{ role: "user", content: [text("Hello?")] }])
    }))

  it.effect("images and sounds as bytes, of which every provider knows that they are no URL", () =>
    Effect.gen(function*() {
      const image = { type: "image" as const, data: "AQID", mimeType: "image/png" }
      const audio = { type: "audio" as const, data: "AQ\r\nID", mimeType: "audio/wav" }
      assert.deepStrictEqual(
        yield* promptOf({ messages: [user(image, text("What is it?"), audio), assistant(image)] }),
        [
          {
            role: "user",
            content: [
              { type: "file", mediaType: "image/png", data: bytes },
              text("What is it?"),
              { type: "file", mediaType: "audio/wav", data: bytes }
            ]
          },
          { role: "assistant", content: [{ type: "file", mediaType: "image/png", data: bytes }] }
        ]
      )
    }))

  it.effect("the uses of tools, and their results by the names of the tools", () =>
    Effect.gen(function*() {
      const messages = [
        assistant(text("Let me see."), use("1", "get_forecast"), use("2", "get_time")),
        user({ ...returned("2", text("No clock.")), isError: true }, returned("1", text("Rain."), text("Wind."))),
        // Some models count their uses anew in each message.
        assistant(use("1", "get_time")),
        user({ ...returned("1", text("Noon.")), isError: false })
      ]
      assert.deepStrictEqual(yield* promptOf({ messages }), [
        {
          role: "assistant",
          content: [
            text("Let me see."),
            { type: "tool-call", id: "1", name: "get_forecast", params: { city: "Berlin" } },
            { type: "tool-call", id: "2", name: "get_time", params: { city: "Berlin" } }
          ]
        },
        {
          role: "tool",
          content: [
            {
              type: "tool-result",
              id: "2",
              name: "get_time",
              isFailure: true,
              result: "No clock.",
              modelOutput: [text("No clock.")]
            },
            {
              type: "tool-result",
              id: "1",
              name: "get_forecast",
              result: "Rain.\nWind.",
              modelOutput: [text("Rain."), text("Wind.")]
            }
          ]
        },
        {
          role: "assistant",
          content: [{ type: "tool-call", id: "1", name: "get_time", params: { city: "Berlin" } }]
        },
        {
          role: "tool",
          content: [
            { type: "tool-result", id: "1", name: "get_time", result: "Noon.", modelOutput: [text("Noon.")] }
          ]
        }
      ])
    }))

  const outputOf = (result: Omit<McpHandlers.ToolResultContent, "type" | "toolUseId">) =>
    Effect.map(
      promptOf({ messages: [assistant(use("1", "get_forecast")), user({ ...returned("1"), ...result })] }),
      (prompt) => prompt[1]
    )

  it.effect("all content that a result of a tool can have", () =>
    Effect.gen(function*() {
      const content: ReadonlyArray<ContentBlock> = [
        { type: "image", data: "AQID", mimeType: "image/png" },
        { type: "audio", data: "AQID", mimeType: "audio/wav" },
        { type: "resource_link", uri: "file:///map.txt", name: "The map" },
        { type: "resource", resource: { uri: "file:///a.txt", text: "Here." } },
        { type: "resource", resource: { uri: "file:///b.pdf", mimeType: "application/pdf", blob: "AQID" } },
        { type: "resource", resource: { uri: "file:///c", blob: "AQID" } }
      ]
      assert.deepNestedPropertyVal(yield* outputOf({ content }), "content[0].modelOutput", [
        { type: "file", mediaType: "image/png", data: bytes },
        { type: "file", mediaType: "audio/wav", data: bytes },
        text("The map: file:///map.txt"),
        text("Here."),
        { type: "file", mediaType: "application/pdf", data: bytes },
        { type: "file", mediaType: "application/octet-stream", data: bytes }
      ])
    }))

  it.effect.each([
    { what: "as text", content: [], given: ["{\"celsius\":7,\"of\":{}}"] },
    { what: "beside text", content: ["Cold."], given: ["Cold.", "{\"celsius\":7,\"of\":{}}"] },
    { what: "once, however it was written", content: ["{ \"of\": {}, \"celsius\": 7 }"] }
  ])("structured content of a result: $what", ({ content, given = content }) =>
    Effect.gen(function*() {
      const structuredContent = { celsius: 7, of: {} }
      const output = yield* outputOf({ content: content.map(text), structuredContent })
      assert.deepNestedPropertyVal(output, "content[0].modelOutput", given.map(text))
      assert.deepNestedPropertyVal(output, "content[0].result", structuredContent)
    }))

  it.effect.each(["auto", "required", "none"] as const)(
    "the server's tools with their own schemas: %s",
    (toolChoice) =>
      Effect.gen(function*() {
        const { log, result } = yield* asking({ tools: [forecast, { ...forecast, name: "x" }], toolChoice })
        yield* result
        assert.deepStrictEqual(log.map((options) => options.toolChoice), [toolChoice])
        const tools = log.flatMap((options) => options.tools)
        assert.deepStrictEqual(tools.map(({ name }) => name), ["get_forecast", "x"])
        assert.deepStrictEqual(tools.map(Tool.getDescription), ["Tells the weather", "Tells the weather"])
        assert.deepStrictEqual(tools.map((tool) => Tool.getJsonSchema(tool)), [
          forecast.inputSchema,
          forecast.inputSchema
        ])
        // A strict model takes no schema such as this one.
        assert.deepStrictEqual(tools.map(Tool.getStrictMode), [false, false])
      })
  )

  it.effect("no tools when there are none", () =>
    Effect.gen(function*() {
      const { log, result } = yield* asking({ toolChoice: "auto" })
      yield* result
      assert.deepStrictEqual(log.map(({ tools }) => tools), [[]])
    }))

  it.effect.each([
    { what: "content of an unknown type", messages: [user(unknown({ type: "hologram" }))], says: /"hologram"/ },
    { what: "it of the assistant, too", messages: [assistant(unknown({ type: "hologram" }))], says: /"hologram"/ },
    {
      what: "it in a result, too",
      messages: [assistant(use("1", "x")), user(returned("1", unknown({ type: "hologram" })))],
      says: /"hologram"/
    },
    {
      what: "a resource, of which nobody said that it may be there",
      messages: [user(unknown({ type: "resource" }))],
      says: /"resource"/
    },
    { what: "a use of a tool by the user", messages: [user(use("1", "x"))], says: /"tool_use"/ },
    { what: "a result of the assistant", messages: [assistant(returned("1"))], says: /"tool_result"/ },
    { what: "a result of no use", messages: [user(returned("7"))], says: /id 7/ },
    {
      what: "data that are no base64",
      messages: [user({ type: "image", data: "?", mimeType: "image/png" })],
      says: /image\/png.*base64/
    }
  ])("nothing of a request with $what", ({ messages, says }) =>
    Effect.gen(function*() {
      const { log, result } = yield* asking({ messages })
      const { description, payload } = yield* failsWith("ProtocolError")(result)
      assert.match(description, says)
      assert.isDefined(payload)
      assert.deepStrictEqual(log, [])
    }))
})

describe("a server is given", () => {
  it.effect("what the model says, and how it came to its end", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* resultOf([
          { type: "response-metadata", id: "r", modelId: "parrot-1" },
          { type: "text", text: "Hello!" },
          finish("stop", 2)
        ]),
        { content: [text("Hello!")], model: "parrot-1", stopReason: "endTurn" }
      )
    }))

  it.effect("one text, without what the model thought and read", () =>
    Effect.gen(function*() {
      const { content } = yield* resultOf([
        { type: "reasoning", text: "They greet." },
        { type: "text", text: "Hello, " },
        { type: "source", sourceType: "url", id: "1", url: "https://example.com/", title: "Manners" },
        { type: "reasoning", text: "Warmly!" },
        { type: "text", text: "you." }
      ])
      assert.deepStrictEqual(content, [text("Hello, you.")])
    }))

  it.effect("an empty text when the model says nothing", () =>
    Effect.gen(function*() {
      const { content, stopReason } = yield* resultOf([{ type: "reasoning", text: "Hm." }, finish("length")])
      assert.deepStrictEqual([content, stopReason], [[text("")], "maxTokens"])
    }))

  it.effect("images and sounds that the model made", () =>
    Effect.gen(function*() {
      const { content } = yield* resultOf([
        { type: "text", text: "See:" },
        { type: "file", mediaType: "image/png", data: "AQID" },
        { type: "file", mediaType: "audio/wav", data: "AQID" },
        { type: "text", text: "Well?" }
      ])
      assert.deepStrictEqual(content, [
        text("See:"),
        { type: "image", mimeType: "image/png", data: "AQID" },
        { type: "audio", mimeType: "audio/wav", data: "AQID" },
        text("Well?")
      ])
    }))

  const call = (id: string, params: unknown = { city: "Bonn" }): Response.ToolCallPartEncoded => ({
    type: "tool-call",
    id,
    name: "get_forecast",
    params
  })

  it.effect("the model's uses of its tools, which nobody runs here", () =>
    Effect.gen(function*() {
      const { log, result } = yield* asking(
        { tools: [forecast] },
        [{ type: "text", text: "Let me see." }, call("1"), call("2", null), finish("tool-calls")]
      )
      assert.deepStrictEqual(yield* result, {
        content: [
          text("Let me see."),
          { type: "tool_use", id: "1", name: "get_forecast", input: { city: "Bonn" } },
          { type: "tool_use", id: "2", name: "get_forecast", input: {} }
        ],
        model: "unknown",
        stopReason: "toolUse"
      })
      assert.strictEqual(log.length, 1)
    }))

  it.effect("no uses that the provider serves itself", () =>
    Effect.gen(function*() {
      const { content } = yield* resultOf(
        [
          { ...call("1"), providerExecuted: true },
          {
            type: "tool-result",
            id: "1",
            name: "get_forecast",
            result: "Rain.",
            isFailure: false,
            providerExecuted: true
          },
          { type: "text", text: "It rains." }
        ],
        { tools: [forecast] }
      )
      assert.deepStrictEqual(content, [text("It rains.")])
    }))

  it.effect.each(
    [
      ["stop", "endTurn"],
      ["length", "maxTokens"],
      ["tool-calls", "toolUse"],
      ["content-filter", "content-filter"],
      ["error", "error"],
      ["pause", "pause"],
      ["other", "other"],
      ["unknown", undefined]
    ] as const
  )("the reason of the end in its own words: %s is %s", ([reason, stopReason]) =>
    Effect.gen(function*() {
      const result = yield* resultOf([{ type: "text", text: "So" }, finish(reason)])
      assert.strictEqual(result.stopReason, stopReason)
    }))

  it.effect("that a tool is used also when the model only stopped, but not when it was stopped", () =>
    Effect.gen(function*() {
      const stopped = yield* resultOf([call("1"), finish("stop")], { tools: [forecast] })
      const cut = yield* resultOf([call("1"), finish("length")], { tools: [forecast] })
      assert.deepStrictEqual([stopped.stopReason, cut.stopReason], ["toolUse", "maxTokens"])
    }))

  it.effect("the name of the model: by its provider, else by the context", () =>
    Effect.gen(function*() {
      const named = Effect.provideService(Model.ModelName, "parrot")
      const metadata = { type: "response-metadata" as const, modelId: "parrot-1" }
      const results = [
        yield* named(resultOf([metadata])),
        yield* named(resultOf([{ type: "response-metadata", id: "r" }])),
        yield* named(resultOf([])),
        yield* resultOf([])
      ]
      assert.deepStrictEqual(results.map(({ model }) => model), ["parrot-1", "parrot", "parrot", "unknown"])
    }))

  it.effect("no more tokens than it wants", () =>
    Effect.gen(function*() {
      const answer = (tokens: number): Answer => [{ type: "text", text: "Hello!" }, finish("stop", tokens)]
      yield* resultOf(answer(100), { maxTokens: 100 })
      const { hint, limit, what } = yield* failsWith("LimitError")(resultOf(answer(101), { maxTokens: 100 }))
      assert.strictEqual(limit, 100)
      assert.match(what, /101/)
      assert.match(hint ?? "", /`configure`/)
    }))

  it.effect.each([
    {
      what: "made a file of another kind",
      answer: [{ type: "file", mediaType: "text/csv", data: "AQID" }],
      says: /text\/csv/
    },
    { what: "used a tool with no object", answer: [call("1", ["Bonn"])], says: /get_forecast/ },
    {
      what: "used a tool that the server does not have",
      answer: [{ ...call("1"), name: "rm" }],
      says: /Invalid output/
    }
  ] as ReadonlyArray<{ what: string; answer: Answer; says: RegExp }>)(
    "no answer when the model $what",
    ({ answer, says }) =>
      Effect.gen(function*() {
        const error: unknown = yield* Effect.flip(resultOf(answer, { tools: [forecast] }))
        if (!AiError.isAiError(error)) return assert.fail(String(error))
        assert.strictEqual(error.reason._tag, "InvalidOutputError")
        assert.match(error.message, says)
      })
  )

  it.effect("nothing when the model fails, and nobody waits for it when the question is withdrawn", () =>
    Effect.gen(function*() {
      const { createMessage } = McpHandlers.samplingFromLanguageModel()
      const reason = new AiError.QuotaExhaustedError({})
      const failure = AiError.make({ module: "Parrot", method: "generateText", reason })
      const failing = yield* modelOf(() => Effect.fail(failure))
      const ask = createMessage(requestOf({}))
      assert.strictEqual(
        yield* Effect.flip(Effect.provideService(ask, LanguageModel.LanguageModel, failing)),
        failure
      )

      const log: Array<string> = []
      const slow = yield* modelOf(() =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("interrupted")))
      )
      const fiber = yield* start(Effect.provideService(ask, LanguageModel.LanguageModel, slow))
      yield* settled
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["interrupted"])
    }))
})

describe("configure", () => {
  const MaxTokens = Context.Reference<number>("test/MaxTokens", { defaultValue: () => 4096 })
  const Temperature = Context.Reference<number | undefined>("test/Temperature", { defaultValue: () => undefined })

  /** A model that says how it is configured. */
  const layer = (name: string) =>
    Model.make(
      "test",
      name,
      Layer.effect(
        LanguageModel.LanguageModel,
        modelOf(() =>
          Effect.map(Effect.all([MaxTokens, Temperature]), (config) => [{ type: "text", text: JSON.stringify(config) }])
        )
      )
    )

  const models = { parrot: layer("parrot-1"), raven: layer("raven-2") }

  it.effect("sets for each request what only the provider knows how to set", () =>
    Effect.gen(function*() {
      const { createMessage } = McpHandlers.samplingFromLanguageModel({
        configure: ({ maxTokens, temperature }) =>
          flow(Effect.provideService(MaxTokens, maxTokens), Effect.provideService(Temperature, temperature))
      })
      expectTypeOf(createMessage).toEqualTypeOf<McpHandlers.SamplingHandler<LanguageModel.LanguageModel>>()
      const ask = (request: Request) => createMessage(requestOf(request)).pipe(Effect.provide(models.parrot))
      assert.deepStrictEqual((yield* ask({ maxTokens: 7, temperature: 0.5 })).content, [text("[7,0.5]")])
      assert.deepStrictEqual((yield* ask({ maxTokens: 8 })).content, [text("[8,null]")])
    }))

  it.effect("chooses a model by the hints of the server, and then no other is needed", () =>
    Effect.gen(function*() {
      const { createMessage } = McpHandlers.samplingFromLanguageModel({
        configure: ({ modelPreferences }) =>
          Effect.provide(modelPreferences?.hints.some((hint) => hint.includes("raven")) ? models.raven : models.parrot)
      })
      expectTypeOf(createMessage).toEqualTypeOf<McpHandlers.SamplingHandler>()
      const preferences = { costPriority: undefined, speedPriority: undefined, intelligencePriority: undefined }
      const hinted = createMessage(requestOf({ modelPreferences: { hints: ["eagle", "raven-large"], ...preferences } }))
      assert.strictEqual((yield* hinted).model, "raven-2")
      assert.strictEqual((yield* createMessage(requestOf({}))).model, "parrot-1")
    }))

  it.effect("may ask the user first, who may not want it", () =>
    Effect.gen(function*() {
      const { createMessage } = McpHandlers.samplingFromLanguageModel({
        configure: ({ server }) => (answer) =>
          server === "asking" ? Effect.fail(new McpHandlers.SamplingRefused({})) : answer
      })
      const model = yield* modelOf(() => Effect.die("the user said no"))
      const error = yield* Effect.flip(
        Effect.provideService(createMessage(requestOf({})), LanguageModel.LanguageModel, model)
      )
      assert.instanceOf(error, McpHandlers.SamplingRefused)
    }))
})

describe("sampling by a language model", () => {
  it("takes tools, and needs a language model", () => {
    const sampling = McpHandlers.samplingFromLanguageModel()
    expectTypeOf(sampling).toExtend<McpHandlers.Sampling<LanguageModel.LanguageModel>>()
    expectTypeOf(sampling.createMessage).toEqualTypeOf<McpHandlers.SamplingHandler<LanguageModel.LanguageModel>>()
    assert.isTrue(sampling.tools)
  })

  it.live("loads what asks a model only when one is asked", () =>
    Effect.gen(function*() {
      const { stderr, stdout } = yield* runProgram("../../programs/loadsModels.ts")
      assert.strictEqual(stdout, "false\ntrue\n", stderr)
    }))
})

import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import { assert, describe, it } from "@effect/vitest"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { asking, message, sampling } from "./asking.ts"

const text = (text: string) => ({ type: "text", text }) as const
const use = (id: string) => ({ type: "tool_use", id, name: "add", input: { a: 1 } }) as const
const used = (id: string) => ({ type: "tool_result", toolUseId: id, content: [text("2")] }) as const
const user = (...content: ReadonlyArray<JsonObject>) => ({ role: "user", content })
const assistant = (...content: ReadonlyArray<JsonObject>) => ({ role: "assistant", content })

/** What a handler is asked when the server sends such parameters. */
const requestOf = Effect.fnUntraced(function*(params: JsonObject, tools = false) {
  const log: Array<McpHandlers.SamplingRequest> = []
  const { ask } = yield* asking({
    sampling: {
      createMessage: (request) =>
        Effect.sync(() => {
          log.push(request)
          return { content: "Hello!", model: "parrot" }
        }),
      tools
    }
  }, { name: "curious" })
  const answer = yield* ask(sampling, params)
  return { answer, request: log[0] }
})

/** What a server is told about a question that its own fault makes wrong. */
const faultOf = Effect.fnUntraced(function*(params: JsonObject, tools = true) {
  const { answer, request } = yield* requestOf(params, tools)
  assert.isUndefined(request)
  const { error } = answer as { readonly error: { readonly code: number; readonly message: string } }
  assert.strictEqual(error.code, -32602)
  return error.message
})

describe("sampling", () => {
  it.effect("hands all that the server wants to the handler", () =>
    Effect.gen(function*() {
      const { request } = yield* requestOf({
        messages: [
          { role: "user", content: text("Hi") },
          { role: "assistant", content: [text("Hello"), { type: "image", data: "AA==", mimeType: "image/png" }] },
          { role: "user", content: { type: "hologram", n: 1 } }
        ],
        maxTokens: 10,
        systemPrompt: "Be nice.",
        temperature: 0.5,
        stopSequences: ["stop"],
        includeContext: "thisServer",
        modelPreferences: { hints: [{ name: "large" }, {}, { name: "small" }], costPriority: 0.1, speedPriority: 1 },
        metadata: { a: 1 }
      })
      assert.deepStrictEqual<unknown>(request, {
        server: "curious",
        messages: [
          { role: "user", content: [text("Hi")] },
          { role: "assistant", content: [text("Hello"), { type: "image", data: "AA==", mimeType: "image/png" }] },
          { role: "user", content: [{ type: "hologram", n: 1 }] }
        ],
        maxTokens: 10,
        systemPrompt: "Be nice.",
        temperature: 0.5,
        stopSequences: ["stop"],
        includeContext: "thisServer",
        modelPreferences: {
          hints: ["large", "small"],
          costPriority: 0.1,
          speedPriority: 1,
          intelligencePriority: undefined
        },
        tools: undefined,
        toolChoice: undefined,
        metadata: { a: 1 }
      })
    }))

  it.effect.each<readonly [unknown, McpHandlers.SamplingRequest["toolChoice"]]>([
    [undefined, "auto"],
    [{}, "auto"],
    [{ mode: "required" }, "required"],
    [{ mode: "none" }, "none"]
  ])(
    "hands over tools if the handler says that it can use them: %j",
    ([toolChoice, expected]) =>
      Effect.gen(function*() {
        const tools = [{ name: "add", description: "Adds.", inputSchema: { type: "object" } }]
        const { request } = yield* requestOf(
          message("Hi", { tools, ...(toolChoice === undefined ? {} : { toolChoice }) }),
          true
        )
        assert.deepStrictEqual<unknown>(request?.tools, tools)
        assert.strictEqual(request?.toolChoice, expected)
      })
  )

  it.effect("takes what a server leaves out by null", () =>
    Effect.gen(function*() {
      const { request } = yield* requestOf(
        message("Hi", { systemPrompt: null, tools: null, modelPreferences: null }),
        true
      )
      assert.isUndefined(request?.systemPrompt)
      assert.isUndefined(request?.tools)
      assert.isUndefined(request?.modelPreferences)
    }))

  it.effect.each<readonly [string, McpHandlers.SamplingResult, JsonObject]>([
    ["text", { content: "Hello!", model: "m" }, { content: text("Hello!"), model: "m" }],
    ["no text", { content: "", model: "m" }, { content: text(""), model: "m" }],
    ["one block, by itself: older servers know no lists", { content: [use("1")], model: "m", stopReason: "toolUse" }, {
      content: use("1"),
      model: "m",
      stopReason: "toolUse"
    }],
    ["several blocks", { content: [text("a"), text("b")], model: "m" }, {
      content: [text("a"), text("b")],
      model: "m"
    }],
    ["no block", { content: [], model: "m", stopReason: "odd" }, { content: [], model: "m", stopReason: "odd" }]
  ])("answers with %s", ([, result, expected]) =>
    Effect.gen(function*() {
      const { ask } = yield* asking({ sampling: () => Effect.succeed(result) })
      assert.deepStrictEqual(yield* ask(sampling, message("Hi")), { result: { role: "assistant", ...expected } })
    }))

  it.effect("that the user does not want is refused as the protocol says, which is no failure", () =>
    Effect.gen(function*() {
      const { ask, client } = yield* asking({ sampling: () => Effect.fail(new McpHandlers.SamplingRefused()) })
      assert.deepStrictEqual(yield* ask(sampling, message("Hi")), {
        error: { code: -1, message: "User rejected sampling request" }
      })
      yield* client.close
    }))

  it.effect("with a language model gets the model from the caller", () =>
    Effect.gen(function*() {
      const model = (name: string) =>
        LanguageModel.make({
          generateText: () =>
            Effect.succeed([{ type: "response-metadata", modelId: name }, { type: "text", text: "Hello!" }]),
          streamText: () => Stream.empty
        })
      const { ask, capabilities } = yield* asking({ sampling: McpHandlers.samplingFromLanguageModel() }).pipe(
        Effect.provideServiceEffect(LanguageModel.LanguageModel, model("client's"))
      )
      assert.deepStrictEqual(yield* capabilities, { sampling: { tools: {} } })
      const asked = ask(sampling, message("Hi"))
      const answer = (model: string) => ({ result: { role: "assistant", content: text("Hello!"), model } })
      assert.containSubset(yield* asked, answer("client's"))
      assert.containSubset(
        yield* Effect.provideServiceEffect(asked, LanguageModel.LanguageModel, model("caller's")),
        answer("caller's")
      )
    }))
})

describe("a server's fault", () => {
  it.effect.each<readonly [string, JsonObject]>([
    ["no parameters", {}],
    ["no messages", { maxTokens: 1 }],
    ["no maxTokens", { messages: [] }],
    ["another role", { messages: [{ role: "system", content: text("Hi") }], maxTokens: 1 }],
    ["a message of no kind", { messages: ["Hi"], maxTokens: 1 }],
    ["tools of no kind", message("Hi", { tools: {} })],
    ["a choice of no kind", message("Hi", { tools: [], toolChoice: { mode: "maybe" } })]
  ])("is found: %s", ([, params]) =>
    Effect.gen(function*() {
      assert.include(yield* faultOf(params), "do not fit")
    }))

  it.effect.each<readonly [string, unknown]>([
    ["text", "Hi"],
    ["nothing", null],
    ["no type", {}],
    ["a text without text", { type: "text" }],
    ["a use without input", { type: "tool_use", id: "1", name: "add" }],
    ["a list of lists", [[text("Hi")]]],
    ["one bad block among good ones", [text("Hi"), { type: "image" }]]
  ])("is found in the content of a message: %s", ([, content]) =>
    Effect.gen(function*() {
      const fault = yield* faultOf({
        messages: [{ role: "user", content: text("Hi") }, { role: "user", content }],
        maxTokens: 1
      })
      assert.strictEqual(fault, "messages.1.content does not fit")
    }))

  it.effect.each<JsonObject>([{ tools: [] }, { toolChoice: { mode: "auto" } }])(
    "is to give tools to a handler that can use none: %j",
    (params) =>
      Effect.gen(function*() {
        const fault = yield* faultOf(message("Hi", params), false)
        assert.strictEqual(fault, "This client did not declare sampling.tools")
      })
  )

  it.effect.each<readonly [string, string, ReadonlyArray<JsonObject>]>([
    ["results beside other content", "messages.2: tool results stand alone", [
      user(text("Hi")),
      assistant(use("1")),
      user(used("1"), text("and?"))
    ]],
    ["results of the assistant", "messages.1: tool results stand alone", [assistant(use("1")), assistant(used("1"))]],
    ["a use by the user", "messages.0: only the assistant uses tools", [user(use("1"))]],
    ["a use without result", "messages.1: the result of the tool use \"1\" is missing", [
      assistant(use("1")),
      user(text("Hi"))
    ]],
    ["one use of two without result", "messages.1: the result of the tool use \"2\" is missing", [
      assistant(use("1"), use("2")),
      user(used("1"))
    ]],
    ["a result without use", "messages.0: there is no tool use \"1\"", [user(used("1"))]],
    ["a result too late", "messages.1: the result of the tool use \"1\" is missing", [
      assistant(use("1")),
      user(text("wait")),
      user(used("1"))
    ]],
    ["a use at the end", "messages: the results of the last tool uses are missing", [
      user(text("Hi")),
      assistant(use("1"))
    ]]
  ])("is found in the use of tools: %s", ([, expected, messages]) =>
    Effect.gen(function*() {
      assert.include(yield* faultOf({ messages, maxTokens: 1 }), expected)
    }))

  it.effect("is none where tools were used as they should", () =>
    Effect.gen(function*() {
      const messages = [user(text("Hi")), assistant(text("let me see"), use("1"), use("2")), user(used("2"), used("1"))]
      const { request } = yield* requestOf({ messages, maxTokens: 1 }, true)
      assert.deepStrictEqual<unknown>(request?.messages, messages)
    }))
})

import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as McpError from "../../McpError.ts"
import type {
  SamplingContent,
  SamplingMessage,
  SamplingRequest,
  SamplingResult,
  SamplingTool,
  ToolResultContent,
  ToolUseContent
} from "../../McpHandlers.ts"
import { type ContentBlock, isJsonObject } from "../../McpSchema.ts"

/** https://modelcontextprotocol.io/specification/2025-11-25/client/sampling */
export const createMessage = Effect.fnUntraced(function*(
  request: SamplingRequest
): Effect.fn.Return<SamplingResult, AiError.AiError | McpError.McpError, LanguageModel.LanguageModel> {
  const { content, finishReason, usage } = yield* LanguageModel.generateText({
    prompt: yield* toPrompt(request),
    toolkit: Toolkit.make(...(request.tools ?? []).map(toTool)),
    toolChoice: request.toolChoice,
    // It is the server that has these tools.
    disableToolCallResolution: true
  })

  const tokens = usage.outputTokens.total ?? 0
  if (tokens > request.maxTokens) {
    const reason = new McpError.LimitError({
      what: `tokens of a language model's answer, which has ${tokens}`,
      limit: request.maxTokens,
      hint: "Tell the model of `maxTokens` by `configure`."
    })
    return yield* McpError.make(reason)
  }

  const blocks = yield* fromParts(content)
  const model = content.find((part) => part.type === "response-metadata")?.modelId
  return {
    content: blocks,
    model: model ?? Option.getOrElse(yield* Effect.serviceOption(Model.ModelName), () => "unknown"),
    stopReason: toStopReason(finishReason, blocks)
  }
})

// =============================================================================
// What the server says
// =============================================================================

const toTool = ({ description, inputSchema, name }: SamplingTool) =>
  // Models in strict mode take only a part of JSON Schema, of which servers know nothing.
  Tool.dynamic(name, { description, parameters: inputSchema }).annotate(Tool.Strict, false)

const toPrompt = Effect.fnUntraced(function*({ messages, systemPrompt = "" }: SamplingRequest) {
  // Results do not say of which tool they are.
  const toolNames = new Map<string, string>()
  const prompt: Array<Prompt.Message> = systemPrompt === "" ? [] : [Prompt.systemMessage({ content: systemPrompt })]
  for (const message of messages) prompt.push(...yield* toMessages(message, toolNames))
  return Prompt.fromMessages(prompt)
})

const toMessages = Effect.fnUntraced(function*(
  { content, role }: SamplingMessage,
  toolNames: Map<string, string>
): Effect.fn.Return<ReadonlyArray<Prompt.Message>, McpError.McpError> {
  if (role === "assistant") {
    const parts: Array<Prompt.AssistantMessagePart> = []
    for (const block of content) {
      if (block.type === "tool_use") toolNames.set(block.id, block.name)
      parts.push(block.type === "tool_use" ? toToolCall(block) : yield* toPart(block, "a message of the assistant"))
    }
    return [Prompt.assistantMessage({ content: parts })]
  }
  const results: Array<Prompt.ToolResultPart> = []
  const parts: Array<Prompt.UserMessagePart> = []
  for (const block of content) {
    if (block.type === "tool_result") results.push(yield* toToolResult(block, toolNames))
    else parts.push(yield* toPart(block, "a message of the user"))
  }
  return [
    ...(results.length === 0 ? [] : [Prompt.toolMessage({ content: results })]),
    ...(parts.length === 0 ? [] : [Prompt.userMessage({ content: parts })])
  ]
})

const toToolCall = ({ id, input, name }: ToolUseContent): Prompt.ToolCallPart =>
  Prompt.toolCallPart({ id, name, params: input, providerExecuted: false })

const toToolResult = Effect.fnUntraced(function*(block: ToolResultContent, toolNames: ReadonlyMap<string, string>) {
  const { content, isError = false, structuredContent, toolUseId } = block
  const name = toolNames.get(toolUseId)
  if (name === undefined) return yield* invalid(`There is no use of a tool with the id ${toolUseId}`, block)

  const modelOutput: Array<Prompt.ToolModelOutputPart> = []
  for (const part of content) modelOutput.push(yield* toOutputPart(part))
  if (structuredContent !== undefined && !modelOutput.some((part) => isJsonOf(part, structuredContent))) {
    modelOutput.push(text(JSON.stringify(structuredContent)))
  }
  const result = structuredContent ?? Prompt.toolModelOutputToText(modelOutput)
  return Prompt.toolResultPart({
    id: toolUseId,
    name,
    isFailure: isError,
    result,
    modelOutput,
    providerExecuted: false
  })
})

/** Most tools repeat their structured content as text, for those who do not know of it. */
const isJsonOf = (part: Prompt.ToolModelOutputPart, value: unknown): boolean =>
  part.type === "text" && Option.exists(parseJson(part.text), (json) => Equal.equals(json, value))

const parseJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const toOutputPart = (block: ContentBlock): Effect.Effect<Prompt.ToolModelOutputPart, McpError.McpError> => {
  switch (block.type) {
    case "resource_link":
      return Effect.succeed(text(`${block.name}: ${block.uri}`))
    case "resource": {
      const { blob, mimeType = "application/octet-stream", text: contents = "" } = block.resource
      return blob === undefined ? Effect.succeed(text(contents)) : toFile(blob, mimeType, block)
    }
    default:
      return toPart(block, "the result of a tool")
  }
}

const toPart = (
  block: SamplingContent | ContentBlock,
  where: string
): Effect.Effect<Prompt.TextPart | Prompt.FilePart, McpError.McpError> => {
  switch (block.type) {
    case "text":
      return Effect.succeed(text(block.text))
    case "image":
    case "audio":
      return toFile(block.data, block.mimeType, block)
    default:
      return invalid(`Content of type "${block.type}" has no place in ${where} to a language model`, block)
  }
}

const text = (text: string): Prompt.TextPart => Prompt.textPart({ text })

// As bytes, since some providers take text for a URL or for the id of a file.
const toFile = (
  base64: string,
  mediaType: string,
  block: unknown
): Effect.Effect<Prompt.FilePart, McpError.McpError> =>
  Result.match(Base64.decode(base64), {
    onSuccess: (data) => Effect.succeed(Prompt.filePart({ mediaType, data })),
    onFailure: ({ message }) => invalid(`The data of ${mediaType} content is no base64: ${message}`, block)
  })

const invalid = (description: string, payload: unknown): Effect.Effect<never, McpError.McpError> =>
  Effect.fail(McpError.make(new McpError.ProtocolError({ description, payload })))

// =============================================================================
// What the model says
// =============================================================================

type Part = Response.Part<Record<string, Tool.AnyDynamic>, "encoded">

/** Leaves out reasoning, which is the model's own, and sources, for which the protocol has no place. */
const fromParts = Effect.fnUntraced(function*(
  parts: ReadonlyArray<Part>
): Effect.fn.Return<ReadonlyArray<SamplingContent>, AiError.AiError> {
  const blocks: Array<SamplingContent> = []
  for (const part of parts) {
    switch (part.type) {
      case "text": {
        const last = blocks.at(-1)
        // Older servers take no more than one block.
        if (last?.type === "text") blocks[blocks.length - 1] = { type: "text", text: last.text + part.text }
        else blocks.push({ type: "text", text: part.text })
        break
      }
      case "file":
        blocks.push(yield* fromFile(part))
        break
      case "tool-call":
        if (!part.providerExecuted) blocks.push(yield* fromToolCall(part))
    }
  }
  return blocks.length === 0 ? [{ type: "text", text: "" }] : blocks
})

const fromFile = ({ data, mediaType }: Response.FilePart): Effect.Effect<SamplingContent, AiError.AiError> => {
  const kind = /^(image|audio)\//.exec(mediaType)?.[1]
  return kind === "image" || kind === "audio"
    ? Effect.succeed({ type: kind, data: Base64.encode(data), mimeType: mediaType })
    : unusable(`The language model made a file of type ${mediaType}, which no server can be sent`)
}

const fromToolCall = (
  { id, name, params }: Response.ToolCallPart<string, unknown>
): Effect.Effect<ToolUseContent, AiError.AiError> => {
  const input = params ?? {}
  return isJsonObject(input)
    ? Effect.succeed({ type: "tool_use", id, name, input })
    : unusable(`The language model used the tool ${name} with arguments that are no object`)
}

const unusable = (description: string): Effect.Effect<never, AiError.AiError> =>
  Effect.fail(AiError.make({
    module: "McpHandlers",
    method: "samplingFromLanguageModel",
    reason: new AiError.InvalidOutputError({ description })
  }))

const STOP_REASONS: Readonly<Partial<Record<Response.FinishReason, SamplingResult["stopReason"]>>> = {
  stop: "endTurn",
  length: "maxTokens",
  "tool-calls": "toolUse",
  unknown: undefined
}

const toStopReason = (reason: Response.FinishReason, blocks: ReadonlyArray<SamplingContent>) => {
  // Some models also stop in this way when they use a tool.
  if (reason === "stop" && blocks.some(({ type }) => type === "tool_use")) return "toolUse"
  return reason in STOP_REASONS ? STOP_REASONS[reason] : reason
}

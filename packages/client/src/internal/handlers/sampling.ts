import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type {
  Sampling,
  SamplingContent,
  SamplingMessage,
  SamplingRequest,
  SamplingResult,
  ToolResultContent,
  ToolUseContent
} from "../../McpHandlers.ts"
import * as McpSchema from "../../McpSchema.ts"
import { open } from "../open.ts"
import { Refusal } from "../session/refusal.ts"
import { invalidParams } from "./invalidParams.ts"

/** https://modelcontextprotocol.io/specification/2025-11-25/client/sampling#error-handling */
const USER_REJECTED = -1

/** https://modelcontextprotocol.io/specification/2025-11-25/client/sampling */
export const createMessage = <R>(sampling: Sampling<R>, server: string) => {
  const handler = typeof sampling === "function" ? { createMessage: sampling, tools: false } : sampling
  return (params: McpSchema.JsonObject): Effect.Effect<McpSchema.JsonObject, unknown, R> => {
    const request = readRequest(params, server)
    if (Exit.isFailure(request)) return Exit.failCause(request.cause)
    if (handler.tools !== true && (params["tools"] !== undefined || params["toolChoice"] !== undefined)) {
      return Effect.fail(invalidParams("This client did not declare sampling.tools"))
    }
    return handler.createMessage(request.value).pipe(
      Effect.map(toWire),
      Effect.catchIf(isRefused, refuse)
    )
  }
}

export const refuse = (): Effect.Effect<never, Refusal> =>
  Effect.fail(new Refusal(USER_REJECTED, "User rejected sampling request"))

const isRefused = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "SamplingRefused"

const toWire = ({ content, model, stopReason }: SamplingResult): McpSchema.JsonObject => {
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content
  return {
    role: "assistant",
    // Only servers of 2025-11-25 know several blocks.
    content: blocks.length === 1 ? blocks[0] : blocks,
    model,
    ...(stopReason === undefined ? {} : { stopReason })
  }
}

// =============================================================================
// Requests
// =============================================================================

const content = {
  tool_use: Schema.is(open({
    type: Schema.Literal("tool_use"),
    id: Schema.String,
    name: Schema.String,
    input: McpSchema.JsonObject
  })),
  tool_result: Schema.is(open({
    type: Schema.Literal("tool_result"),
    toolUseId: Schema.String,
    content: Schema.Array(McpSchema.ContentBlock),
    structuredContent: Schema.optionalKey(Schema.Unknown),
    isError: Schema.optionalKey(Schema.Boolean)
  })),
  other: Schema.is(McpSchema.ContentBlock)
}

// What they check is what the types of `McpHandlers` name.
const isToolUse = (value: unknown): value is ToolUseContent => content.tool_use(value)
const isToolResult = (value: unknown): value is ToolResultContent => content.tool_result(value)
const isContent = (value: unknown): value is SamplingContent => {
  const type = McpSchema.isJsonObject(value) ? value["type"] : undefined
  return type === "tool_use" ? isToolUse(value) : type === "tool_result" ? isToolResult(value) : content.other(value)
}

const decodeParams = Schema.decodeUnknownExit(open({
  messages: Schema.Array(open({ role: Schema.Literals(["user", "assistant"]), content: Schema.Unknown })),
  maxTokens: Schema.Number,
  systemPrompt: Schema.optionalKey(Schema.String),
  temperature: Schema.optionalKey(Schema.Number),
  stopSequences: Schema.optionalKey(Schema.Array(Schema.String)),
  includeContext: Schema.optionalKey(Schema.Literals(["none", "thisServer", "allServers"])),
  modelPreferences: Schema.optionalKey(open({
    hints: Schema.optionalKey(Schema.Array(open({ name: Schema.optionalKey(Schema.String) }))),
    costPriority: Schema.optionalKey(Schema.Number),
    speedPriority: Schema.optionalKey(Schema.Number),
    intelligencePriority: Schema.optionalKey(Schema.Number)
  })),
  tools: Schema.optionalKey(Schema.Array(open({
    name: Schema.String,
    description: Schema.optionalKey(Schema.String),
    inputSchema: McpSchema.JsonObject
  }))),
  toolChoice: Schema.optionalKey(open({
    mode: Schema.optionalKey(Schema.Literals(["auto", "required", "none"]))
  })),
  metadata: Schema.optionalKey(McpSchema.JsonObject)
}))

const readRequest = (
  params: McpSchema.JsonObject,
  server: string
): Exit.Exit<SamplingRequest, Refusal> => {
  const decoded = decodeParams(params)
  if (Exit.isFailure(decoded)) return Exit.fail(invalidParams("sampling/createMessage: the parameters do not fit"))
  const { messages, modelPreferences, toolChoice, ...rest } = decoded.value
  const read: Array<SamplingMessage> = []
  for (const [index, { content, role }] of messages.entries()) {
    const blocks = Array.isArray(content) ? content : [content]
    if (!blocks.every(isContent)) return Exit.fail(invalidParams(`messages.${index}.content does not fit`))
    read.push({ role, content: blocks })
  }
  const fault = faultOfTools(read)
  if (fault !== undefined) return Exit.fail(invalidParams(fault))
  return Exit.succeed({
    server,
    messages: read,
    maxTokens: rest.maxTokens,
    systemPrompt: rest.systemPrompt,
    temperature: rest.temperature,
    stopSequences: rest.stopSequences,
    includeContext: rest.includeContext,
    modelPreferences: modelPreferences === undefined ? undefined : {
      hints: modelPreferences.hints?.flatMap(({ name }) => name === undefined ? [] : [name]) ?? [],
      costPriority: modelPreferences.costPriority,
      speedPriority: modelPreferences.speedPriority,
      intelligencePriority: modelPreferences.intelligencePriority
    },
    tools: rest.tools,
    toolChoice: toolChoice?.mode ?? (rest.tools === undefined ? undefined : "auto"),
    metadata: rest.metadata
  })
}

/** https://modelcontextprotocol.io/specification/2025-11-25/client/sampling#message-content-constraints */
const faultOfTools = (messages: ReadonlyArray<SamplingMessage>): string | undefined => {
  let used: ReadonlyArray<string> = []
  for (const [index, { content, role }] of messages.entries()) {
    const results = content.filter(isToolResult)
    const uses = content.filter(isToolUse)
    if (results.length > 0 && (role !== "user" || results.length < content.length)) {
      return `messages.${index}: tool results stand alone in a message of the user`
    }
    if (uses.length > 0 && role !== "assistant") return `messages.${index}: only the assistant uses tools`
    const answered = results.map(({ toolUseId }) => toolUseId)
    const missing = used.find((id) => !answered.includes(id))
    if (missing !== undefined) return `messages.${index}: the result of the tool use "${missing}" is missing`
    const stray = answered.find((id) => !used.includes(id))
    if (stray !== undefined) return `messages.${index}: there is no tool use "${stray}" before its result`
    used = uses.map(({ id }) => id)
  }
  return used.length === 0 ? undefined : `messages: the results of the last tool uses are missing`
}

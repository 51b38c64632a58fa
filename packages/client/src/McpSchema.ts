/**
 * The shapes of the protocol, as lenient schemas.
 *
 * What a server sends is checked, not rebuilt: a value that passes keeps its identity and with it every field that the
 * schema does not name, so vendor extensions and newer revisions survive. Content of a type that the schema does not
 * know is data, not an error. An optional field that is `null` is left out, as if the server had done so.
 *
 * **Example** (Fields that the schema does not name)
 *
 * ```ts check
 * import * as McpSchema from "@effect-mcp/client/McpSchema"
 * import * as Schema from "effect/Schema"
 *
 * const block = { type: "text", text: "hi", "x-vendor": 1 }
 *
 * Schema.decodeUnknownSync(McpSchema.ContentBlock)(block) === block // => true
 * Schema.is(McpSchema.ContentBlock)({ type: "hologram", depth: 3 }) // => true
 * Schema.is(McpSchema.ContentBlock)({ type: "text" }) // => false
 * ```
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import { checkBy, checkOf, isObject, keep, open } from "./internal/open.ts"

/**
 * A value with fields that its schema does not name.
 *
 * @category models
 * @since 0.1.0
 */
export type { Open } from "./internal/open.ts"

type Infer<S extends Schema.Constraint> = S["Type"]

/**
 * A JSON object of which nothing is known.
 *
 * @category models
 * @since 0.1.0
 */
export interface JsonObject {
  readonly [key: string]: unknown
}

/**
 * Whether a value is a JSON object: not `null`, not an array.
 *
 * @category guards
 * @since 0.1.0
 */
export const isJsonObject: (value: unknown) => value is JsonObject = isObject

/**
 * Schema of a JSON object of which nothing is known.
 *
 * @category schemas
 * @since 0.1.0
 */
export const JsonObject: Schema.Codec<JsonObject> = Schema.declare(isJsonObject, { expected: "object" })

const implementation = open({
  name: Schema.String,
  version: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  websiteUrl: Schema.optionalKey(Schema.String)
})

/**
 * Name and version of a program, the client or the server.
 *
 * @category models
 * @since 0.1.0
 */
export interface Implementation extends Infer<typeof implementation> {}

/**
 * Name and version of a program, the client or the server.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#implementation
 * @category schemas
 * @since 0.1.0
 */
export const Implementation: Schema.Codec<Implementation> = implementation

const serverCapabilities = open({
  completions: Schema.optionalKey(JsonObject),
  logging: Schema.optionalKey(JsonObject),
  prompts: Schema.optionalKey(open({ listChanged: Schema.optionalKey(Schema.Boolean) })),
  resources: Schema.optionalKey(open({
    listChanged: Schema.optionalKey(Schema.Boolean),
    subscribe: Schema.optionalKey(Schema.Boolean)
  })),
  tools: Schema.optionalKey(open({ listChanged: Schema.optionalKey(Schema.Boolean) }))
})

/**
 * What a server offers. A missing key means that the server does not offer it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerCapabilities extends Infer<typeof serverCapabilities> {}

/**
 * What a server offers. A missing key means that the server does not offer it.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#capability-negotiation
 * @category schemas
 * @since 0.1.0
 */
export const ServerCapabilities: Schema.Codec<ServerCapabilities> = serverCapabilities

const initializeResult = open({
  protocolVersion: Schema.String,
  capabilities: ServerCapabilities,
  serverInfo: Implementation,
  instructions: Schema.optionalKey(Schema.String)
})

/**
 * The answer to `initialize`.
 *
 * @category models
 * @since 0.1.0
 */
export interface InitializeResult extends Infer<typeof initializeResult> {}

/**
 * The answer to `initialize`.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#initialization
 * @category schemas
 * @since 0.1.0
 */
export const InitializeResult: Schema.Codec<InitializeResult> = initializeResult

const toolAnnotations = open({
  title: Schema.optionalKey(Schema.String),
  readOnlyHint: Schema.optionalKey(Schema.Boolean),
  destructiveHint: Schema.optionalKey(Schema.Boolean),
  idempotentHint: Schema.optionalKey(Schema.Boolean),
  openWorldHint: Schema.optionalKey(Schema.Boolean)
})

/**
 * Hints about a tool's behaviour. They come from the server: trust them as far as you trust it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToolAnnotations extends Infer<typeof toolAnnotations> {}

/**
 * Hints about a tool's behaviour. They come from the server: trust them as far as you trust it.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#toolannotations
 * @category schemas
 * @since 0.1.0
 */
export const ToolAnnotations: Schema.Codec<ToolAnnotations> = toolAnnotations

const tool = open({
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  inputSchema: JsonObject,
  outputSchema: Schema.optionalKey(JsonObject),
  annotations: Schema.optionalKey(ToolAnnotations),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * A tool as the server describes it. `inputSchema` and `outputSchema` are JSON Schemas, kept as they came.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tool extends Infer<typeof tool> {}

/**
 * A tool as the server describes it. `inputSchema` and `outputSchema` are JSON Schemas, kept as they came.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool
 * @category schemas
 * @since 0.1.0
 */
export const Tool: Schema.Codec<Tool> = tool

const textContent = open({ type: Schema.Literal("text"), text: Schema.String })

/**
 * Text.
 *
 * @category models
 * @since 0.1.0
 */
export interface TextContent extends Infer<typeof textContent> {}

/**
 * Text.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#textcontent
 * @category schemas
 * @since 0.1.0
 */
export const TextContent: Schema.Codec<TextContent> = textContent

const imageContent = open({ type: Schema.Literal("image"), data: Schema.String, mimeType: Schema.String })

/**
 * An image: `data` is base64.
 *
 * @category models
 * @since 0.1.0
 */
export interface ImageContent extends Infer<typeof imageContent> {}

/**
 * An image: `data` is base64.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#imagecontent
 * @category schemas
 * @since 0.1.0
 */
export const ImageContent: Schema.Codec<ImageContent> = imageContent

const audioContent = open({ type: Schema.Literal("audio"), data: Schema.String, mimeType: Schema.String })

/**
 * Sound: `data` is base64.
 *
 * @category models
 * @since 0.1.0
 */
export interface AudioContent extends Infer<typeof audioContent> {}

/**
 * Sound: `data` is base64.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#audiocontent
 * @category schemas
 * @since 0.1.0
 */
export const AudioContent: Schema.Codec<AudioContent> = audioContent

const resourceLink = open({ type: Schema.Literal("resource_link"), uri: Schema.String, name: Schema.String })

/**
 * A link to a resource that the client may read.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceLink extends Infer<typeof resourceLink> {}

/**
 * A link to a resource that the client may read.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#resourcelink
 * @category schemas
 * @since 0.1.0
 */
export const ResourceLink: Schema.Codec<ResourceLink> = resourceLink

const resourceContents = open({
  uri: Schema.String,
  mimeType: Schema.optionalKey(Schema.String),
  text: Schema.optionalKey(Schema.String),
  blob: Schema.optionalKey(Schema.String),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * A part of a resource: with `text`, or with `blob` in base64.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceContents extends Infer<typeof resourceContents> {}

/**
 * A part of a resource: with `text`, or with `blob` in base64.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#textresourcecontents
 * @category schemas
 * @since 0.1.0
 */
export const ResourceContents: Schema.Codec<ResourceContents> = resourceContents

const embeddedResource = open({ type: Schema.Literal("resource"), resource: ResourceContents })

/**
 * A resource, embedded: with `text`, or with `blob` in base64.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmbeddedResource extends Infer<typeof embeddedResource> {}

/**
 * A resource, embedded: with `text`, or with `blob` in base64.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#embeddedresource
 * @category schemas
 * @since 0.1.0
 */
export const EmbeddedResource: Schema.Codec<EmbeddedResource> = embeddedResource

// Stands for every string but the known types. Only a unit type takes part in narrowing, and only an enum's is at the
// same time a string and different from each literal; it exists in types alone.
declare enum ContentType {
  Unknown = "unknown"
}

/**
 * Content of a type that this library does not know, as it came. `type` is the server's word for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnknownContent {
  readonly type: ContentType.Unknown
  readonly [key: string]: unknown
}

const contentByType = new Map(
  Object.entries<Schema.Codec<unknown>>({
    text: TextContent,
    image: ImageContent,
    audio: AudioContent,
    resource_link: ResourceLink,
    resource: EmbeddedResource
  }).map(([type, schema]) => [
    type,
    { ...checkOf(schema.ast), explain: SchemaParser.decodeUnknownExit(schema) }
  ])
)

const typeOf = (value: unknown): string | undefined =>
  isJsonObject(value) && typeof value["type"] === "string" ? value["type"] : undefined

/**
 * One block of content.
 *
 * @category models
 * @since 0.1.0
 */
export type ContentBlock =
  | TextContent
  | ImageContent
  | AudioContent
  | ResourceLink
  | EmbeddedResource
  | UnknownContent

/**
 * One block of content. Its `type` says which; a type that this library does not know is accepted as it is.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#contentblock
 * @category schemas
 * @since 0.1.0
 */
export const ContentBlock: Schema.Codec<ContentBlock> = keep<ContentBlock>(
  checkBy(
    (value) => {
      const type = typeOf(value)
      return type !== undefined && (contentByType.get(type)?.fits(value) ?? true)
    },
    (value) => contentByType.get(typeOf(value) ?? "")?.repair(value) ?? value
  ),
  (value) => contentByType.get(typeOf(value) ?? "")?.explain(value),
  "content with a type"
)

const callToolResult = open({
  content: Schema.Array(ContentBlock),
  structuredContent: Schema.optionalKey(Schema.Unknown),
  isError: Schema.optionalKey(Schema.Boolean),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * What a tool returned. `isError` says that the tool ran and failed; `structuredContent` is the JSON value that the
 * tool's `outputSchema` describes.
 *
 * @category models
 * @since 0.1.0
 */
export interface CallToolResult extends Infer<typeof callToolResult> {}

/**
 * What a tool returned. `isError` says that the tool ran and failed; `structuredContent` is the JSON value that the
 * tool's `outputSchema` describes.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-result
 * @category schemas
 * @since 0.1.0
 */
export const CallToolResult: Schema.Codec<CallToolResult> = callToolResult

const listToolsResult = open({
  tools: Schema.Array(Schema.Unknown),
  nextCursor: Schema.optionalKey(Schema.String),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * One page of tools. `tools` stays unchecked here, so that one bad tool does not hide the others.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListToolsResult extends Infer<typeof listToolsResult> {}

/**
 * One page of tools. `tools` stays unchecked here, so that one bad tool does not hide the others.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/pagination
 * @category schemas
 * @since 0.1.0
 */
export const ListToolsResult: Schema.Codec<ListToolsResult> = listToolsResult

const annotations = open({
  audience: Schema.optionalKey(Schema.Array(Schema.String)),
  priority: Schema.optionalKey(Schema.Number),
  lastModified: Schema.optionalKey(Schema.String)
})

/**
 * For whom something is meant (`user`, `assistant`), how important it is (from 0 to 1), and when it last changed (ISO
 * 8601).
 *
 * @category models
 * @since 0.1.0
 */
export interface Annotations extends Infer<typeof annotations> {}

/**
 * For whom something is meant (`user`, `assistant`), how important it is (from 0 to 1), and when it last changed (ISO
 * 8601).
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#annotations
 * @category schemas
 * @since 0.1.0
 */
export const Annotations: Schema.Codec<Annotations> = annotations

const resource = open({
  uri: Schema.String,
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  mimeType: Schema.optionalKey(Schema.String),
  size: Schema.optionalKey(Schema.Number),
  annotations: Schema.optionalKey(Annotations),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * A resource as the server describes it. `size` is in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Resource extends Infer<typeof resource> {}

/**
 * A resource as the server describes it. `size` is in bytes.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/resources#resource
 * @category schemas
 * @since 0.1.0
 */
export const Resource: Schema.Codec<Resource> = resource

const resourceTemplate = open({
  uriTemplate: Schema.String,
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  mimeType: Schema.optionalKey(Schema.String),
  annotations: Schema.optionalKey(Annotations),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * A family of resources. `uriTemplate` makes their URIs, as RFC 6570 says.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResourceTemplate extends Infer<typeof resourceTemplate> {}

/**
 * A family of resources. `uriTemplate` makes their URIs, as RFC 6570 says.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/resources#resource-templates
 * @category schemas
 * @since 0.1.0
 */
export const ResourceTemplate: Schema.Codec<ResourceTemplate> = resourceTemplate

const listResourcesResult = open({
  resources: Schema.Array(Schema.Unknown),
  nextCursor: Schema.optionalKey(Schema.String),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * One page of resources. `resources` stays unchecked here, so that one bad resource does not hide the others.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListResourcesResult extends Infer<typeof listResourcesResult> {}

/**
 * One page of resources. `resources` stays unchecked here, so that one bad resource does not hide the others.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/pagination
 * @category schemas
 * @since 0.1.0
 */
export const ListResourcesResult: Schema.Codec<ListResourcesResult> = listResourcesResult

const listResourceTemplatesResult = open({
  resourceTemplates: Schema.Array(Schema.Unknown),
  nextCursor: Schema.optionalKey(Schema.String),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * One page of templates of resources. `resourceTemplates` stays unchecked here, so that one bad template does not hide
 * the others.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListResourceTemplatesResult extends Infer<typeof listResourceTemplatesResult> {}

/**
 * One page of templates of resources. `resourceTemplates` stays unchecked here, so that one bad template does not hide
 * the others.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/pagination
 * @category schemas
 * @since 0.1.0
 */
export const ListResourceTemplatesResult: Schema.Codec<ListResourceTemplatesResult> = listResourceTemplatesResult

const readResourceResult = open({
  contents: Schema.Array(ResourceContents),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * The parts of a resource.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReadResourceResult extends Infer<typeof readResourceResult> {}

/**
 * The parts of a resource.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/resources#reading-resources
 * @category schemas
 * @since 0.1.0
 */
export const ReadResourceResult: Schema.Codec<ReadResourceResult> = readResourceResult

const promptArgument = open({
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  required: Schema.optionalKey(Schema.Boolean)
})

/**
 * An argument that a prompt takes.
 *
 * @category models
 * @since 0.1.0
 */
export interface PromptArgument extends Infer<typeof promptArgument> {}

/**
 * An argument that a prompt takes.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#promptargument
 * @category schemas
 * @since 0.1.0
 */
export const PromptArgument: Schema.Codec<PromptArgument> = promptArgument

const prompt = open({
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  arguments: Schema.optionalKey(Schema.Array(PromptArgument)),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * A prompt as the server describes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Prompt extends Infer<typeof prompt> {}

/**
 * A prompt as the server describes it.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/prompts#prompt
 * @category schemas
 * @since 0.1.0
 */
export const Prompt: Schema.Codec<Prompt> = prompt

const listPromptsResult = open({
  prompts: Schema.Array(Schema.Unknown),
  nextCursor: Schema.optionalKey(Schema.String),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * One page of prompts. `prompts` stays unchecked here, so that one bad prompt does not hide the others.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListPromptsResult extends Infer<typeof listPromptsResult> {}

/**
 * One page of prompts. `prompts` stays unchecked here, so that one bad prompt does not hide the others.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/pagination
 * @category schemas
 * @since 0.1.0
 */
export const ListPromptsResult: Schema.Codec<ListPromptsResult> = listPromptsResult

/**
 * Who speaks. The protocol knows two; another word of a server's is kept.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#role
 * @category models
 * @since 0.1.0
 */
export type Role = "user" | "assistant" | (string & {})

const role: Schema.Codec<Role> = Schema.String

const promptMessage = open({ role, content: ContentBlock })

/**
 * A message of a prompt.
 *
 * @category models
 * @since 0.1.0
 */
export interface PromptMessage extends Infer<typeof promptMessage> {}

/**
 * A message of a prompt.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/prompts#promptmessage
 * @category schemas
 * @since 0.1.0
 */
export const PromptMessage: Schema.Codec<PromptMessage> = promptMessage

const getPromptResult = open({
  description: Schema.optionalKey(Schema.String),
  messages: Schema.Array(PromptMessage),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * A prompt, filled in: messages for a model.
 *
 * @category models
 * @since 0.1.0
 */
export interface GetPromptResult extends Infer<typeof getPromptResult> {}

/**
 * A prompt, filled in: messages for a model.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/prompts#getting-a-prompt
 * @category schemas
 * @since 0.1.0
 */
export const GetPromptResult: Schema.Codec<GetPromptResult> = getPromptResult

/**
 * What is to be completed: an argument of a prompt, or a variable of a URI template.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/completion#reference-types
 * @category models
 * @since 0.1.0
 */
export type CompletionReference =
  | { readonly type: "ref/prompt"; readonly name: string }
  | { readonly type: "ref/resource"; readonly uri: string }

const completion = open({
  values: Schema.Array(Schema.String),
  total: Schema.optionalKey(Schema.Number),
  hasMore: Schema.optionalKey(Schema.Boolean)
})

/**
 * What the begin of a value may become: at most 100 `values`, the best first. `total` counts all that there are, and
 * `hasMore` says that there are more, when the server tells.
 *
 * @category models
 * @since 0.1.0
 */
export interface Completion extends Infer<typeof completion> {}

/**
 * What the begin of a value may become: at most 100 `values`, the best first. `total` counts all that there are, and
 * `hasMore` says that there are more, when the server tells.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/completion#completion-results
 * @category schemas
 * @since 0.1.0
 */
export const Completion: Schema.Codec<Completion> = completion

const completeResult = open({ completion: Completion, _meta: Schema.optionalKey(JsonObject) })

/**
 * The answer to `completion/complete`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CompleteResult extends Infer<typeof completeResult> {}

/**
 * The answer to `completion/complete`.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/completion#completion-results
 * @category schemas
 * @since 0.1.0
 */
export const CompleteResult: Schema.Codec<CompleteResult> = completeResult

/**
 * How serious a log message is, from the least to the most.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/logging#log-levels
 * @category models
 * @since 0.1.0
 */
export type LogLevel = "debug" | "info" | "notice" | "warning" | "error" | "critical" | "alert" | "emergency"

const progress = open({
  progress: Schema.Number,
  total: Schema.optionalKey(Schema.Number),
  message: Schema.optionalKey(Schema.String)
})

/**
 * How far a request has come. `progress` grows; `total` is in the same unit, when the server knows it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress extends Infer<typeof progress> {}

/**
 * How far a request has come. `progress` grows; `total` is in the same unit, when the server knows it.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/progress
 * @category schemas
 * @since 0.1.0
 */
export const Progress: Schema.Codec<Progress> = progress

/**
 * The id of a request: chosen by who asks, repeated by who answers.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic#requests
 * @category models
 * @since 0.1.0
 */
export type RequestId = string | number

/**
 * A message that wants an answer.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic#requests
 * @category models
 * @since 0.1.0
 */
export interface JsonRpcRequest {
  readonly jsonrpc: "2.0"
  readonly id: RequestId
  readonly method: string
  readonly params?: JsonObject | undefined
}

/**
 * A message that wants no answer.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic#notifications
 * @category models
 * @since 0.1.0
 */
export interface JsonRpcNotification {
  readonly jsonrpc: "2.0"
  readonly method: string
  readonly params?: JsonObject | undefined
}

/**
 * An answer: a result, or an error.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic#responses
 * @category models
 * @since 0.1.0
 */
export type JsonRpcResponse =
  | { readonly jsonrpc: "2.0"; readonly id: RequestId; readonly result: unknown }
  | { readonly jsonrpc: "2.0"; readonly id: RequestId; readonly error: JsonRpcErrorObject }

/**
 * The error of an answer.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic#responses
 * @category models
 * @since 0.1.0
 */
export interface JsonRpcErrorObject {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/**
 * Any message.
 *
 * @category models
 * @since 0.1.0
 */
export type JsonRpcMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResponse

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
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"

/**
 * A value with fields that its schema does not name.
 *
 * @category models
 * @since 0.1.0
 */
export type Open<A> = A & { readonly [key: string]: unknown }

type Infer<S extends Schema.Constraint> = S["Type"]

// Every message is checked, so a value that fits must cost little: plain functions say yes. Only what they turn down
// is looked at again: many servers write `null` for a field that they leave out, which `repair` leaves out, too; and if
// that was not it, the schema says what is wrong.
interface Check {
  readonly fits: (value: unknown) => boolean
  readonly repair: (value: unknown) => unknown
}

const checkBy = (fits: Check["fits"], repair: Check["repair"] = identity): Check => ({ fits, repair })

// By the parser of a declaration, which stays the same when a field makes the declaration optional.
const checks = new WeakMap<object, Check>()

const checkOf = (ast: SchemaAST.AST): Check => {
  if (ast.checks === undefined) {
    switch (ast._tag) {
      case "String":
        return checkBy((value) => typeof value === "string")
      case "Boolean":
        return checkBy((value) => typeof value === "boolean")
      case "Number":
        return checkBy((value) => typeof value === "number")
      case "Unknown":
        return checkBy(() => true)
      case "Literal":
        return checkBy((value) => value === ast.literal)
      case "Arrays": {
        const [item] = ast.rest
        if (item === undefined || ast.elements.length > 0) break
        const { fits, repair } = checkOf(item)
        return checkBy(
          (value) => Array.isArray(value) && value.every(fits),
          (value) => Array.isArray(value) ? value.map(repair) : value
        )
      }
      case "Declaration": {
        const check = checks.get(ast.run)
        if (check !== undefined) return check
      }
    }
  }
  return checkBy(Schema.is(Schema.make(ast)))
}

// Checks a value and hands back that very value, where a plain struct would build a new one of the fields it names.
const keep = <A>(
  check: Check,
  explain: (value: unknown) => Exit.Exit<unknown, SchemaIssue.Issue> | undefined,
  expected: string
): Schema.Codec<A> => {
  const schema = Schema.declareConstructor<A>()([], () => (value, ast, options) => {
    // The casts follow from the check: `A` is what it checks.
    if (check.fits(value)) return Exit.succeed(value as A)
    const repaired = check.repair(value)
    if (check.fits(repaired)) return Exit.succeed(repaired as A)
    const exit = explain(repaired)
    return exit === undefined || Exit.isSuccess(exit)
      ? Exit.fail(new SchemaIssue.InvalidType(ast, value, options))
      : Exit.failCause(exit.cause)
  }, { expected })
  checks.set(schema.ast.run, check)
  return schema
}

const open = <const Fields extends Schema.Struct.Fields>(
  fields: Fields & { readonly [K in keyof Fields]: Schema.Codec<unknown> }
): Schema.Codec<Open<Schema.Struct<Fields>["Type"]>> => {
  const all = Object.entries<Schema.Constraint>(fields).map(([key, { ast }]) => ({
    key,
    optional: SchemaAST.isOptional(ast),
    ...checkOf(ast)
  }))
  const fits: Check["fits"] = (value) => {
    if (!isJsonObject(value)) return false
    for (const { fits, key, optional } of all) {
      const field = value[key]
      if (!(field === undefined && optional && !(key in value)) && !fits(field)) return false
    }
    return true
  }
  const repair: Check["repair"] = (value) => {
    if (!isJsonObject(value)) return value
    const repaired: Record<string, unknown> = { ...value }
    for (const { fits, key, optional, repair } of all) {
      if (!(key in value) || fits(value[key])) continue
      if (optional && value[key] === null) delete repaired[key]
      else repaired[key] = repair(value[key])
    }
    return repaired
  }
  return keep(checkBy(fits, repair), SchemaParser.decodeUnknownExit(Schema.Struct(fields)), "object")
}

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
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

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

const embeddedResource = open({
  type: Schema.Literal("resource"),
  resource: open({
    uri: Schema.String,
    mimeType: Schema.optionalKey(Schema.String),
    text: Schema.optionalKey(Schema.String),
    blob: Schema.optionalKey(Schema.String)
  })
})

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

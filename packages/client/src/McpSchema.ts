/**
 * The shapes of the protocol, as lenient schemas.
 *
 * What a server sends is checked, not rebuilt: a value that passes keeps its identity and with it every field that the
 * schema does not name, so vendor extensions and newer revisions survive. Content of a type that the schema does not
 * know is data, not an error.
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
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"

/**
 * A value with fields that its schema does not name.
 *
 * @category models
 * @since 0.1.0
 */
export type Open<A> = A & { readonly [key: string]: unknown }

// Checks a value and hands back that very value, where a plain struct would build a new one of the fields it names.
const keep = <A>(
  checkOf: (value: unknown) => ((value: unknown) => Exit.Exit<unknown, SchemaIssue.Issue>) | undefined,
  expected: string
): Schema.Codec<A> =>
  Schema.declareConstructor<A>()([], () => (value, ast, options) => {
    const parse = checkOf(value)
    if (parse === undefined) return Exit.fail(new SchemaIssue.InvalidType(ast, value, options))
    const exit = parse(value)
    // The cast follows from the check: `A` is what the checked schema describes.
    return Exit.isSuccess(exit) ? Exit.succeed(value as A) : Exit.failCause(exit.cause)
  }, { expected })

const open = <const Fields extends Schema.Struct.Fields>(
  fields: Fields & { readonly [K in keyof Fields]: Schema.Codec<unknown> }
): Schema.Codec<Open<Schema.Struct<Fields>["Type"]>> => {
  const parse = SchemaParser.decodeUnknownExit(Schema.Struct(fields))
  return keep(() => parse, "object")
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

/**
 * Name and version of a program, the client or the server.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#implementation
 * @category schemas
 * @since 0.1.0
 */
export const Implementation = open({
  name: Schema.String,
  version: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  websiteUrl: Schema.optionalKey(Schema.String)
})

/**
 * Name and version of a program.
 *
 * @category models
 * @since 0.1.0
 */
export type Implementation = typeof Implementation.Type

/**
 * What a server offers. A missing key means that the server does not offer it.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#capability-negotiation
 * @category schemas
 * @since 0.1.0
 */
export const ServerCapabilities = open({
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
 * What a server offers.
 *
 * @category models
 * @since 0.1.0
 */
export type ServerCapabilities = typeof ServerCapabilities.Type

/**
 * The answer to `initialize`.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#initialization
 * @category schemas
 * @since 0.1.0
 */
export const InitializeResult = open({
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
export type InitializeResult = typeof InitializeResult.Type

/**
 * Hints about a tool's behaviour. They come from the server: trust them as far as you trust it.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#toolannotations
 * @category schemas
 * @since 0.1.0
 */
export const ToolAnnotations = open({
  title: Schema.optionalKey(Schema.String),
  readOnlyHint: Schema.optionalKey(Schema.Boolean),
  destructiveHint: Schema.optionalKey(Schema.Boolean),
  idempotentHint: Schema.optionalKey(Schema.Boolean),
  openWorldHint: Schema.optionalKey(Schema.Boolean)
})

/**
 * Hints about a tool's behaviour.
 *
 * @category models
 * @since 0.1.0
 */
export type ToolAnnotations = typeof ToolAnnotations.Type

/**
 * A tool as the server describes it. `inputSchema` and `outputSchema` are JSON Schemas, kept as they came.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool
 * @category schemas
 * @since 0.1.0
 */
export const Tool = open({
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  inputSchema: JsonObject,
  outputSchema: Schema.optionalKey(JsonObject),
  annotations: Schema.optionalKey(ToolAnnotations),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * A tool as the server describes it.
 *
 * @category models
 * @since 0.1.0
 */
export type Tool = typeof Tool.Type

/**
 * Text.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#textcontent
 * @category schemas
 * @since 0.1.0
 */
export const TextContent = open({ type: Schema.Literal("text"), text: Schema.String })

/**
 * An image: `data` is base64.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#imagecontent
 * @category schemas
 * @since 0.1.0
 */
export const ImageContent = open({ type: Schema.Literal("image"), data: Schema.String, mimeType: Schema.String })

/**
 * Sound: `data` is base64.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#audiocontent
 * @category schemas
 * @since 0.1.0
 */
export const AudioContent = open({ type: Schema.Literal("audio"), data: Schema.String, mimeType: Schema.String })

/**
 * A link to a resource that the client may read.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#resourcelink
 * @category schemas
 * @since 0.1.0
 */
export const ResourceLink = open({ type: Schema.Literal("resource_link"), uri: Schema.String, name: Schema.String })

/**
 * A resource, embedded: with `text`, or with `blob` in base64.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#embeddedresource
 * @category schemas
 * @since 0.1.0
 */
export const EmbeddedResource = open({
  type: Schema.Literal("resource"),
  resource: open({
    uri: Schema.String,
    mimeType: Schema.optionalKey(Schema.String),
    text: Schema.optionalKey(Schema.String),
    blob: Schema.optionalKey(Schema.String)
  })
})

declare const UnknownContentType: unique symbol

/**
 * Content of a type that this library does not know, as it came. The brand on `type` keeps `block.type === "text"`
 * narrowing to text.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnknownContent {
  readonly type: string & { readonly [UnknownContentType]: true }
  readonly [key: string]: unknown
}

const contentChecks = new Map(
  Object.entries({
    text: TextContent,
    image: ImageContent,
    audio: AudioContent,
    resource_link: ResourceLink,
    resource: EmbeddedResource
  }).map(([type, schema]) => [type, SchemaParser.decodeUnknownExit(schema)])
)

/**
 * One block of content.
 *
 * @category models
 * @since 0.1.0
 */
export type ContentBlock =
  | typeof TextContent.Type
  | typeof ImageContent.Type
  | typeof AudioContent.Type
  | typeof ResourceLink.Type
  | typeof EmbeddedResource.Type
  | UnknownContent

/**
 * One block of content. Its `type` says which; a type that this library does not know is accepted as it is.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/schema#contentblock
 * @category schemas
 * @since 0.1.0
 */
export const ContentBlock: Schema.Codec<ContentBlock> = keep<ContentBlock>(
  (value) =>
    isJsonObject(value) && typeof value["type"] === "string"
      ? contentChecks.get(value["type"]) ?? Exit.succeed
      : undefined,
  "content with a type"
)

/**
 * What a tool returned. `isError` says that the tool ran and failed; `structuredContent` is the JSON value that the
 * tool's `outputSchema` describes.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-result
 * @category schemas
 * @since 0.1.0
 */
export const CallToolResult = open({
  content: Schema.Array(ContentBlock),
  structuredContent: Schema.optionalKey(Schema.Unknown),
  isError: Schema.optionalKey(Schema.Boolean),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * What a tool returned.
 *
 * @category models
 * @since 0.1.0
 */
export type CallToolResult = typeof CallToolResult.Type

/**
 * One page of tools. `tools` stays unchecked here, so that one bad tool does not hide the others.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/pagination
 * @category schemas
 * @since 0.1.0
 */
export const ListToolsResult = open({
  tools: Schema.Array(Schema.Unknown),
  nextCursor: Schema.optionalKey(Schema.String),
  _meta: Schema.optionalKey(JsonObject)
})

/**
 * One page of tools, as it came.
 *
 * @category models
 * @since 0.1.0
 */
export type ListToolsResult = typeof ListToolsResult.Type

/**
 * How far a request has come. `progress` grows; `total` is in the same unit, when the server knows it.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/progress
 * @category schemas
 * @since 0.1.0
 */
export const Progress = open({
  progress: Schema.Number,
  total: Schema.optionalKey(Schema.Number),
  message: Schema.optionalKey(Schema.String)
})

/**
 * How far a request has come.
 *
 * @category models
 * @since 0.1.0
 */
export type Progress = typeof Progress.Type


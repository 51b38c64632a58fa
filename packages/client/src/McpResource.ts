/**
 * Declarations of a server's resources: the URI, or a template of URIs, and the schema of what is read there.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Decoder, decoder, encoder } from "./internal/codec.ts"
import * as UriTemplate from "./internal/uriTemplate.ts"
import { type Subject, toValidationError } from "./internal/validation.ts"
import * as McpError from "./McpError.ts"
import type { JsonObject, ReadResourceResult, ResourceContents } from "./McpSchema.ts"

/**
 * The identity of {@link McpResource} values.
 *
 * @category models
 * @since 0.1.0
 */
export const TypeId = "~@effect-mcp/client/McpResource" as const

/**
 * A part of a resource that is text.
 *
 * @category models
 * @since 0.1.0
 */
export interface TextContent {
  readonly uri: string
  readonly mimeType?: string
  readonly text: string
  readonly blob?: undefined
  readonly _meta?: JsonObject
  readonly [key: string]: unknown
}

/**
 * A part of a resource that is bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface BlobContent {
  readonly uri: string
  readonly mimeType?: string
  readonly text?: undefined
  readonly blob: Uint8Array
  readonly _meta?: JsonObject
  readonly [key: string]: unknown
}

/**
 * A part of a resource: `text` or `blob`, the other is `undefined`.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/resources#resource-contents
 * @category models
 * @since 0.1.0
 */
export type Content = TextContent | BlobContent

/**
 * What a subscription yields. Either says: read now.
 *
 * - `Subscribed`: from here on the server tells of changes; those before are not known. This comes first, and again each
 *   time a lost session has been replaced.
 * - `Updated`: something changed. `uri` is the resource, or a part of it; `params` is all that the server said.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/resources#subscriptions
 * @category models
 * @since 0.1.0
 */
export type Update =
  | { readonly _tag: "Subscribed"; readonly uri: string }
  | { readonly _tag: "Updated"; readonly uri: string; readonly params: JsonObject }

/**
 * A declared resource, or a family of them. Without `schema`, a read yields the contents.
 *
 * @category models
 * @since 0.1.0
 */
export interface McpResource<
  Uri extends string,
  Params extends Schema.Constraint,
  Value extends Schema.Constraint | undefined
> {
  readonly [TypeId]: typeof TypeId
  /** The URI, or the template of the URIs. */
  readonly uri: Uri
  readonly params: Params
  readonly schema: Value
  readonly mimeType: string | undefined
  // The services that these need are those of the schemas, which the functions below restore.
  /** @internal */
  readonly expand: (params: unknown) => Effect.Effect<string, McpError.McpError, unknown>
  /** @internal */
  readonly decode: Decoder | undefined
}

/**
 * Any declared resource.
 *
 * @category models
 * @since 0.1.0
 */
export type Any = McpResource<string, Schema.Constraint, Schema.Constraint | undefined>

/**
 * What the template of a resource takes.
 *
 * @category models
 * @since 0.1.0
 */
export type Params<R extends Any> = R["params"]["Type"]

/**
 * What a read of a resource yields.
 *
 * @category models
 * @since 0.1.0
 */
export type Value<R extends Any> = R["schema"] extends Schema.Constraint ? R["schema"]["Type"] : ReadonlyArray<Content>

/**
 * The services that the schemas of a resource need.
 *
 * @category models
 * @since 0.1.0
 */
export type Services<R extends Any> = R["params"]["EncodingServices"] | DecodingServices<R>

type DecodingServices<R extends Any> = R["schema"] extends Schema.Constraint ? R["schema"]["DecodingServices"] : never

/**
 * The schema of a resource without variables.
 *
 * @category schemas
 * @since 0.1.0
 */
export const NoParams = Schema.Struct({})

/**
 * Declares a resource of a server. The URI is sent as it is written here.
 *
 * `schema` says what the text of the resource is, which has to be JSON. `mimeType` says which contents count, when there
 * are several.
 *
 * **Example** (Declaring a resource)
 *
 * ```ts check
 * import * as McpResource from "@effect-mcp/client/McpResource"
 * import * as Schema from "effect/Schema"
 *
 * const config = McpResource.make("config://app", { schema: Schema.Struct({ theme: Schema.String }) })
 *
 * config.uri // => "config://app"
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/resources
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <const Uri extends string, Value extends Schema.Constraint>(
    uri: Uri,
    options: { readonly schema: Value; readonly mimeType?: string | undefined }
  ): McpResource<Uri, typeof NoParams, Value>
  <const Uri extends string>(
    uri: Uri,
    options?: { readonly mimeType?: string | undefined }
  ): McpResource<Uri, typeof NoParams, undefined>
} = <Uri extends string>(
  uri: Uri,
  { mimeType, schema }: { readonly schema?: Schema.Constraint; readonly mimeType?: string | undefined } = {}
): McpResource<Uri, typeof NoParams, never> => ({
  [TypeId]: TypeId,
  uri,
  params: NoParams,
  // The signatures say what it is.
  schema: schema as never,
  mimeType,
  expand: () => Exit.succeed(uri),
  decode: schema === undefined ? undefined : decoder(subjectOf(uri), schema)
})

/**
 * Declares a family of resources by a template of their URIs, as RFC 6570 says. `params` says what stands for the
 * variables of the template, as strings, lists or maps once it is encoded.
 *
 * **Example** (Declaring a family of resources)
 *
 * ```ts check
 * import * as McpResource from "@effect-mcp/client/McpResource"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const weather = McpResource.template("weather://{city}/now{?unit}", {
 *   params: Schema.Struct({ city: Schema.String, unit: Schema.optional(Schema.Literals(["C", "F"])) }),
 *   schema: Schema.Struct({ degrees: Schema.Number })
 * })
 *
 * await Effect.runPromise(McpResource.uriOf(weather, { city: "São Paulo" })) // => "weather://S%C3%A3o%20Paulo/now"
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/resources#resource-templates
 * @category constructors
 * @since 0.1.0
 */
export const template: {
  <const Uri extends string, Params extends Schema.Constraint, Value extends Schema.Constraint>(
    uriTemplate: Uri,
    options: { readonly params: Params; readonly schema: Value; readonly mimeType?: string | undefined }
  ): McpResource<Uri, Params, Value>
  <const Uri extends string, Params extends Schema.Constraint>(
    uriTemplate: Uri,
    options: { readonly params: Params; readonly mimeType?: string | undefined }
  ): McpResource<Uri, Params, undefined>
} = <Uri extends string>(
  uriTemplate: Uri,
  { mimeType, params, schema }: {
    readonly params: Schema.Constraint
    readonly schema?: Schema.Constraint
    readonly mimeType?: string | undefined
  }
): McpResource<Uri, never, never> => {
  const subject = subjectOf(uriTemplate)
  const encode = encoder(subject, params)
  return {
    [TypeId]: TypeId,
    uri: uriTemplate,
    // The signatures say what they are.
    params: params as never,
    schema: schema as never,
    mimeType,
    expand: (value) => Effect.flatMap(encode(value), (variables) => UriTemplate.expand(uriTemplate, variables)),
    decode: schema === undefined ? undefined : decoder(subject, schema)
  }
}

/**
 * The URI of a declared resource.
 *
 * Fails with `ValidationError` when the variables do not fit their schema, and with `ConfigurationError` when the
 * template is none.
 *
 * @category encoding
 * @since 0.1.0
 */
export const uriOf = <R extends Any>(
  resource: R,
  params: Params<R>
): Effect.Effect<string, McpError.McpError, R["params"]["EncodingServices"]> =>
  resource.expand(params) as Effect.Effect<string, McpError.McpError, R["params"]["EncodingServices"]>

/**
 * The contents of a resource, with bytes where the protocol has base64.
 *
 * Fails with `ProtocolError` when a part is no base64, or has neither text nor bytes.
 *
 * @category decoding
 * @since 0.1.0
 */
export const contentsOf = (
  result: ReadResourceResult
): Effect.Effect<ReadonlyArray<Content>, McpError.McpError> => Effect.forEach(result.contents, contentOf)

/**
 * Decodes what was read: the JSON of a resource that declares a schema, else its contents.
 *
 * Fails with `ValidationError` when there is no text, or when it does not fit the schema.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeContents = <R extends Any>(
  resource: R,
  contents: ReadonlyArray<Content>
): Effect.Effect<Value<R>, McpError.McpError, DecodingServices<R>> => {
  const { decode, mimeType } = resource
  const ours = mimeType === undefined ? contents : contents.filter(isOfType(mimeType))
  if (decode === undefined) return Exit.succeed(ours as Value<R>)
  const text = ours.find((content) => content.text !== undefined)?.text
  const json = text === undefined ? misfit(resource, contents, noText(mimeType)) : parse(resource, text)
  return Effect.flatMap(json, decode) as Effect.Effect<Value<R>, McpError.McpError, DecodingServices<R>>
}

const subjectOf = (uri: string): Subject => ({ kind: "resource", name: uri })

const contentOf = (content: ResourceContents): Exit.Exit<Content, McpError.McpError> => {
  const { blob, text, ...rest } = content
  if (text !== undefined) return Exit.succeed({ ...rest, text })
  if (blob === undefined) return broken(content, "has neither text nor blob")
  const bytes = Base64.decode(blob)
  return Result.isSuccess(bytes)
    ? Exit.succeed({ ...rest, blob: bytes.success })
    : broken(content, `has a blob that is no base64: ${bytes.failure.message}`)
}

const broken = (content: ResourceContents, what: string): Exit.Exit<never, McpError.McpError> =>
  Exit.fail(McpError.make(
    new McpError.ProtocolError({ description: `A part of ${content.uri} ${what}`, payload: content })
  ))

const misfit = (resource: Any, value: unknown, message: string): Exit.Exit<never, McpError.McpError> =>
  Exit.fail(toValidationError("output", subjectOf(resource.uri), value, [{ path: [], message }]))

const noText = (mimeType: string | undefined): string =>
  `there is no text${mimeType === undefined ? "" : ` of type ${mimeType}`}`

const parse = (resource: Any, text: string): Exit.Exit<unknown, McpError.McpError> => {
  try {
    return Exit.succeed(JSON.parse(text))
  } catch (cause) {
    return misfit(resource, text, `is no JSON: ${String(cause)}`)
  }
}

/** A server need not name the type. */
const isOfType = (mimeType: string) => (content: Content): boolean =>
  content.mimeType === undefined || essenceOf(content.mimeType) === essenceOf(mimeType)

/** Parameters, such as a charset, say nothing about the type. */
const essenceOf = (mimeType: string): string => mimeType.replace(/;.*/s, "").trim().toLowerCase()

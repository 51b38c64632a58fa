/**
 * Declarations of a server's prompts: the name, and the schema of the arguments.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Encoder, encoder, toStrings } from "./internal/codec.ts"
import type * as McpError from "./McpError.ts"
import type { JsonObject } from "./McpSchema.ts"

/**
 * The identity of {@link McpPrompt} values.
 *
 * @category models
 * @since 0.1.0
 */
export const TypeId = "~@effect-mcp/client/McpPrompt" as const

/**
 * A declared prompt.
 *
 * @category models
 * @since 0.1.0
 */
export interface McpPrompt<Name extends string, Arguments extends Schema.Constraint> {
  readonly [TypeId]: typeof TypeId
  readonly name: Name
  readonly arguments: Arguments
  /** @internal */
  readonly encode: Encoder
}

/**
 * Any declared prompt.
 *
 * @category models
 * @since 0.1.0
 */
export type Any = McpPrompt<string, Schema.Constraint>

/**
 * What a prompt takes.
 *
 * @category models
 * @since 0.1.0
 */
export type Arguments<P extends Any> = P["arguments"]["Type"]

/**
 * The services that the schema of a prompt needs.
 *
 * @category models
 * @since 0.1.0
 */
export type Services<P extends Any> = P["arguments"]["EncodingServices"]

/**
 * The schema of a prompt that takes nothing.
 *
 * @category schemas
 * @since 0.1.0
 */
export const NoArguments = Schema.Struct({})

/**
 * Declares a prompt of a server.
 *
 * The protocol's arguments are strings. What the schema encodes as a string goes as it is, everything else as compact
 * JSON: `Schema.Date` as an ISO string, `Schema.Number` as `"7"`.
 *
 * **Example** (Declaring a prompt)
 *
 * ```ts check
 * import * as McpPrompt from "@effect-mcp/client/McpPrompt"
 * import * as Schema from "effect/Schema"
 *
 * const review = McpPrompt.make("review_code", {
 *   arguments: Schema.Struct({ code: Schema.String, strict: Schema.optional(Schema.Boolean) })
 * })
 *
 * review.name // => "review_code"
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/prompts
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <const Name extends string>(name: Name): McpPrompt<Name, typeof NoArguments>
  <const Name extends string, Arguments extends Schema.Constraint>(
    name: Name,
    options: { readonly arguments: Arguments }
  ): McpPrompt<Name, Arguments>
} = <Name extends string>(
  name: Name,
  options: { readonly arguments?: Schema.Constraint } = {}
): McpPrompt<Name, never> => {
  const { arguments: schema = NoArguments } = options
  return {
    [TypeId]: TypeId,
    name,
    // The signatures say what it is.
    arguments: schema as never,
    encode: encoder({ kind: "prompt", name }, schema)
  }
}

/**
 * Writes the arguments of a prompt as the strings that are sent.
 *
 * Fails with `ValidationError` when they do not fit the prompt's schema.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeArguments = <P extends Any>(
  prompt: P,
  args: Arguments<P>
): Effect.Effect<Readonly<Record<string, string>>, McpError.McpError, Services<P>> =>
  // The services are those of the schema.
  Effect.flatMap(
    prompt.encode(args) as Effect.Effect<JsonObject, McpError.McpError, Services<P>>,
    (encoded) => toStrings({ kind: "prompt", name: prompt.name }, encoded)
  )

/**
 * Declarations of a server's tools: the name, and the schemas of what goes in and what comes out.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { type Decoder, decoder, type Encoder, encoder } from "./internal/codec.ts"
import { type Subject, toValidationError } from "./internal/validation.ts"
import * as McpError from "./McpError.ts"
import type { CallToolResult, JsonObject } from "./McpSchema.ts"

/**
 * The identity of {@link McpTool} values.
 *
 * @category models
 * @since 0.1.0
 */
export const TypeId = "~@effect-mcp/client/McpTool" as const

/**
 * A declared tool. Without `output`, a call yields the protocol's result.
 *
 * @category models
 * @since 0.1.0
 */
export interface McpTool<
  Name extends string,
  Input extends Schema.Constraint,
  Output extends Schema.Constraint | undefined
> {
  readonly [TypeId]: typeof TypeId
  readonly name: Name
  readonly input: Input
  readonly output: Output
  // The services that these need are those of the schemas, which the functions below restore.
  /** @internal */
  readonly encode: Encoder
  /** @internal */
  readonly decode: Decoder | undefined
}

/**
 * Any declared tool.
 *
 * @category models
 * @since 0.1.0
 */
export type Any = McpTool<string, Schema.Constraint, Schema.Constraint | undefined>

/**
 * What a call of a tool takes.
 *
 * @category models
 * @since 0.1.0
 */
export type Input<T extends Any> = T["input"]["Type"]

/**
 * What a call of a tool yields.
 *
 * @category models
 * @since 0.1.0
 */
export type Output<T extends Any> = T["output"] extends Schema.Constraint ? T["output"]["Type"] : CallToolResult

/**
 * The services that the schemas of a tool need.
 *
 * @category models
 * @since 0.1.0
 */
export type Services<T extends Any> =
  | T["input"]["EncodingServices"]
  | (T["output"] extends Schema.Constraint ? T["output"]["DecodingServices"] : never)

/**
 * The schema of a tool that takes nothing.
 *
 * @category schemas
 * @since 0.1.0
 */
export const NoInput = Schema.Struct({})

/**
 * Declares a tool of a server.
 *
 * `input` says what a call takes; it is encoded as JSON before it is sent. `output` says what the tool's
 * `structuredContent` is; it is decoded from JSON. So `Schema.Date` writes and reads an ISO string.
 *
 * **Example** (Declaring a tool)
 *
 * ```ts check
 * import * as McpTool from "@effect-mcp/client/McpTool"
 * import * as Schema from "effect/Schema"
 *
 * const forecast = McpTool.make("get_forecast", {
 *   input: Schema.Struct({ city: Schema.String }),
 *   output: Schema.Struct({ celsius: Schema.Number, at: Schema.Date })
 * })
 *
 * forecast.name // => "get_forecast"
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <const Name extends string>(name: Name): McpTool<Name, typeof NoInput, undefined>
  <const Name extends string, Input extends Schema.Constraint, Output extends Schema.Constraint>(
    name: Name,
    schemas: { readonly input: Input; readonly output: Output }
  ): McpTool<Name, Input, Output>
  <const Name extends string, Input extends Schema.Constraint>(
    name: Name,
    schemas: { readonly input: Input }
  ): McpTool<Name, Input, undefined>
  <const Name extends string, Output extends Schema.Constraint>(
    name: Name,
    schemas: { readonly output: Output }
  ): McpTool<Name, typeof NoInput, Output>
} = <Name extends string>(
  name: Name,
  schemas: { readonly input?: Schema.Constraint; readonly output?: Schema.Constraint } = {}
): McpTool<Name, never, never> => {
  const { input = NoInput, output } = schemas
  const subject = subjectOf(name)
  return {
    [TypeId]: TypeId,
    name,
    // The signatures say what they are.
    input: input as never,
    output: output as never,
    encode: encoder(subject, input),
    decode: output === undefined ? undefined : decoder(subject, output)
  }
}

/**
 * Encodes the input of a call as the JSON object that is sent.
 *
 * Fails with `ValidationError` when the input does not fit the tool's schema.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeInput = <T extends Any>(
  tool: T,
  input: Input<T>
): Effect.Effect<JsonObject, McpError.McpError, T["input"]["EncodingServices"]> =>
  tool.encode(input) as Effect.Effect<JsonObject, McpError.McpError, T["input"]["EncodingServices"]>

/**
 * Decodes the result of a call: the structured output of a tool that declares one, else the result as it is.
 *
 * Fails with `ToolError` when the tool reported failure, and with `ValidationError` when the output is missing or does
 * not fit the tool's schema.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#structured-content
 * @category decoding
 * @since 0.1.0
 */
export const decodeResult = <T extends Any>(
  tool: T,
  result: CallToolResult,
  server?: string
): Effect.Effect<
  Output<T>,
  McpError.McpError | McpError.ToolError,
  T["output"] extends Schema.Constraint ? T["output"]["DecodingServices"] : never
> => {
  if (result.isError === true) return Effect.fail(new McpError.ToolError({ tool: tool.name, result, server }))
  const { decode } = tool
  if (decode === undefined) return Exit.succeed(result as Output<T>)
  const value = result.structuredContent
  if (!("structuredContent" in result)) {
    const message = "the result has no structuredContent"
    return Effect.fail(toValidationError("output", subjectOf(tool.name), value, [{ path: [], message }]))
  }
  return decode(value) as Effect.Effect<
    Output<T>,
    McpError.McpError,
    T["output"] extends Schema.Constraint ? T["output"]["DecodingServices"] : never
  >
}

const subjectOf = (name: string): Subject => ({ kind: "tool", name })

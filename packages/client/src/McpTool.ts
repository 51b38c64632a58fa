/**
 * Declarations of a server's tools: the name, and the schemas of what goes in and what comes out.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { issuesOf, jsonIssuesOf, toValidationError } from "./internal/validation.ts"
import * as McpError from "./McpError.ts"
import { type CallToolResult, isJsonObject, type JsonObject } from "./McpSchema.ts"

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
  /** @internal */
  readonly encode: Codec
  /** @internal */
  readonly encodePlain: Codec
  /** @internal */
  readonly decode: Codec | undefined
}

// All are compiled once. Their types are those of the schemas, which the functions below restore.
type Codec = (value: unknown) => Effect.Effect<unknown, Schema.SchemaError, unknown>

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
  return {
    [TypeId]: TypeId,
    name,
    // The signatures say what they are.
    input: input as never,
    output: output as never,
    encode: Schema.encodeUnknownEffect(Schema.toCodecJson(input), { errors: "all" }),
    encodePlain: Schema.encodeUnknownEffect(input),
    decode: output === undefined
      ? undefined
      : Schema.decodeUnknownEffect(Schema.toCodecJson(output), { errors: "all" })
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
): Effect.Effect<JsonObject, McpError.McpError, T["input"]["EncodingServices"]> => {
  const encoded = tool.encode(input)
  if (Exit.isExit(encoded) && Exit.isSuccess(encoded) && isJsonObject(encoded.value)) {
    return Exit.succeed(leaveOutUndefined(tool, input, encoded.value))
  }
  return Effect.matchEffect(encoded, {
    onSuccess: (value) =>
      isJsonObject(value)
        ? Effect.succeed(leaveOutUndefined(tool, input, value))
        : Effect.fail(
          toValidationError("input", tool.name, input, [{ path: [], message: "a tool takes a JSON object" }])
        ),
    onFailure: (error) => Effect.fail(toValidationError("input", tool.name, input, issuesOf(error.issue)))
  }) as Effect.Effect<JsonObject, McpError.McpError, T["input"]["EncodingServices"]>
}

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
  type Decoded = Effect.Effect<
    Output<T>,
    McpError.McpError | McpError.ToolError,
    T["output"] extends Schema.Constraint ? T["output"]["DecodingServices"] : never
  >
  if (result.isError === true) return Effect.fail(new McpError.ToolError({ tool: tool.name, result, server }))
  const { decode, output } = tool
  if (decode === undefined || output === undefined) return Exit.succeed(result as Output<T>)
  const value = result.structuredContent
  if (!("structuredContent" in result)) {
    const message = "the result has no structuredContent"
    return Effect.fail(toValidationError("output", tool.name, value, [{ path: [], message }]))
  }
  const decoded = decode(value)
  if (Exit.isExit(decoded) && Exit.isSuccess(decoded)) return decoded as Decoded
  return Effect.mapError(
    decoded,
    (error) => toValidationError("output", tool.name, value, jsonIssuesOf(error.issue, output, value))
  ) as Decoded
}

/**
 * JSON has no `undefined`, so its codec writes `null`. A tool that may be called without a field is called without it:
 * where the plain encoding has `undefined`, the key goes.
 */
const leaveOutUndefined = (tool: Any, input: unknown, encoded: JsonObject): JsonObject => {
  if (!hasNull(encoded)) return encoded
  const plain = tool.encodePlain(input)
  // A schema that needs services, or time, is taken at its word.
  return Exit.isExit(plain) && Exit.isSuccess(plain) ? prune(plain.value, encoded) : encoded
}

const hasNull = (json: unknown): boolean =>
  json === null || typeof json === "object" && Object.values(json).some(hasNull)

const prune = <A>(plain: unknown, json: A): A => {
  if (typeof plain !== "object" || plain === null || typeof json !== "object" || json === null) return json
  if (Array.isArray(json)) return json.map((item, index) => prune(Reflect.get(plain, index), item)) as A
  // Of the same kind as before, with fewer keys.
  return Object.fromEntries(
    Object.entries(json).flatMap(([key, value]) => {
      const before: unknown = Reflect.get(plain, key)
      return before === undefined && key in plain && value === null ? [] : [[key, prune(before, value)]]
    })
  ) as A
}

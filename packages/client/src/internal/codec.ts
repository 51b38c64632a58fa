import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as McpError from "../McpError.ts"
import { isJsonObject, type JsonObject } from "../McpSchema.ts"
import { issuesOf, jsonIssuesOf, type Subject, toValidationError } from "./validation.ts"

// The services are those of the schemas, which those who declare restore in their types.
type Codec = (value: unknown) => Effect.Effect<unknown, Schema.SchemaError, unknown>

/** Writes what users pass as a JSON object. */
export type Encoder = (value: unknown) => Effect.Effect<JsonObject, McpError.McpError, unknown>

/** Reads what a server sent as JSON. */
export type Decoder = (value: unknown) => Effect.Effect<unknown, McpError.McpError, unknown>

/** Schemas are compiled here, once, and not at each call. */
export const encoder = (subject: Subject, schema: Schema.Constraint): Encoder => {
  const encode: Codec = Schema.encodeUnknownEffect(Schema.toCodecJson(schema), { errors: "all" })
  const encodePlain: Codec = Schema.encodeUnknownEffect(schema)
  return (value) => {
    const encoded = encode(value)
    if (Exit.isExit(encoded) && Exit.isSuccess(encoded) && isJsonObject(encoded.value)) {
      return Exit.succeed(leaveOutUndefined(encodePlain, value, encoded.value))
    }
    return Effect.matchEffect(encoded, {
      onSuccess: (json) =>
        isJsonObject(json)
          ? Effect.succeed(leaveOutUndefined(encodePlain, value, json))
          : Effect.fail(toValidationError("input", subject, value, [{ path: [], message: "has to be a JSON object" }])),
      onFailure: (error) => Effect.fail(toValidationError("input", subject, value, issuesOf(error.issue)))
    })
  }
}

export const decoder = (subject: Subject, schema: Schema.Constraint): Decoder => {
  const decode: Codec = Schema.decodeUnknownEffect(Schema.toCodecJson(schema), { errors: "all" })
  return (value) => {
    const decoded = decode(value)
    if (Exit.isExit(decoded) && Exit.isSuccess(decoded)) return Exit.succeed(decoded.value)
    return Effect.mapError(
      decoded,
      (error) => toValidationError("output", subject, value, jsonIssuesOf(error.issue, schema, value))
    )
  }
}

/** Writes values as strings: a string stays as it is, another value becomes compact JSON, `undefined` is left out. */
export const toStrings = (
  subject: Subject,
  values: JsonObject
): Effect.Effect<Readonly<Record<string, string>>, McpError.McpError> =>
  Effect.suspend(() => {
    const strings: Array<[string, string]> = []
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined) continue
      try {
        const string = typeof value === "string" ? value : JSON.stringify(value)
        // A function, for one, is nothing in JSON.
        if (string === undefined) throw new TypeError(`a ${typeof value} has no form in JSON`)
        strings.push([key, string])
      } catch (cause) {
        const message = `can not be written as JSON: ${String(cause)}`
        return Effect.fail(toValidationError("input", subject, values, [{ path: [key], message }]))
      }
    }
    return Effect.succeed(Object.fromEntries(strings))
  })

/**
 * JSON has no `undefined`, so its codec writes `null`. What may be left out is left out: where the plain encoding has
 * `undefined`, the key goes.
 */
const leaveOutUndefined = (encodePlain: Codec, value: unknown, encoded: JsonObject): JsonObject => {
  if (!hasNull(encoded)) return encoded
  const plain = encodePlain(value)
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

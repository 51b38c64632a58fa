import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as McpError from "../../McpError.ts"
import type { Field, FieldOption, FieldValue, FormContent } from "../../McpHandlers.ts"
import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import { issuesOf, toValidationError } from "../validation.ts"

/** So many fields and options may a form have. Nobody fills in more. */
const MAX_PARTS = 1000

export interface Form {
  readonly fields: ReadonlyArray<Field>
  readonly schema: Schema.Codec<FormContent>
  readonly defaults: FormContent
  readonly requestedSchema: JsonObject
}

/** What is no form, and why. The server may be told. */
export interface Fault {
  readonly fault: string
}

/**
 * Reads what a server wants to be filled in. What it says beyond the protocol is ignored, and so is what can not be
 * meant: bounds that nothing satisfies, a default that does not fit its own field.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#requested-schema
 */
export const read = (requestedSchema: unknown): Form | Fault => {
  if (!isJsonObject(requestedSchema)) return refuse("has to be an object")
  const { properties, required, type } = requestedSchema
  if (type !== "object" && !isAbsent(type)) return refuse("has to have the type \"object\"")
  const hasFields = isJsonObject(properties)
  if (!hasFields && !(type === "object" && isAbsent(properties))) return refuse("has to have properties")
  const requiredNames = new Set(Array.isArray(required) ? required : [])
  const fields: Array<Field> = []
  let parts = 0
  for (const [name, definition] of hasFields ? Object.entries(properties) : []) {
    if (isAbsent(definition)) continue
    const schema = isJsonObject(definition) ? withoutNull(definition) : {}
    if (typeOf(schema) === "object") return refuse(`has to be flat, but its property "${name}" is an object`)
    const field = withoutMisfit(fieldOf(name, definition, schema, requiredNames.has(name)))
    parts += 1 + ("options" in field ? field.options.length : 0)
    if (parts > MAX_PARTS) return refuse(`has more than ${MAX_PARTS} fields and options`)
    fields.push(field)
  }
  return {
    fields,
    schema: schemaOf(fields),
    defaults: Object.fromEntries(
      fields.flatMap((field) => field.default === undefined ? [] : [[field.name, field.default]])
    ),
    requestedSchema
  }
}

/**
 * Fills in the defaults of what the user left out, and checks the whole.
 *
 * What the form does not ask for is no content: the server must not learn it, and a name with a typing error would lose
 * what the user said. It is turned down, not left out.
 */
export const complete = (form: Form, content: FormContent): Exit.Exit<FormContent, McpError.McpError> => {
  // JSON has no `undefined`: who passes it leaves the field out.
  const given = isJsonObject(content) ? Object.entries(content).filter(([, value]) => value !== undefined) : undefined
  const filled = given === undefined ? content : Object.fromEntries([...Object.entries(form.defaults), ...given])
  return Exit.mapError(
    Schema.decodeUnknownExit(form.schema)(filled),
    ({ issue }) => toValidationError("input", { kind: "form", name: "elicitation/create" }, filled, issuesOf(issue))
  )
}

const refuse = (what: string): Fault => ({ fault: `The requestedSchema ${what}` })

// =============================================================================
// Fields
// =============================================================================

const fieldOf = (name: string, definition: unknown, schema: JsonObject, required: boolean): Field => {
  const { default: value, description, format, items, title } = schema
  const base = { name, label: stringOf(title) || name, description: stringOf(description), required }
  const type = typeOf(schema)
  const options = optionsOf(type === "array" && isJsonObject(items) ? items : schema)
  if (options.length > 0 && (type === "string" || type === undefined)) {
    return { ...base, _tag: "Choice", options, default: stringOf(value) }
  }
  if (options.length > 0 && type === "array") {
    const { maximum: maxItems, minimum: minItems } = range(countOf(schema["minItems"]), countOf(schema["maxItems"]))
    return {
      ...base,
      _tag: "Choices",
      options,
      minItems: minItems !== undefined && minItems > options.length ? undefined : minItems,
      maxItems,
      default: isStrings(value) ? value : undefined
    }
  }
  switch (type) {
    case "string": {
      const { maximum, minimum } = range(countOf(schema["minLength"]), countOf(schema["maxLength"]))
      return {
        ...base,
        _tag: "Text",
        minLength: minimum,
        maxLength: maximum,
        format: stringOf(format),
        default: stringOf(value)
      }
    }
    case "integer":
    case "number":
      return {
        ...base,
        _tag: "Number",
        integer: type === "integer",
        ...range(numberOf(schema["minimum"]), numberOf(schema["maximum"])),
        default: numberOf(value)
      }
    case "boolean":
      return { ...base, _tag: "Boolean", default: typeof value === "boolean" ? value : undefined }
    default:
      return { ...base, _tag: "Unknown", schema: definition, default: isFieldValue(value) ? value : undefined }
  }
}

const withoutMisfit = (field: Field): Field =>
  field.default === undefined || problemOf(field, field.default) === undefined
    ? field
    : { ...field, default: undefined }

/** Libraries write what may be left out as one kind or null. */
const withoutNull = (schema: JsonObject): JsonObject => {
  const { anyOf } = schema
  if (!Array.isArray(anyOf)) return schema
  const [kind, ...others]: ReadonlyArray<unknown> = anyOf.filter((other) =>
    !isJsonObject(other) || other["type"] !== "null"
  )
  return isJsonObject(kind) && others.length === 0 ? { ...kind, ...schema } : schema
}

const typeOf = ({ type }: JsonObject): unknown =>
  (Array.isArray(type) ? type.find((name) => name !== "null") : type) ?? undefined

/** What JSON Schema knows, and `enumNames` of older servers. */
const optionsOf = ({ anyOf, enum: values, enumNames, oneOf }: JsonObject): ReadonlyArray<FieldOption> => {
  if (Array.isArray(values)) {
    const labels: ReadonlyArray<unknown> = Array.isArray(enumNames) ? enumNames : []
    return values.flatMap((value: unknown, index) => optionOf(value, labels[index]))
  }
  const titled: unknown = oneOf ?? anyOf
  return Array.isArray(titled)
    ? titled.flatMap((option: unknown) => isJsonObject(option) ? optionOf(option["const"], option["title"]) : [])
    : []
}

const optionOf = (value: unknown, label: unknown): ReadonlyArray<FieldOption> =>
  typeof value === "string" ? [{ value, label: stringOf(label) || value }] : []

const range = (minimum: number | undefined, maximum: number | undefined) =>
  minimum !== undefined && maximum !== undefined && minimum > maximum
    ? { minimum: undefined, maximum: undefined }
    : { minimum, maximum }

/** Many servers write `null` for what they leave out. */
const isAbsent = (value: unknown) => value === undefined || value === null

const stringOf = (value: unknown) => typeof value === "string" ? value : undefined

const numberOf = (value: unknown) => typeof value === "number" && Number.isFinite(value) ? value : undefined

const countOf = (value: unknown) =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined

const isStrings = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every((item) => typeof item === "string")

const isFieldValue = (value: unknown): value is FieldValue =>
  typeof value === "string" || typeof value === "boolean" || numberOf(value) !== undefined || isStrings(value)

// =============================================================================
// Answers
// =============================================================================

// Of the fields of an object, whatever they hold: the check that follows looks at each of them.
const isContent = (value: unknown): value is FormContent => isJsonObject(value)

const schemaOf = (fields: ReadonlyArray<Field>): Schema.Codec<FormContent> => {
  const names = new Set(fields.map(({ name }) => name))
  const problems = (content: FormContent) => [
    ...fields.map((field) => ({ path: [field.name], issue: problemIn(content, field) })),
    ...Object.keys(content).map((name) => ({
      path: [name],
      issue: names.has(name) ? undefined : "is no field of the form"
    }))
  ]
  return Schema.declare(isContent, { expected: "an object" }).check(
    Schema.makeFilter((content) =>
      problems(content).flatMap(({ issue, path }) => issue === undefined ? [] : [{ path, issue }])
    )
  )
}

const problemIn = (content: FormContent, field: Field): string | undefined => {
  // Every object has a "constructor": only what is its own was filled in.
  const value = Object.hasOwn(content, field.name) ? content[field.name] : undefined
  if (value !== undefined) return problemOf(field, value)
  return field.required && field.default === undefined ? "has to be filled in" : undefined
}

const problemOf = (field: Field, value: unknown): string | undefined => {
  switch (field._tag) {
    case "Text": {
      if (typeof value !== "string") return "has to be a string"
      const format = formats.get(field.format ?? "")
      if (format !== undefined && !format.fits(value)) return `has to be ${format.what}`
      return problemOfSize(lengthOf(value), field.minLength, field.maxLength, "character")
    }
    case "Number": {
      const number = numberOf(value)
      if (number === undefined) return "has to be a number"
      if (field.integer && !Number.isInteger(number)) return "has to be a whole number"
      if (field.minimum !== undefined && number < field.minimum) return `has to be at least ${field.minimum}`
      return field.maximum !== undefined && number > field.maximum ? `has to be at most ${field.maximum}` : undefined
    }
    case "Boolean":
      return typeof value === "boolean" ? undefined : "has to be true or false"
    case "Choice":
      return field.options.some((option) => option.value === value) ? undefined : "has to be one of the options"
    case "Choices": {
      const values = new Set(field.options.map((option) => option.value))
      return isStrings(value) && value.every((item) => values.has(item))
        ? problemOfSize(value.length, field.minItems, field.maxItems, "option")
        : "has to be a list of options"
    }
    case "Unknown":
      return isFieldValue(value) ? undefined : "has to be a string, a number, a boolean or a list of strings"
  }
}

const problemOfSize = (size: number, minimum: number | undefined, maximum: number | undefined, unit: string) => {
  const count = (bound: number) => `${bound} ${unit}${bound === 1 ? "" : "s"}`
  if (minimum !== undefined && size < minimum) return `has to have at least ${count(minimum)}`
  return maximum !== undefined && size > maximum ? `has to have at most ${count(maximum)}` : undefined
}

/** In characters as JSON Schema counts them, and not in the halves that JavaScript makes of some. */
const lengthOf = (text: string): number => {
  let length = 0
  for (const _ of text) length++
  return length
}

// =============================================================================
// Formats
// =============================================================================

// The longest address that mail can be sent to: https://www.rfc-editor.org/errata/eid1690
const isEmail = (text: string) => text.length <= 254 && /^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)*$/.test(text)

// `URL` would trim white space.
const isUri = (text: string) => !/[\s\p{Cc}]/u.test(text) && URL.canParse(text)

const isDate = (text: string) =>
  // `Date` takes the 30th of February for a day in March.
  /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text)

/** https://www.rfc-editor.org/rfc/rfc3339#section-5.6 */
const isDateTime = (text: string) =>
  isDate(text.slice(0, 10)) &&
  /^T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i.test(text.slice(10))

const formats = new Map([
  ["email", { fits: isEmail, what: "an email address" }],
  ["uri", { fits: isUri, what: "a URI with its scheme" }],
  ["date", { fits: isDate, what: "a date like 2025-11-25" }],
  ["date-time", { fits: isDateTime, what: "a date and time like 2025-11-25T09:30:00Z" }]
])

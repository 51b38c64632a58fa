import type { Field, FieldOption, FieldValue, FormContent } from "@effect-mcp/client/McpHandlers"
import { assert, describe, it } from "@effect/vitest"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Form from "../src/internal/handlers/form.ts"
import { issuesOf } from "../src/internal/validation.ts"

const read = (requestedSchema: unknown): Form.Form => {
  const form = Form.read(requestedSchema)
  return "fault" in form ? assert.fail(form.fault) : form
}

/** A form of these properties. */
const formOf = (properties: object, required: ReadonlyArray<string> = []) =>
  read({ type: "object", properties, required })

/** The one field of a form. */
const fieldOf = (definition: unknown): Field => {
  const [field, ...others] = formOf({ it: definition }).fields
  return field !== undefined && others.length === 0 ? field : assert.fail("has to be one field")
}

const faultOf = (requestedSchema: unknown): string => {
  const form = Form.read(requestedSchema)
  return "fault" in form ? form.fault : assert.fail("is a form")
}

/** What comes of an answer: its content, or what is wrong with it. */
const answer = (form: Form.Form, content: unknown): unknown => {
  // users of plain JavaScript may pass anything
  const exit = Form.complete(form, content as FormContent)
  if (Exit.isSuccess(exit)) return exit.value
  const [reason] = exit.cause.reasons
  assert(reason?._tag === "Fail" && reason.error.reason._tag === "ValidationError")
  return reason.error.reason.issues.map(({ message, path }) => `${path.join(".")} ${message}`.trim())
}

/** What is wrong with a value of one field. */
const wrong = (definition: object, value: unknown): unknown => {
  const result = answer(formOf({ it: definition }), { it: value })
  return Array.isArray(result) ? result.join("; ") : undefined
}

const accepts = (definition: object, values: ReadonlyArray<FieldValue>) => {
  for (const value of values) assert.isUndefined(wrong(definition, value), JSON.stringify(value))
}

const rejects = (definition: object, problem: string, values: ReadonlyArray<unknown>) => {
  for (const value of values) assert.strictEqual(wrong(definition, value), `it ${problem}`, JSON.stringify(value))
}

describe("a field", () => {
  it("is a line of text", () => {
    assert.deepStrictEqual(
      formOf({
        email: {
          type: "string",
          title: "E-mail",
          description: "Where to write to",
          minLength: 3,
          maxLength: 50,
          format: "email",
          default: "ada@example.com"
        }
      }, ["email"]).fields,
      [{
        _tag: "Text",
        name: "email",
        label: "E-mail",
        description: "Where to write to",
        required: true,
        minLength: 3,
        maxLength: 50,
        format: "email",
        default: "ada@example.com"
      }]
    )
  })

  it("is a number, or only a whole one", () => {
    const number = fieldOf({ type: "number", minimum: -1.5, maximum: 1e9, default: 0 })
    const bounds = { minimum: -1.5, maximum: 1e9, default: 0 }
    const base = { name: "it", label: "it", description: undefined, required: false }
    assert.deepStrictEqual(number, { ...base, ...bounds, _tag: "Number", integer: false })
    assert.deepStrictEqual(fieldOf({ type: "integer" }), {
      ...base,
      _tag: "Number",
      integer: true,
      minimum: undefined,
      maximum: undefined,
      default: undefined
    })
  })

  it("is yes or no, also by default no", () => {
    assert.deepInclude(fieldOf({ type: "boolean", default: false }), { _tag: "Boolean", default: false })
    assert.deepStrictEqual(formOf({ it: { type: "boolean", default: false } }).defaults, { it: false })
  })

  it("is one of some options, however these are written", () => {
    const plain = [{ value: "a", label: "a" }, { value: "b", label: "b" }]
    const titled = [{ value: "a", label: "First" }, { value: "b", label: "b" }]
    const written: ReadonlyArray<readonly [definition: object, options: ReadonlyArray<FieldOption>]> = [
      [{ type: "string", enum: ["a", "b"] }, plain],
      [{ enum: ["a", "b"] }, plain],
      [{ type: "string", enum: ["a", "b"], enumNames: ["First"] }, titled],
      [{ type: "string", enum: ["a", "b"], enumNames: "First" }, plain],
      [{ type: "string", oneOf: [{ const: "a", title: "First" }, { const: "b" }] }, titled],
      [{ anyOf: [{ const: "a", title: "First" }, { const: "b", title: "" }] }, titled]
    ]
    for (const [definition, options] of written) {
      assert.deepInclude(fieldOf({ ...definition, default: "b" }), { _tag: "Choice", options, default: "b" })
    }
  })

  it("is some of the options, however these are written", () => {
    const plain = [{ value: "a", label: "a" }, { value: "b", label: "b" }]
    const titled = [{ value: "a", label: "First" }, { value: "b", label: "Second" }]
    const written: ReadonlyArray<readonly [items: object, options: ReadonlyArray<FieldOption>]> = [
      [{ type: "string", enum: ["a", "b"] }, plain],
      [{ anyOf: [{ const: "a", title: "First" }, { const: "b", title: "Second" }] }, titled],
      [{ type: "string", oneOf: [{ const: "a", title: "First" }, { const: "b", title: "Second" }] }, titled]
    ]
    for (const [items, options] of written) {
      const limits = { minItems: 1, maxItems: 2, default: ["b"] }
      assert.deepInclude(fieldOf({ type: "array", items, ...limits }), { _tag: "Choices", options, ...limits })
    }
  })

  it("is of a kind that nobody knows", () => {
    const definitions = [
      { type: "color" },
      { type: "array", items: { type: "string" } },
      { type: "array" },
      { anyOf: [{ type: "string" }, { type: "number" }, { type: "null" }] },
      { $ref: "#/properties/it" },
      { $ref: "#" },
      {},
      [],
      true,
      5
    ]
    for (const schema of definitions) {
      assert.deepStrictEqual(fieldOf(schema), {
        _tag: "Unknown",
        name: "it",
        label: "it",
        description: undefined,
        required: false,
        schema,
        default: undefined
      })
    }
    assert.deepInclude(fieldOf({ type: "color", default: ["red"] }), { _tag: "Unknown", default: ["red"] })
  })

  it("is called by its name if its title is empty", () => {
    assert.strictEqual(fieldOf({ type: "string", title: "" }).label, "it")
  })

  it("may be of one kind or null, as libraries write what may be left out", () => {
    const maybe = { anyOf: [{ type: "string", maxLength: 5 }, { type: "null" }], default: null, title: "Nick" }
    assert.deepInclude(fieldOf(maybe), { _tag: "Text", label: "Nick", maxLength: 5, default: undefined })
    assert.deepInclude(fieldOf({ type: ["null", "integer"] }), { _tag: "Number", integer: true })
    assert.deepInclude(fieldOf({ type: ["string", "null"], enum: ["a", null] }), {
      _tag: "Choice",
      options: [{ value: "a", label: "a" }]
    })
  })

  it("keeps the place that the server gave it", () => {
    const names = ["zebra", "apple", "mango"]
    const form = formOf(Object.fromEntries(names.map((name) => [name, { type: "string" }])))
    assert.deepStrictEqual(form.fields.map(({ name }) => name), names)
  })
})

describe("what makes no sense", () => {
  it("is ignored in a field", () => {
    const bare = { format: undefined, minLength: undefined, maxLength: undefined, default: undefined }
    const nonsense: ReadonlyArray<object> = [
      { minLength: "3", maxLength: {}, format: 7, default: 5 },
      { minLength: -1, maxLength: 2.5 },
      { minLength: 6, maxLength: 5 },
      { minLength: null, maxLength: null, format: null, default: null, title: null, description: null },
      { pattern: "^(a+)+$", enum: [], oneOf: [{ const: 1 }, null], contentEncoding: "base64" }
    ]
    for (const keywords of nonsense) {
      assert.deepInclude(fieldOf({ type: "string", ...keywords }), { _tag: "Text", label: "it", ...bare })
    }
    assert.deepInclude(fieldOf({ type: "number", minimum: 2, maximum: 1, default: "1" }), {
      minimum: undefined,
      maximum: undefined,
      default: undefined
    })
    assert.deepInclude(fieldOf({ type: "number", minimum: Infinity, maximum: "9" }), {
      minimum: undefined,
      maximum: undefined
    })
    assert.deepInclude(fieldOf({ type: "array", items: { enum: ["a", 1, "b"] }, minItems: 3, maxItems: 4 }), {
      options: [{ value: "a", label: "a" }, { value: "b", label: "b" }],
      minItems: undefined,
      maxItems: 4
    })
  })

  it("is ignored as a default, so that a required field has to be filled in", () => {
    const misfits: ReadonlyArray<object> = [
      { type: "string", maxLength: 2, default: "abc" },
      { type: "string", format: "email", default: "" },
      { type: "integer", default: 1.5 },
      { type: "number", minimum: 1, default: 0 },
      { type: "boolean", default: "true" },
      { type: "string", enum: ["a"], default: "b" },
      { type: "array", items: { enum: ["a"] }, default: ["a", "b"] },
      { type: "array", items: { enum: ["a"] }, minItems: 1, default: [] },
      { type: "color", default: { red: 1 } }
    ]
    for (const definition of misfits) {
      const form = formOf({ it: definition }, ["it"])
      assert.deepStrictEqual(form.defaults, {}, JSON.stringify(definition))
      assert.deepStrictEqual(answer(form, {}), ["it has to be filled in"])
    }
  })

  it("is ignored around the fields", () => {
    const properties = { it: { type: "string" }, none: null }
    for (const required of [null, "it", [7, null, "other"]]) {
      const form = read({ $schema: 5, properties, required, additionalProperties: false, title: "T" })
      assert.deepStrictEqual(form.fields.map(({ name, required }) => [name, required]), [["it", false]])
      assert.deepStrictEqual(answer(form, {}), {})
    }
  })
})

describe("what is no form", () => {
  it("is said to be none, and why", () => {
    const object = "The requestedSchema has to be an object"
    const type = "The requestedSchema has to have the type \"object\""
    const properties = "The requestedSchema has to have properties"
    const nested = "The requestedSchema has to be flat, but its property \"it\" is an object"
    const faults: ReadonlyArray<readonly [requestedSchema: unknown, fault: string]> = [
      [undefined, object],
      [null, object],
      ["object", object],
      [[], object],
      [{ type: "string" }, type],
      [{ type: ["object"], properties: {} }, type],
      [{}, properties],
      [{ $ref: "#/$defs/Form" }, properties],
      [{ type: "object", properties: [] }, properties],
      [{ type: "object", properties: { it: { type: "object", properties: {} } } }, nested],
      [{ type: "object", properties: { it: { type: ["null", "object"] } } }, nested],
      [{ type: "object", properties: { it: { anyOf: [{ type: "null" }, { type: "object" }] } } }, nested]
    ]
    for (const [requestedSchema, fault] of faults) assert.strictEqual(faultOf(requestedSchema), fault)
  })

  it("is not a form without fields, which asks only for consent", () => {
    for (const requestedSchema of [{ type: "object", properties: {} }, { type: "object" }, { properties: {} }]) {
      const form = read({ ...requestedSchema, title: "Go on?" })
      assert.deepStrictEqual(form.fields, [])
      assert.deepStrictEqual(answer(form, {}), {})
    }
  })
})

describe("an answer", () => {
  it("holds text of the right length, counted in characters", () => {
    const definition = { type: "string", minLength: 2, maxLength: 3 }
    accepts(definition, ["ab", "abc", "🦊🦊", "🦊🦊🦊"])
    rejects(definition, "has to have at least 2 characters", ["", "a", "🦊"])
    rejects(definition, "has to have at most 3 characters", ["abcd", "🦊🦊🦊🦊"])
    rejects(definition, "has to be a string", [5, null, true, ["ab"], {}])
    accepts({ type: "string" }, [""])
  })

  it("holds text of a format", () => {
    const email = { type: "string", format: "email" }
    accepts(email, ["ada@example.com", "a.b+c@xn--bcher-kva.example", "root@localhost", "jörg@müller.example"])
    rejects(email, "has to be an email address", [
      "",
      "ada",
      "@example.com",
      "ada@",
      "a@b@c",
      "a b@c",
      "a@b..c",
      "a@.b",
      "a@b.",
      "a@b\n",
      `${"a".repeat(250)}@b.example`
    ])
    const uri = { type: "string", format: "uri" }
    accepts(uri, ["https://example.com/a?b#c", "mailto:ada@example.com", "urn:isbn:0", "file:///tmp", "app://x"])
    rejects(uri, "has to be a URI with its scheme", [
      "",
      "example.com",
      "/path",
      "https://",
      " https://a.b",
      "https://a.b ",
      "https://a.b/c d",
      "\u0001https://a.b"
    ])
    const date = { type: "string", format: "date" }
    accepts(date, ["2025-11-25", "2024-02-29", "0001-01-01"])
    rejects(date, "has to be a date like 2025-11-25", [
      "",
      "2025-02-29",
      "2025-04-31",
      "2025-13-01",
      "2025-00-10",
      "2025-1-1",
      "25.11.2025",
      "2025-11-25T00:00:00Z",
      "2025-11-25\n",
      "+002025-11-25"
    ])
    const dateTime = { type: "string", format: "date-time" }
    accepts(dateTime, [
      "2025-11-25T09:30:00Z",
      "2025-11-25t23:59:59.123456789z",
      "2016-12-31T23:59:60Z",
      "2025-01-01T00:00:00+14:00",
      "2025-01-01T00:00:00-03:30"
    ])
    rejects(dateTime, "has to be a date and time like 2025-11-25T09:30:00Z", [
      "",
      "2025-11-25",
      "2025-11-25T09:30",
      "2025-11-25T09:30:00",
      "2025-11-25 09:30:00Z",
      "2025-02-29T09:30:00Z",
      "2025-11-25T24:00:00Z",
      "2025-11-25T09:60:00Z",
      "2025-11-25T09:30:61Z",
      "2025-11-25T09:30:00+24:00",
      "2025-11-25T09:30:00.Z",
      "2025-11-25T09:30:00Zulu"
    ])
  })

  it("holds text of a format that nobody knows", () => {
    accepts({ type: "string", format: "phone" }, ["112"])
    accepts({ type: "string", format: "constructor" }, ["112"])
  })

  it("holds a number in its range", () => {
    const definition = { type: "number", minimum: -1.5, maximum: 2 }
    accepts(definition, [-1.5, 0, 2])
    rejects(definition, "has to be at least -1.5", [-1.6])
    rejects(definition, "has to be at most 2", [2.1])
    rejects(definition, "has to be a number", ["1", NaN, Infinity, null, true])
    accepts({ type: "number", minimum: 0 }, [0])
    rejects({ type: "number", minimum: 0 }, "has to be at least 0", [-1])
    rejects({ type: "number", maximum: 0 }, "has to be at most 0", [1])
  })

  it("holds a whole number", () => {
    accepts({ type: "integer" }, [3, -7, 0])
    rejects({ type: "integer" }, "has to be a whole number", [3.5])
  })

  it("holds yes or no", () => {
    accepts({ type: "boolean" }, [true, false])
    rejects({ type: "boolean" }, "has to be true or false", ["true", 1, null])
  })

  it("holds one of the options, by its value", () => {
    const definition = { type: "string", oneOf: [{ const: "a", title: "First" }, { const: "b", title: "Second" }] }
    accepts(definition, ["a", "b"])
    rejects(definition, "has to be one of the options", ["First", "c", "", ["a"], 1])
  })

  it("holds some of the options, not too few and not too many", () => {
    const definition = { type: "array", items: { enum: ["a", "b", "c"] }, minItems: 1, maxItems: 2 }
    accepts(definition, [["a"], ["c", "b"]])
    rejects(definition, "has to have at least 1 option", [[]])
    rejects(definition, "has to have at most 2 options", [["a", "b", "c"]])
    rejects(definition, "has to be a list of options", ["a", ["d"], [1], { 0: "a" }])
    accepts({ type: "array", items: { enum: ["a"] } }, [[]])
  })

  it("holds what the protocol can carry, in a field of a kind that nobody knows", () => {
    accepts({ type: "color" }, ["red", 1, true, ["r", "g"]])
    rejects({ type: "color" }, "has to be a string, a number, a boolean or a list of strings", [null, {}, [1], NaN])
  })

  it("leaves out what may be left out", () => {
    const form = formOf({ name: { type: "string" }, age: { type: "number" } }, ["name"])
    assert.deepStrictEqual(answer(form, { name: "Ada" }), { name: "Ada" })
    assert.deepStrictEqual(answer(form, { name: "Ada", age: undefined }), { name: "Ada" })
    assert.deepStrictEqual(answer(form, { age: 7 }), ["name has to be filled in"])
    assert.deepStrictEqual(answer(form, { name: undefined }), ["name has to be filled in"])
  })

  it("does not hold what the form does not ask for", () => {
    const form = formOf({ email: { type: "string" } })
    assert.deepStrictEqual(answer(form, { emial: "ada@example.com" }), ["emial is no field of the form"])
  })

  it("has to be an object", () => {
    for (const content of [null, undefined, "yes", ["yes"]]) {
      assert.match(String(answer(formOf({}), content)), /^Expected an object/)
    }
  })

  it("is told all that is wrong with it", () => {
    const form = formOf({ name: { type: "string" }, age: { type: "integer", minimum: 0 } }, ["name"])
    const exit = Form.complete(form, { age: -1, nick: "x" })
    assert(Exit.isFailure(exit))
    const [reason] = exit.cause.reasons
    assert(reason?._tag === "Fail" && reason.error.reason._tag === "ValidationError")
    const { issues, kind, message, path, side, value } = reason.error.reason
    assert.deepStrictEqual({ issues, kind, path, side, value }, {
      side: "input",
      kind: "form",
      path: ["name"],
      value: undefined,
      issues: [
        { path: ["name"], message: "has to be filled in" },
        { path: ["age"], message: "has to be at least 0" },
        { path: ["nick"], message: "is no field of the form" }
      ]
    })
    assert.strictEqual(
      message,
      "The input of form \"elicitation/create\" does not fit: name: has to be filled in; age: has to be at least 0; " +
        "nick: is no field of the form"
    )
  })

  it("can be checked by the schema while the user types, in both directions and without the defaults", () => {
    const { schema } = formOf({ age: { type: "integer" }, nick: { type: "string", default: "x" } }, ["age", "nick"])
    for (const check of [Schema.decodeUnknownExit(schema), Schema.encodeUnknownExit(schema)]) {
      assert.deepStrictEqual(check({ age: 7 }), Exit.succeed({ age: 7 }))
      const [reason] = Exit.isFailure(check({ age: 7.5 })) ? [check({ age: 7.5 })] : []
      assert(reason !== undefined && Exit.isFailure(reason))
      const [failure] = reason.cause.reasons
      assert(failure?._tag === "Fail" && Schema.isSchemaError(failure.error))
      assert.deepStrictEqual(issuesOf(failure.error.issue), [{ path: ["age"], message: "has to be a whole number" }])
    }
  })
})

describe("defaults", () => {
  const form = formOf({
    name: { type: "string", description: "User name", default: "John Doe" },
    age: { type: "integer", description: "User age", default: 30 },
    score: { type: "number", description: "User score", default: 95.5 },
    status: {
      type: "string",
      description: "User status",
      enum: ["active", "inactive", "pending"],
      default: "active"
    },
    verified: { type: "boolean", description: "Verification status", default: true }
  })

  it("fill in all that is left out", () => {
    const defaults = { name: "John Doe", age: 30, score: 95.5, status: "active", verified: true }
    assert.deepStrictEqual(form.defaults, defaults)
    assert.deepStrictEqual(answer(form, {}), defaults)
    assert.deepStrictEqual(answer(form, { name: undefined }), defaults)
  })

  it("do not replace what the user said", () => {
    const content = { name: "", age: 0, score: 0, status: "pending", verified: false }
    assert.deepStrictEqual(answer(form, content), content)
  })

  it("fill in required fields, too", () => {
    const form = formOf({ color: { enum: ["red", "blue"], default: "blue" } }, ["color"])
    assert.deepStrictEqual(answer(form, {}), { color: "blue" })
  })
})

describe("the form of server-everything", () => {
  const form = formOf({
    name: { title: "String", type: "string", description: "Your full, legal name" },
    check: { title: "Boolean", type: "boolean", description: "Agree to the terms and conditions" },
    firstLine: { title: "String with default", type: "string", default: "It was a dark and stormy night." },
    email: { title: "String with email format", type: "string", format: "email" },
    homepage: { type: "string", format: "uri", title: "String with uri format" },
    birthdate: { title: "String with date format", type: "string", format: "date" },
    integer: { title: "Integer", type: "integer", minimum: 1, maximum: 100, default: 42 },
    number: { title: "Number in range 1-1000", type: "number", minimum: 0, maximum: 1000, default: 3.14 },
    untitledSingleSelectEnum: { type: "string", enum: ["Monica", "Rachel", "Joey"], default: "Monica" },
    untitledMultipleSelectEnum: {
      type: "array",
      minItems: 1,
      maxItems: 3,
      items: { type: "string", enum: ["Guitar", "Piano", "Violin", "Drums", "Bass"] },
      default: ["Guitar"]
    },
    titledSingleSelectEnum: {
      type: "string",
      oneOf: [{ const: "hero-1", title: "Superman" }, { const: "hero-2", title: "Green Lantern" }],
      default: "hero-1"
    },
    titledMultipleSelectEnum: {
      type: "array",
      minItems: 1,
      maxItems: 3,
      items: { anyOf: [{ const: "fish-1", title: "Tuna" }, { const: "fish-2", title: "Salmon" }] },
      default: ["fish-1"]
    },
    legacyTitledEnum: {
      type: "string",
      enum: ["pet-1", "pet-2"],
      enumNames: ["Cats", "Dogs"],
      default: "pet-1"
    }
  }, ["name"])

  it("is read as it is meant", () => {
    assert.deepStrictEqual(form.fields.map(({ _tag, label }) => `${label}: ${_tag}`), [
      "String: Text",
      "Boolean: Boolean",
      "String with default: Text",
      "String with email format: Text",
      "String with uri format: Text",
      "String with date format: Text",
      "Integer: Number",
      "Number in range 1-1000: Number",
      "untitledSingleSelectEnum: Choice",
      "untitledMultipleSelectEnum: Choices",
      "titledSingleSelectEnum: Choice",
      "titledMultipleSelectEnum: Choices",
      "legacyTitledEnum: Choice"
    ])
  })

  it("is filled in", () => {
    const content = {
      name: "Ada",
      email: "ada@example.com",
      birthdate: "1815-12-10",
      titledMultipleSelectEnum: ["fish-2"]
    }
    assert.deepStrictEqual(answer(form, content), {
      firstLine: "It was a dark and stormy night.",
      integer: 42,
      number: 3.14,
      untitledSingleSelectEnum: "Monica",
      untitledMultipleSelectEnum: ["Guitar"],
      titledSingleSelectEnum: "hero-1",
      legacyTitledEnum: "pet-1",
      ...content
    })
  })
})

describe("a hostile server", () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty"]
  const properties = (definition: object) => Object.fromEntries(names.map((name) => [name, definition]))

  it("gains nothing by names that every object has", () => {
    const optional = formOf(properties({ type: "string" }))
    assert.deepStrictEqual(optional.fields.map(({ name }) => name), names)
    assert.deepStrictEqual(answer(optional, {}), {})
    assert.deepStrictEqual(Schema.decodeUnknownExit(optional.schema)({}), Exit.succeed({}))
    const required = formOf(properties({ type: "string" }), names)
    assert.deepStrictEqual(answer(required, {}), names.map((name) => `${name} has to be filled in`))
    const filled = Object.fromEntries(names.map((name) => [name, "x"]))
    for (
      const content of [answer(required, filled), answer(formOf(properties({ type: "string", default: "x" })), {})]
    ) {
      assert.strictEqual(JSON.stringify(content), JSON.stringify(filled))
      assert.strictEqual(Object.getPrototypeOf(content), Object.prototype)
    }
    assert.deepStrictEqual(answer(formOf({}), { constructor: "x" }), ["constructor is no field of the form"])
  })

  it("can not ask for more than anybody fills in", () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`)
    const fields = (count: number) => ({
      type: "object",
      properties: Object.fromEntries(many(count).map((name) => [name, { type: "string" }]))
    })
    const options = (...counts: ReadonlyArray<number>) => ({
      type: "object",
      properties: Object.fromEntries(counts.map((count, index) => [`n${index}`, { enum: many(count) }]))
    })
    const fault = "The requestedSchema has more than 1000 fields and options"
    assert.strictEqual(read(fields(1000)).fields.length, 1000)
    assert.strictEqual(faultOf(fields(1001)), fault)
    assert.strictEqual(faultOf(fields(100_000)), fault)
    assert.strictEqual(read(options(499, 499)).fields.length, 2)
    assert.strictEqual(faultOf(options(499, 500)), fault)
    assert.strictEqual(faultOf(options(100_000)), fault)
  })

  it("can not exhaust the stack by depth", () => {
    let deep: object = { type: "string" }
    for (let depth = 0; depth < 100_000; depth++) deep = { anyOf: [deep, { type: "null" }], items: deep, default: deep }
    assert.deepInclude(fieldOf(deep), { _tag: "Unknown", default: undefined })
    assert.deepInclude(fieldOf({ type: "array", items: deep }), { _tag: "Unknown" })
    assert.strictEqual(faultOf({ type: deep, properties: {} }), "The requestedSchema has to have the type \"object\"")
  })

  it("can not keep the formats busy", () => {
    const long = 1_000_000
    const texts = ["a".repeat(long), "@a".repeat(long), "a@b".repeat(long), `a@${"b.".repeat(long)}`, "1-".repeat(long)]
    for (const format of ["email", "date", "date-time"]) {
      for (const text of [...texts, `2025-11-25T09:30:00.${"1".repeat(long)}`, " ".repeat(long)]) {
        assert.match(String(wrong({ type: "string", format }, text)), /^it has to be/)
      }
    }
    assert.match(String(wrong({ type: "string", format: "uri" }, "a".repeat(long))), /^it has to be/)
  })
})

// =============================================================================
// Whatever the form
// =============================================================================

const Few = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 }))
const Name = Schema.Union([Schema.Literals(["__proto__", "constructor", "length", ""]), Schema.String])

/** What a field asks for, and enough to make a value of it. */
const Plan = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("text"), text: Schema.String, below: Few, above: Few }),
  Schema.Struct({
    kind: Schema.Literal("number"),
    type: Schema.Literals(["integer", "number"]),
    at: Schema.Int,
    below: Few,
    above: Few
  }),
  Schema.Struct({ kind: Schema.Literal("boolean"), value: Schema.Boolean }),
  Schema.Struct({
    kind: Schema.Literals(["date", "date-time", "email", "uri"]),
    millis: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4_000_000_000_000 }))
  }),
  Schema.Struct({
    kind: Schema.Literals(["choice", "titled choice", "legacy choice"]),
    options: Schema.NonEmptyArray(Name),
    pick: Few
  }),
  Schema.Struct({
    kind: Schema.Literals(["choices", "titled choices"]),
    options: Schema.NonEmptyArray(Name),
    picks: Schema.Array(Schema.Boolean),
    below: Few,
    above: Few
  })
])

const carryOut = (plan: typeof Plan.Type): { readonly definition: object; readonly value: FieldValue } => {
  switch (plan.kind) {
    case "text": {
      const length = Array.from(plan.text).length
      const minLength = Math.max(0, length - plan.below)
      return { definition: { type: "string", minLength, maxLength: length + plan.above }, value: plan.text }
    }
    case "number":
      return {
        definition: { type: plan.type, minimum: plan.at - plan.below, maximum: plan.at + plan.above },
        value: plan.type === "integer" ? plan.at : plan.at + plan.above / 2
      }
    case "boolean":
      return { definition: { type: "boolean" }, value: plan.value }
    case "date":
    case "date-time":
    case "email":
    case "uri": {
      const dateTime = new Date(plan.millis).toISOString()
      const value = {
        "date": dateTime.slice(0, 10),
        "date-time": dateTime,
        "email": `user.${plan.millis}@example.com`,
        "uri": `https://example.com/${plan.millis}`
      }[plan.kind]
      return { definition: { type: "string", format: plan.kind }, value }
    }
    case "choice":
    case "titled choice":
    case "legacy choice": {
      const { options, pick } = plan
      const list = {
        "choice": { enum: options },
        "titled choice": { oneOf: options.map((option) => ({ const: option, title: `${option}!` })) },
        "legacy choice": { enum: options, enumNames: options.map((option) => `${option}!`) }
      }[plan.kind]
      return { definition: { type: "string", ...list }, value: options[pick % options.length] ?? options[0] }
    }
    case "choices":
    case "titled choices": {
      const value = plan.options.filter((_, index) => plan.picks[index] === true)
      const items = plan.kind === "choices"
        ? { type: "string", enum: plan.options }
        : { anyOf: plan.options.map((option) => ({ const: option, title: option })) }
      const minItems = Math.max(0, value.length - plan.below)
      return { definition: { type: "array", items, minItems, maxItems: value.length + plan.above }, value }
    }
  }
}

const Presence = Schema.Literals(["given", "required", "default", "required default", "left out"])

describe("whatever the form", () => {
  it.prop(
    "what follows its rules is an answer",
    { plans: Schema.Array(Schema.Struct({ name: Name, presence: Presence, plan: Plan })) },
    ({ plans }) => {
      const byName = new Map(plans.map(({ name, plan, presence }) => [name, { presence, ...carryOut(plan) }]))
      const entries = Array.from(byName)
      const form = formOf(
        Object.fromEntries(entries.map(([name, { definition, presence, value }]) => [
          name,
          presence.endsWith("default") ? { ...definition, default: value } : definition
        ])),
        entries.flatMap(([name, { presence }]) => presence.startsWith("required") ? [name] : [])
      )
      const valuesOf = (...presences: ReadonlyArray<typeof Presence.Type>) =>
        Object.fromEntries(
          entries.flatMap(([name, { presence, value }]) => presences.includes(presence) ? [[name, value]] : [])
        )
      assert.isTrue(form.fields.every(({ _tag }) => _tag !== "Unknown"))
      assert.deepStrictEqual(
        answer(form, valuesOf("given", "required")),
        valuesOf("given", "required", "default", "required default")
      )
    },
    { arbitrary: { runs: 300 } }
  )

  const Keyword = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.Union([schema, Schema.Json]))
  const Options = Schema.Array(Schema.Union([Schema.Struct({ const: Schema.Json, title: Schema.Json }), Schema.Json]))
  const Definition = Schema.Struct({
    type: Keyword(Schema.Literals(["string", "number", "integer", "boolean", "array", "object"])),
    enum: Keyword(Schema.Array(Schema.Json)),
    anyOf: Keyword(Options),
    oneOf: Keyword(Options),
    items: Keyword(Schema.Struct({ enum: Keyword(Schema.Array(Schema.String)), anyOf: Keyword(Options) })),
    minLength: Keyword(Few),
    maxItems: Keyword(Few),
    minimum: Keyword(Schema.Number),
    format: Keyword(Schema.Literals(["email", "uri", "date", "date-time"])),
    default: Keyword(Schema.String)
  })

  it.prop(
    "a server and a user who say anything get an answer",
    {
      requestedSchema: Schema.Struct({
        type: Keyword(Schema.Literal("object")),
        properties: Keyword(Schema.Record(Name, Definition)),
        required: Keyword(Schema.Array(Name))
      }),
      content: Schema.Union([Schema.Record(Name, Schema.Json), Schema.Json])
    },
    ({ content, requestedSchema }) => {
      const form = Form.read(requestedSchema)
      if ("fault" in form) return assert.isString(form.fault)
      const result = answer(form, content)
      if (Array.isArray(result)) return assert.isNotEmpty(result)
      assert.deepStrictEqual(answer(form, result), result)
    },
    { arbitrary: { runs: 300 } }
  )
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Schema from "effect/Schema"
import * as ParamHeaders from "../../src/internal/session/paramHeaders.ts"
import { headerValue } from "../../src/internal/transport/headerValue.ts"

const region = { type: "string", "x-mcp-header": "Region" }

const schema = (properties: object, rest?: object) => ({ type: "object", properties, ...rest })

/** What stands before a server does, by the protocol. */
const decode = (value: string): string =>
  value.startsWith("=?base64?") && value.endsWith("?=")
    ? Effect.runSync(Effect.fromResult(Base64.decodeString(value.slice(9, -2))))
    : value

describe("a value in the form of a header", () => {
  it.each([
    ["us-west1", "us-west1"],
    ["Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="],
    [" padded ", "=?base64?IHBhZGRlZCA=?="],
    ["line1\nline2", "=?base64?bGluZTEKbGluZTI=?="],
    ["=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="],
    ["=?base64?only the begin", "=?base64?only the begin"],
    ["only the end?=", "only the end?="],
    ["=?BASE64?other?=", "=?BASE64?other?="],
    ["a\tb", "=?base64?YQli?="],
    ["\ttab", "=?base64?CXRhYg==?="],
    ["a b", "a b"],
    ["~!@#$%^&*()", "~!@#$%^&*()"],
    ["\u007f", "=?base64?fw==?="],
    ["\u0000", "=?base64?AA==?="],
    ["é", "=?base64?w6k=?="],
    ["", ""]
  ])("is of %j: %s", (value, header) => {
    assert.strictEqual(headerValue(value), header)
    assert.strictEqual(decode(header), value)
  })

  it.prop("is one that HTTP can carry, and means the same", { value: Schema.String }, ({ value }) => {
    const header = headerValue(value)
    assert.match(header, /^([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?$/)
    // What is no Unicode can not be carried by UTF-8.
    if (value.isWellFormed()) assert.strictEqual(decode(header), value)
  })
})

describe("an input schema", () => {
  const read = (inputSchema: unknown) => ParamHeaders.read(inputSchema)
  const headers = (...rules: ReadonlyArray<readonly [string, ...ReadonlyArray<string>]>) =>
    rules.map(([header, ...path]) => ({ header: `mcp-param-${header}`, path }))

  it.each<[string, unknown, ReadonlyArray<ParamHeaders.ParamHeader>]>([
    ["no properties", { type: "object" }, []],
    ["no annotations", schema({ a: { type: "string" } }), []],
    ["one", schema({ region }), headers(["region", "region"])],
    [
      "of each type that may be",
      schema({
        s: { type: "string", "x-mcp-header": "S" },
        i: { type: "integer", "x-mcp-header": "I" },
        b: { type: "boolean", "x-mcp-header": "B" }
      }),
      headers(["s", "s"], ["i", "i"], ["b", "b"])
    ],
    ["deep", schema({ a: schema({ b: schema({ region }) }) }), headers(["region", "a", "b", "region"])],
    [
      "by all characters that may be",
      schema({ a: { type: "string", "x-mcp-header": "!#$%&'*+-.^_`|~09Az" } }),
      headers([
        "!#$%&'*+-.^_`|~09az",
        "a"
      ])
    ],
    [
      "of a property of a strange name",
      schema({ "x-mcp-header": region, properties: { ...region, "x-mcp-header": "B" } }),
      headers(
        ["region", "x-mcp-header"],
        ["b", "properties"]
      )
    ],
    ["that only looks like one, in data", schema({ a: { type: "string", default: { "x-mcp-header": "A" } } }), []],
    ["where the schema is true", schema({ a: true }), []],
    ["where there is no schema", undefined, []],
    ["where the schema is no object", "string", []]
  ])("may have annotations: %s", (_, inputSchema, expected) => {
    assert.deepStrictEqual(read(inputSchema), expected)
  })

  const inside = { type: "object", properties: { region } }

  it.each<[string, unknown]>([
    ["empty", schema({ a: { type: "string", "x-mcp-header": "" } })],
    ["no text", schema({ a: { type: "string", "x-mcp-header": 7 } })],
    ["null", schema({ a: { type: "string", "x-mcp-header": null } })],
    ["with a space", schema({ a: { type: "string", "x-mcp-header": "a b" } })],
    ["with a colon", schema({ a: { type: "string", "x-mcp-header": "a:b" } })],
    ["with a line end", schema({ a: { type: "string", "x-mcp-header": "a\r\nb" } })],
    ["not ASCII", schema({ a: { type: "string", "x-mcp-header": "ä" } })],
    ["twice the same", schema({ a: region, b: region })],
    ["twice the same in another case", schema({ a: region, b: { ...region, "x-mcp-header": "REGION" } })],
    ["twice the same at different depths", schema({ region, a: inside })],
    ...["number", "object", "array", "null", undefined, ["string", "null"], ["string"]].map((
      type
    ): [string, unknown] => [`of type ${JSON.stringify(type)}`, schema({ a: { type, "x-mcp-header": "A" } })]),
    ["at the whole", schema({}, { "x-mcp-header": "A" })],
    ["in items", schema({ a: { type: "array", items: region } })],
    ["beneath items", schema({ a: { type: "array", items: inside } })],
    ["in prefixItems", schema({ a: { type: "array", prefixItems: [region] } })],
    ["in additionalProperties", schema({}, { additionalProperties: region })],
    ["in patternProperties", schema({}, { patternProperties: { "^x": region } })],
    ...["oneOf", "anyOf", "allOf"].map((key): [string, unknown] => [`in ${key}`, schema({}, { [key]: [inside] })]),
    ...["not", "if", "then", "else", "contains", "propertyNames", "unevaluatedProperties"].map((
      key
    ): [string, unknown] => [`in ${key}`, schema({}, { [key]: inside })]),
    ["in $defs", schema({ a: { $ref: "#/$defs/r" } }, { $defs: { r: region } })],
    ["in definitions", schema({}, { definitions: { r: region } })],
    ["in a choice of a property", schema({ a: { anyOf: [region, { type: "null" }] } })]
  ])("with an annotation that is not allowed is none: %s", (_, inputSchema) => {
    assert.property(read(inputSchema), "fault")
  })

  it("may be as deep as it likes, and harms nobody", () => {
    let deep: unknown = region
    for (let depth = 0; depth < 10_000; depth++) deep = { type: "object", properties: { a: deep } }
    assert.deepStrictEqual(read(deep), [])
  })
})

describe("the arguments of a call", () => {
  const rules = (...paths: ReadonlyArray<string>) =>
    paths.map((path) => ({ header: `mcp-param-${path.replaceAll(".", "-")}`, path: path.split(".") }))

  it.each<[string, unknown, Readonly<Record<string, string>>]>([
    ["a", { a: "x" }, { "mcp-param-a": "x" }],
    ["a", { a: 42 }, { "mcp-param-a": "42" }],
    ["a", { a: -0 }, { "mcp-param-a": "0" }],
    ["a", { a: Number.MAX_SAFE_INTEGER }, { "mcp-param-a": "9007199254740991" }],
    ["a", { a: true }, { "mcp-param-a": "true" }],
    ["a", { a: "" }, { "mcp-param-a": "" }],
    ["a.b", { a: { b: "x" } }, { "mcp-param-a-b": "x" }],
    ["a", {}, {}],
    ["a", { a: null }, {}],
    ["a", { a: undefined }, {}],
    ["a", { a: 1.5 }, {}],
    ["a", { a: 2 ** 53 }, {}],
    ["a", { a: Number.NaN }, {}],
    ["a", { a: {} }, {}],
    ["a", { a: ["x"] }, {}],
    ["a.b", { a: null }, {}],
    ["a.b", { a: "x" }, {}],
    ["a.b", { "a.b": "x" }, {}],
    ["toString", {}, {}],
    ["a", undefined, {}],
    ["a", "x", {}]
  ])("at %s, of %j, are %j", (path, args, expected) => {
    assert.deepStrictEqual(ParamHeaders.write(rules(path), args), expected)
  })
})

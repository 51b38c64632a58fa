import * as McpTool from "@effect-mcp/client/McpTool"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { connect } from "./harness.ts"

const tools = {
  echo: (args) => Effect.succeed({ structuredContent: args })
} satisfies MockTransport.Options["tools"]

/** A value that refers to itself, as those of a domain model do. */
class Knot {
  readonly self = this
  readonly n: number
  constructor(n: number) {
    this.n = n
  }
}

const KnotFromNumber = Schema.Number.pipe(Schema.decodeTo(
  Schema.instanceOf(Knot),
  SchemaTransformation.transform({ decode: (n: number) => new Knot(n), encode: ({ n }: Knot) => n })
))

describe("input", () => {
  it.effect("may hold values that refer to themselves, when the schema writes them as JSON", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools })
      const echo = McpTool.make("echo", { input: Schema.Struct({ knot: KnotFromNumber }) })
      const result = yield* client.call(echo, { knot: new Knot(7) })
      assert.deepStrictEqual(result.structuredContent, { knot: 7 })
    }))

  it.effect("has no key for what is undefined, also when the schema renames it", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools })
      const input = Schema.Struct({ userId: Schema.optional(Schema.String), n: Schema.Number }).pipe(
        Schema.encodeKeys({ userId: "user_id" })
      )
      const result = yield* client.call(McpTool.make("echo", { input }), { userId: undefined, n: 1 })
      assert.deepStrictEqual(result.structuredContent, { n: 1 })
    }))
})

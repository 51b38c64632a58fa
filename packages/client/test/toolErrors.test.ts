import * as McpTool from "@effect-mcp/client/McpTool"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { connect } from "./harness.ts"

const failing = (answer: MockTransport.ToolAnswer) =>
  connect({ tools: { tool: () => Effect.succeed({ isError: true, ...answer }) } }, { name: "shop" })

const tool = McpTool.make("tool", { output: Schema.Struct({ price: Schema.Number }) })

describe("a tool that reports failure", () => {
  it.effect("fails with all that it returned, and its text as message", () =>
    Effect.gen(function*() {
      const answer = {
        content: [
          { type: "text", text: "Out of stock." },
          { type: "image", data: "AA==", mimeType: "image/png" },
          { type: "hologram", depth: 3 },
          { type: "text", text: "Try tomorrow.", "x-color": "red" }
        ],
        structuredContent: { until: "tomorrow" },
        _meta: { took: 3 },
        "x-vendor": true
      }
      const { client } = yield* failing(answer)
      const error = yield* Effect.flip(client.callTool("tool"))
      if (error._tag !== "ToolError") return assert.fail(error.message)
      assert.strictEqual(error.tool, "tool")
      assert.strictEqual(error.server, "shop")
      assert.deepStrictEqual<unknown>(error.result, { isError: true, ...answer })
      assert.strictEqual(error.message, "shop: tool: Out of stock.\nTry tomorrow.")
    }))

  it.effect.each([
    { what: "nothing", content: [] },
    { what: "an image", content: [{ type: "image", data: "AA==", mimeType: "image/png" }] },
    { what: "what nobody knows", content: [{ type: "hologram" }] }
  ])("has a message also when it returned $what", ({ content }) =>
    Effect.gen(function*() {
      const { client } = yield* failing({ content })
      const error = yield* Effect.flip(client.callTool("tool"))
      assert.strictEqual(error._tag, "ToolError")
      assert.match(error.message, /^shop: tool: \S/)
    }))

  it.effect("fails a typed call in the same way: what it returned need not fit the output", () =>
    Effect.gen(function*() {
      const { client } = yield* failing({ structuredContent: { price: "unknown" } })
      const errors = [
        yield* Effect.flip(client.call(tool, {})),
        yield* Effect.flip(Stream.runDrain(client.callStream(tool, {})))
      ]
      for (const error of errors) {
        if (error._tag !== "ToolError") return assert.fail(error.message)
        assert.deepStrictEqual<unknown>(error.result, {
          content: [],
          isError: true,
          structuredContent: { price: "unknown" }
        })
        assert.strictEqual(error.server, "shop")
      }
    }))

  it.effect("is a result when asked for raw", () =>
    Effect.gen(function*() {
      const { client } = yield* failing({ content: [{ type: "text", text: "no" }] })
      assert.deepStrictEqual(yield* client.raw.callTool("tool"), {
        content: [{ type: "text", text: "no" }],
        isError: true
      })
    }))

  it.effect("is told from one that succeeds, which may say so", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        tools: { tool: () => Effect.succeed({ isError: false, structuredContent: { price: 1 } }) }
      })
      assert.deepStrictEqual(yield* client.call(tool, {}), { price: 1 })
    }))

  it.effect("can be caught by its tag, beside other errors", () =>
    Effect.gen(function*() {
      const { client } = yield* failing({ structuredContent: { price: 0 } })
      const said = yield* client.call(tool, {}).pipe(
        Effect.catchTags({
          ToolError: (error) => Effect.succeed(error.result.structuredContent),
          McpError: (error) => Effect.succeed(error.reason._tag)
        })
      )
      assert.deepStrictEqual(said, { price: 0 })
    }))
})

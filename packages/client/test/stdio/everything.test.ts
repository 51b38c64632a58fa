/** A server that nobody here wrote, in a process of its own. */
import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpPrompt from "@effect-mcp/client/McpPrompt"
import * as McpResource from "@effect-mcp/client/McpResource"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { failsWith } from "../harness.ts"

class Everything extends McpClient.Service<Everything>()("test/Everything", {
  resources: {
    architecture: McpResource.make("demo://resource/static/document/architecture.md", { mimeType: "text/markdown" }),
    text: McpResource.template("demo://resource/dynamic/text/{resourceId}", {
      params: Schema.Struct({ resourceId: Schema.Int })
    }),
    blob: McpResource.template("demo://resource/dynamic/blob/{resourceId}", {
      params: Schema.Struct({ resourceId: Schema.Int })
    })
  },
  prompts: {
    weather: McpPrompt.make("args-prompt", {
      arguments: Schema.Struct({ city: Schema.String, state: Schema.optional(Schema.String) })
    })
  }
}) {}

const live = Everything.layer().pipe(
  Layer.provide(StdioTransport.layer({ command: "mcp-server-everything" })),
  Layer.provide(NodeMcp.layer)
)

layer(live, { excludeTestServices: true, timeout: "20 seconds" })("the everything server", (it) => {
  it.effect("has resources", () =>
    Effect.gen(function*() {
      const { listResources, listResourceTemplates, readResource, resources } = yield* Everything
      assert.include((yield* listResources()).map(({ uri }) => uri), "demo://resource/static/document/architecture.md")
      assert.include((yield* listResourceTemplates()).map(({ uriTemplate }) => uriTemplate), resourceTemplate)
      const [document] = yield* resources.architecture()
      assert.include(document?.text, "# Everything Server")
      const [text] = yield* resources.text({ resourceId: 3 })
      assert.include(text?.text, "Resource 3")
      const [blob] = yield* resources.blob({ resourceId: 3 })
      assert.include(new TextDecoder().decode(blob?.blob), "Resource 3")
      const reason = yield* failsWith("ResourceNotFoundError")(readResource("demo://nope"))
      assert.strictEqual(reason.uri, "demo://nope")
    }))

  it.effect("has subscriptions", () =>
    Effect.gen(function*() {
      const { resources } = yield* Everything
      const updates = yield* Stream.runCollect(Stream.take(resources.architecture.subscribe(), 1))
      assert.deepStrictEqual(updates.map(({ _tag }) => _tag), ["Subscribed"])
    }))

  it.effect("has prompts", () =>
    Effect.gen(function*() {
      const { listPrompts, prompts } = yield* Everything
      assert.include((yield* listPrompts()).map(({ name }) => name), "args-prompt")
      const { messages: [message] } = yield* prompts.weather({ city: "Paris" })
      if (message === undefined) return assert.fail("no message")
      assert.strictEqual(message.role, "user")
      assert.include(message.content.type === "text" ? message.content.text : "", "Paris")
    }))

  it.effect("completes, logs and lives", () =>
    Effect.gen(function*() {
      const { complete, ping, setLogLevel } = yield* Everything
      const { values } = yield* complete({
        ref: { type: "ref/resource", uri: resourceTemplate },
        argument: { name: "resourceId", value: "1" }
      })
      assert.deepStrictEqual(values, ["1"])
      yield* setLogLevel("error")
      yield* ping()
    }))
})

const resourceTemplate = "demo://resource/dynamic/text/{resourceId}"

import * as McpSchema from "@effect-mcp/client/McpSchema"
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"

interface Case {
  readonly name: string
  readonly schema: Schema.Codec<unknown>
  /** What fits. */
  readonly good: ReadonlyArray<unknown>
  /** What does not fit, and where. */
  readonly bad: ReadonlyArray<readonly [value: unknown, at: string]>
}

const serverInfo = { name: "x", version: "1" }
const text = { type: "text", text: "hi" }
const tool = { name: "t", inputSchema: { type: "object" } }

const cases: ReadonlyArray<Case> = [
  {
    name: "JsonObject",
    schema: McpSchema.JsonObject,
    good: [{}, { a: 1 }, Object.create(null)],
    bad: [[null, "object"], [[], "object"], ["{}", "object"], [undefined, "object"]]
  },
  {
    name: "Implementation",
    schema: McpSchema.Implementation,
    good: [serverInfo, { ...serverInfo, title: "X", description: "", websiteUrl: "https://x.dev", icons: [] }],
    bad: [[{ name: "x" }, "version"], [{ ...serverInfo, title: 7 }, "title"], [
      { ...serverInfo, title: undefined },
      "title"
    ]]
  },
  {
    name: "ServerCapabilities",
    schema: McpSchema.ServerCapabilities,
    good: [{}, { tools: {}, logging: {}, tasks: { list: {} } }, {
      tools: { listChanged: true },
      resources: { subscribe: true }
    }],
    bad: [[{ tools: true }, "tools"], [{ tools: { listChanged: "yes" } }, "listChanged"], [[], "object"]]
  },
  {
    name: "InitializeResult",
    schema: McpSchema.InitializeResult,
    good: [{ protocolVersion: "1", capabilities: {}, serverInfo }, {
      protocolVersion: "1",
      capabilities: {},
      serverInfo,
      instructions: "",
      _meta: {}
    }],
    bad: [
      [{ capabilities: {}, serverInfo }, "protocolVersion"],
      [{ protocolVersion: "1", capabilities: {}, serverInfo: { name: "x" } }, "version"]
    ]
  },
  {
    name: "Tool",
    schema: McpSchema.Tool,
    good: [tool, { ...tool, annotations: { readOnlyHint: true, "x-risk": 1 }, _meta: {}, icons: [] }],
    bad: [
      [{ name: "t" }, "inputSchema"],
      [{ ...tool, outputSchema: "none" }, "outputSchema"],
      [{ ...tool, annotations: { title: 7 } }, "title"]
    ]
  },
  {
    name: "ContentBlock",
    schema: McpSchema.ContentBlock,
    good: [
      text,
      { ...text, annotations: {} },
      { type: "image", data: "", mimeType: "image/png" },
      { type: "audio", data: "", mimeType: "audio/wav" },
      { type: "resource_link", uri: "a:b", name: "b" },
      { type: "resource", resource: { uri: "a:b", text: "" } },
      { type: "hologram" },
      { type: "" },
      { type: "toString" }
    ],
    bad: [
      [{ type: "text" }, "text"],
      [{ type: "image", data: "" }, "mimeType"],
      [{ type: "audio", mimeType: "audio/wav" }, "data"],
      [{ type: "resource_link", uri: "a:b" }, "name"],
      [{ type: "resource", resource: {} }, "uri"],
      [{ type: "resource", resource: { uri: "a:b", blob: 7 } }, "blob"],
      [{ type: 7 }, "type"],
      [{}, "type"],
      ["text", "type"],
      [null, "type"]
    ]
  },
  {
    name: "CallToolResult",
    schema: McpSchema.CallToolResult,
    good: [{ content: [] }, {
      content: [text, { type: "hologram" }],
      structuredContent: null,
      isError: false,
      _meta: {}
    }],
    bad: [[{}, "content"], [{ content: [text, { type: "text" }] }, "text"], [{ content: [], isError: 1 }, "isError"]]
  },
  {
    name: "ListToolsResult",
    schema: McpSchema.ListToolsResult,
    good: [{ tools: [] }, { tools: [tool, "broken"], nextCursor: "" }],
    bad: [[{}, "tools"], [{ tools: {} }, "tools"], [{ tools: [], nextCursor: 2 }, "nextCursor"]]
  },
  {
    name: "Annotations",
    schema: McpSchema.Annotations,
    good: [{}, { audience: ["user", "machine"], priority: 0.5, lastModified: "2025-01-01T00:00:00Z" }],
    bad: [[{ audience: "user" }, "audience"], [{ priority: "high" }, "priority"]]
  },
  {
    name: "Resource",
    schema: McpSchema.Resource,
    good: [{ uri: "a:b", name: "b" }, {
      uri: "no uri",
      name: "",
      title: "B",
      description: "",
      mimeType: "text/plain",
      size: 7,
      annotations: {},
      _meta: {},
      icons: []
    }],
    bad: [
      [{ uri: "a:b" }, "name"],
      [{ name: "b" }, "uri"],
      [{ uri: "a:b", name: "b", size: "7" }, "size"],
      [{ uri: "a:b", name: "b", annotations: { priority: "high" } }, "priority"]
    ]
  },
  {
    name: "ResourceTemplate",
    schema: McpSchema.ResourceTemplate,
    good: [{ uriTemplate: "a:{b}", name: "b" }, { uriTemplate: "", name: "", mimeType: "text/plain", annotations: {} }],
    bad: [[{ uri: "a:b", name: "b" }, "uriTemplate"], [{ uriTemplate: "a:{b}" }, "name"]]
  },
  {
    name: "ListResourcesResult",
    schema: McpSchema.ListResourcesResult,
    good: [{ resources: [] }, { resources: ["broken"], nextCursor: "" }],
    bad: [[{}, "resources"], [{ resources: {} }, "resources"], [{ resources: [], nextCursor: 2 }, "nextCursor"]]
  },
  {
    name: "ListResourceTemplatesResult",
    schema: McpSchema.ListResourceTemplatesResult,
    good: [{ resourceTemplates: ["broken"] }],
    bad: [[{ resources: [] }, "resourceTemplates"]]
  },
  {
    name: "ResourceContents",
    schema: McpSchema.ResourceContents,
    good: [{ uri: "a:b" }, { uri: "a:b", text: "", mimeType: "text/plain" }, { uri: "a:b", blob: "%", _meta: {} }],
    bad: [[{ text: "" }, "uri"], [{ uri: "a:b", text: 7 }, "text"], [{ uri: "a:b", blob: [] }, "blob"]]
  },
  {
    name: "ReadResourceResult",
    schema: McpSchema.ReadResourceResult,
    good: [{ contents: [] }, { contents: [{ uri: "a:b", text: "" }], _meta: {} }],
    bad: [[{}, "contents"], [{ contents: [{ text: "" }] }, "uri"]]
  },
  {
    name: "Prompt",
    schema: McpSchema.Prompt,
    good: [{ name: "p" }, {
      name: "p",
      title: "P",
      description: "",
      arguments: [{ name: "a" }, { name: "b", title: "B", description: "", required: true }],
      _meta: {}
    }],
    bad: [
      [{}, "name"],
      [{ name: "p", arguments: {} }, "arguments"],
      [{ name: "p", arguments: [{}] }, "name"],
      [{ name: "p", arguments: [{ name: "a", required: "yes" }] }, "required"]
    ]
  },
  {
    name: "ListPromptsResult",
    schema: McpSchema.ListPromptsResult,
    good: [{ prompts: [] }, { prompts: ["broken"], nextCursor: "" }],
    bad: [[{}, "prompts"]]
  },
  {
    name: "GetPromptResult",
    schema: McpSchema.GetPromptResult,
    good: [{ messages: [] }, {
      description: "",
      messages: [{ role: "user", content: text }, { role: "narrator", content: { type: "hologram" } }],
      _meta: {}
    }],
    bad: [
      [{}, "messages"],
      [{ messages: [{ role: "user" }] }, "content"],
      [{ messages: [{ content: text }] }, "role"],
      [{ messages: [{ role: 7, content: text }] }, "role"],
      [{ messages: [{ role: "user", content: { type: "text" } }] }, "text"]
    ]
  },
  {
    name: "CompleteResult",
    schema: McpSchema.CompleteResult,
    good: [{ completion: { values: [] } }, { completion: { values: ["a"], total: 1, hasMore: false }, _meta: {} }],
    bad: [
      [{}, "completion"],
      [{ completion: { values: [1] } }, "values"],
      [{ completion: { values: [], total: "many" } }, "total"],
      [{ completion: { values: [], hasMore: 1 } }, "hasMore"]
    ]
  },
  {
    name: "Progress",
    schema: McpSchema.Progress,
    good: [{ progress: 0 }, { progress: 0.5, total: 1, message: "half", "x-eta": 3 }],
    bad: [[{ progress: "1" }, "progress"], [{ total: 1 }, "progress"], [{ progress: 1, message: 7 }, "message"]]
  }
]

describe.each(cases)("$name", ({ bad, good, schema }) => {
  it.each(good.map((value) => ({ value })))("takes $value as it is", ({ value }) => {
    assert.strictEqual(Schema.decodeUnknownSync(schema)(value), value)
    assert.isTrue(Schema.is(schema)(value))
  })

  it("keeps fields that it does not name", () => {
    for (const value of good) {
      const more = { ...(value as object), "x-vendor": { deep: [1] } }
      assert.strictEqual(Schema.decodeUnknownSync(schema)(more), more)
    }
  })

  it.each(bad.map(([value, at]) => ({ value, at })))("refuses $value, and says where", ({ at, value }) => {
    assert.isFalse(Schema.is(schema)(value))
    assert.throws(() => Schema.decodeUnknownSync(schema)(value), at)
  })
})

describe("an optional field that is null", () => {
  it("is left out, at any depth, and the rest stays as it is", () => {
    const decode = Schema.decodeUnknownSync(McpSchema.InitializeResult)
    const tools = { listChanged: null, "x-null": null }
    assert.deepStrictEqual<unknown>(
      decode({
        protocolVersion: "1",
        capabilities: { tools, prompts: null },
        serverInfo,
        instructions: null,
        "x-null": null
      }),
      { protocolVersion: "1", capabilities: { tools: { "x-null": null } }, serverInfo, "x-null": null }
    )
  })

  it("is left out of an element of a list", () => {
    const decode = Schema.decodeUnknownSync(McpSchema.CallToolResult)
    const content = [text, { type: "resource", resource: { uri: "a:b", text: "", blob: null } }]
    const decoded = decode({ content, isError: null, structuredContent: null })
    assert.deepStrictEqual<unknown>(decoded, {
      content: [text, { type: "resource", resource: { uri: "a:b", text: "" } }],
      structuredContent: null
    })
  })

  it("is not taken for a field that is needed", () => {
    assert.isFalse(Schema.is(McpSchema.Tool)({ name: null, inputSchema: {} }))
    assert.isFalse(Schema.is(McpSchema.CallToolResult)({ content: null }))
  })
})

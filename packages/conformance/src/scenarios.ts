import { McpClient } from "@effect-mcp/client/McpClient"
import type { McpError, ToolError } from "@effect-mcp/client/McpError"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** What a user of a scenario's server would do. */
export type Scenario = Effect.Effect<unknown, McpError | ToolError, McpClient>

const listTools = McpClient.use((client) => client.listTools())

const callTool = (name: string, args?: JsonObject): Scenario =>
  McpClient.use((client) => Effect.andThen(client.listTools(), client.callTool(name, args)))

/** Hands back the schema of a tool, as the client read it. */
const echoSchema: Scenario = Effect.gen(function*() {
  const client = yield* McpClient
  const tools = yield* client.listTools()
  const tool = tools.find(({ name }) => name === "json_schema_2020_12_tool")
  return yield* client.callTool("json_schema_echo", { schema: tool?.inputSchema })
})

/** One of each kind. */
const useAll: Scenario = Effect.gen(function*() {
  const client = yield* McpClient
  const [tool] = yield* client.listTools()
  if (tool !== undefined) yield* client.callTool(tool.name)
  const [resource] = yield* client.listResources()
  if (resource !== undefined) yield* client.readResource(resource.uri)
  const [prompt] = yield* client.listPrompts()
  if (prompt !== undefined) yield* client.getPrompt(prompt.name)
})

const callAll = (args: JsonObject): Scenario =>
  Effect.gen(function*() {
    const client = yield* McpClient
    return yield* Effect.forEach(yield* client.listTools(), ({ name }) => client.callTool(name, args))
  })

const callInTurn = (...names: ReadonlyArray<string>): Scenario =>
  McpClient.use((client) => Effect.forEach(names, (name) => client.callTool(name)))

/** The calls that the suite wants to see. */
const callAsTold: Scenario = Effect.gen(function*() {
  const client = yield* McpClient
  yield* client.listTools()
  const { toolCalls } = decodeContext(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}")
  return yield* Effect.forEach(toolCalls, (call) => client.callTool(call.name, call.arguments))
})

const decodeContext = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({
  toolCalls: Schema.Array(
    Schema.Struct({ name: Schema.String, arguments: Schema.Record(Schema.String, Schema.Unknown) })
  )
})))

/** One line for each scenario. Those that are not here need what the library does not have, and count as failed. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map<string, Scenario>([
  ["initialize", listTools],
  ["tools_call", callTool("add_numbers", { a: 2, b: 40 })],
  ["elicitation-sep1034-client-defaults", callTool("test_client_elicitation_defaults")],
  ["sse-retry", callTool("test_reconnection")],
  ["json-schema-2020-12-preservation", echoSchema],
  ["json-schema-ref-no-deref", listTools],
  ["request-metadata", McpClient.use((client) => client.session)],
  ["http-standard-headers", useAll],
  ["http-custom-headers", callAsTold],
  ["http-invalid-tool-headers", callAll({ region: "us-west1" })],
  [
    "sep-2322-client-request-state",
    callInTurn("test_mrtr_echo_state", "test_mrtr_no_state", "test_mrtr_unrelated", "test_mrtr_no_result_type")
  ]
])

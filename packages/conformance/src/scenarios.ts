import { McpClient } from "@effect-mcp/client/McpClient"
import type { McpError, ToolError } from "@effect-mcp/client/McpError"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as Effect from "effect/Effect"

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

/** One line for each scenario. Those that are not here need what the library does not have, and count as failed. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map<string, Scenario>([
  ["initialize", listTools],
  ["tools_call", callTool("add_numbers", { a: 2, b: 40 })],
  ["sse-retry", callTool("test_reconnection")],
  ["json-schema-2020-12-preservation", echoSchema]
])

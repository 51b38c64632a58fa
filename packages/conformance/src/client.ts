/**
 * The client under test. The suite starts it once for each scenario, with the server's URL as the last argument.
 */
import * as HttpTransport from "@effect-mcp/client/HttpTransport"
import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { scenarios } from "./scenarios.ts"

const url = process.argv.at(-1) ?? ""
const name = process.env["MCP_CONFORMANCE_SCENARIO"] ?? ""
const scenario = scenarios.get(name)
if (scenario === undefined) throw new Error(`There is no line for the scenario "${name}"`)

/** A user who agrees to everything and fills in nothing. */
const elicitation: McpHandlers.Elicitation = { form: () => Effect.succeed(McpHandlers.accept()) }

const ClientLive = McpClient.layer({
  clientInfo: { name: "effect-mcp-conformance", version: "0.0.0" },
  handlers: { elicitation }
}).pipe(
  Layer.provide(HttpTransport.layer({ url })),
  Layer.provide(NodeMcp.layer)
)

await Effect.runPromise(scenario.pipe(Effect.provide(ClientLive)))

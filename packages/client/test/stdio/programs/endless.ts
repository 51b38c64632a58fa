/** A program whose server writes a line that does not end: `node endless.ts <MiB>`. Prints the most memory it used. */
import * as McpClient from "@effect-mcp/client/McpClient"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { join } from "node:path"

const [size = 0] = process.argv.slice(2).map(Number)

const live = McpClient.layer().pipe(
  Layer.provide(StdioTransport.layer({
    command: process.execPath,
    args: [join(import.meta.dirname, "../fixtures/server.mjs")],
    maxMessageSize: "1 MiB"
  })),
  Layer.provide(NodeMcp.layer)
)

const program = Effect.gen(function*() {
  const client = yield* McpClient.McpClient
  const before = process.resourceUsage().maxRSS
  const error = yield* Effect.flip(client.callTool("perform", {
    steps: [{ endless: { count: size, text: "x".repeat(1024 * 1024) } }, { stdout: "\n" }]
  }))
  const tag = error._tag === "McpError" ? error.reason._tag : error._tag
  return { tag, megabytes: (process.resourceUsage().maxRSS - before) / 1024 }
})

console.log(JSON.stringify(await Effect.runPromise(Effect.provide(program, live))))

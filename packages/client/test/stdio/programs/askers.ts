/**
 * A program whose server asks and does not read the answers: `node askers.ts <requests> <bytes of each>`. Run with a heap
 * that does not hold them. How the call ends does not matter.
 */
import * as McpClient from "@effect-mcp/client/McpClient"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { join } from "node:path"

const [count = 0, size = 0] = process.argv.slice(2).map(Number)

const live = McpClient.layer({ timeouts: { call: "5 seconds" } }).pipe(
  Layer.provide(StdioTransport.layer({
    command: process.execPath,
    args: [join(import.meta.dirname, "../fixtures/server.mjs")]
  })),
  Layer.provide(NodeMcp.layer)
)

const program = Effect.gen(function*() {
  const client = yield* McpClient.McpClient
  const exit = yield* Effect.exit(client.callTool("perform", {
    steps: [{ stopReading: true }, { requests: { count, text: "x".repeat(size) } }, { answer: {} }]
  }))
  return exit._tag
})

console.log(await Effect.runPromise(Effect.provide(program, live)))

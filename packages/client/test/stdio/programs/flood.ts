/**
 * A program whose server floods it: `node flood.ts <notifications> <lines of noise> <bytes of each>`. It watches the
 * diagnostics, but never reads any. Run with a heap that does not hold the flood.
 */
import * as McpClient from "@effect-mcp/client/McpClient"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { join } from "node:path"

const [notifications = 0, noise = 0, size = 0] = process.argv.slice(2).map(Number)

const live = McpClient.layer().pipe(
  Layer.provide(StdioTransport.layer({
    command: process.execPath,
    args: [join(import.meta.dirname, "../fixtures/server.mjs")]
  })),
  Layer.provide(NodeMcp.layer)
)

const program = Effect.gen(function*() {
  const client = yield* McpClient.McpClient
  yield* Effect.forkScoped(Stream.runForEach(client.diagnostics, () => Effect.never), { startImmediately: true })
  const text = "x".repeat(size)
  const { structuredContent } = yield* client.callTool("perform", {
    steps: [
      { stdout: "the one line that is read\n" },
      { notifications: { count: notifications, text } },
      { noise: { count: noise, text } },
      { answer: { value: "dry" } }
    ]
  })
  return structuredContent
}).pipe(Effect.scoped)

console.log(JSON.stringify(await Effect.runPromise(Effect.provide(program, live))))

/**
 * A program whose server floods it: `node flood.ts <notifications> <bytes of each> <lines of noise> <bytes of each>`. It
 * watches the diagnostics, but reads only the first. Run with a heap that does not hold the flood.
 */
import * as McpClient from "@effect-mcp/client/McpClient"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { join } from "node:path"

const [notifications = 0, notificationSize = 0, noise = 0, noiseSize = 0] = process.argv.slice(2).map(Number)

const live = McpClient.layer().pipe(
  Layer.provide(StdioTransport.layer({
    command: process.execPath,
    args: [join(import.meta.dirname, "../fixtures/server.mjs")]
  })),
  Layer.provide(NodeMcp.layer),
  // the notifications are log messages
  Layer.provide(Logger.layer([]))
)

const program = Effect.gen(function*() {
  const client = yield* McpClient.McpClient
  yield* Effect.forkScoped(Stream.runForEach(client.diagnostics, () => Effect.never), { startImmediately: true })
  const { structuredContent } = yield* client.callTool("perform", {
    steps: [
      { stdout: "the one line that is read\n" },
      { notifications: { count: notifications, text: "x".repeat(notificationSize) } },
      { noise: { count: noise, text: "x".repeat(noiseSize) } },
      { answer: { value: "dry" } }
    ]
  })
  return structuredContent
}).pipe(Effect.scoped)

console.log(JSON.stringify(await Effect.runPromise(Effect.provide(program, live))))

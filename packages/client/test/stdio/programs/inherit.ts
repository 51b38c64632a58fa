/** A program whose server shares its standard error. */
import * as McpClient from "@effect-mcp/client/McpClient"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { join } from "node:path"

const live = McpClient.layer().pipe(
  Layer.provide(StdioTransport.layer({
    command: process.execPath,
    args: [join(import.meta.dirname, "../fixtures/server.mjs")],
    stderr: "inherit"
  })),
  Layer.provide(NodeMcp.layer)
)

const program = Effect.gen(function*() {
  const client = yield* McpClient.McpClient
  let shown = 0
  yield* Effect.forkScoped(
    Stream.runForEach(client.diagnostics, () => Effect.sync(() => shown++)),
    { startImmediately: true }
  )
  const steps = [{ stderr: "from the server\n" }, { exit: 1 }]
  const { message } = yield* Effect.flip(client.callTool("perform", { steps }))
  return { message, shown }
}).pipe(Effect.scoped)

console.log(JSON.stringify(await Effect.runPromise(Effect.provide(program, live))))

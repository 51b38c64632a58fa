/** Infers a transport from each of its arguments, and prints which modules of transports are loaded after each. */
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Effect from "effect/Effect"
import { registerHooks } from "node:module"
import { basename } from "node:path"

const loaded: Array<string> = []

registerHooks({
  load: (url, context, next) => {
    loaded.push(basename(url))
    return next(url, context)
  }
})

for (const target of process.argv.slice(2)) {
  await Effect.runPromise(Effect.provide(McpTransport.infer(target), NodeMcp.layer))
  console.log(...loaded.filter((name) => /^[A-Z]\w*Transport\.ts$/.test(name)))
}

/**
 * A program that makes many calls, interrupts some of them, and ends by having nothing left to do:
 * `node leftovers.ts <calls> <seed>`. Prints what still kept it alive when its client had been closed.
 */
import * as McpClient from "@effect-mcp/client/McpClient"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { setTimeout as sleep } from "node:timers/promises"
import { callAndInterrupt } from "../interruption.ts"
import { fixture, pid } from "../support.ts"

const [count = 0, seed = 0] = process.argv.slice(2).map(Number)

const live = McpClient.layer().pipe(
  Layer.provide(StdioTransport.layer({ command: process.execPath, args: [fixture("server.mjs")] })),
  Layer.provide(NodeMcp.layer)
)

const program = Effect.gen(function*() {
  const client = yield* McpClient.McpClient
  yield* callAndInterrupt(client, count, seed)
  return yield* pid(client)
})

// opens the pipes to where it prints
for (const stream of [process.stdout, process.stderr]) stream.write("")
const usual = process.getActiveResourcesInfo()
const leftovers = (): ReadonlyArray<string> => {
  const left = process.getActiveResourcesInfo()
  for (const resource of usual) {
    const at = left.indexOf(resource)
    if (at >= 0) left.splice(at, 1)
  }
  return left
}

const server = await Effect.runPromise(Effect.provide(program, live))
// the pipes of a process that has gone are let go a few turns later
for (let turn = 0; turn < 100 && leftovers().length > 0; turn++) await sleep(5)
console.log(JSON.stringify({ pid: server, resources: leftovers() }))

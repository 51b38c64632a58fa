/**
 * A program that makes many calls, interrupts some of them, and ends by having nothing left to do:
 * `node leftovers.ts <url> <pooled or fetch> <calls> <seed>`. Prints what still kept it alive when its client had been
 * closed, apart from the connections that a client over `fetch` keeps for later.
 */
import * as HttpTransport from "@effect-mcp/client/HttpTransport"
import * as McpClient from "@effect-mcp/client/McpClient"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { setTimeout as sleep } from "node:timers/promises"
import * as Random from "../../stdio/random.ts"
import { httpClients } from "../support.ts"

const [url = "", over = "", count = 0, seed = 0] = process.argv.slice(2)
const random = Random.make(Number(seed))

const live = McpClient.layer({ protocol: "legacy" }).pipe(
  Layer.provide(HttpTransport.layer({ url })),
  Layer.provide(httpClients[over === "fetch" ? "fetch" : "pooled"])
)

const program = Effect.gen(function*() {
  const client = yield* McpClient.McpClient
  const kinds = ["json", "stream", "hang", "hangingStream"]
  const fibers = yield* Effect.forEach(
    Array.from({ length: Number(count) }),
    () => Effect.forkChild(client.callTool(random.shuffle(kinds)[0] ?? ""), { startImmediately: random.below(2) === 0 })
  )
  yield* client.callTool("json")
  for (const fiber of random.shuffle(fibers).slice(1)) {
    if (random.below(10) === 0) yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
  }
  const exits = fibers.flatMap((fiber) => fiber.pollUnsafe() ?? [])
  return exits.filter((exit) => Exit.isFailure(exit) && !Exit.hasInterrupts(exit)).length
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

const failures = await Effect.runPromise(Effect.provide(program, live))
// a connection that has been closed is let go a few turns later
for (let turn = 0; turn < 100 && leftovers().length > 0; turn++) await sleep(5)
console.log(JSON.stringify({ failures, resources: leftovers() }))

import * as HttpTransport from "@effect-mcp/client/HttpTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import { asksAndTells } from "./support.ts"
import { runsTasks } from "./tasks.ts"

const program = join(import.meta.dirname, "..", "matrix", "servers", "everything.mjs")

/** Starts the server, which says on which port it listens. */
const url = Effect.gen(function*() {
  const spawner = yield* ChildProcessSpawner
  const { all } = yield* spawner.spawn(
    ChildProcess.make(process.execPath, [program, "streamableHttp"], { stdin: "ignore", killSignal: "SIGKILL" })
  )
  const port = yield* Deferred.make<string>()
  yield* all.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runForEach((line) => line.startsWith("port ") ? Deferred.succeed(port, line.slice(5)) : Effect.void),
    Effect.forkScoped
  )
  return `http://127.0.0.1:${yield* Deferred.await(port)}/mcp`
})

const transport = Layer.unwrap(Effect.map(Effect.orDie(url), (url) => HttpTransport.layer({ url }))).pipe(
  Layer.provide(NodeMcp.layer)
)

asksAndTells("the everything server over HTTP", transport)

runsTasks("tasks of the everything server over HTTP", transport)

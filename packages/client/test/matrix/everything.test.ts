import * as HttpTransport from "@effect-mcp/client/HttpTransport"
import * as SseTransport from "@effect-mcp/client/SseTransport"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { behaves, type Peer, program } from "./support.ts"

const everything = {
  serverInfo: { name: "mcp-servers/everything", version: "2.0.0" },
  echo: (message: string) => ["echo", { message }] as const,
  fail: ["get-sum", { a: "one", b: "two" }] as const,
  count: (steps: number) => ["trigger-long-running-operation", { duration: 0.05, steps }] as const,
  hang: () => ["trigger-long-running-operation", { duration: 3600, steps: 1 }] as const
}

/** Starts a server that says on which port it listens. */
const started = (kind: "sse" | "streamableHttp") =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly stop: () => void }>((resume) => {
      const child = spawn(process.execPath, [program("everything.mjs"), kind], { stdio: ["ignore", "pipe", "ignore"] })
      createInterface(child.stdout).on("line", (line) => {
        const [word, port] = line.split(" ")
        if (word === "port") resume(Effect.succeed({ port: Number(port), stop: () => void child.kill("SIGKILL") }))
      })
    }),
    ({ stop }) => Effect.sync(stop)
  )

const over = (
  kind: "sse" | "streamableHttp",
  path: string,
  make: typeof HttpTransport.make
): Peer["transport"] => Effect.flatMap(started(kind), ({ port }) => make({ url: `http://127.0.0.1:${port}${path}` }))

behaves({
  ...everything,
  name: "the everything server over stdio",
  transport: StdioTransport.make({ command: "mcp-server-everything" })
})

behaves({
  ...everything,
  name: "the everything server over HTTP",
  transport: over("streamableHttp", "/mcp", HttpTransport.make)
})

behaves({
  ...everything,
  name: "the everything server over HTTP+SSE",
  transport: over("sse", "/sse", SseTransport.make)
})

behaves({
  ...everything,
  name: "the everything server over HTTP+SSE, found out",
  transport: over("sse", "/sse", HttpTransport.make)
})

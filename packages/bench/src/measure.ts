import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { Contender, ServerCommand, Session } from "./contender.ts"
import { CITY, type ResponderOptions } from "./fixture.ts"
import type { HttpServerOptions } from "./http-server.ts"
import type { Figures, Turn } from "./workload.ts"

export const serverCommand = (options: ResponderOptions = {}): ServerCommand => ({
  command: process.execPath,
  args: [fileURLToPath(new URL("server.ts", import.meta.url)), JSON.stringify(options)]
})

/** Starts a server in a process of its own, which ends with this one if it is not closed before. */
export const startHttpServer = async (
  options: HttpServerOptions
): Promise<{ readonly url: string; readonly close: () => Promise<void> }> => {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("http-server.ts", import.meta.url)), JSON.stringify(options)],
    { stdio: ["pipe", "pipe", "inherit"] }
  )
  const exited = once(child, "exit")
  const port = await Promise.race([
    once(child.stdout, "data").then(([line]) => Number(line)),
    exited.then(([code]) => {
      throw new Error(`the HTTP server ended with ${code}`)
    })
  ])
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: async () => {
      child.stdin.end()
      await exited
    }
  }
}

/** Wall clock and CPU time of this process, of which the latter leads: other processes disturb it least. */
export const timed = async (
  run: () => Promise<unknown>
): Promise<{ readonly millis: number; readonly cpu: number }> => {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await run()
  const millis = performance.now() - start
  const { system, user } = process.cpuUsage(cpu)
  return { millis, cpu: user + system }
}

const WARM_UP_MILLIS = 4000
const SLICES = 5
const SLICE_MILLIS = 100

/** Makes typed calls in slices of time, after the JIT has seen enough of them. */
export const measureLoad = async (
  session: Session,
  turn: Turn,
  options: {
    readonly concurrency: number
    readonly batch: number
    /**
     * Numbers of calls, so that the JIT has seen as much of a slow client as of a fast one; but within a time, after
     * which one is too slow to be anybody's best.
     */
    readonly warmUp: { readonly concurrent: number; readonly same: number }
  }
): Promise<Figures> => {
  await session.listTools()
  const { celsius } = await session.call(CITY)
  if (celsius !== 21.5) throw new Error(`unexpected result: ${celsius}`)

  // Calls in flight share their syscalls, which makes them the cheap way to warm up for sequential ones too.
  const end = performance.now() + WARM_UP_MILLIS
  for (let calls = 0; calls < options.warmUp.concurrent && performance.now() < end; calls += 1000) {
    await session.load({ calls: 1000, concurrency: 32 })
  }
  await session.load({ calls: options.warmUp.same, concurrency: options.concurrency })

  let calls = 0
  let cpu = 0
  let millis = 0
  for (let slice = 0; slice < SLICES; slice++) {
    await turn()
    const spent = await timed(async () => {
      const end = performance.now() + SLICE_MILLIS
      do {
        await session.load({ calls: options.batch, concurrency: options.concurrency })
        calls += options.batch
      } while (performance.now() < end)
    })
    cpu += spent.cpu
    millis += spent.millis
  }
  return { callsPerSecond: calls / millis * 1000, cpuPerCall: cpu / calls }
}

export const collectGarbage = (): void => {
  if (globalThis.gc === undefined) throw new Error("run node with --expose-gc")
  // Finalisation frees more on a second pass.
  globalThis.gc()
  globalThis.gc()
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Makes calls of a server behind HTTP. */
export const measureHttpLoad = async (
  load: () => Promise<Contender>,
  turn: Turn,
  { replies, ...options }: { readonly replies: "json" | "sse" } & Parameters<typeof measureLoad>[2]
): Promise<Figures> => {
  const server = await startHttpServer({ replies })
  const session = await (await load()).http(server.url)
  const figures = await measureLoad(session, turn, options)
  await session.close()
  await server.close()
  return figures
}

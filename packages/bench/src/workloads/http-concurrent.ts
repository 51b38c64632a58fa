import { measureLoad, startHttpServer } from "../measure.ts"
import type { Workload } from "../workload.ts"

export const workload: Workload = {
  name: "http-concurrent",
  title: "Streamable HTTP, 32 calls in flight, typed output",
  bare: "undici pool, JSON.parse",
  figure: "callsPerSecond",
  unit: "calls/s",
  better: "more",
  cpu: "cpuPerCall",
  budgets: [
    { figure: "cpuPerCall", over: "best", max: 0.4 },
    { figure: "cpuPerCall", over: "bare", max: 2 },
    { figure: "callsPerSecond", over: "best", min: 2.5 }
  ],
  measure: async (_, load, turn) => {
    const server = await startHttpServer({ replies: "json" })
    const session = await (await load()).http(server.url)
    const figures = await measureLoad(session, turn, {
      concurrency: 32,
      batch: 500,
      warmUp: { concurrent: 8000, same: 0 }
    })
    await session.close()
    await server.close()
    return figures
  }
}

import { measureLoad, serverCommand } from "../measure.ts"
import type { Workload } from "../workload.ts"

export const workload: Workload = {
  name: "stdio-concurrent",
  title: "stdio, 32 calls in flight, typed output",
  bare: "spawn, id map, JSON.parse",
  figure: "callsPerSecond",
  unit: "calls/s",
  better: "more",
  cpu: "cpuPerCall",
  budgets: [
    { figure: "cpuPerCall", over: "best", max: 0.7 },
    { figure: "cpuPerCall", over: "bare", max: 2 },
    { figure: "callsPerSecond", over: "best", min: 1.1 }
  ],
  measure: async (_, load, turn) => {
    const session = await (await load()).stdio(serverCommand())
    const figures = await measureLoad(session, turn, {
      concurrency: 32,
      batch: 1000,
      warmUp: { concurrent: 16_000, same: 0 }
    })
    await session.close()
    return figures
  }
}

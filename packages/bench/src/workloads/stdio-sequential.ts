import { measureLoad, serverCommand } from "../measure.ts"
import type { Workload } from "../workload.ts"

export const workload: Workload = {
  name: "stdio-sequential",
  title: "stdio, one call after another, typed output",
  bare: "spawn, id map, JSON.parse",
  figure: "callsPerSecond",
  unit: "calls/s",
  better: "more",
  cpu: "cpuPerCall",
  budgets: [
    { figure: "cpuPerCall", over: "best", max: 0.9 },
    { figure: "callsPerSecond", over: "best", min: 1 }
  ],
  measure: async (_, load, turn) => {
    const session = await (await load()).stdio(serverCommand())
    const figures = await measureLoad(session, turn, {
      concurrency: 1,
      batch: 200,
      warmUp: { concurrent: 8000, same: 600 }
    })
    await session.close()
    return figures
  }
}

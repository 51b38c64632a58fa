import { measureHttpLoad } from "../measure.ts"
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
  measure: (_, load, turn) =>
    measureHttpLoad(load, turn, {
      replies: "json",
      concurrency: 32,
      batch: 500,
      warmUp: { concurrent: 8000, same: 0 }
    })
}

import { measureHttpLoad } from "../measure.ts"
import type { Workload } from "../workload.ts"

export const workload: Workload = {
  name: "http-sequential",
  title: "Streamable HTTP, one call after another, typed output",
  bare: "undici pool, JSON.parse",
  figure: "callsPerSecond",
  unit: "calls/s",
  better: "more",
  cpu: "cpuPerCall",
  budgets: [
    { figure: "cpuPerCall", over: "best", max: 0.6 },
    { figure: "callsPerSecond", over: "best", min: 1 }
  ],
  measure: (_, load, turn) =>
    measureHttpLoad(load, turn, {
      replies: "json",
      concurrency: 1,
      batch: 200,
      warmUp: { concurrent: 8000, same: 600 }
    })
}

import { measureHttpLoad } from "../measure.ts"
import type { Workload } from "../workload.ts"

export const workload: Workload = {
  name: "http-sse-concurrent",
  title: "Streamable HTTP answered by SSE, 32 calls in flight, typed output",
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
      replies: "sse",
      concurrency: 32,
      batch: 500,
      warmUp: { concurrent: 8000, same: 0 }
    })
}

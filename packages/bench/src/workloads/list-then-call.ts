import { CITY } from "../fixture.ts"
import { serverCommand, timed } from "../measure.ts"
import type { Workload } from "../workload.ts"

const TOOLS = 200

/** Nothing is warmed up: this is what a process pays before its first result. */
export const workload: Workload = {
  name: "list-then-call",
  title: `list ${TOOLS} tools with output schemas, then the first call`,
  bare: "spawn, id map, JSON.parse",
  figure: "millis",
  unit: "ms",
  better: "less",
  cpu: "cpuPerCall",
  budgets: [{ figure: "cpuPerCall", over: "sdk-v2", max: 0.2 }],
  measure: async (_, load) => {
    const session = await (await load()).stdio(serverCommand({ tools: TOOLS }))
    const { cpu, millis } = await timed(async () => {
      const count = await session.listTools()
      if (count !== TOOLS) throw new Error(`expected ${TOOLS} tools, got ${count}`)
      await session.call(CITY)
    })
    await session.close()
    return { millis, cpuPerCall: cpu }
  }
}

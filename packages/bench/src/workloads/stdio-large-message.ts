import { MIB } from "../limits.ts"
import { median, serverCommand, timed } from "../measure.ts"
import type { Workload } from "../workload.ts"

const SMALL = 4 * MIB
const LARGE = 32 * MIB

export const workload: Workload = {
  name: "stdio-large-message",
  title: "one 32 MiB result over stdio",
  bare: "spawn, id map, JSON.parse",
  figure: "millis",
  unit: "ms",
  better: "less",
  cpu: "cpuPerCall",
  also: { smallMillis: "ms for 4 MiB", smallCpuPerCall: "CPU µs for 4 MiB" },
  budgets: [
    { figure: "cpuPerCall", over: "sdk-v2", max: 1 / 20 },
    { figure: "millis", over: "sdk-v2", max: 1 / 20 },
    { figure: "cpuPerCall", over: { ours: "smallCpuPerCall" }, max: 9 }
  ],
  patience: 10,
  measure: async (_, load) => {
    const session = await (await load()).stdio(serverCommand({ documents: [SMALL, LARGE] }))
    await session.listTools()
    const fetch = (bytes: number) =>
      timed(async () => {
        const length = await session.document(bytes)
        if (length !== bytes) throw new Error(`expected ${bytes} bytes, got ${length}`)
      })
    await fetch(SMALL)
    const small = [await fetch(SMALL), await fetch(SMALL), await fetch(SMALL)]
    const large = await fetch(LARGE)
    await session.close()
    return {
      millis: large.millis,
      cpuPerCall: large.cpu,
      smallMillis: median(small.map((_) => _.millis)),
      smallCpuPerCall: median(small.map((_) => _.cpu))
    }
  }
}

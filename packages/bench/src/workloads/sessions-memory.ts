import { makeResponder } from "../fixture.ts"
import { collectGarbage, timed } from "../measure.ts"
import type { Workload } from "../workload.ts"

const SESSIONS = 1000
const ROUNDS_OF_CALLS = 5

const heap = (): number => {
  collectGarbage()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

const kibEach = (bytes: number): number => bytes / SESSIONS / 1024

export const workload: Workload = {
  name: "sessions-memory",
  title: `${SESSIONS} sessions in one process, in memory`,
  bare: "id map, JSON.parse",
  figure: "kibPerSession",
  unit: "KiB each",
  better: "less",
  cpu: "cpuPerCall",
  also: { kibAfterCalls: `KiB each after ${ROUNDS_OF_CALLS} more calls in each` },
  budgets: [
    { figure: "kibPerSession", max: 40 },
    { figure: "kibAfterCalls", over: { ours: "kibPerSession" }, max: 1.05 }
  ],
  // The bytes of a session hardly differ from round to round.
  patience: 4,
  measure: async (_, load) => {
    const contender = await load()
    const respond = makeResponder()
    // What is compiled and cached once per process is no cost of a session.
    const first = await contender.memory({ count: 20, respond })
    for (let i = 0; i < ROUNDS_OF_CALLS; i++) await first.callAll()
    await first.close()

    const before = heap()
    const sessions = await contender.memory({ count: SESSIONS, respond })
    const opened = heap()
    const { cpu, millis } = await timed(async () => {
      for (let i = 0; i < ROUNDS_OF_CALLS; i++) await sessions.callAll()
    })
    const called = heap()
    await sessions.close()
    const calls = SESSIONS * ROUNDS_OF_CALLS
    return {
      kibPerSession: kibEach(opened - before),
      kibAfterCalls: kibEach(called - before),
      callsPerSecond: calls / millis * 1000,
      cpuPerCall: cpu / calls
    }
  }
}

/**
 * Measures one contender under one workload: `node worker.ts <contender> <workload>`. As a forked process it waits for
 * its turns and reports to its parent; on its own it prints its figures.
 */
import { CONTENDERS, contenders } from "./contender.ts"
import type { Figures, Turn } from "./workload.ts"
import { workloads } from "./workloads.ts"

/** What a worker tells its parent. The parent answers each `Turn` with any message, when it comes. */
export type WorkerMessage =
  | { readonly _tag: "Turn" }
  | { readonly _tag: "Figures"; readonly figures: Figures }

const [contenderName, workloadName] = process.argv.slice(2)
const name = CONTENDERS.find((name) => name === contenderName)
const workload = workloads.find(({ name }) => name === workloadName)
if (name === undefined || workload === undefined) throw new Error("usage: worker.ts <contender> <workload>")

const send = (message: WorkerMessage, sent: () => void = () => {}) => process.send?.(message, sent)

const turn: Turn = process.send === undefined
  ? async () => {}
  : () =>
    new Promise((resolve) => {
      process.once("message", () => resolve())
      send({ _tag: "Turn" })
    })

try {
  const figures = await workload.measure(name, contenders[name], turn)
  if (process.send === undefined) console.log(figures)
  else send({ _tag: "Figures", figures }, () => process.exit(0))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`, () => process.exit(1))
}

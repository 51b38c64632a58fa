/**
 * Measures our client beside its peers and a bare loop, and holds it against its budgets.
 *
 *     pnpm bench [--json FILE] [--only name,name] [--rounds N]
 *
 * `--only` takes names of workloads, of contenders, or of both.
 */
import { type ChildProcess, fork } from "node:child_process"
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { type ContenderName, CONTENDERS, PEERS } from "./contender.ts"
import { type Samples, summarise, table, type WorkloadReport } from "./report.ts"
import type { WorkerMessage } from "./worker.ts"
import type { Figures, Workload } from "./workload.ts"
import { workloads } from "./workloads.ts"

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url))
const WORKER_TIMEOUT_MILLIS = 120_000

const { values: options } = parseArgs({
  options: {
    json: { type: "string" },
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "5" }
  }
})

const fail = (message: string): never => {
  console.error(message)
  process.exit(2)
}

const rounds = Number(options.rounds)
if (!Number.isInteger(rounds) || rounds < 1) fail(`--rounds takes a positive integer, not "${options.rounds}"`)

const only = options.only.split(",").map((name) => name.trim()).filter((name) => name !== "")
const known = [...workloads.map(({ name }) => name), ...CONTENDERS]
const unknown = only.filter((name) => !known.some((_) => _ === name))
if (unknown.length > 0) fail(`--only does not know ${unknown.join(", ")}; it knows ${known.join(", ")}`)

/** Everything, unless some of it is named. */
const selected = <A>(all: ReadonlyArray<A>, nameOf: (a: A) => string): ReadonlyArray<A> => {
  const named = all.filter((a) => only.includes(nameOf(a)))
  return named.length === 0 ? all : named
}
const selectedWorkloads = selected(workloads, ({ name }) => name)
const selectedContenders = selected<ContenderName>(CONTENDERS, (name) => name)

const progress = (text: string) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

interface Worker {
  /** Lets the worker go on until it wants another turn, or has its figures. */
  readonly next: () => Promise<Figures | "wants a turn">
}

/** A process per measurement, so that no contender runs on the heap or the optimised code of another. */
const makeWorker = (contender: ContenderName, workload: Workload): Worker => {
  let child: ChildProcess | undefined
  let stderr = ""
  const goOn = (): ChildProcess => {
    if (child !== undefined) {
      child.send("go")
      return child
    }
    child = fork(WORKER, [contender, workload.name], {
      execArgv: ["--expose-gc"],
      stdio: ["ignore", "ignore", "pipe", "ipc"]
    })
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => stderr += chunk)
    return child
  }
  return {
    next: () =>
      new Promise((resolve, reject) => {
        const child = goOn()
        const timeout = setTimeout(() => {
          stderr = `Error: no figures within ${WORKER_TIMEOUT_MILLIS / 1000} s`
          child.kill("SIGKILL")
        }, WORKER_TIMEOUT_MILLIS)
        const settle = () => {
          clearTimeout(timeout)
          child.off("message", onMessage).off("close", onClose)
        }
        const onMessage = (message: unknown) => {
          settle()
          const said = message as WorkerMessage
          resolve(said._tag === "Turn" ? "wants a turn" : said.figures)
        }
        const onClose = () => {
          settle()
          reject(new Error(stderr.split("\n").find((line) => /Error\b/.test(line)) ?? stderr))
        }
        child.on("message", onMessage).on("close", onClose)
      })
  }
}

const failures = new Map<string, string>()

const run = async (workload: Workload): Promise<Samples> => {
  const samples = new Map(selectedContenders.map((name) => [name, new Array<Figures>()]))
  const seconds = new Map<ContenderName, number>()
  const failure = (name: ContenderName) => `${name} in ${workload.name}`
  const skipped = (name: ContenderName) =>
    failures.has(failure(name)) ||
    (PEERS.some((_) => _ === name) && (seconds.get(name) ?? 0) > (workload.patience ?? Infinity))

  for (let round = 0; round < rounds; round++) {
    // Each round starts with another contender, so that none always runs in the shadow of the same one.
    const first = round % selectedContenders.length
    let queue = [...selectedContenders.slice(first), ...selectedContenders.slice(0, first)]
      .filter((name) => !skipped(name))
      .map((name) => ({ name, worker: makeWorker(name, workload) }))
    while (queue.length > 0) {
      const again: typeof queue = []
      for (const entry of queue) {
        progress(`${workload.name}, round ${round + 1} of ${rounds}: ${entry.name}`)
        const start = performance.now()
        try {
          const outcome = await entry.worker.next()
          if (outcome === "wants a turn") again.push(entry)
          else samples.get(entry.name)?.push(outcome)
        } catch (error) {
          failures.set(failure(entry.name), error instanceof Error ? error.message : String(error))
        }
        seconds.set(entry.name, (seconds.get(entry.name) ?? 0) + (performance.now() - start) / 1000)
      }
      queue = again
    }
  }
  progress("")
  return samples
}

const start = performance.now()
console.log(`Node ${process.version}, medians of ${rounds} rounds; CPU µs is the client process per call\n`)

const reports: Array<WorkloadReport> = []
for (const workload of selectedWorkloads) {
  const started = performance.now()
  const report = summarise(workload, await run(workload))
  reports.push(report)
  console.log(`${table(workload, report)}\n  ${Math.round((performance.now() - started) / 1000)} s\n`)
}

for (const [what, why] of failures) console.log(`not measured: ${what}: ${why}`)
const verdicts = reports.map((report) => `${report.name} ${report.holds ?? "?"}`)
console.log(`budgets hold: ${verdicts.join(", ")} (${Math.round((performance.now() - start) / 1000)} s)`)

if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ workloads: reports }, null, 2)}\n`)
process.exitCode = failures.size > 0 ? 1 : 0

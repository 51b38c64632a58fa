import { type ContenderName, CONTENDERS, type Peer, PEERS } from "./contender.ts"
import { median } from "./measure.ts"
import type { Budget, Figures, Workload } from "./workload.ts"

export type Samples = ReadonlyMap<ContenderName, ReadonlyArray<Figures>>

type Figure = number | null

interface Compared {
  readonly ours: Figure
  readonly bare: Figure
  readonly peers: { readonly [Name in Peer]: Figure }
}

/** One workload of the JSON report. Figures are medians over the rounds, and `null` where nothing was measured. */
export interface WorkloadReport extends Compared {
  readonly name: string
  readonly unit: string
  /** CPU time of the client process, in µs. */
  readonly cpuPerCall: Compared
  readonly also: Readonly<Record<string, Compared>>
  readonly ratios: Readonly<Record<string, Figure>>
  readonly budget: Readonly<Record<string, { readonly max?: number; readonly min?: number }>>
  /** `null` when a figure that a budget needs was not measured. */
  readonly holds: boolean | null
  readonly rounds: Readonly<Record<string, number>>
}

const budgetName = ({ figure, over }: Budget): string =>
  over === undefined ? figure : `${figure} / ${typeof over === "string" ? over : over.ours}`

const holds = ({ max, min }: Budget, value: Figure): boolean | null =>
  value === null ? null : value <= (max ?? Infinity) && value >= (min ?? -Infinity)

export const summarise = (workload: Workload, samples: Samples): WorkloadReport => {
  const figureOf = (name: ContenderName, figure: string): Figure => {
    const values = (samples.get(name) ?? []).map((figures) => figures[figure]).filter((_) => _ !== undefined)
    return values.length === 0 ? null : median(values)
  }
  const compare = (figure: string): Compared => ({
    ours: figureOf("ours", figure),
    bare: figureOf("bare", figure),
    peers: Object.fromEntries(PEERS.map((name) => [name, figureOf(name, figure)])) as Compared["peers"]
  })
  const best = (figure: string): Figure => {
    const values = PEERS.map((name) => figureOf(name, figure)).filter((_) => _ !== null)
    const pick = figure === workload.figure && workload.better === "more" ? Math.max : Math.min
    return values.length === 0 ? null : pick(...values)
  }
  const value = ({ figure, over }: Budget): Figure => {
    const ours = figureOf("ours", figure)
    if (over === undefined || ours === null) return ours
    const other = over === "best"
      ? best(figure)
      : typeof over === "string"
      ? figureOf(over, figure)
      : figureOf("ours", over.ours)
    return other === null ? null : ours / other
  }

  const ratios: ReadonlyArray<Budget> = [
    { figure: workload.cpu, over: "best" },
    { figure: workload.cpu, over: "bare" },
    { figure: workload.figure, over: "best" },
    { figure: workload.figure, over: "bare" },
    ...workload.budgets
  ]
  const verdicts = new Set(workload.budgets.map((budget) => holds(budget, value(budget))))
  return {
    name: workload.name,
    unit: workload.unit,
    ...compare(workload.figure),
    cpuPerCall: compare(workload.cpu),
    also: Object.fromEntries(Object.keys(workload.also ?? {}).map((figure) => [figure, compare(figure)])),
    ratios: Object.fromEntries(ratios.map((ratio) => [budgetName(ratio), value(ratio)])),
    budget: Object.fromEntries(
      workload.budgets.map(({ figure, over, ...limits }) => [
        budgetName(over === undefined ? { figure } : { figure, over }),
        limits
      ])
    ),
    holds: verdicts.has(false) ? false : verdicts.has(null) ? null : true,
    rounds: Object.fromEntries(CONTENDERS.map((name) => [name, samples.get(name)?.length ?? 0]))
  }
}

const number = (value: Figure): string =>
  value === null
    ? "–"
    : value.toLocaleString("en-US", {
      minimumFractionDigits: value < 100 ? 1 : 0,
      maximumFractionDigits: value < 100 ? 1 : 0
    })

const times = (ours: Figure, other: Figure): string =>
  ours === null || other === null ? "–" : `${(ours / other).toFixed(2)} ×`

const of = (compared: Compared, name: ContenderName): Figure =>
  name === "ours" || name === "bare" ? compared[name] : compared.peers[name]

const align = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows.map((row) =>
    row.map((cell, column) => {
      const width = widths[column] ?? 0
      return column === 0 ? cell.padEnd(width) : cell.padStart(width)
    }).join("   ")
  )
}

export const table = (workload: Workload, report: WorkloadReport): string => {
  const also = Object.entries(workload.also ?? {})
  const rows = CONTENDERS.filter((name) => (report.rounds[name] ?? 0) > 0).map((name) => [
    name,
    number(of(report, name)),
    number(of(report.cpuPerCall, name)),
    ...also.map(([figure]) => {
      const compared = report.also[figure]
      return number(compared === undefined ? null : of(compared, name))
    }),
    name === "ours" ? "" : times(report.ours, of(report, name)),
    name === "ours" ? "" : times(report.cpuPerCall.ours, of(report.cpuPerCall, name)),
    String(report.rounds[name])
  ])
  const header = [
    "",
    workload.unit,
    "CPU µs",
    ...also.map(([, unit]) => unit),
    `ours / it, ${workload.unit}`,
    "ours / it, CPU",
    "rounds"
  ]
  const budgets = workload.budgets.map((budget) => {
    const value = report.ratios[budgetName(budget)] ?? null
    const verdict = holds(budget, value)
    return [
      `budget: ${budgetName(budget)} ${budget.max === undefined ? `at least ${budget.min}` : `at most ${budget.max}`}`,
      value === null ? "–" : value.toFixed(2),
      verdict === null ? "not measured" : verdict ? "holds" : "BROKEN"
    ]
  })
  return [
    `${workload.name}: ${workload.title} (bare: ${workload.bare})`,
    ...align([header, ...rows]).map((line) => `  ${line}`),
    ...align(budgets).map((line) => `  ${line}`)
  ].map((line) => line.trimEnd()).join("\n")
}

import type { Outcome, Suite } from "./suite.ts"

/** One suite of the JSON report. `total` is what passed, what is vacuous and what failed, together. */
export interface SuiteReport {
  readonly version: string
  readonly set: string
  readonly total: number
  readonly passed: number
  readonly vacuous: number
  readonly failed: ReadonlyArray<string>
}

export const summarise = ({ set, version }: Suite, outcomes: ReadonlyArray<Outcome>): SuiteReport => {
  const count = (verdict: Outcome["verdict"]) => outcomes.filter((outcome) => outcome.verdict === verdict).length
  return {
    version,
    set,
    total: outcomes.length,
    passed: count("passed"),
    vacuous: count("vacuous"),
    failed: outcomes
      .filter(({ verdict }) => verdict === "failed" || verdict === "missing")
      .map(({ scenario }) => scenario)
  }
}

/** What is not as expected: each scenario either passes, or is on the list of those that do not. */
export const surprises = (
  outcomes: ReadonlyArray<Outcome>,
  expected: ReadonlyArray<string>
): ReadonlyArray<string> => [
  ...outcomes.flatMap(({ detail, scenario, verdict }) => {
    if ((verdict === "passed") !== expected.includes(scenario)) return []
    if (verdict === "passed") return [`${scenario} passes: take it off the expected failures`]
    return [[`${scenario} ${WORDS[verdict]}`, ...(detail === "" ? [] : detail.split("\n"))].join("\n  ")]
  }),
  ...expected
    .filter((name) => !outcomes.some(({ scenario }) => scenario === name))
    .map((name) => `${name} is an expected failure, but no scenario`)
]

const WORDS = {
  vacuous: "is vacuous: nothing was asserted of the client",
  failed: "failed",
  missing: "is missing: there is no line for it in scenarios.ts"
}

export const table = (reports: ReadonlyArray<SuiteReport>): string => {
  const rows = [
    ["suite", "set", "total", "passed", "vacuous", "failed"],
    ...reports.map(({ failed, passed, set, total, vacuous, version }) => [
      version,
      set,
      ...[total, passed, vacuous, failed.length].map(String)
    ])
  ]
  return rows
    .map(([version = "", set = "", ...counts]) =>
      [version.padEnd(16), set.padEnd(12), ...counts.map((count) => count.padStart(7))].join("  ")
    )
    .join("\n")
}

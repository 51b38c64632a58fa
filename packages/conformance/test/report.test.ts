import { assert, describe, it } from "@effect/vitest"
import { summarise, surprises, table } from "../src/report.ts"
import type { Outcome, Suite } from "../src/suite.ts"

const suite: Suite = { version: "1.0.0", set: "all", program: "", options: [] }

const outcome = (scenario: string, verdict: Outcome["verdict"], detail = ""): Outcome => ({ scenario, verdict, detail })

const outcomes = [
  outcome("a", "passed"),
  outcome("b", "passed"),
  outcome("c", "vacuous"),
  outcome("d", "failed", "FAILURE x: one\nError: two"),
  outcome("e", "missing")
]

describe("a report", () => {
  it("counts every scenario once", () => {
    assert.deepStrictEqual(summarise(suite, outcomes), {
      version: "1.0.0",
      set: "all",
      total: 5,
      passed: 2,
      vacuous: 1,
      failed: ["d", "e"]
    })
  })

  it("has a line for each suite", () => {
    assert.strictEqual(
      table([summarise(suite, outcomes), summarise({ ...suite, version: "2.0.0-alpha.12" }, [])]),
      [
        "suite             set             total   passed  vacuous   failed",
        "1.0.0             all                 5        2        1        2",
        "2.0.0-alpha.12    all                 0        0        0        0"
      ].join("\n")
    )
  })
})

describe("surprises", () => {
  it("are none when all passes but what is expected to fail", () => {
    assert.deepStrictEqual(surprises(outcomes, ["c", "d", "e"]), [])
  })

  it("are whatever else does not pass", () => {
    assert.deepStrictEqual(surprises(outcomes, []), [
      "c is vacuous: nothing was asserted of the client",
      "d failed\n  FAILURE x: one\n  Error: two",
      "e is missing: there is no line for it in scenarios.ts"
    ])
  })

  it("are expected failures that pass", () => {
    assert.deepStrictEqual(surprises(outcomes, ["a", "c", "d", "e"]), [
      "a passes: take it off the expected failures"
    ])
  })

  it("are expected failures that do not exist", () => {
    assert.deepStrictEqual(surprises(outcomes, ["c", "d", "e", "f"]), ["f is an expected failure, but no scenario"])
  })
})

/**
 * Runs the official conformance suite against the client, and holds the verdicts against the expected failures.
 *
 *     pnpm conformance [--json FILE]
 *
 * To look into one scenario, in this package's folder:
 *
 *     node node_modules/conformance-0.2/dist/index.js client --command "exec node src/client.ts" --scenario NAME
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { FileSystem } from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { summarise, surprises, table } from "./report.ts"
import { scenarios } from "./scenarios.ts"
import * as Suite from "./suite.ts"

const EXPECTED_FAILURES = join(import.meta.dirname, "..", "expected-failures.json")

/** How many scenarios run at a time. */
const SLOTS = 2

/** Scenarios that measure time, which others must not disturb. */
const ALONE = new Set(["sse-retry"])

/** For each suite, by what the library lacks, the scenarios that fail. */
const decodeExpected = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Array(Schema.String))))
)

const runAll = Effect.fnUntraced(function*(suite: Suite.Suite) {
  const names = yield* Suite.scenariosOf(suite)
  const slots = yield* Semaphore.make(SLOTS)
  return yield* Effect.forEach(names, (scenario) =>
    scenarios.has(scenario)
      ? slots.withPermits(ALONE.has(scenario) ? SLOTS : 1)(Suite.run(suite, scenario))
      : Effect.succeed<Suite.Outcome>({ scenario, verdict: "missing", detail: "" }), { concurrency: "unbounded" })
})

const program = Effect.gen(function*() {
  const { values: options } = parseArgs({ options: { json: { type: "string" } } })
  const fs = yield* FileSystem
  const expected = yield* Effect.flatMap(fs.readFileString(EXPECTED_FAILURES), decodeExpected)

  const results = yield* Effect.forEach(Suite.suites, (suite) =>
    Effect.map(runAll(suite), (outcomes) => {
      const key = `${suite.version}/${suite.set}`
      return {
        report: summarise(suite, outcomes),
        surprises: surprises(outcomes, Object.values(expected[key] ?? {}).flat()).map((line) => `${key}: ${line}`)
      }
    }))

  const reports = results.map(({ report }) => report)
  yield* Console.log(table(reports))
  if (options.json !== undefined) {
    yield* fs.writeFileString(options.json, `${JSON.stringify({ suites: reports }, null, 2)}\n`)
  }
  const unexpected = results.flatMap(({ surprises }) => surprises)
  for (const surprise of unexpected) yield* Console.error(surprise)
  if (unexpected.length > 0) process.exitCode = 1
})

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)

/**
 * The official suite: a program that starts a server for a scenario, runs the client under test against it, and judges
 * what the client sent.
 */
import * as Effect from "effect/Effect"
import { FileSystem } from "effect/FileSystem"
import * as Option from "effect/Option"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createRequire } from "node:module"
import { delimiter, dirname, join } from "node:path"

/** One version of the suite, and a set of its scenarios. */
export interface Suite {
  readonly version: string
  readonly set: string
  /** The suite's program. */
  readonly program: string
  /** Which scenarios, and how they are to be run. */
  readonly options: ReadonlyArray<string>
}

/** How one scenario went. A client that the suite does not object to, but that nothing was asserted of, is vacuous. */
export interface Outcome {
  readonly scenario: string
  readonly verdict: "passed" | "vacuous" | "failed" | "missing"
  /** For people: why it failed. */
  readonly detail: string
}

const PACKAGE = join(import.meta.dirname, "..")

/** Without `exec`, a client that does not end keeps the suite from noticing its own timeout. */
const CLIENT = "exec node src/client.ts"

const CLIENT_TIMEOUT_MILLIS = 30_000

/** After this the suite itself is stopped, with whatever it started. */
const TIMEOUT = "45 seconds"

const require = createRequire(import.meta.url)

const suite = (name: string, set: string, ...options: ReadonlyArray<string>): Suite => {
  const manifest = require.resolve(`${name}/package.json`)
  const { version }: { readonly version: string } = require(manifest)
  return { version, set, program: join(dirname(manifest), "dist", "index.js"), options }
}

export const suites: ReadonlyArray<Suite> = [
  suite("conformance-0.1", "all"),
  suite("conformance-0.2", "all"),
  // The first two run what is in both eras in the older one.
  suite("conformance-0.2", "2026-07-28", "--spec-version=2026-07-28")
]

/** The names of all scenarios for clients. */
export const scenariosOf = Effect.fnUntraced(function*(suite: Suite) {
  const spawner = yield* ChildProcessSpawner
  const lines = yield* spawner.lines(command(suite, ["list", "--client", ...suite.options]))
  return lines.flatMap((line) => /^\s+- (\S+)/.exec(line)?.[1] ?? [])
})

/** Runs one scenario by itself: only then does the suite mind how the client ended. */
export const run = Effect.fnUntraced(function*(suite: Suite, scenario: string) {
  const fs = yield* FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-mcp-conformance-" })
  const ended = yield* Effect.timeoutOption(
    execute(command(suite, [
      "client",
      `--command=${CLIENT}`,
      `--scenario=${scenario}`,
      `--timeout=${CLIENT_TIMEOUT_MILLIS}`,
      `--output-dir=${folder}`,
      ...suite.options
    ])),
    TIMEOUT
  )
  if (Option.isNone(ended)) return failed(scenario, `no verdict within ${TIMEOUT}`)

  // named after the scenario, with a timestamp
  const written = yield* fs.readDirectory(folder, { recursive: true })
  const read = (name: string) => {
    const path = written.find((path) => path.endsWith(name))
    return path === undefined ? Effect.succeed(undefined) : fs.readFileString(join(folder, path))
  }
  const { exitCode, output } = ended.value
  const json = yield* read("checks.json")
  if (json === undefined) return failed(scenario, output)

  const checks = yield* decodeChecks(json)
  if (exitCode === 0) {
    const passed = checks.some(({ status }) => status === "SUCCESS")
    return { scenario, verdict: passed ? "passed" : "vacuous", detail: "" } satisfies Outcome
  }
  const objections = checks
    .filter(({ status }) => status === "FAILURE" || status === "WARNING")
    .map(({ description, errorMessage, id, status }) => `${status} ${id}: ${errorMessage ?? description}`)
  const [clientEnd = ""] = CLIENT_END.exec(output) ?? []
  return failed(scenario, [...objections, clientEnd, (yield* read("stderr.txt")) ?? ""].join("\n"))
}, Effect.scoped)

/** The suite's word on a client that did not end well. */
const CLIENT_END = /^Client (?:exited|timed out).*$/m

const failed = (scenario: string, detail: string): Outcome => ({
  scenario,
  verdict: "failed",
  detail: detail.trim().replaceAll(/\n+/g, "\n")
})

const decodeChecks = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Schema.Struct({
  id: Schema.String,
  status: Schema.String,
  description: Schema.String,
  errorMessage: Schema.optionalKey(Schema.String)
}))))

const command = ({ program }: Suite, args: ReadonlyArray<string>) =>
  // it passes the client's arguments through a shell, and Node.js warns of that each time
  ChildProcess.make(process.execPath, ["--disable-warning=DEP0190", program, ...args], {
    cwd: PACKAGE,
    env: {
      // the client runs on the same Node.js
      PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`,
      // each scenario loads two programs: compiling them is a third of its time
      NODE_COMPILE_CACHE: join(PACKAGE, "build", "compile-cache")
    },
    extendEnv: true,
    stdin: "ignore",
    forceKillAfter: "2 seconds"
  })

const execute = Effect.fnUntraced(function*(command: ChildProcess.Command) {
  const spawner = yield* ChildProcessSpawner
  const handle = yield* spawner.spawn(command)
  const [output, exitCode] = yield* Effect.all(
    [Stream.mkString(Stream.decodeText(handle.all)), handle.exitCode],
    { concurrency: "unbounded" }
  )
  return { output, exitCode }
}, Effect.scoped)

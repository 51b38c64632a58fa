/**
 * Importing a client that only speaks HTTP, against importing the Effect modules that it uses.
 *
 * The import runs in a plain process without TypeScript. Our sources are stripped of their types beforehand, since
 * users import JavaScript; a load hook, installed for every contender alike, hands the result out.
 */
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { promisify } from "node:util"
import type { ContenderName, Peer } from "../contender.ts"
import type { Figures, Workload } from "../workload.ts"

const CLIENT = "@effect-mcp/client"

/** The modules that a user of HTTP imports. */
const MODULES: ReadonlyArray<string> = ["McpClient", "HttpTransport"]

const PEER_MODULES: { readonly [Name in Peer]: ReadonlyArray<string> } = {
  "sdk-v2": ["@modelcontextprotocol/client"],
  "sdk-v1": ["@modelcontextprotocol/sdk/client/index.js", "@modelcontextprotocol/sdk/client/streamableHttp.js"],
  "ai-sdk": ["@ai-sdk/mcp"],
  "effect-ai": ["effect/ai/McpClient", "effect/ai/McpProtocol"]
}

interface Graph {
  /** JavaScript by the path of its TypeScript source. */
  readonly sources: ReadonlyMap<string, string>
  readonly effectModules: ReadonlySet<string>
}

// Anchored to the line, so that imports in the examples of doc comments do not count.
const IMPORTS = /^(?:import|export)\b[^"';]*?\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"/gm

const clientGraph = (entries: ReadonlyArray<string>): Graph => {
  const sources = new Map<string, string>()
  const effectModules = new Set<string>()
  const visit = (file: string): void => {
    if (sources.has(file)) return
    const source = stripTypeScriptTypes(readFileSync(file, "utf8"))
    sources.set(file, source)
    for (const [, from, bare] of source.matchAll(IMPORTS)) {
      const specifier = from ?? bare ?? ""
      if (specifier.startsWith(".")) visit(join(dirname(file), specifier))
      else if (/^@?effect\//.test(specifier)) effectModules.add(specifier)
    }
  }
  entries.forEach(visit)
  return { sources, effectModules }
}

const probe = (specifiers: ReadonlyArray<string>, sourcesFile: string): string => `
import { readFileSync } from "node:fs"
import { registerHooks } from "node:module"
const sources = new Map(JSON.parse(readFileSync(${JSON.stringify(sourcesFile)}, "utf8")))
registerHooks({
  load: (url, context, next) => {
    const source = sources.get(url)
    return source === undefined ? next(url, context) : { format: "module", shortCircuit: true, source }
  }
})
const cpu = process.cpuUsage()
const start = performance.now()
await Promise.all(${JSON.stringify(specifiers)}.map((specifier) => import(specifier)))
const millis = performance.now() - start
const { system, user } = process.cpuUsage(cpu)
console.log(JSON.stringify({ millis, cpuPerCall: user + system }))
process.exit(0)
`

const specifiersOf = (
  name: ContenderName
): { readonly specifiers: ReadonlyArray<string>; readonly sources: Graph["sources"] } => {
  if (name !== "ours" && name !== "bare") return { specifiers: PEER_MODULES[name], sources: new Map() }
  const root = join(dirname(fileURLToPath(import.meta.resolve(`${CLIENT}/package.json`))), "src")
  const modules = MODULES.filter((module) => existsSync(join(root, `${module}.ts`)))
  if (!modules.includes("McpClient")) throw new Error(`${CLIENT}/McpClient does not exist`)
  const { effectModules, sources } = clientGraph(modules.map((module) => join(root, `${module}.ts`)))
  return name === "ours"
    ? { specifiers: modules.map((module) => `${CLIENT}/${module}`), sources }
    : { specifiers: [...effectModules], sources: new Map() }
}

const importTime = async (name: ContenderName): Promise<Figures> => {
  const { sources, specifiers } = specifiersOf(name)
  const directory = mkdtempSync(join(tmpdir(), "effect-mcp-bench-"))
  try {
    const file = join(directory, "sources.json")
    writeFileSync(file, JSON.stringify(Array.from(sources, ([path, source]) => [pathToFileURL(path).href, source])))
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", probe(specifiers, file)],
      // Bare specifiers of the probe resolve against the working directory.
      { cwd: fileURLToPath(new URL("../..", import.meta.url)) }
    )
    return JSON.parse(stdout) as Figures
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

export const workload: Workload = {
  name: "import-time",
  title: "import of the HTTP-only client",
  bare: "the Effect modules that our client imports",
  figure: "millis",
  unit: "ms",
  better: "less",
  cpu: "cpuPerCall",
  budgets: [{ figure: "cpuPerCall", over: "bare", max: 1.3 }],
  measure: importTime
}

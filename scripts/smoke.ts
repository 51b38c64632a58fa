/**
 * Uses the packages as a stranger would: packs what a release would publish, installs each tarball into a project
 * outside the repository, imports every public module with plain Node.js, resolves its types with the compiler, and lets
 * publint judge the manifest. Needs a build.
 */
import { execFileSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"

type Exports = Readonly<Record<string, string | null>>

interface Manifest {
  readonly name: string
  readonly exports: Exports
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly publishConfig?: unknown
}

interface Packed {
  readonly manifest: Manifest
  readonly tarball: string
}

const STEP_TIMEOUT = 120_000

const root = join(import.meta.dirname, "..")
const scratch = mkdtempSync(join(tmpdir(), "effect-mcp-smoke-"))

const readManifest = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))

const run = (cwd: string, [command, ...args]: readonly [string, ...ReadonlyArray<string>]): string =>
  execFileSync(command, args, { cwd, encoding: "utf8", timeout: STEP_TIMEOUT, stdio: ["ignore", "pipe", "pipe"] })

/** The pnpm that started this script; `npx` fetches one when something else did. */
const pnpm = (cwd: string, ...args: ReadonlyArray<string>): string => {
  const self = process.env["npm_execpath"] ?? ""
  if (!basename(self).startsWith("pnpm")) return run(cwd, ["npx", "--yes", "pnpm@12", ...args])
  return run(cwd, /\.[cm]?js$/.test(self) ? [process.execPath, self, ...args] : [self, ...args])
}

/** A pattern of `exports` as a function from a path to what its `*` stands for. */
const matcher = (pattern: string) => {
  const [before = "", after] = pattern.split("*")
  return (path: string): string | undefined => {
    if (after === undefined) return path === pattern ? "" : undefined
    return path.startsWith(before) && path.endsWith(after)
      ? path.slice(before.length, path.length - after.length)
      : undefined
  }
}

/** Every module of an installed package, as it would be imported, and whether its `exports` let it. */
const modulesOf = (name: string, folder: string, exports: Exports) => {
  const files = globSync("**/*.js", { cwd: folder, exclude: ["node_modules"] }).map((path) => `./${path}`).sort()
  const entries = Object.entries(exports)
  const closed = entries.filter(([, target]) => target === null).map(([key]) => matcher(key))
  return entries.flatMap(([key, target]) => {
    if (target === null || !target.endsWith(".js")) return []
    const match = matcher(target)
    return files.flatMap((file) => {
      const star = match(file)
      if (star === undefined) return []
      const path = key.replace("*", star)
      return [{ specifier: name + path.slice(1), open: !closed.some((closes) => closes(path) !== undefined) }]
    })
  })
}

const IMPORT_ALL = `
import modules from "./modules.json" with { type: "json" }
for (const { specifier, open } of modules) {
  const error = await import(specifier).then(() => undefined, (error) => error)
  const problem = open
    ? error?.message
    : error?.code === "ERR_PACKAGE_PATH_NOT_EXPORTED" ? undefined : "it is not closed"
  if (problem === undefined) continue
  console.error(specifier + ": " + problem)
  process.exitCode = 1
}
`

const COMPILER_OPTIONS = {
  module: "NodeNext",
  target: "ES2024",
  strict: true,
  noEmit: true,
  types: ["node"]
}

const write = (folder: string, name: string, content: unknown) =>
  writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content, undefined, 2))

const pack = (folder: string): Packed => {
  const destination = join(scratch, basename(folder), "tarball")
  mkdirSync(destination, { recursive: true })
  pnpm(folder, "pack", "--pack-destination", destination)
  const [tarball] = globSync("*.tgz", { cwd: destination })
  if (tarball === undefined) throw new Error("pnpm pack left no tarball")
  return { manifest: readManifest(folder), tarball: join(destination, tarball) }
}

/** Installs one package and nothing that it does not ask for, which a hoisted or linked install would hide. */
const install = ({ manifest, tarball }: Packed, all: ReadonlyArray<Packed>): string => {
  const project = join(tarball, "..", "..", "project")
  mkdirSync(project)
  const { devDependencies } = readManifest(root)
  const peers = Object.entries(manifest.peerDependencies ?? {}).map(([name, range]) => [
    name,
    manifest.devDependencies?.[name] ?? range
  ])
  write(project, "package.json", {
    private: true,
    type: "module",
    dependencies: { [manifest.name]: `file:${tarball}`, ...Object.fromEntries(peers) },
    devDependencies: { "@types/node": devDependencies?.["@types/node"] }
  })
  // a release publishes the packages together: until then the registry does not have the others
  write(project, "pnpm-workspace.yaml", {
    overrides: Object.fromEntries(all.map((packed) => [packed.manifest.name, `file:${packed.tarball}`]))
  })
  pnpm(project, "install", "--prefer-offline", "--no-frozen-lockfile", "--ignore-scripts")
  return project
}

const smoke = async (packed: Packed, all: ReadonlyArray<Packed>): Promise<ReadonlyArray<string>> => {
  const { name } = packed.manifest
  const project = install(packed, all)
  const installed = join(project, "node_modules", name)
  const modules = modulesOf(name, installed, readManifest(installed).exports)
  const open = modules.filter((module) => module.open)
  if (open.length === 0) return ["there is no module to import: was it built?"]

  const problems: Array<string> = []
  const attempt = (command: readonly [string, ...ReadonlyArray<string>]) => {
    try {
      run(project, command)
    } catch (error) {
      problems.push(describe(error))
    }
  }

  write(project, "modules.json", modules)
  write(project, "import.mjs", IMPORT_ALL)
  attempt([process.execPath, "import.mjs"])

  write(project, "tsconfig.json", { compilerOptions: COMPILER_OPTIONS, files: ["types.ts"] })
  write(
    project,
    "types.ts",
    open.map(({ specifier }, index) => `import * as M${index} from "${specifier}"\nvoid M${index}\n`).join("")
  )
  attempt([join(root, "node_modules", ".bin", "tsc"), "--pretty", "false"])

  const archive = readFileSync(packed.tarball)
  const { messages, pkg } = await publint({
    pack: { tarball: archive.buffer.slice(archive.byteOffset, archive.byteOffset + archive.length) },
    level: "warning"
  })
  problems.push(...messages.map((message) => formatMessage(message, pkg ?? {}, { color: false }) ?? message.code))
  return problems
}

/** What a command printed before it failed. */
const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const { stderr = "", stdout = "" } = error as { readonly stderr?: string; readonly stdout?: string }
  return `${stdout}${stderr}`.trim() || error.message
}

process.once("exit", () => rmSync(scratch, { recursive: true, force: true }))
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

const report = (name: string, problems: ReadonlyArray<string>) => {
  console.log(`${name} ${problems.length === 0 ? "ok" : "failed"}`)
  for (const problem of problems) console.error(problem.replaceAll(/^/gm, "  "))
  if (problems.length > 0) process.exitCode = 1
}

const published = globSync("packages/*/package.json", { cwd: root })
  .map((path) => join(root, path, ".."))
  .filter((folder) => readManifest(folder).publishConfig !== undefined)
  .sort()

const all = published.map(pack)
for (const packed of all) {
  report(packed.manifest.name, await smoke(packed, all).catch((error: unknown) => [describe(error)]))
}

/**
 * Holds the rules of the repository that no linter knows: what no file may mention, how long a source file may be, and
 * who may import whom.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { parseSync } from "oxc-parser"

export interface SourceFile {
  /** Relative to the root of the repository. */
  readonly path: string
  readonly text: string
}

/**
 * The floors of `packages/client/src`, from the ground up. A file imports only from its own floor or below.
 */
export const FLOORS: ReadonlyArray<ReadonlyArray<string>> = [
  ["McpSchema.ts", "McpError.ts", "McpProtocol.ts", "internal/open.ts"],
  ["internal/jsonrpc/"],
  [
    "McpTransport.ts",
    "StdioTransport.ts",
    "HttpTransport.ts",
    "SseTransport.ts",
    "MemoryTransport.ts",
    "internal/transport/"
  ],
  ["McpExtension.ts", "internal/session/"],
  ["McpTask.ts", "internal/tasks/"],
  [
    "McpTool.ts",
    "McpPrompt.ts",
    "McpResource.ts",
    "McpHandlers.ts",
    "internal/handlers/",
    "internal/codec.ts",
    "internal/uriTemplate.ts",
    "internal/validation.ts"
  ],
  ["McpClient.ts", "McpCache.ts", "internal/client/", "internal/cache/"],
  ["McpServers.ts", "McpConfig.ts", "McpToolkit.ts"],
  ["index.ts"]
]

const CLIENT = "packages/client/"
const CLIENT_SRC = `${CLIENT}src/`
const CLIENT_NAME = "@effect-mcp/client"

const MAX_CODE_LINES = 400

// written as patterns that do not match themselves
const FORBIDDEN: ReadonlyArray<readonly [pattern: RegExp, reason: string]> = [
  [/(?<![\w.-])\/work\//, "names a folder of one machine"],
  [/\.\.\/shared\b/, "names a folder outside the repository"],
  [/\bregistry\.(npmjs|yarnpkg|npmmirror)\.\w+|\bnpm\.(pkg\.github\.com|jsr\.io)/, "names a package registry"]
]

const lineAt = (text: string, offset: number) => text.slice(0, offset).split("\n").length

/** The code without its comments, line for line. */
const withoutComments = ({ path, text }: SourceFile) =>
  parseSync(path, text).comments.reduce(
    (code, { end, start }) => code.slice(0, start) + code.slice(start, end).replaceAll(/[^\n]/g, " ") + code.slice(end),
    text
  )

const importsOf = (code: string) =>
  Array.from(code.matchAll(/\b(?:from|import)\s*\(?\s*["']([^"'\n]+)["']/g), ({ 1: specifier = "", index }) => ({
    specifier,
    line: lineAt(code, index)
  }))

/** The file of the client that an import means, or `undefined` when it means another package. */
const resolveInClient = (importer: string, specifier: string): string | undefined => {
  if (specifier === CLIENT_NAME) return `${CLIENT_SRC}index.ts`
  if (specifier.startsWith(`${CLIENT_NAME}/`)) return `${CLIENT_SRC}${specifier.slice(CLIENT_NAME.length + 1)}.ts`
  const path = posix.join(posix.dirname(importer), specifier)
  return specifier.startsWith(".") && path.startsWith(CLIENT_SRC) ? path : undefined
}

const floorOf = (path: string) =>
  FLOORS.findIndex((rooms) =>
    rooms.some((room) => {
      const name = path.slice(CLIENT_SRC.length)
      return room.endsWith("/") ? name.startsWith(room) : name === room
    })
  )

const forbidden = ({ path, text }: SourceFile) =>
  FORBIDDEN.flatMap(([pattern, reason]) => {
    const match = pattern.exec(text)
    return match === null ? [] : [`${path}:${lineAt(text, match.index)} ${reason}: ${match[0]}`]
  })

const tooLong = (path: string, code: string) => {
  const lines = code.split("\n").filter((line) => line.trim() !== "").length
  return lines <= MAX_CODE_LINES ? [] : [`${path} has ${lines} lines of code, more than ${MAX_CODE_LINES}`]
}

const wrongImports = (path: string, code: string): ReadonlyArray<string> => {
  const imports = importsOf(code).map((entry) => ({ ...entry, target: resolveInClient(path, entry.specifier) }))
  if (!path.startsWith(CLIENT)) {
    return imports
      .filter(({ target }) => target?.startsWith(`${CLIENT_SRC}internal/`) === true)
      .map(({ line, specifier }) => `${path}:${line} ${specifier} is closed to other packages`)
  }
  if (!path.startsWith(CLIENT_SRC)) return []
  const floor = floorOf(path)
  if (floor < 0) return [`${path} has no floor: add it to FLOORS in scripts/guard.ts`]
  return imports.flatMap(({ line, specifier, target }) => {
    if (target === undefined) {
      return specifier.startsWith("@effect-mcp/") ? [`${path}:${line} ${specifier} is built on the client`] : []
    }
    const above = floorOf(target)
    return above > floor ? [`${path}:${line} ${specifier} is on floor ${above}, above floor ${floor}`] : []
  })
}

/** What breaks the rules, one line each. */
export const guard = (files: ReadonlyArray<SourceFile>): ReadonlyArray<string> =>
  files.flatMap((file) => {
    const { path } = file
    if (!/\.[cm]?tsx?$/.test(path)) return forbidden(file)
    const code = withoutComments(file)
    return [
      ...forbidden(file),
      ...(/^packages\/[^/]+\/src\//.test(path) ? tooLong(path, code) : []),
      ...wrongImports(path, code)
    ]
  })

if (import.meta.main) {
  const root = join(import.meta.dirname, "..")
  // new files count before they are added, deleted ones do not
  const paths = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 26
  })
  const problems = guard(
    paths.split("\0")
      .filter((path) => path !== "" && existsSync(join(root, path)))
      .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
  )
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
}

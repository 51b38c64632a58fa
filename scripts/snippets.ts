/**
 * Turns the fenced `ts check` blocks of the documentation and of JSDoc into modules in `build/snippets`, so that the
 * compiler checks them and the tests run them. A trailing `// => expected` becomes an assertion.
 *
 * A TypeScript block that is not marked `check` is a problem: what nobody runs goes stale.
 */
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { type BindingPattern, type Expression, parseSync, type Program, Visitor } from "oxc-parser"

/** Where a block was found, `docs/guide.md:12`, and the module made of it. */
export interface Snippet {
  readonly name: string
  readonly file: string
}

export interface Snippets {
  readonly snippets: ReadonlyArray<Snippet>
  readonly problems: ReadonlyArray<string>
}

interface Block {
  /** The line of the opening fence, counted from one. */
  readonly line: number
  readonly info: string
  readonly code: string
  readonly closed: boolean
}

const SOURCES = [
  "{README,CONTRIBUTING}.md",
  "{docs,examples}/**/*.md",
  "packages/*/README.md",
  "packages/*/src/**/*.ts"
]

const TYPESCRIPT = /^(ts|mts|cts|tsx|typescript)$/

const MARKDOWN = { fence: /^([\s>]*)(`{3,}|~{3,})(.*)$/, inside: /^/, margin: /^[\s>]*/ }
const JSDOC = { fence: /^(\s*\*[ \t]*)(`{3,}|~{3,})(.*)$/, inside: /^\s*\*(?!\/)/, margin: /^\s*\*?\s?/ }

/** Every fenced block of a file, whatever its language. */
export const findBlocks = (text: string, { fence, inside, margin }: typeof MARKDOWN): ReadonlyArray<Block> => {
  const blocks: Array<Block> = []
  const lines = text.split("\n")
  for (let start = 0; start < lines.length; start++) {
    const [, prefix = "", marker = "", info = ""] = fence.exec(lines[start]!) ?? []
    if (marker === "") continue
    const code: Array<string> = []
    let end = start + 1
    let closed = false
    for (; !closed && end < lines.length && inside.test(lines[end]!); end++) {
      const line = lines[end]!
      const [, , closing = "", rest = ""] = fence.exec(line) ?? []
      if (closing.startsWith(marker) && rest.trim() === "") closed = true
      else code.push((line.startsWith(prefix) ? line.slice(prefix.length) : line.replace(margin, "")).trimEnd())
    }
    blocks.push({ line: start + 1, info: info.trim(), code: code.join("\n"), closed })
    start = end - 1
  }
  return blocks
}

const namesOf = (pattern: BindingPattern): ReadonlyArray<string> => {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name]
    case "AssignmentPattern":
      return namesOf(pattern.left)
    case "ArrayPattern":
      return pattern.elements.flatMap((element) =>
        element === null ? [] : namesOf(element.type === "RestElement" ? element.argument : element)
      )
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        namesOf(property.type === "RestElement" ? property.argument : property.value)
      )
  }
}

/** Lines that use what a snippet only declares, as the last lines of an example often do. */
const uses = (body: Program["body"]): string => {
  const values: Array<string> = []
  const types: Array<string> = []
  for (const statement of body) {
    switch (statement.type) {
      case "VariableDeclaration":
        values.push(...statement.declarations.flatMap(({ id }) => namesOf(id)))
        break
      case "ClassDeclaration":
      case "FunctionDeclaration":
        if (statement.id !== null) values.push(statement.id.name)
        break
      case "TSTypeAliasDeclaration":
      case "TSInterfaceDeclaration":
        types.push(statement.id.name)
        break
    }
  }
  return `void [${values.join(", ")}]\nexport ${types.length === 0 ? "{}" : `type { ${types.join(", ")} }`}\n`
}

const EQUALS = `
function __equals<A>(actual: A, expected: NoInfer<A>): A {
  __expect(actual).toStrictEqual(expected)
  return actual
}
`

/**
 * The module for a block that begins below `line`. The code keeps its line numbers, so a message about
 * `docs/guide.md.0.ts(14)` is about line 14 of the guide.
 */
export const toModule = (
  code: string,
  line: number,
  report: (line: number, problem: string) => void
): string | undefined => {
  const { comments, errors, program } = parseSync("snippet.ts", code, { sourceType: "module", astType: "ts" })
  const lineAt = (offset: number) => line + code.slice(0, offset).split("\n").length
  const [error] = errors
  if (error !== undefined) {
    report(lineAt(error.labels[0]?.start ?? 0), error.message)
    return undefined
  }

  const statements: Array<{ readonly end: number; readonly expression: Expression | null | undefined }> = []
  new Visitor({
    ExpressionStatement: ({ end, expression }) => void statements.push({ end, expression }),
    ReturnStatement: ({ argument, end }) => void statements.push({ end, expression: argument }),
    VariableDeclaration: ({ declarations, end }) => void statements.push({ end, expression: declarations.at(-1)?.init })
  }).visit(program)

  const insertions: Array<readonly [offset: number, text: string]> = []
  for (const { end, start, type, value } of comments) {
    if (type !== "Line" || !value.startsWith(" => ")) continue
    const { expression } = statements.find((statement) =>
      statement.end <= start && /^[ \t;]*$/.test(code.slice(statement.end, start))
    ) ?? {}
    if (expression === null || expression === undefined) {
      report(lineAt(start), `"${code.slice(start, end)}" follows no statement with a value`)
      return undefined
    }
    insertions.push([expression.start, "__equals("], [expression.end, `, ${value.slice(" => ".length).trim()})`])
  }
  const asserted = insertions
    .sort(([a], [b]) => b - a)
    .reduce((text, [offset, inserted]) => text.slice(0, offset) + inserted + text.slice(offset), code)

  const checks = insertions.length > 0
  return `${checks ? `import { expect as __expect } from "vitest"` : ""}${"\n".repeat(line)}${asserted}\n`
    + uses(program.body)
    + (checks ? EQUALS : "")
}

/** Replaces a file in one step, and only when it changed: another process may be reading it or writing the same. */
const write = (file: string, text: string, scratch: string) => {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(scratch, text)
  renameSync(scratch, file)
}

export const extractSnippets = (root: string): Snippets => {
  const snippets: Array<Snippet> = []
  const problems: Array<string> = []
  const out = join(root, "build", "snippets")
  for (const source of globSync(SOURCES, { cwd: root }).sort()) {
    const text = readFileSync(join(root, source), "utf8")
    let index = 0
    for (const block of findBlocks(text, source.endsWith(".md") ? MARKDOWN : JSDOC)) {
      const name = `${source}:${block.line}`
      const [language = "", ...marks] = block.info.split(/\s+/)
      if (!block.closed) problems.push(`${name} the fence is never closed`)
      if (!TYPESCRIPT.test(language)) continue
      if (!marks.includes("check")) {
        problems.push(`${name} the fence is not marked "${language} check", so nothing runs it`)
        continue
      }
      // JSDoc writes the end of a comment as `*\/`
      const code = source.endsWith(".md") ? block.code : block.code.replaceAll("*\\/", "*/")
      const module = toModule(code, block.line, (line, problem) => problems.push(`${source}:${line} ${problem}`))
      if (module === undefined) continue
      const file = join(out, `${source}.${index++}.ts`)
      write(file, module, join(root, "build", `snippets.${process.pid}.tmp`))
      snippets.push({ name, file })
    }
  }
  const current = new Set(snippets.map(({ file }) => file))
  for (const path of globSync("**/*.ts", { cwd: out })) {
    if (!current.has(join(out, path))) rmSync(join(out, path), { force: true })
  }
  return { snippets, problems }
}

if (import.meta.main) {
  const { problems } = extractSnippets(join(import.meta.dirname, ".."))
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
}

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { extractSnippets } from "../scripts/snippets.ts"

const FENCE = "```"

// below the repository, so that what is extracted can import its dependencies
const build = join(import.meta.dirname, "..", "build")
mkdirSync(build, { recursive: true })
const scratch = mkdtempSync(join(build, "snippets-test-"))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** A folder of its own, with these files. */
const repository = (files: Readonly<Record<string, string>>) => {
  const root = mkdtempSync(join(scratch, "repository-"))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

const markdown = (...code: ReadonlyArray<string>) => ["# Title", "", `${FENCE}ts check`, ...code, FENCE, ""].join("\n")

/** The module made of one block, which begins on the fourth line. */
const extract = (...code: ReadonlyArray<string>) => {
  const { problems, snippets } = extractSnippets(repository({ "README.md": markdown(...code) }))
  expect(problems).toEqual([])
  return readFileSync(snippets[0]!.file, "utf8").split("\n")
}

const run = async (...code: ReadonlyArray<string>): Promise<unknown> => {
  const { snippets } = extractSnippets(repository({ "README.md": markdown(...code) }))
  return await import(snippets[0]!.file)
}

describe("assertions", () => {
  it("pass when the value is as shown", async () => {
    await run("1 + 1 // => 2", "await Promise.resolve({ a: [1] }) // => { a: [1] }")
  })

  it("fail when it is not", async () => {
    await expect(run("1 + 1 // => 3")).rejects.toThrow("expected 2 to strictly equal 3")
  })

  it("hold for what a generator yields", async () => {
    const code = (expected: number) => [
      `import * as Effect from "effect/Effect"`,
      "const program = Effect.gen(function*() {",
      "  yield* Effect.succeed(1) // => 1",
      "  const two = yield* Effect.succeed(2) // => 2",
      `  return yield* Effect.succeed(two + 1) // => ${expected}`,
      "})",
      "await Effect.runPromise(program) // => 3"
    ]
    await run(...code(3))
    await expect(run(...code(4))).rejects.toThrow("expected 3 to strictly equal 4")
  })

  it("compare Effect's data by value", async () => {
    await run(
      `import * as Option from "effect/Option"`,
      `import * as Duration from "effect/Duration"`,
      "Option.some(1) // => Option.some(1)",
      `Duration.fromInputUnsafe("1 second") // => Duration.millis(1000)`
    )
  })

  it("cover a statement of several lines, also around others", () => {
    expect(extract("[1].map((n) => {", "  n + 1 // => 2", "  return n", "}).at(", "  0", ") // => 1").slice(3, 9))
      .toEqual([
        "__equals([1].map((n) => {",
        "  __equals(n + 1, 2) // => 2",
        "  return n",
        "}).at(",
        "  0",
        "), 1) // => 1"
      ])
  })

  it("leave strings and other comments alone", () => {
    expect(extract(`const text = "a // => b"`, "// x => y").slice(3, 5)).toEqual([
      `const text = "a // => b"`,
      "// x => y"
    ])
  })
})

describe("modules", () => {
  it("keep the line numbers of the source", () => {
    expect(extract("const one = 1")[3]).toBe("const one = 1")
  })

  it("use what they only declare", () => {
    const lines = extract(
      "const one = 1, { a, b: [c = 2, ...d] } = { a: 1, b: [] }",
      "class Weather {}",
      "interface City {}",
      "export const two = 2"
    )
    expect(lines.slice(7)).toEqual(["void [one, a, c, d, Weather]", "export type { City }", ""])
  })

  it("come from JSDoc too", () => {
    const { problems, snippets } = extractSnippets(repository({
      "packages/a/src/A.ts": [
        "/**",
        " * Adds.",
        " *",
        " * ```ts check",
        " * const add = () => {",
        " *   return 1 + 1 /* two *\\/",
        " *",
        " * }",
        " * ```",
        " */",
        "export const a = 1"
      ].join("\n")
    }))
    expect(problems).toEqual([])
    expect(snippets.map(({ name }) => name)).toEqual(["packages/a/src/A.ts:4"])
    expect(readFileSync(snippets[0]!.file, "utf8").split("\n").slice(4, 8)).toEqual([
      "const add = () => {",
      "  return 1 + 1 /* two */",
      "",
      "}"
    ])
  })

  it("have names that tell files and blocks apart", () => {
    const root = repository({
      "README.md": markdown("1") + markdown("2"),
      "docs/a-b.md": markdown("3"),
      "docs/a/b.md": markdown("4"),
      "packages/a/README.md": `1. In a list\n\n   ${FENCE}ts check\n   const five = 5\n   ${FENCE}\n`
    })
    expect(extractSnippets(root).snippets.map(({ file, name }) => [name, file.slice(root.length + 1)])).toEqual([
      ["README.md:3", "build/snippets/README.md.0.ts"],
      ["README.md:8", "build/snippets/README.md.1.ts"],
      ["docs/a-b.md:3", "build/snippets/docs/a-b.md.0.ts"],
      ["docs/a/b.md:3", "build/snippets/docs/a/b.md.0.ts"],
      ["packages/a/README.md:3", "build/snippets/packages/a/README.md.0.ts"]
    ])
    expect(readFileSync(join(root, "build/snippets/packages/a/README.md.0.ts"), "utf8")).toContain("\nconst five = 5\n")
  })

  it("are written once and removed with their block", () => {
    const root = repository({ "README.md": markdown("1") + markdown("2"), "docs/guide.md": markdown("3") })
    const [first] = extractSnippets(root).snippets
    const { ino } = statSync(first!.file)
    writeFileSync(join(root, "README.md"), markdown("1"))
    rmSync(join(root, "docs"), { recursive: true })
    extractSnippets(root)
    expect(statSync(first!.file).ino).toBe(ino)
    const left = readdirSync(join(root, "build"), { recursive: true, withFileTypes: true })
    expect(left.filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual(["README.md.0.ts"])
  })
})

describe("problems", () => {
  const problemsOf = (text: string) => extractSnippets(repository({ "docs/guide.md": text })).problems

  it("are TypeScript blocks that nothing would run", () => {
    expect(problemsOf(`${FENCE}ts\n1\n${FENCE}\n\n${FENCE}typescript title="x"\n1\n${FENCE}\n`)).toEqual([
      `docs/guide.md:1 the fence is not marked "ts check", so nothing runs it`,
      `docs/guide.md:5 the fence is not marked "typescript check", so nothing runs it`
    ])
  })

  it("are not blocks in other languages, nor what they contain", () => {
    expect(problemsOf(`${FENCE}sh\nls\n${FENCE}\n\n${FENCE}${FENCE}md\n${FENCE}ts\n${FENCE}\n${FENCE}${FENCE}\n`))
      .toEqual([])
  })

  it("are fences that are never closed", () => {
    expect(problemsOf(`${FENCE}ts check\n1\n`)).toEqual(["docs/guide.md:1 the fence is never closed"])
  })

  it("are expectations without a statement", () => {
    expect(problemsOf(markdown("const a = [", "  1 // => 1", "]"))).toEqual([
      `docs/guide.md:5 "// => 1" follows no statement with a value`
    ])
    expect(problemsOf(markdown("let a // => 1"))).toEqual([
      `docs/guide.md:4 "// => 1" follows no statement with a value`
    ])
  })

  it("are syntax errors, at their line", () => {
    expect(problemsOf(markdown("const a = 1", "const = 2"))).toEqual([expect.stringMatching(/^docs\/guide\.md:5 /)])
  })
})

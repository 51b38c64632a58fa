import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "..")
const folder = mkdtempSync(join(tmpdir(), "effect-mcp-examples-"))

afterAll(() => rmSync(folder, { recursive: true }))

/** Runs an example, and says what it printed and how it ended. */
const run = (name: string, ...args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: unknown; readonly stdout: string; readonly stderr: string }>((resolve) => {
    const env = { ...process.env, PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env["PATH"]}` }
    const child = execFile(process.execPath, [join(root, "examples", name), ...args], { cwd: root, env }, (
      error,
      stdout,
      stderr
    ) => resolve({ code: error === null ? 0 : error.code, stdout, stderr }))
    child.stdin?.end()
  })

describe("the form in a terminal", () => {
  const answer = (name: string, answers: unknown) => {
    const file = join(folder, `${name}.json`)
    writeFileSync(file, JSON.stringify(answers))
    return run("elicitation-form.ts", "--answers", file)
  }

  it("is filled in, and the server gets the defaults, too", async () => {
    const { code, stdout } = await answer("accept", { name: "Ada", integer: 7, untitledMultipleSelectEnum: ["Piano"] })
    expect(code).toBe(0)
    expect(JSON.parse(stdout.slice(stdout.indexOf("{")))).toEqual({
      action: "accept",
      content: {
        name: "Ada",
        firstLine: "It was a dark and stormy night.",
        integer: 7,
        number: 3.14,
        untitledSingleSelectEnum: "Monica",
        untitledMultipleSelectEnum: ["Piano"],
        titledSingleSelectEnum: "hero-1",
        titledMultipleSelectEnum: ["fish-1"],
        legacyTitledEnum: "pet-1"
      }
    })
  })

  it("is turned down", async () => {
    const { code, stdout } = await answer("decline", "decline")
    expect(code).toBe(0)
    expect(stdout).toContain("\"action\": \"decline\"")
  })

  it("says what does not fit", async () => {
    const { code, stdout } = await answer("misfit", { name: "Ada", integer: 1000 })
    expect(code).toBe(1)
    expect(stdout).toContain("integer: has to be at most 100")
  })

  it("needs a terminal, or answers", async () => {
    const { code, stderr } = await run("elicitation-form.ts")
    expect(code).toBe(1)
    expect(stderr).toContain("--answers FILE")
  })
})

describe("the progress of a task", () => {
  /** What was printed of the changes, and the heading of the report. */
  const research = async (...args: ReadonlyArray<string>) => {
    const { code, stdout } = await run("task-progress.ts", ...args)
    expect(code).toBe(0)
    const [changes = "", report = ""] = stdout.split("\n\n", 2)
    return { changes: changes.split("\n"), report }
  }

  it("is a line for each change, and ends with the report", async () => {
    const { changes, report } = await research("tea")
    const stages = [
      "working: Gathering sources...",
      "working: Analyzing content...",
      "working: Synthesizing findings...",
      "working: Generating report...",
      "completed: Generating report..."
    ]
    // On a busy machine, a stage may be over before it is seen.
    expect(changes).toEqual(stages.filter((stage) => changes.includes(stage)))
    expect(changes.at(-1)).toBe(stages.at(-1))
    expect(report).toBe("# Research Report: tea")
  })

  it("goes on when the question is answered", async () => {
    const { changes, report } = await research("python", "--ambiguous")
    expect(changes).toContain(
      `input_required: Found multiple interpretations for "python". Requesting clarification...`
    )
    expect(changes.at(-1)).toBe("completed: Generating report...")
    expect(report).toBe("# Research Report: python (programming)")
  })
})

import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { extractSnippets } from "../scripts/snippets.ts"

describe("documentation", () => {
  const { problems, snippets } = extractSnippets(join(import.meta.dirname, ".."))

  it("has no snippet that escapes the tests", () => {
    expect(problems).toEqual([])
  })

  for (const { file, name } of snippets) {
    it(name, async () => {
      await import(file)
    })
  }
})

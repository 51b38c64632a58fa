import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { isBatchFile, windowsScript } from "../../src/internal/transport/windowsCommand.ts"

/** What `cmd.exe` makes of a line in which a caret stands before each character that is syntax. */
const readByCmd = (line: string): string => {
  assert.notMatch(line.replaceAll(/\^[^]/g, ""), /[()%!^"<>&|]/, "syntax that is not escaped")
  return line.replaceAll(/\^([^])/g, "$1")
}

/** The words that a program finds in its command line, by the rules of the C runtime. */
const readByProgram = (line: string): ReadonlyArray<string> => {
  const words: Array<string> = []
  let word: string | undefined
  let quoted = false
  for (const [part] of line.matchAll(/\\*"|\\+|\s|[^\\"\s]/g)) {
    if (part.endsWith("\"")) {
      const backslashes = part.length - 1
      word = (word ?? "") + "\\".repeat(Math.floor(backslashes / 2)) + (backslashes % 2 === 1 ? "\"" : "")
      if (backslashes % 2 === 0) quoted = !quoted
    } else if (part.trim() === "" && !quoted) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else {
      word = (word ?? "") + part
    }
  }
  return word === undefined ? words : [...words, word]
}

/** A shim hands its arguments on with `%*`, which `cmd.exe` reads once more. */
const readThroughShim = (script: string) => readByProgram(readByCmd(readByCmd(script).replace(/^\S+ ?/, "")))

describe("a command on Windows", () => {
  it("needs a shell when it is a batch file", () => {
    assert.isTrue(isBatchFile("C:\\tools\\server.CMD"))
    assert.isTrue(isBatchFile("run.bat"))
    assert.isFalse(isBatchFile("C:\\tools\\server.exe"))
    assert.isFalse(isBatchFile("node"))
  })

  it("may else be a shim, to which words arrive as they are", () => {
    const args = [
      "-y",
      "@scope/server@1.0",
      "",
      "two words",
      "a\\",
      "\"quoted\"",
      "50%",
      "%PATH%",
      "a&b|c>d<e^f",
      "(!)"
    ]
    assert.deepStrictEqual(readThroughShim(windowsScript("npx", args)), args)
    assert.isTrue(windowsScript("npx", args).startsWith("npx -y "))
  })

  it("may have secret words", () => {
    assert.deepStrictEqual(readThroughShim(windowsScript("npx", [Redacted.make("s3cret word")])), ["s3cret word"])
  })

  it("may be a path", () => {
    assert.strictEqual(readByCmd(windowsScript("C:/tools & more/server.cmd", [])), "C:\\tools & more\\server.cmd")
  })

  it.prop(
    "hands on any words as they are",
    { args: Schema.Array(Schema.String.check(Schema.isPattern(/^[\x20-\x7e]*$/))) },
    ({ args }) => assert.deepStrictEqual(readThroughShim(windowsScript("npx", args)), [...args]),
    { arbitrary: { runs: 300 } }
  )
})

import { describe, expect, it } from "vitest"
import { guard } from "../scripts/guard.ts"

const problems = (path: string, text: string) => guard([{ path, text }])

describe("mentions", () => {
  it("of other places and registries are found in any file", () => {
    expect(problems("docs/a.md", `one\n[two](${"..".concat("/shared")}/x.md)`)).toEqual([
      "docs/a.md:2 names a folder outside the repository: ".concat("..", "/shared")
    ])
    expect(problems("a.json", "/work".concat("/main"))).toEqual([
      "a.json:1 names a folder of one machine: ".concat("/work", "/")
    ])
    expect(problems("a.yaml", "https://registry.".concat("npmjs.org/effect"))).toEqual([
      "a.yaml:1 names a package registry: ".concat("registry.", "npmjs.org")
    ])
  })

  it("that only look alike are not", () => {
    expect(problems("docs/a.md", "https://example.com".concat("/work", "/ and ..", "/sharedness"))).toEqual([])
  })
})

describe("length", () => {
  const lines = (count: number) => "const a = `// no comment`\n".repeat(count)

  it("counts code, not comments and blank lines", () => {
    const padding = "// why\n\n/*\n * why\n */\n".repeat(100)
    expect(problems("packages/node/src/A.ts", padding + lines(400))).toEqual([])
    expect(problems("packages/node/src/A.ts", lines(401))).toEqual([
      "packages/node/src/A.ts has 401 lines of code, more than 400"
    ])
  })

  it("is free outside of src", () => {
    expect(problems("packages/node/test/A.test.ts", lines(500))).toEqual([])
  })
})

describe("floors", () => {
  const from = (specifier: string) => `import type * as A from "${specifier}"\n`

  it("let a file import from its own and from below", () => {
    expect(problems("packages/client/src/McpClient.ts", from("./McpTool.ts") + from("./internal/session/era.ts")))
      .toEqual([])
    expect(problems("packages/client/src/McpTool.ts", from("./McpPrompt.ts") + from("effect/Effect"))).toEqual([])
    expect(problems("packages/client/src/index.ts", `export * as A from "./McpServers.ts"`)).toEqual([])
  })

  it("close what is above, however it is imported", () => {
    const path = "packages/client/src/internal/session/era.ts"
    const message = (specifier: string) => [`${path}:2 ${specifier} is on floor 6, above floor 3`]
    for (
      const code of [
        from("../../McpClient.ts"),
        `export * from "../../McpClient.ts"`,
        `const a = await import("../../McpClient.ts")`,
        `type A = import("../../McpClient.ts").A`
      ]
    ) {
      expect(problems(path, `// floor 3\n${code}`)).toEqual(message("../../McpClient.ts"))
    }
    expect(problems(path, `\n${from("@effect-mcp/client/McpClient")}`)).toEqual(message("@effect-mcp/client/McpClient"))
    expect(problems(path, `\n${from("@effect-mcp/node")}`)).toEqual([
      `${path}:2 @effect-mcp/node is built on the client`
    ])
  })

  it("do not bind examples in comments", () => {
    expect(problems("packages/client/src/McpSchema.ts", `/**\n * ${from("@effect-mcp/client")} */`)).toEqual([])
  })

  it("name every file", () => {
    expect(problems("packages/client/src/McpThing.ts", "")).toEqual([
      "packages/client/src/McpThing.ts has no floor: add it to FLOORS in scripts/guard.ts"
    ])
    expect(problems("packages/client/src/internal/thing.ts", "")).toHaveLength(1)
  })
})

describe("the client's internals", () => {
  it("are open to its own tests only", () => {
    const code = (path: string) => `import * as A from "${path}/internal/jsonrpc/frames.ts"`
    expect(problems("packages/client/test/frames.test.ts", code("../src"))).toEqual([])
    expect(problems("packages/node/src/A.ts", code("../../client/src"))).toEqual([
      "packages/node/src/A.ts:1 ../../client/src/internal/jsonrpc/frames.ts is closed to other packages"
    ])
    expect(problems("examples/a.ts", code("@effect-mcp/client"))).toHaveLength(1)
  })
})

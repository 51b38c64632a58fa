import * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError } from "@effect-mcp/client/McpError"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { failsWith } from "./harness.ts"
import { callText, type Events, eventText, initializeResult, leavesNothing, serve, text } from "./http/support.ts"
import { isRunning, runProgram, temporaryFolder } from "./stdio/support.ts"

const infer = <R = never>(target: McpTransport.Target<R>) => Effect.provide(McpTransport.infer(target), NodeMcp.layer)

/** Runs a program with a client of what is inferred, and closes it. */
const using = <A, E>(
  target: McpTransport.Target,
  program: (client: McpClient.McpClient) => Effect.Effect<A, E>
): Effect.Effect<A, E | McpError> =>
  McpClient.McpClient.use(program).pipe(Effect.provide(
    McpClient.layer({ protocol: "legacy" }).pipe(
      Layer.provide(McpTransport.layerInfer(target)),
      Layer.provide(NodeMcp.layer)
    )
  ))

// ---------------------------------------------------------------------------
// Servers in a file
// ---------------------------------------------------------------------------

/** A server that tells of its process. It has no syntax that only some kinds of modules have. */
const javaScript = `
let rest = ""
process.stdin.setEncoding("utf8").on("data", (chunk) => {
  const lines = (rest + chunk).split("\\n")
  rest = lines.pop()
  for (const line of lines) {
    const { id, method } = JSON.parse(line)
    if (id === undefined) continue
    const result = method === "initialize"
      ? ${JSON.stringify(initializeResult())}
      : { content: [{ type: "text", text: JSON.stringify({ pid: process.pid, args: process.argv.slice(1) }) }] }
    console.log(JSON.stringify({ jsonrpc: "2.0", id, result }))
  }
})
`

const typeScript = `type Rest = string\n${javaScript.replace("let rest", "let rest: Rest")}`

const python = `
import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message: continue
    if message["method"] == "initialize": result = json.loads('${JSON.stringify(initializeResult())}')
    else: result = {"content": [{"type": "text", "text": json.dumps({"pid": os.getpid(), "args": sys.argv})}]}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
`

/** Writes a server to a file in a folder whose name has spaces. */
const script = (name: string, code: string) =>
  Effect.map(temporaryFolder, (parent) => {
    const folder = join(parent, "it's a folder")
    mkdirSync(folder)
    const file = join(folder, name)
    writeFileSync(file, code)
    return file
  })

const Story = Schema.fromJsonString(Schema.Struct({ pid: Schema.Number, args: Schema.Array(Schema.String) }))

/** The arguments of the process that is started, after which it has to be gone. */
const argsOf = Effect.fnUntraced(function*(target: McpTransport.Target) {
  const story = yield* using(target, (client) => callText(client, "inspect"))
  const { args, pid } = yield* Schema.decodeUnknownEffect(Story)(story)
  assert(!isRunning(pid), "the server outlives its client")
  return args
})

const isInstalled = (command: string): boolean => spawnSync(command, ["--version"]).status === 0

// ---------------------------------------------------------------------------
// Tests
// ---------------------------------------------------------------------------

describe("what is inferred is named", () => {
  it.effect.each<readonly [target: McpTransport.Target, label: string]>([
    ["https://example.com/mcp?key=secret#here", "https://example.com/mcp"],
    [" https://example.com/mcp\n", "https://example.com/mcp"],
    ["HTTPS://EXAMPLE.COM/SSE", "https://example.com/SSE"],
    [new URL("http://localhost:3000/mcp?key=secret"), "http://localhost:3000/mcp"],
    [{ url: "https://example.com/mcp?key=secret" }, "https://example.com/mcp"],
    [{ url: new URL("https://example.com/sse?key=secret"), type: "sse" }, "https://example.com/sse"],
    ["npx -y some-server", "npx -y some-server"],
    ["  npx   --root='a b'  \"it's\" a\\ b '' ", "npx '--root=a b' 'it'\\''s' 'a b' ''"],
    ["node --import ./setup.js server.js", "node --import ./setup.js server.js"],
    ["http-server --port 1", "http-server --port 1"],
    ["server.constructor", "server.constructor"],
    [{ command: "some server", args: ["a b", Redacted.make("secret")] }, "'some server' 'a b' <redacted>"],
    [{ label: "in memory", serve: () => Effect.never }, "in memory"]
  ])("%j", ([target, label]) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* infer(target)).label, label)
    }))

  it.effect("a transport is itself", () =>
    Effect.gen(function*() {
      const { transport } = yield* MockTransport.make()
      assert.strictEqual(yield* infer(transport), transport)
    }))
})

describe("of the transports", () => {
  it.live("only those that are used are loaded", () =>
    Effect.gen(function*() {
      const { stderr, stdout } = yield* runProgram("../../programs/loads.ts", {
        args: ["https://example.com/mcp", "node server"]
      })
      assert.strictEqual(stdout, "HttpTransport.ts\nHttpTransport.ts StdioTransport.ts\n", stderr)
    }))
})

describe("a script", () => {
  const kinds = [
    { name: "server.js", code: javaScript, interpreter: "node" },
    { name: "server.mjs", code: javaScript, interpreter: "node" },
    { name: "server.cjs", code: javaScript, interpreter: "node" },
    { name: "server.ts", code: typeScript, interpreter: "node" },
    { name: "server.mts", code: typeScript, interpreter: "node" },
    { name: "SERVER.CJS", code: javaScript, interpreter: "node" },
    { name: "server.py", code: python, interpreter: "python3" }
  ].filter(({ interpreter }) => isInstalled(interpreter))

  it.live.each(kinds)("is run by its interpreter: $name", ({ code, name }) =>
    Effect.gen(function*() {
      const file = yield* script(name, code)
      assert.deepStrictEqual(yield* argsOf(file), [file])
    }))

  it.effect("is one argument, whatever is in its name", () =>
    Effect.gen(function*() {
      const file = yield* script("$HOME | 'quoted.js", javaScript)
      const { label } = yield* infer(file)
      assert.strictEqual(label, `node '${file.replaceAll("'", "'\\''")}'`)
    }))
})

describe("a command line", () => {
  it.live("is run without a shell, its words as they are quoted", () =>
    Effect.gen(function*() {
      const file = yield* script("server.cjs", javaScript)
      const args = yield* argsOf(`node "${file}" 'two words' "\\"and\\" '\\$HOME'" a\\ b '' '*' last.js`)
      assert.deepStrictEqual(args, [file, "two words", "\"and\" '$HOME'", "a b", "", "*", "last.js"])
    }))

  it.live("may be given in parts, with all that a process can have", () =>
    Effect.gen(function*() {
      const file = yield* script("server.cjs", javaScript)
      assert.deepStrictEqual(
        yield* argsOf({ command: "node", args: [file, "$HOME"], cwd: join(file, "..") }),
        [file, "$HOME"]
      )
    }))
})

describe("a URL", () => {
  it.live.each(["/mcp", "/sse", "/SSE", "/mcp?u=/sse", "/sse?key=a%20b"])(
    "is used as it is: %s",
    (path) =>
      Effect.gen(function*() {
        const server = yield* serve()
        assert.strictEqual(yield* using(server.origin + path, (client) => callText(client, "echo")), "echo")
        assert.deepStrictEqual(new Set(server.requests.map(({ path }) => path)), new Set([path]))
        assert.strictEqual(server.of("initialize").length, 1)
        assert.strictEqual(server.requests[0]?.method, "POST")
      }).pipe(leavesNothing)
  )

  it.live("may be in capitals", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const url = server.url.replace("http://", "HTTP://")
      assert.strictEqual(yield* using(url, (client) => callText(client, "echo")), "echo")
    }).pipe(leavesNothing))

  it.live("may come with options", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const headers = { authorization: Redacted.make("Bearer token") }
      yield* using({ url: server.url, type: "http", headers }, (client) => callText(client, "echo"))
      assert.deepStrictEqual(
        new Set(server.requests.map(({ headers }) => headers.authorization)),
        new Set(["Bearer token"])
      )
    }).pipe(leavesNothing))

  it.live("may be that of a server that knows only HTTP+SSE", () =>
    Effect.gen(function*() {
      const server = yield* serveEvents
      assert.strictEqual(yield* using(`${server.origin}/sse`, (client) => callText(client, "echo")), "echo")
      assert.deepStrictEqual(server.requests.map(({ method, path }) => `${method} ${path}`).slice(0, 3), [
        "POST /sse",
        "GET /sse",
        "POST /messages"
      ])
    }).pipe(leavesNothing))

  it.live("of which this is known is not tried in another way", () =>
    Effect.gen(function*() {
      const server = yield* serveEvents
      const target = { url: `${server.origin}/sse`, type: "sse" } as const
      assert.strictEqual(yield* using(target, (client) => callText(client, "echo")), "echo")
      assert.deepStrictEqual(server.requests.map(({ method, path }) => `${method} ${path}`).slice(0, 2), [
        "GET /sse",
        "POST /messages"
      ])
    }).pipe(leavesNothing))
})

/** A server of 2024-11-05, with its stream of events at `/sse`. */
const serveEvents = Effect.suspend(() => {
  let events: Events | undefined
  return serve({
    GET: (call) => {
      events = call.stream()
      events.write(eventText("/messages", { event: "endpoint" }))
    },
    initialize: (call) => {
      if (call.path !== "/messages") return call.reply(405)
      call.reply(202)
      events?.send(call.result(initializeResult("2024-11-05")))
    },
    "tools/call": (call) => {
      call.reply(202)
      events?.send(call.result(text(call.tool)))
    }
  })
})

describe("a server in this process", () => {
  class Name extends Context.Service<Name, string>()("test/infer/Name") {}

  it.effect("is served with what it needs", () =>
    Effect.gen(function*() {
      const transport = yield* infer({
        label: "in memory",
        serve: (peer) =>
          Effect.forever(Effect.gen(function*() {
            const message = yield* Queue.take(peer.received)
            if (!("id" in message)) return
            const serverInfo = { name: yield* Name, version: "1.0.0" }
            yield* peer.send({ jsonrpc: "2.0", id: message.id, result: { ...initializeResult(), serverInfo } })
          }))
      }).pipe(Effect.provideService(Name, "tiny"))
      const { serverInfo } = yield* using(transport, ({ session }) => session)
      assert.strictEqual(serverInfo.name, "tiny")
    }))
})

describe("an unclear target fails, and it is said why", () => {
  it.effect.each<readonly [target: McpTransport.Target, why: string]>([
    ["", "it is empty"],
    [" \n", "it is empty"],
    ["''", "names no program"],
    ["ws://example.com/mcp", "ws: is neither http: nor https:"],
    ["file:///server.js", "file: is neither http: nor https:"],
    ["httpfoo", "begins as a URL does"],
    ["https:example.com", "begins as a URL does"],
    ["no/such/server.js", "there is no file no/such/server.js"],
    ["no-such-server.py", "there is no file no-such-server.py"],
    ["node server.js | tee log", "The operator \"|\" needs a shell."],
    ["node server.js > log", "The operator \">\" needs a shell."],
    ["node server.js && echo", "The operator \"&\" needs a shell."],
    ["node $HOME/server.js", "The expansion \"$H\" needs a shell."],
    ["node \"$HOME/server.js\"", "The expansion \"$H\" needs a shell."],
    ["node `which server`", "Command substitution needs a shell."],
    ["PORT=1 node server", "A variable assignment needs a shell."],
    ["node 'server", "The quote is not closed."],
    ["node \"server", "The quote is not closed."],
    ["node server\\", "A trailing backslash escapes nothing."]
  ])("%j", ([target, why]) =>
    Effect.gen(function*() {
      const { message } = yield* failsWith("ConfigurationError")(infer(target))
      assert.include(message, why)
      assert.include(message, "Give a URL, the path of a script, a command line")
    }))

  it.effect.each<McpTransport.Target>([
    "https://user:secret@example.com/mcp",
    new URL("https://user:secret@example.com/mcp"),
    { url: "https://user:secret@example.com/sse", type: "sse" }
  ])("%j, and shows no credentials", (target) =>
    Effect.gen(function*() {
      const { message } = yield* failsWith("ConfigurationError")(infer(target))
      assert.include(message, "`headers`")
      assert.notInclude(message, "secret")
    }))

  it.effect.each<McpTransport.Target>(["http://", "https:///", new URL("ftp://example.com"), {
    url: "example.com/mcp"
  }])(
    "%j",
    (target) => failsWith("ConfigurationError")(infer(target))
  )

  it.effect("when a layer is built, too", () =>
    Effect.gen(function*() {
      yield* failsWith("ConfigurationError")(using("httpfoo", () => Effect.void))
    }))
})

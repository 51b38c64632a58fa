import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { inspect } from "node:util"
import {
  connect,
  Echo,
  failure,
  fixture,
  Inspect,
  perform,
  type ServerOptions,
  temporaryFolder,
  watch
} from "./support.ts"

describe("the arguments of the command", () => {
  it.live("arrive as they are", () =>
    Effect.gen(function*() {
      const args = [
        "",
        " ",
        "two words",
        `"double" and 'single'`,
        "back\\slash\\",
        "$HOME `id` $(id) %PATH% !",
        "*.ts ~ ; | & < > ( ) [ ] { } # ^",
        "--flag=a b",
        "line\nbreak\ttab",
        "é€😀"
      ]
      const { client } = yield* connect({ args: [fixture("server.mjs"), "{}", ...args] })
      assert.deepStrictEqual((yield* client.call(Inspect, {})).args, ["{}", ...args])
    }))

  it.live("may be none", () =>
    Effect.gen(function*() {
      const command = join(yield* temporaryFolder, "server.mjs")
      writeFileSync(command, `#!${process.execPath}\nimport ${JSON.stringify(fixture("server.mjs"))}\n`, {
        mode: 0o755
      })
      const { client } = yield* connect({ command, args: undefined })
      assert.deepStrictEqual((yield* client.call(Inspect, {})).args, [])
    }))

  it.live("may be secret", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ args: [fixture("server.mjs"), "{}", Redacted.make("s3cret")] })
      assert.deepStrictEqual((yield* client.call(Inspect, {})).args, ["{}", "s3cret"])
    }))
})

describe("the working directory", () => {
  it.live("is the given one", () =>
    Effect.gen(function*() {
      const cwd = yield* temporaryFolder
      const { client } = yield* connect({ cwd })
      assert.strictEqual((yield* client.call(Inspect, {})).cwd, cwd)
    }))

  it.live("is else the one of this process", () =>
    Effect.gen(function*() {
      const { client } = yield* connect()
      assert.strictEqual((yield* client.call(Inspect, {})).cwd, process.cwd())
    }))
})

describe("secrets", () => {
  const SECRET = "s3cret"

  const secretive = (server: ServerOptions = {}) => ({
    args: [fixture("server.mjs"), JSON.stringify(server), "--token", Redacted.make(SECRET)],
    env: { TOKEN: Redacted.make(SECRET) }
  })

  /** All that somebody could print of an error. */
  const assertDiscreet = (error: Error) => {
    const printed = [
      error.message,
      error.stack,
      String(error),
      JSON.stringify(error),
      inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }),
      Cause.pretty(Cause.fail(error))
    ]
    for (const text of printed) assert.notInclude(text ?? "", SECRET)
  }

  it.live("are not in the label", () =>
    Effect.gen(function*() {
      const transport = yield* StdioTransport.make({ command: "server", ...secretive() })
      assert.include(transport.label, "server.mjs")
      assert.include(transport.label, "--token <redacted>")
      assert.notInclude(transport.label, SECRET)
    }).pipe(Effect.provide(NodeMcp.layer)))

  it.live("are not in the error when the command can not be started", () =>
    Effect.gen(function*() {
      const { error } = yield* failure(connect({ command: "no-such-command", ...secretive() }), "SpawnError")
      assertDiscreet(error)
    }))

  it.live("are not in the error when an argument can not be passed", () =>
    Effect.gen(function*() {
      const args = [fixture("server.mjs"), Redacted.make(`${SECRET}\0`)]
      const { error } = yield* failure(connect({ args }), "SpawnError")
      assertDiscreet(error)
    }))

  it.live("are not in the error when the server crashes", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(secretive())
      assertDiscreet((yield* failure(perform(client, { exit: 1 }), "ClosedError")).error)
      assertDiscreet((yield* failure(perform(client, { signal: "SIGKILL" }), "ClosedError")).error)
    }))

  it.effect("are not in the error when the server does not answer", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        client: { lazy: true },
        ...secretive({ initialize: [{ stderr: "asked\n" }, { never: true }] })
      })
      const asked = yield* watch(client, "Stderr", 1)
      const calling = yield* Effect.forkScoped(failure(client.call(Echo, { value: 1 }), "TimeoutError"), {
        startImmediately: true
      })
      yield* Fiber.join(asked)
      yield* TestClock.adjust("1 hour")
      assertDiscreet((yield* Fiber.join(calling)).error)
    }))
})

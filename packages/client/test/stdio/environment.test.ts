import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { childEnvironment } from "../../src/internal/transport/childEnvironment.ts"
import { connect, type ConnectOptions, Inspect } from "./support.ts"

/** A variable of this process that no other test knows, for as long as the scope is open. */
const secret = (name: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      process.env[name] = "a secret of the parent"
    }),
    () =>
      Effect.sync(() => {
        delete process.env[name]
      })
  )

const environment = (options: Pick<ConnectOptions, "env" | "extendEnv">) =>
  Effect.gen(function*() {
    const { client } = yield* connect(options)
    const { env } = yield* client.call(Inspect, {})
    return env
  })

describe("the environment of the child", () => {
  it.live("has what programs need, and no secrets", () =>
    Effect.gen(function*() {
      yield* secret("STDIO_TEST_DEFAULT")
      const env = yield* environment({})
      assert.isUndefined(env["STDIO_TEST_DEFAULT"])
      const passed = ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"]
      for (const name of passed) assert.strictEqual(env[name], process.env[name], name)
      const others = Object.keys(env).filter((name) => !passed.includes(name) && !name.startsWith("__CF"))
      assert.deepStrictEqual(others, [])
      assert.isDefined(env["PATH"])
    }))

  it.live("has what is added, which comes first", () =>
    Effect.gen(function*() {
      yield* secret("STDIO_TEST_ADDED")
      const env = yield* environment({
        env: { TOKEN: Redacted.make("t0ken"), MODE: "a = 'b' \"c\" $PATH\nd", EMPTY: "", HOME: "/elsewhere" }
      })
      assert.strictEqual(env["TOKEN"], "t0ken")
      assert.strictEqual(env["MODE"], "a = 'b' \"c\" $PATH\nd")
      assert.strictEqual(env["EMPTY"], "")
      assert.strictEqual(env["HOME"], "/elsewhere")
      assert.strictEqual(env["PATH"], process.env["PATH"])
      assert.isUndefined(env["STDIO_TEST_ADDED"])
    }))

  it.live("lacks what is undefined", () =>
    Effect.gen(function*() {
      const env = yield* environment({ env: { HOME: undefined, NEVER: undefined } })
      assert.notProperty(env, "HOME")
      assert.notProperty(env, "NEVER")
      assert.strictEqual(env["PATH"], process.env["PATH"])
    }))

  it.live("is all of the parent's on demand, with what is added and without what is undefined", () =>
    Effect.gen(function*() {
      yield* secret("STDIO_TEST_ALL")
      yield* secret("STDIO_TEST_CHANGED")
      yield* secret("STDIO_TEST_REMOVED")
      const env = yield* environment({
        extendEnv: true,
        env: { STDIO_TEST_CHANGED: Redacted.make("changed"), STDIO_TEST_REMOVED: undefined }
      })
      assert.strictEqual(env["STDIO_TEST_ALL"], "a secret of the parent")
      assert.strictEqual(env["STDIO_TEST_CHANGED"], "changed")
      assert.notProperty(env, "STDIO_TEST_REMOVED")
      assert.strictEqual(env["PATH"], process.env["PATH"])
    }))

  it.live("is all of the parent's on demand, also without additions", () =>
    Effect.gen(function*() {
      yield* secret("STDIO_TEST_PLAIN")
      const env = yield* environment({ extendEnv: true })
      assert.strictEqual(env["STDIO_TEST_PLAIN"], "a secret of the parent")
    }))
})

describe("what a child gets unasked", () => {
  const parent = {
    PATH: "/bin",
    Path: "C:\\bin",
    HOME: "/home/me",
    SystemRoot: "C:\\Windows",
    AWS_SECRET_ACCESS_KEY: "x"
  }

  it("is the same by any case of its name on Windows, and only there", () => {
    assert.deepStrictEqual(childEnvironment(parent, "posix"), { PATH: "/bin", HOME: "/home/me" })
    assert.deepStrictEqual(childEnvironment(parent, "windows"), {
      PATH: "/bin",
      Path: "C:\\bin",
      SystemRoot: "C:\\Windows"
    })
  })

  it("is no shell function, and nothing that is not there", () => {
    assert.deepStrictEqual(childEnvironment({ TERM: "() { :; }; echo", SHELL: undefined, USER: "" }, "posix"), {
      USER: ""
    })
  })
})

import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { ChildProcessSpawner, make as makeSpawner } from "effect/process/ChildProcessSpawner"
import * as TestClock from "effect/testing/TestClock"
import { join } from "node:path"
import * as Suite from "../src/suite.ts"

const suite: Suite.Suite = {
  version: "1.0.0",
  set: "all",
  program: join(import.meta.dirname, "fixtures", "program.mjs"),
  options: []
}

const run = (scenario: string) => Suite.run(suite, scenario).pipe(Effect.provide(NodeServices.layer))

const verdicts = (...scenarios: ReadonlyArray<string>) =>
  Effect.map(Effect.forEach(scenarios, run), (outcomes) => outcomes.map(({ verdict }) => verdict))

describe("a suite", () => {
  it.effect("names its scenarios", () =>
    Effect.gen(function*() {
      const names = yield* Suite.scenariosOf(suite)
      assert.deepStrictEqual(names.slice(0, 3), ["passes", "auth/passes", "says-nothing"])
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("a scenario", () => {
  it.effect("passes when the suite is content and asserted something", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* verdicts("passes", "auth/passes"), ["passed", "passed"])
    }))

  it.effect("is vacuous when nothing was asserted", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* verdicts("says-nothing", "skips-all"), ["vacuous", "vacuous"])
    }))

  it.effect("fails with what the suite objects to and what the client printed", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* run("objects"), {
        scenario: "objects",
        verdict: "failed",
        detail: "FAILURE an-id: not so\nWARNING an-id: a rule\nError: oh"
      })
    }))

  it.effect("fails when only the client does", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* run("client-fails"), {
        scenario: "client-fails",
        verdict: "failed",
        detail: "Client exited with code 3\nError: oh"
      })
    }))

  it.effect("fails when the suite reaches no verdict", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* run("breaks"), {
        scenario: "breaks",
        verdict: "failed",
        detail: "there is no such scenario"
      })
      assert.deepStrictEqual(yield* verdicts("ends-early"), ["failed"])
    }))

  it.effect("fails when the suite hangs, which is then ended", () =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner
      const spawned = yield* Deferred.make<number>()
      const announcing = makeSpawner((command) =>
        Effect.tap(spawner.spawn(command), ({ pid }) => Deferred.succeed(spawned, pid))
      )
      const running = yield* Suite.run(suite, "hangs").pipe(
        Effect.provideService(ChildProcessSpawner, announcing),
        Effect.forkChild
      )
      const pid = yield* Deferred.await(spawned)
      yield* TestClock.adjust("45 seconds")
      assert.deepStrictEqual(yield* Fiber.join(running), {
        scenario: "hangs",
        verdict: "failed",
        detail: "no verdict within 45 seconds"
      })
      assert.throws(() => process.kill(-pid, 0), /ESRCH/)
    }).pipe(Effect.provide(NodeServices.layer)))
})

import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { connect, settled, start, watchDiagnostics } from "./harness.ts"

/** What is no message, with a number to know it by. */
const noise = (count: number, from = 0) => Array.from({ length: count }, (_, n) => ({ noise: from + n }))

const invalid = (payloads: ReadonlyArray<unknown>) => payloads.map((payload) => ({ _tag: "Invalid", payload }))

describe("diagnostics", () => {
  it.effect("come to all who watch, in order", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect()
      const logs = [yield* watchDiagnostics(client), yield* watchDiagnostics(client)]
      yield* mock.send(noise(3))
      yield* settled
      for (const log of logs) assert.deepStrictEqual<unknown>(log, invalid(noise(3)))
    }))

  it.effect("are remembered for who begins to watch after the server has started, but not all of them", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect()
      yield* mock.send(noise(1_000))
      yield* settled
      const log = yield* watchDiagnostics(client)
      yield* mock.send(noise(1, 1_000))
      yield* settled
      assert.isAbove(log.length, 1)
      assert.isBelow(log.length, 100)
      assert.deepStrictEqual<unknown>(log, invalid(noise(log.length, 1_001 - log.length)))
    }))

  it.effect("hold up nobody who does not keep up: the newest stay", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect()
      const gate = yield* Deferred.make<void>()
      const seen: Array<unknown> = []
      yield* start(Stream.runForEach(client.diagnostics, (diagnostic) =>
        Effect.andThen(
          Deferred.await(gate),
          Effect.sync(() => void seen.push(diagnostic))
        )))
      const other = yield* watchDiagnostics(client)
      for (let step = 0; step < 20; step++) {
        yield* mock.send(noise(100, step * 100))
        yield* settled
      }
      assert.strictEqual(other.length, 2_000)
      yield* Deferred.succeed(gate, undefined)
      yield* settled
      assert.isBelow(seen.length, 1_000)
      assert.deepStrictEqual<unknown>(seen.at(-1), { _tag: "Invalid", payload: { noise: 1_999 } })
    }))

  it.effect("go on over the sessions of a client, and end with it", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client, mock } = yield* Scope.provide(connect(), scope)
      const watching = yield* start(Stream.runCollect(client.diagnostics))
      yield* mock.send(noise(1))
      yield* settled
      yield* client.reconnect
      yield* mock.send(noise(1, 1))
      yield* settled
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual<unknown>(yield* Fiber.join(watching), invalid(noise(2)))
      assert.deepStrictEqual<unknown>(yield* Stream.runCollect(client.diagnostics), invalid(noise(2)))
    }))
})

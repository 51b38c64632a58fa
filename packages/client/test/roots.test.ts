import type * as McpHandlers from "@effect-mcp/client/McpHandlers"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { asking, internalError, logging } from "./asking.ts"
import { connect, eras, failsWith, settled, watchDiagnostics } from "./harness.ts"

type List = ReadonlyArray<McpHandlers.Root>

const project: McpHandlers.Root = { uri: "file:///home/ada/project", name: "Project" }

/** How often the server was told that the roots have changed, by connection. */
const changes = (mock: Effect.Success<ReturnType<typeof asking>>["mock"]) =>
  Effect.map(
    mock.messages,
    (messages) =>
      messages.flatMap(({ connection, from, message: { method } }) =>
        from === "client" && method === "notifications/roots/list_changed" ? [connection] : []
      )
  )

describe("roots", () => {
  it.effect.each(eras)("are listed as they are given (%s)", (era) =>
    Effect.gen(function*() {
      const { ask } = yield* asking({
        roots: [project, { uri: new URL("file:///tmp/a b"), name: undefined }, { uri: "file://server/share/%20" }]
      }, { protocol: era })
      assert.deepStrictEqual(yield* ask("roots/list"), {
        result: {
          roots: [
            { uri: "file:///home/ada/project", name: "Project" },
            { uri: "file:///tmp/a%20b" },
            { uri: "file://server/share/%20" }
          ]
        }
      })
    }))

  it.effect.each(eras)("may be none (%s)", (era) =>
    Effect.gen(function*() {
      const { ask } = yield* asking({ roots: [] }, { protocol: era })
      assert.deepStrictEqual(yield* ask("roots/list"), { result: { roots: [] } })
    }))

  it.effect.each(eras)("of an effect are asked for each time (%s)", (era) =>
    Effect.gen(function*() {
      let count = 0
      const { ask } = yield* asking({ roots: Effect.sync(() => [{ uri: `file:///${++count}` }]) }, { protocol: era })
      assert.strictEqual(count, 0)
      assert.deepStrictEqual(yield* ask("roots/list"), { result: { roots: [{ uri: "file:///1" }] } })
      assert.deepStrictEqual(yield* ask("roots/list"), { result: { roots: [{ uri: "file:///2" }] } })
    }))

  it.effect("of a reference are the current ones, and the server is told of each change", () =>
    Effect.gen(function*() {
      const reference = yield* SubscriptionRef.make<List>([])
      const { ask, mock } = yield* asking({ roots: reference })
      yield* settled
      assert.deepStrictEqual(yield* ask("roots/list"), { result: { roots: [] } })
      assert.deepStrictEqual(yield* changes(mock), [])
      yield* SubscriptionRef.set(reference, [project])
      yield* settled
      assert.deepStrictEqual(yield* changes(mock), [1])
      assert.deepStrictEqual(yield* ask("roots/list"), { result: { roots: [project] } })
      yield* SubscriptionRef.update(reference, (roots) => [...roots, { uri: "file:///other" }])
      yield* settled
      assert.deepStrictEqual(yield* changes(mock), [1, 1])
    }))

  it.effect("of a reference tell the server of a change at once after the session has opened", () =>
    Effect.gen(function*() {
      const reference = yield* SubscriptionRef.make<List>([])
      const { mock } = yield* asking({ roots: reference })
      yield* SubscriptionRef.set(reference, [project])
      yield* settled
      assert.deepStrictEqual(yield* changes(mock), [1])
    }))

  it.effect("of a reference tell the next server, too, and the last one no more", () =>
    Effect.gen(function*() {
      const reference = yield* SubscriptionRef.make<List>([])
      const { client, mock } = yield* asking({ roots: reference })
      yield* mock.disconnect()
      // Nobody is there to be told.
      yield* SubscriptionRef.set(reference, [project])
      yield* settled
      yield* client.ping()
      assert.deepStrictEqual(yield* changes(mock), [])
      yield* SubscriptionRef.set(reference, [])
      yield* settled
      assert.deepStrictEqual(yield* changes(mock), [2])
    }))

  it.effect("of a list or an effect never change, so the server is told nothing", () =>
    Effect.gen(function*() {
      const { ask, mock } = yield* asking({ roots: Effect.succeed([project]) })
      yield* ask("roots/list")
      yield* ask("roots/list")
      assert.deepStrictEqual(yield* changes(mock), [])
    }))

  describe("that are no files", () => {
    const bad = ["https://example.com/", "/home/ada", "project", "", "FILES:///x", "data:text/plain,file:///x"]

    it.effect.each(bad)("are refused when the client is made: %s", (uri) =>
      Effect.gen(function*() {
        const { description } = yield* failsWith("ConfigurationError")(
          connect({}, { handlers: { roots: [project, { uri }] } })
        )
        assert.include(description, JSON.stringify(uri))
      }))

    it.effect.each(bad)(
      "are not told to a server that asks, but to those on this side: %s",
      (uri) =>
        Effect.gen(function*() {
          const reference = yield* SubscriptionRef.make<List>([project, { uri }])
          const sources: ReadonlyArray<McpHandlers.Handlers> = [
            { roots: Effect.succeed([project, { uri }]) },
            { roots: reference }
          ]
          for (const handlers of sources) {
            const { log, logged } = logging()
            const { ask, client } = yield* logged(asking(handlers))
            const diagnostics = yield* watchDiagnostics(client)
            assert.deepStrictEqual(yield* ask("roots/list"), internalError)
            yield* settled
            assert.include(log.map(({ cause }) => cause).join(), "A root is a file: URI")
            assert.deepStrictEqual(diagnostics.map(({ _tag }) => _tag), ["HandlerFailed"])
          }
        })
    )

    it.effect("are not told when a call has them", () =>
      Effect.gen(function*() {
        const { ask } = yield* logging().logged(asking({ roots: [project] }))
        const answer = yield* ask("roots/list", {}, { handlers: { roots: [{ uri: "https://example.com" }] } })
        assert.deepStrictEqual(answer, internalError)
      }))
  })
})

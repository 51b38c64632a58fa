import * as McpCache from "@effect-mcp/client/McpCache"
import type { Diagnostic } from "@effect-mcp/client/McpTransport"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { clientOf, settled, start, watchDiagnostics } from "../harness.ts"
import { asked, connectCached, hour, library, read, stored, storeOf } from "./support.ts"

/** A resource for everybody, and one for each who asks; both say how often they were read. */
const sharing = (): MockTransport.Options => {
  const { methods, ...options } = library()
  return {
    ...options,
    methods: {
      "resources/read": (params, request) =>
        Effect.map(methods!["resources/read"]!(params, request), (result) => ({
          ...(result as object),
          cacheScope: params["uri"]
        }))
    }
  }
}

const Principal = Context.Reference<string>("test/Principal", { defaultValue: () => "nobody" })

const as = (principal: string) => Effect.provideService(Principal, principal)

describe("a private result", () => {
  it.effect.each(["private", "unheard-of"])(
    "is only for the principal that it was made for: %s",
    (cacheScope) =>
      Effect.gen(function*() {
        const { client } = yield* connectCached(sharing(), {
          cache: McpCache.layer({ principal: Effect.service(Principal) })
        })
        assert.strictEqual(yield* read(client, cacheScope).pipe(as("ada")), "1")
        assert.strictEqual(yield* read(client, cacheScope).pipe(as("bob")), "2")
        assert.strictEqual(yield* read(client, cacheScope).pipe(as("ada")), "1")
        assert.strictEqual(yield* read(client, cacheScope).pipe(as("bob")), "2")
        assert.strictEqual(yield* read(client, cacheScope), "3")
        yield* read(client, cacheScope, { cache: "refresh" }).pipe(as("bob"))
        assert.strictEqual(yield* read(client, cacheScope).pipe(as("ada")), "1")
      })
  )

  it.effect("is forgotten for all principals when it changes", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached(sharing(), {
        cache: McpCache.layer({ principal: Effect.service(Principal) })
      })
      for (const principal of ["ada", "bob"]) yield* read(client, "private").pipe(as(principal))
      yield* mock.notify("notifications/resources/updated", { uri: "private" })
      yield* settled
      assert.strictEqual(yield* read(client, "private").pipe(as("ada")), "3")
      assert.strictEqual(yield* read(client, "private").pipe(as("bob")), "4")
    }))

  it.effect("is for nobody whose name only looks alike", () =>
    Effect.gen(function*() {
      const { client } = yield* connectCached(sharing(), {
        cache: McpCache.layer({ principal: Effect.service(Principal) })
      })
      const names = ["", "a", "a\"", "a\" ", "a\\", "A", " a", "public", "null"]
      for (const [index, name] of names.entries()) {
        assert.strictEqual(yield* read(client, "private").pipe(as(name)), String(index + 1))
      }
    }))
})

describe("a public result", () => {
  it.effect("is for everybody", () =>
    Effect.gen(function*() {
      const { client } = yield* connectCached(sharing(), {
        cache: McpCache.layer({ principal: Effect.service(Principal) })
      })
      assert.strictEqual(yield* read(client, "public").pipe(as("ada")), "1")
      assert.strictEqual(yield* read(client, "public").pipe(as("bob")), "1")
    }))

  it.effect("takes the place of a private one before it, and the other way round", () =>
    Effect.gen(function*() {
      let cacheScope = "private"
      const { methods, ...options } = library()
      const { client } = yield* connectCached({
        ...options,
        methods: {
          "resources/read": (params, request) =>
            Effect.map(methods!["resources/read"]!(params, request), (result) => ({
              ...(result as object),
              cacheScope
            }))
        }
      })
      for (const [expected, scope] of [["1", "private"], ["2", "public"], ["3", "private"]] as const) {
        cacheScope = scope
        assert.strictEqual(yield* read(client, "a:b", { cache: "refresh" }), expected)
        assert.strictEqual(yield* read(client, "a:b"), expected)
        yield* TestClock.adjust(1)
      }
    }))
})

describe("a store that outlives the process", () => {
  it.effect("has what a client before had, for as long as it is good, without a session", () =>
    Effect.gen(function*() {
      const entries = new Map<string, McpCache.Entry>()
      const store = storeOf(entries)
      yield* Effect.scoped(Effect.flatMap(
        connectCached(library(), { cache: stored(store) }),
        ({ client }) => read(client, "a:b")
      ))
      yield* TestClock.adjust(hour / 2)
      const { client, mock } = yield* connectCached({}, { cache: stored(store), client: { lazy: true } })
      assert.strictEqual(yield* read(client, "a:b"), "1")
      assert.strictEqual(yield* mock.connections, 0)
      yield* client.session
      assert.strictEqual(yield* read(client, "a:b"), "1")
      assert.deepStrictEqual(Array.from(entries.values()), [{
        value: { contents: [{ uri: "a:b", text: "1" }], ttlMs: hour },
        receivedAt: 0,
        ttlMs: hour,
        cacheScope: "private"
      }])
      yield* TestClock.adjust(hour / 2)
      yield* Effect.flip(read(client, "a:b"))
    }))

  it.effect("tells servers and principals apart as the user does", () =>
    Effect.gen(function*() {
      const store = storeOf(new Map())
      const mock = yield* MockTransport.make(sharing())
      const clientFor = Effect.fnUntraced(function*(server: string, principal: string) {
        const context = yield* Layer.build(stored(store, { server, principal }))
        return yield* Effect.provideContext(clientOf(mock.transport), context)
      })
      const texts = Effect.fnUntraced(function*(server: string, principal: string) {
        const client = yield* clientFor(server, principal)
        return [yield* read(client, "public"), yield* read(client, "private")]
      })
      assert.deepStrictEqual(yield* texts("one", "ada"), ["1", "1"])
      assert.deepStrictEqual(yield* texts("one", "ada"), ["1", "1"])
      assert.deepStrictEqual(yield* texts("one", "bob"), ["1", "2"])
      assert.deepStrictEqual(yield* texts("two", "ada"), ["2", "3"])
      assert.deepStrictEqual(yield* texts("one\" \"", "ada"), ["3", "4"])
      assert.deepStrictEqual(yield* texts("", "one ada"), ["4", "5"])
    }))

  it.effect("loses only what is of the server that told of a change", () =>
    Effect.gen(function*() {
      const entries = new Map<string, McpCache.Entry>()
      const store = storeOf(entries)
      const one = yield* connectCached(library(), { cache: stored(store, { server: "one" }) })
      const two = yield* connectCached(library(), { cache: stored(store, { server: "one two" }) })
      yield* read(one.client, "a:b")
      yield* read(two.client, "a:b")
      yield* one.mock.disconnect()
      yield* settled
      assert.strictEqual(entries.size, 1)
      assert.strictEqual(yield* read(two.client, "a:b"), "1")
      yield* two.mock.notify("notifications/resources/updated", { uri: "a:b" })
      yield* settled
      assert.strictEqual(entries.size, 0)
    }))

  it.effect("has what has changed deleted before a client is gone", () =>
    Effect.gen(function*() {
      const entries = new Map<string, McpCache.Entry>()
      const scope = yield* Scope.make()
      const { client, mock } = yield* connectCached(library(), {
        cache: stored(
          storeOf(entries, (operation) => operation === "delete" ? Effect.sleep("500 millis") : Effect.void)
        )
      }).pipe(Scope.provide(scope))
      yield* read(client, "a:b")
      yield* mock.notify("notifications/resources/updated", { uri: "a:b" })
      yield* settled
      assert.strictEqual(entries.size, 1)
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("500 millis")
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(closing)
      assert.strictEqual(entries.size, 0)
    }))

  it.effect("may be a key-value store of Effect", () =>
    Effect.gen(function*() {
      const texts = yield* Effect.provide(KeyValueStore.KeyValueStore, KeyValueStore.layerMemory)
      const store = Layer.succeed(McpCache.Store, McpCache.fromKeyValueStore(texts))
      const first = yield* connectCached(library(), { cache: stored(store) })
      assert.strictEqual(yield* read(first.client, "a:b"), "1")
      const second = yield* connectCached(library(), { cache: stored(store) })
      assert.strictEqual(yield* read(second.client, "a:b"), "1")
      assert.strictEqual(yield* asked(second.mock, "resources/read"), 0)
      assert.strictEqual(yield* texts.size, 1)
      yield* second.mock.notify("notifications/resources/updated", { uri: "a:b" })
      yield* settled
      assert.strictEqual(yield* texts.size, 0)
    }))

  it.effect.each<readonly [what: string, text: string]>([
    ["no JSON", "{"],
    ["something else", `{"value":{}}`],
    ["no result of the method", `{"value":{"contents":7},"receivedAt":0,"ttlMs":1000,"cacheScope":"private"}`]
  ])("may hold what nobody can read, which is asked for anew, and said: %s", ([, text]) =>
    Effect.gen(function*() {
      const texts = new Map<string, string>()
      const store = McpCache.fromKeyValueStore({
        get: (key) => Effect.sync(() => texts.get(key)),
        set: (key, text) => Effect.sync(() => void texts.set(key, text)),
        clearPrefix: () => Effect.void
      })
      const { client } = yield* connectCached(library(), { cache: stored(Layer.succeed(McpCache.Store, store)) })
      const diagnostics = yield* watchDiagnostics(client)
      yield* read(client, "a:b")
      for (const key of texts.keys()) texts.set(key, text)
      assert.strictEqual(yield* read(client, "a:b"), "2")
      assert.strictEqual(yield* read(client, "a:b"), "2")
      yield* settled
      assert.deepStrictEqual(diagnostics.map(({ _tag }) => _tag), ["CacheFailed"])
    }))

  it.effect("is not believed when it hands out what is for others", () =>
    Effect.gen(function*() {
      const entry: McpCache.Entry = {
        value: { contents: [{ uri: "a:b", text: "for the others" }] },
        receivedAt: 0,
        ttlMs: hour,
        cacheScope: "private"
      }
      const { client } = yield* connectCached(library(), {
        cache: stored(Layer.succeed(McpCache.Store, {
          get: (key) => Effect.succeed(key.includes("public") ? entry : undefined),
          set: () => Effect.void,
          delete: () => Effect.void
        }))
      })
      assert.strictEqual(yield* read(client, "a:b"), "1")
    }))
})

describe("a store that does not work", () => {
  const failures: ReadonlyArray<readonly [string, Effect.Effect<never, string>]> = [
    ["fails", Effect.fail("out of order")],
    ["dies", Effect.die("out of order")],
    ["is interrupted", Effect.interrupt],
    ["hangs", Effect.never]
  ]

  const causes = (diagnostics: ReadonlyArray<Diagnostic>) =>
    diagnostics.flatMap((diagnostic) => diagnostic._tag === "CacheFailed" ? [diagnostic.cause] : [])

  /** Runs an effect to its end, however long that takes. */
  const patiently = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.gen(function*() {
      const fiber = yield* start(effect)
      for (let seconds = 0; seconds < 10 && fiber.pollUnsafe() === undefined; seconds++) {
        yield* TestClock.adjust("1 second")
      }
      assert.isDefined(fiber.pollUnsafe())
      return yield* Fiber.join(fiber)
    })

  describe.each(failures)("but %s", (_, failure) => {
    it.effect.each(["get", "set"] as const)(
      "at %s: the server is asked, and it is said",
      (at) =>
        Effect.gen(function*() {
          const store = storeOf(new Map(), (operation) => operation === at ? failure : Effect.void)
          const { client } = yield* connectCached(library(), { cache: stored(store) })
          const diagnostics = yield* watchDiagnostics(client)
          assert.strictEqual(yield* patiently(read(client, "a:b")), "1")
          assert.strictEqual(yield* patiently(read(client, "a:b")), "2")
          yield* settled
          assert.strictEqual(causes(diagnostics).length, 2)
        })
    )

    it.effect("at delete: nothing of what it has is handed out until it works again", () =>
      Effect.gen(function*() {
        const entries = new Map<string, McpCache.Entry>()
        let isBroken = true
        const store = storeOf(entries, (operation) => operation === "delete" && isBroken ? failure : Effect.void)
        const { client, mock } = yield* connectCached(library(), { cache: stored(store) })
        const diagnostics = yield* watchDiagnostics(client)
        yield* read(client, "a:b")
        yield* mock.notify("notifications/resources/updated", { uri: "a:b" })
        yield* patiently(settled)
        assert.strictEqual(yield* patiently(read(client, "a:b")), "2")
        assert.strictEqual(yield* patiently(read(client, "a:b")), "3")
        assert.isAbove(causes(diagnostics).length, 1)
        isBroken = false
        assert.strictEqual(yield* patiently(read(client, "a:b")), "4")
        assert.strictEqual(yield* patiently(read(client, "a:b")), "4")
      }))

    it.effect("at delete: the client can be closed", () =>
      Effect.gen(function*() {
        const store = storeOf(new Map(), (operation) => operation === "delete" ? failure : Effect.void)
        const scope = yield* Scope.make()
        const { mock } = yield* Scope.provide(connectCached(library(), { cache: stored(store) }), scope)
        yield* mock.notify("notifications/resources/updated", { uri: "a:b" })
        yield* settled
        yield* patiently(Scope.close(scope, Exit.void))
        assert.strictEqual(yield* mock.open, 0)
      }))
  })

  it.effect("says what was wrong", () =>
    Effect.gen(function*() {
      const { client } = yield* connectCached(library(), {
        cache: stored(storeOf(new Map(), () => Effect.fail("out of order")))
      })
      const diagnostics = yield* watchDiagnostics(client)
      yield* read(client, "a:b")
      yield* settled
      assert.deepStrictEqual(causes(diagnostics).map(Cause.squash), ["out of order", "out of order"])
    }))

  it.effect("does not hold up many who ask at once for longer than one", () =>
    Effect.gen(function*() {
      let isBroken = true
      const store = storeOf(new Map(), () => isBroken ? Effect.never : Effect.void)
      const { client, mock } = yield* connectCached(library(), { cache: stored(store) })
      yield* mock.notify("notifications/resources/updated", { uri: "a:b" })
      yield* settled
      const uris = Array.from({ length: 50 }, (_, index) => `a:${index}`)
      const reads = yield* start(Effect.forEach(uris, (uri) => read(client, uri), { concurrency: "unbounded" }))
      // Once for what is kept, once to keep what came.
      for (let seconds = 0; seconds < 2; seconds++) {
        yield* TestClock.adjust("1 second")
        yield* Effect.repeat(settled, { times: 5 })
      }
      assert.isDefined(reads.pollUnsafe())
      isBroken = false
    }))

  it.effect("does not keep a call from being interrupted", () =>
    Effect.gen(function*() {
      const store = storeOf(new Map(), () => Effect.never)
      const { client, mock } = yield* connectCached(library(), { cache: stored(store) })
      const reading = yield* start(read(client, "a:b"))
      yield* Fiber.interrupt(reading)
      assert.strictEqual(yield* asked(mock, "resources/read"), 0)
    }))
})

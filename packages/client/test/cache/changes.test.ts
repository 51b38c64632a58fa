import type * as McpCache from "@effect-mcp/client/McpCache"
import type * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError } from "@effect-mcp/client/McpError"
import * as Fault from "@effect-mcp/testing/Fault"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { clientOf, settled, start } from "../harness.ts"
import { answering, asked, connectCached, eras, hour, kinds, library, read, stored, storeOf } from "./support.ts"

/** A server that has all kinds of things, of which all are good for an hour. */
const everything: MockTransport.Options = {
  capabilities: {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true, subscribe: true }
  },
  methods: Object.fromEntries(
    kinds.map(({ method, result }) => [method, () => Effect.succeed({ ...result, ttlMs: hour })])
  )
}

/** Asks for everything, and yields the methods for which the server was asked. */
const missing = Effect.fnUntraced(function*(
  client: McpClient.McpClient,
  mock: MockTransport.MockTransport["Service"]
): Effect.fn.Return<ReadonlyArray<string>, McpError> {
  const before = (yield* mock.methods).length
  for (const { ask } of kinds) yield* ask(client)
  return (yield* mock.methods).slice(before).filter((method) => kinds.some((kind) => kind.method === method))
})

/** Of a list that says of which version it is. */
const versionOf = (client: McpClient.McpClient, cache?: McpCache.Mode) =>
  Effect.map(
    client.raw.listTools(undefined, { cache }),
    (result) => "version" in result ? Number(result["version"]) : 0
  )

const allMethods = kinds.map(({ method }) => method)

describe.each(eras)("in $era", ({ versions }) => {
  const server = { ...everything, protocolVersions: versions }

  it.effect.each<readonly [method: string, forgotten: ReadonlyArray<string>]>([
    ["notifications/tools/list_changed", ["tools/list"]],
    ["notifications/prompts/list_changed", ["prompts/list"]],
    ["notifications/resources/list_changed", ["resources/list", "resources/templates/list"]],
    ["notifications/acme/list_changed", []]
  ])("%s has forgotten %j", ([method, forgotten]) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached(server)
      yield* settled
      assert.deepStrictEqual(yield* missing(client, mock), allMethods)
      yield* mock.notify(method)
      yield* settled
      assert.deepStrictEqual(yield* missing(client, mock), forgotten)
      assert.deepStrictEqual(yield* missing(client, mock), [])
    }))

  it.effect("a session that was lost has everything forgotten, though nobody needs another yet", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached(server)
      yield* missing(client, mock)
      yield* mock.disconnect()
      yield* settled
      assert.deepStrictEqual(yield* missing(client, mock), allMethods)
      assert.strictEqual(yield* mock.connections, 2)
      assert.deepStrictEqual(yield* missing(client, mock), [])
    }))

  it.effect("a new session has everything forgotten", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached(server)
      yield* missing(client, mock)
      yield* client.reconnect
      assert.deepStrictEqual(yield* missing(client, mock), allMethods)
      assert.deepStrictEqual(yield* missing(client, mock), [])
    }))

  it.effect("a session that nobody used for a while has nothing forgotten before there is another", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached(server, { client: { lazy: true, idleTimeToLive: "1 minute" } })
      yield* missing(client, mock)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* mock.open, 0)
      assert.deepStrictEqual(yield* missing(client, mock), [])
      yield* client.session
      assert.deepStrictEqual(yield* missing(client, mock), allMethods)
    }))

  it.effect("who subscribes reads what is there then, not what was kept before", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached({
        ...library(),
        capabilities: { resources: { subscribe: true } },
        protocolVersions: versions
      })
      assert.strictEqual(yield* read(client, "a:dir"), "1")
      const seen: Array<unknown> = []
      yield* start(Stream.runForEach(client.subscribe("a:dir"), () =>
        Effect.map(read(client, "a:dir"), (text) => {
          seen.push(text)
        })))
      yield* settled
      assert.deepStrictEqual(seen, ["2"])
      assert.strictEqual(yield* read(client, "a:dir"), "2")
      for (const uri of ["a:dir", "a:dir/file", "a:other"]) {
        yield* mock.updated(uri)
        yield* settled
      }
      assert.deepStrictEqual(seen, ["2", "3", "4"])
    }))
})

it.effect("a gap in what a server tells has everything forgotten", () =>
  Effect.gen(function*() {
    const { client, mock } = yield* connectCached({
      ...everything,
      protocolVersions: ["2026-07-28"]
    })
    yield* settled
    yield* missing(client, mock)
    const listen = (yield* mock.messages).find(({ message }) => message["method"] === "subscriptions/listen")
    yield* mock.send({ jsonrpc: "2.0", id: listen?.message["id"], result: { resultType: "complete" } })
    yield* TestClock.adjust("1 minute")
    yield* settled
    assert.strictEqual(yield* mock.connections, 1)
    assert.strictEqual(yield* asked(mock, "subscriptions/listen"), 2)
    assert.deepStrictEqual(yield* missing(client, mock), allMethods)
    assert.deepStrictEqual(yield* missing(client, mock), [])
  }))

describe("a resource that changed", () => {
  const uris = [
    "a://x",
    "a://x/",
    "a://x/y",
    "a://x/y/",
    "a://x/y/z",
    "a://x/yy",
    "a://x/y?q",
    "a://x/Y",
    "a:",
    "b://x/y"
  ]

  it.effect.each<readonly [changed: string, forgotten: ReadonlyArray<string>]>([
    ["a://x/y", ["a://x", "a://x/", "a://x/y", "a://x/y/", "a://x/y/z", "a:"]],
    ["a://x/y/", ["a://x", "a://x/", "a://x/y", "a://x/y/", "a://x/y/z", "a:"]],
    ["a://x/y/z", ["a://x", "a://x/", "a://x/y", "a://x/y/", "a://x/y/z", "a:"]],
    ["a://x/yy", ["a://x", "a://x/", "a://x/yy", "a:"]],
    ["b://x/y", ["b://x/y"]],
    ["c://", []],
    [`a://x${"/".repeat(100)}`, uris]
  ])(
    "%s is forgotten, with what is beneath it and what it is a part of: %j",
    ([changed, forgotten]) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connectCached(library())
        for (const uri of uris) yield* read(client, uri)
        yield* mock.notify("notifications/resources/updated", { uri: changed })
        yield* settled
        const texts = yield* Effect.forEach(uris, (uri) => read(client, uri))
        assert.deepStrictEqual(uris.filter((_, index) => texts[index] === "2"), forgotten)
      })
  )

  it.effect("has no list forgotten, and what is no update has nothing", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached(everything)
      yield* missing(client, mock)
      yield* mock.notify("notifications/resources/updated", { uri: "a:b" })
      yield* settled
      assert.deepStrictEqual(yield* missing(client, mock), ["resources/read"])
      yield* mock.notify("notifications/resources/updated", { uri: 7 })
      yield* mock.notify("notifications/resources/updated")
      yield* settled
      assert.deepStrictEqual(yield* missing(client, mock), [])
      yield* mock.notify("notifications/resources/updated", { uri: "a:b" })
      yield* settled
      assert.deepStrictEqual(yield* missing(client, mock), ["resources/read"])
    }))

  it.effect("is forgotten among hundreds, for less than a deletion for each", () =>
    Effect.gen(function*() {
      let deletions = 0
      const store = storeOf(new Map(), (operation) =>
        Effect.sync(() => {
          if (operation === "delete") deletions++
        }))
      const { client, mock } = yield* connectCached(library(), { cache: stored(store) })
      const uris = Array.from({ length: 600 }, (_, index) => `a:${index}`)
      yield* Effect.forEach(uris, (uri) => read(client, uri), { discard: true })
      yield* mock.send(
        uris.map((uri) => ({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } }))
      )
      yield* Effect.repeat(settled, { times: 10 })
      const texts = yield* Effect.forEach(uris, (uri) => read(client, uri))
      assert.isTrue(texts.every((text) => text === "2"))
      assert.isBelow(deletions, uris.length)
    }))
})

describe("an answer that was asked for before a change", () => {
  const [tools] = kinds
  const numbered = () => {
    let version = 0
    return answering(tools!, () => Effect.sync(() => ({ tools: [], ttlMs: hour, version: ++version })))
  }
  it.effect("is not kept when it comes after it", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached({
        ...numbered(),
        faults: [Fault.delay("tools/list", "1 second", 1)]
      })
      const early = yield* start(versionOf(client))
      yield* mock.notify("notifications/tools/list_changed")
      yield* settled
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(early), 1)
      assert.strictEqual(yield* versionOf(client), 2)
      assert.strictEqual(yield* versionOf(client), 2)
    }))

  it.effect("is kept when the change is of something else", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached({
        ...numbered(),
        faults: [Fault.delay("tools/list", "1 second", 1)]
      })
      const early = yield* start(versionOf(client))
      yield* mock.notify("notifications/prompts/list_changed")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(early)
      assert.strictEqual(yield* versionOf(client), 1)
    }))

  it.effect("is kept when it was asked for anew in the session after the one that was lost", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached({
        ...numbered(),
        faults: [Fault.disconnect("tools/list", 1)]
      })
      assert.strictEqual(yield* versionOf(client), 1)
      assert.strictEqual(yield* mock.connections, 2)
      assert.strictEqual(yield* versionOf(client), 1)
    }))

  it.effect("does not take the place of one that was asked for after it", () =>
    Effect.gen(function*() {
      const { client } = yield* connectCached({
        ...numbered(),
        faults: [Fault.delay("tools/list", "1 second", 1)]
      })
      const slow = yield* start(versionOf(client))
      assert.strictEqual(yield* versionOf(client, "refresh"), 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(slow), 1)
      assert.strictEqual(yield* versionOf(client), 2)
    }))

  /** A store that waits at one of its operations, once, until it may go on. */
  const waiting = Effect.fnUntraced(function*(at: "delete" | "get" | "set") {
    const arrived = yield* Deferred.make<void>()
    const gate = yield* Deferred.make<void>()
    let isArmed = false
    const store = storeOf(new Map(), (operation) => {
      if (operation !== at || !isArmed) return Effect.void
      isArmed = false
      return Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(gate))
    })
    const connected = yield* connectCached(numbered(), { cache: stored(store) })
    return {
      ...connected,
      arm: () => {
        isArmed = true
      },
      arrived: Deferred.await(arrived),
      open: Deferred.succeed(gate, undefined)
    }
  })

  it.effect("is forgotten when the change comes while it is written", () =>
    Effect.gen(function*() {
      const { arm, arrived, client, mock, open } = yield* waiting("set")
      arm()
      const early = yield* start(versionOf(client))
      yield* arrived
      yield* mock.notify("notifications/tools/list_changed")
      yield* settled
      yield* open
      assert.strictEqual(yield* Fiber.join(early), 1)
      assert.strictEqual(yield* versionOf(client), 2)
    }))

  it.effect("is not handed out when the change comes while it is read", () =>
    Effect.gen(function*() {
      const { arm, arrived, client, mock, open } = yield* waiting("get")
      yield* versionOf(client)
      arm()
      const late = yield* start(versionOf(client))
      yield* arrived
      yield* mock.notify("notifications/tools/list_changed")
      yield* settled
      yield* open
      assert.strictEqual(yield* Fiber.join(late), 2)
      assert.strictEqual(yield* versionOf(client), 2)
    }))

  it.effect("is not handed out while it is being deleted", () =>
    Effect.gen(function*() {
      const { arm, arrived, client, mock, open } = yield* waiting("delete")
      yield* versionOf(client)
      arm()
      yield* mock.notify("notifications/tools/list_changed")
      yield* arrived
      const late = yield* start(versionOf(client))
      assert.isUndefined(late.pollUnsafe())
      yield* open
      assert.strictEqual(yield* Fiber.join(late), 2)
    }))
})

// -----------------------------------------------------------------------------
// Any order
// -----------------------------------------------------------------------------

const Step = Schema.Literals([
  "ask",
  "ask another client",
  "refresh",
  "change",
  "change and tell later",
  "tell",
  "answer the oldest",
  "answer the newest",
  "wait",
  "interrupt",
  "lose the session",
  "let things run"
])

describe.each([
  { what: "a store that is quick", pauses: [0] },
  { what: "a store that is slow", pauses: [0, 30, 5, 90, 1] }
])("whatever happens, in whatever order, with $what", ({ pauses }) => {
  it.effect.prop(
    "nobody gets an answer older than what the server had told before it was asked for, or older than one before",
    { steps: Schema.Array(Step).check(Schema.isMaxLength(40)) },
    ({ steps }) =>
      Effect.gen(function*() {
        let current = 0
        /** What the server had told, or an answer had shown, when something is asked for. */
        let known = 0
        let operations = 0
        const waiting: Array<Deferred.Deferred<void>> = []
        const running: Array<Fiber.Fiber<unknown, unknown>> = []
        const store = storeOf(new Map(), () => Effect.sleep(pauses[operations++ % pauses.length]!))
        const scope = yield* Scope.make()
        const mock = yield* MockTransport.make({
          tools: {},
          methods: {
            "tools/list": () =>
              Effect.gen(function*() {
                const version = current
                const gate = yield* Deferred.make<void>()
                waiting.push(gate)
                yield* Deferred.await(gate)
                return { tools: [], ttlMs: hour, version }
              })
          }
        })
        const context = yield* Layer.build(stored(store))
        const connected = clientOf(mock.transport).pipe(Effect.provideContext(context), Scope.provide(scope))
        const clients = [yield* connected, yield* connected] as const

        const ask = (client: McpClient.McpClient, cache: McpCache.Mode) =>
          Effect.suspend(() => {
            const atLeast = known
            return Effect.map(versionOf(client, cache), (version) => {
              assert.isAtLeast(version, atLeast)
              known = Math.max(known, version)
            })
          })
        const answer = (gate: Deferred.Deferred<void> | undefined) =>
          gate === undefined ? Effect.void : Deferred.succeed(gate, undefined)
        const fork = (effect: Effect.Effect<unknown, unknown>) =>
          Effect.map(Effect.forkChild(effect, { startImmediately: true }), (fiber) => {
            running.push(fiber)
          })
        const tell = Effect.andThen(mock.notify("notifications/tools/list_changed"), settled).pipe(
          Effect.andThen(Effect.sync(() => {
            known = current
          })),
          // Nobody is there to be told between two sessions, and the next one begins with nothing kept.
          Effect.catchDefect(() => Effect.void)
        )
        const take = (step: typeof Step.Type): Effect.Effect<unknown> => {
          switch (step) {
            case "ask":
              return fork(ask(clients[0], "use"))
            case "ask another client":
              return fork(ask(clients[1], "use"))
            case "refresh":
              return fork(ask(clients[0], "refresh"))
            case "change":
              return Effect.andThen(Effect.sync(() => current++), tell)
            case "change and tell later":
              return Effect.sync(() => current++)
            case "tell":
              return tell
            case "answer the oldest":
              return Effect.suspend(() => answer(waiting.shift()))
            case "answer the newest":
              return Effect.suspend(() => answer(waiting.pop()))
            case "wait":
              return TestClock.adjust("10 millis")
            case "interrupt": {
              const fiber = running.find((fiber) => fiber.pollUnsafe() === undefined)
              return fiber === undefined ? Effect.void : Fiber.interrupt(fiber)
            }
            case "lose the session":
              return mock.disconnect()
            case "let things run":
              return settled
          }
        }
        yield* Effect.forEach(steps, take, { discard: true })
        for (let times = 0; times < 20; times++) {
          yield* Effect.forEach(waiting.splice(0), answer)
          yield* settled
          yield* TestClock.adjust("1 second")
        }
        for (const fiber of running) {
          const exit = fiber.pollUnsafe()
          assert.isDefined(exit)
          if (exit !== undefined && Exit.isFailure(exit) && Exit.hasDies(exit)) yield* exit
        }
        yield* Scope.close(scope, Exit.void)
      }),
    { arbitrary: { runs: 40, size: 40 } }
  )
})

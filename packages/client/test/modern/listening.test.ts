import type * as McpClient from "@effect-mcp/client/McpClient"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { census, reasonOf, settled, start } from "../harness.ts"
import { connect, META, metaOf, type Mock, objectOf, paramsOf, sent, SUBSCRIPTION_ID } from "./support.ts"

const LISTEN = "subscriptions/listen"

const resources: MockTransport.Options = {
  resources: { "a:1": () => Effect.succeed(""), "a:2": () => Effect.succeed(""), "a:3": () => Effect.succeed("") }
}

/** Without lists that change. */
const only = { capabilities: { resources: { subscribe: true } }, ...resources }

/** Subscribes, with a log that grows: `+` means subscribed, else it is the URI that was updated. */
const subscribe = Effect.fnUntraced(function*(client: McpClient.McpClient, uri: string) {
  const log: Array<string> = []
  const fiber = yield* start(Stream.runForEach(client.subscribe(uri), (update) =>
    Effect.sync(() => {
      log.push(update._tag === "Subscribed" ? "+" : update.uri)
    })))
  return { log, leave: Effect.andThen(Fiber.interrupt(fiber), settled), error: Effect.flip(Fiber.join(fiber)) }
})

const watch = Effect.fnUntraced(function*<A extends { readonly _tag: string }>(stream: Stream.Stream<A>) {
  const log: Array<string> = []
  yield* start(Stream.runForEach(stream, ({ _tag }) => Effect.sync(() => void log.push(_tag))))
  return log
})

/** What was listened for so far. */
const filters = (mock: Mock) =>
  Effect.map(paramsOf(mock, LISTEN), (params) => params.map(({ notifications }) => notifications))

const subscriptions = (mock: Mock) =>
  Effect.map(filters(mock), (filters) => filters.map((filter) => objectOf(filter)["resourceSubscriptions"]))

const lastId = (mock: Mock) => Effect.map(sent(mock, LISTEN), (messages) => messages.at(-1)?.["id"])

const cancelled = (mock: Mock) =>
  Effect.map(paramsOf(mock, "notifications/cancelled"), (params) => params.map(({ requestId }) => requestId))

/** The server ends the listen that is there: by an answer, or as servers on pipes may, too. */
const ends: ReadonlyArray<readonly [string, (mock: Mock) => Effect.Effect<void>]> = [
  [
    "an answer",
    (mock) =>
      Effect.flatMap(
        lastId(mock),
        (id) => mock.send({ jsonrpc: "2.0", id, result: { resultType: "complete", _meta: { [SUBSCRIPTION_ID]: id } } })
      )
  ],
  [
    "a notification",
    (mock) =>
      Effect.flatMap(
        lastId(mock),
        (requestId) => mock.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId } })
      )
  ]
]

const [[, end]] = ends as [typeof ends[number]]

describe("a client", () => {
  it.effect("listens for the lists that may change, by one request, from the begin", () =>
    Effect.gen(function*() {
      const { mock } = yield* connect({ tools: {}, prompts: {}, resources: {} })
      assert.deepStrictEqual(yield* filters(mock), [
        { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }
      ])
      const [message] = yield* sent(mock, LISTEN)
      assert.strictEqual(metaOf(message ?? {})[`${META}protocolVersion`], "2026-07-28")
      yield* TestClock.adjust("1 day")
      assert.strictEqual((yield* sent(mock, LISTEN)).length, 1)
    }))

  it.effect.each([{}, { tools: {} }, { tools: { listChanged: false }, resources: { subscribe: true } }])(
    "listens for nothing when the server has %j",
    (capabilities) =>
      Effect.gen(function*() {
        const { mock } = yield* connect({ capabilities })
        assert.deepStrictEqual(yield* mock.methods, ["server/discover"])
      })
  )

  it.effect("hears what changes", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: {}, prompts: {}, resources: {} })
      const logs = {
        tools: yield* watch(client.toolChanges),
        prompts: yield* watch(client.promptChanges),
        resources: yield* watch(client.resourceChanges)
      }
      yield* mock.notify("notifications/tools/list_changed")
      yield* mock.notify("notifications/prompts/list_changed")
      yield* mock.notify("notifications/resources/list_changed")
      yield* settled
      assert.deepStrictEqual(logs, { tools: ["Changed"], prompts: ["Changed"], resources: ["Changed"] })
    }))

  it.effect("does not listen before it is used, and no longer than it is, if it is lazy", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: {} }, { lazy: true, idleTimeToLive: "1 minute" })
      assert.strictEqual(yield* mock.connections, 0)
      yield* client.listTools()
      yield* settled
      assert.include(yield* mock.methods, LISTEN)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect("leaves nothing behind", () =>
    Effect.gen(function*() {
      const { alive, counting } = census()
      yield* Effect.gen(function*() {
        const { client, mock } = yield* connect({ tools: {}, ...resources })
        const one = yield* subscribe(client, "a:1")
        yield* subscribe(client, "a:2")
        yield* one.leave
        yield* end(mock)
        yield* settled
        const waiting = yield* connect({ tools: {}, methods: { [LISTEN]: () => Effect.never } })
        yield* subscribe(waiting.client, "a:1")
      }).pipe(Effect.scoped, counting)
      yield* settled
      assert.strictEqual(alive(), 0)
    }))
})

describe("when other changes are wanted", () => {
  it.effect("another request takes over, and the one before ends when it stands", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: {}, ...resources })
      const lists = { toolsListChanged: true, resourcesListChanged: true }
      const one = yield* subscribe(client, "a:1")
      const two = yield* subscribe(client, "a:2")
      yield* one.leave
      yield* two.leave
      assert.deepStrictEqual(yield* filters(mock), [
        lists,
        { ...lists, resourceSubscriptions: ["a:1"] },
        { ...lists, resourceSubscriptions: ["a:1", "a:2"] },
        { ...lists, resourceSubscriptions: ["a:2"] },
        lists
      ])
      const ids = (yield* sent(mock, LISTEN)).map(({ id }) => id)
      assert.deepStrictEqual(yield* cancelled(mock), ids.slice(0, -1))
      assert.strictEqual(yield* mock.answering, 1)
      const order = (yield* mock.messages).flatMap(({ message: { method, params } }) =>
        method === LISTEN || method === "notifications/cancelled"
          ? [method]
          : method === "notifications/subscriptions/acknowledged"
          ? [`acknowledged ${String(metaOf({ params })[SUBSCRIPTION_ID])}`]
          : []
      )
      assert.deepStrictEqual(order.slice(0, 5), [
        LISTEN,
        `acknowledged ${String(ids[0])}`,
        LISTEN,
        `acknowledged ${String(ids[1])}`,
        "notifications/cancelled"
      ])
    }))

  it.effect("at the same time, there is one request for all", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(only)
      yield* Effect.forEach(["a:1", "a:2", "a:3"], (uri) =>
        Effect.forkChild(Stream.runDrain(client.subscribe(uri)), { startImmediately: true }))
      yield* settled
      const wanted = yield* subscriptions(mock)
      assert.deepStrictEqual(wanted.at(-1), ["a:1", "a:2", "a:3"])
      assert.isAtMost(wanted.length, 2)
    }))

  it.effect("nobody misses anything: both requests stand for a while", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(only)
      const one = yield* subscribe(client, "a:1")
      yield* mock.inject(Fault.garble(LISTEN, { jsonrpc: "2.0", method: "x/late" }, 1))
      yield* subscribe(client, "a:2")
      // The second one is not acknowledged yet.
      yield* mock.updated("a:1")
      yield* settled
      assert.deepStrictEqual(one.log, ["+", "a:1"])
      yield* TestClock.adjust("29 seconds")
      yield* mock.updated("a:1")
      yield* settled
      assert.deepStrictEqual(one.log, ["+", "a:1", "a:1"])
    }))

  it.effect("somebody may miss something when the one before ends too early, and is told", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
        methods: { [LISTEN]: () => Effect.never }
      })
      const tools = yield* watch(client.toolChanges)
      const acknowledge = Effect.flatMap(lastId(mock), (id) =>
        Effect.andThen(
          mock.send({
            jsonrpc: "2.0",
            method: "notifications/subscriptions/acknowledged",
            params: { _meta: { [SUBSCRIPTION_ID]: id }, notifications: { resourceSubscriptions: ["a:1"] } }
          }),
          settled
        ))
      yield* acknowledge
      const first = yield* lastId(mock)
      const { log } = yield* subscribe(client, "a:1")
      yield* mock.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: first } })
      yield* settled
      assert.deepStrictEqual([tools, log], [[], []])
      yield* acknowledge
      assert.deepStrictEqual([tools, log], [["Reconnected"], ["+"]])
      assert.strictEqual((yield* sent(mock, LISTEN)).length, 2)
    }))

  it.effect("and then no more, nothing is listened for", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(only)
      assert.deepStrictEqual(yield* filters(mock), [])
      const one = yield* subscribe(client, "a:1")
      yield* one.leave
      assert.strictEqual(yield* mock.answering, 0)
      assert.strictEqual((yield* sent(mock, LISTEN)).length, 1)
      const again = yield* subscribe(client, "a:1")
      yield* mock.updated("a:1")
      yield* settled
      assert.deepStrictEqual(again.log, ["+", "a:1"])
    }))
})

describe("what the server does not agree to", () => {
  /** A server that agrees to some of what it is asked to tell of. */
  const agreeing = Effect.fnUntraced(function*(honoured: (uri: unknown) => boolean) {
    const connected: Effect.Success<ReturnType<typeof connect>> = yield* connect({
      ...only,
      methods: {
        [LISTEN]: ({ notifications }, { message: { id } }) => {
          const { resourceSubscriptions } = objectOf(notifications)
          const uris = Array.isArray(resourceSubscriptions) ? resourceSubscriptions.filter(honoured) : []
          const acknowledgement = {
            jsonrpc: "2.0",
            method: "notifications/subscriptions/acknowledged",
            params: { _meta: { [SUBSCRIPTION_ID]: id }, notifications: { resourceSubscriptions: uris } }
          }
          return Effect.andThen(connected.mock.send(acknowledgement), Effect.never)
        }
      }
    })
    return connected
  })

  it.effect("fails for those who want it, and for nobody else", () =>
    Effect.gen(function*() {
      const { client } = yield* agreeing((uri) => uri !== "a:2")
      const one = yield* subscribe(client, "a:1")
      const two = yield* subscribe(client, "a:2")
      const three = yield* subscribe(client, "a:3")
      reasonOf("UnsupportedError", yield* two.error)
      assert.deepStrictEqual([one.log, three.log], [["+"], ["+"]])
    }))

  it.effect("any more fails for those who had it", () =>
    Effect.gen(function*() {
      let gone = false
      const { client } = yield* agreeing((uri) => !gone || uri !== "a:1")
      const one = yield* subscribe(client, "a:1")
      const two = yield* subscribe(client, "a:2")
      assert.deepStrictEqual([one.log, two.log], [["+"], ["+"]])
      gone = true
      yield* subscribe(client, "a:3")
      reasonOf("UnsupportedError", yield* one.error)
      assert.include(two.log, "+")
    }))

  const refusing = (bad: ReadonlyArray<string>, code = -32602) =>
    Fault.fail(
      ({ method, params }) => {
        const { resourceSubscriptions: uris } = objectOf(params?.["notifications"])
        return method === LISTEN && Array.isArray(uris) && bad.some((uri) => uris.includes(uri))
      },
      { code, message: "no such resource" }
    )

  it.effect("by an error fails with it for those who want it; all else goes on", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: {}, ...resources, faults: [refusing(["a:2"])] })
      const tools = yield* watch(client.toolChanges)
      const one = yield* subscribe(client, "a:1")
      const two = yield* subscribe(client, "a:2")
      const reason = reasonOf("JsonRpcError", yield* two.error)
      assert.deepInclude(reason, { code: -32602, description: "no such resource" })
      yield* mock.updated("a:1")
      yield* mock.notify("notifications/tools/list_changed")
      yield* settled
      assert.deepStrictEqual(one.log, ["+", "a:1"])
      assert.deepStrictEqual(tools, ["Changed"])
    }))

  it.effect("by an error for several at once fails only for those at fault", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ ...only, faults: [refusing(["a:2"], -32002)] }, { lazy: true })
      const all = yield* Effect.forEach(["a:1", "a:2", "a:3"], (uri) => subscribe(client, uri))
      const [one, two, three] = all
      assert.deepInclude(reasonOf("ResourceNotFoundError", yield* two!.error), { uri: "a:2", code: -32002 })
      yield* mock.updated("a:1")
      yield* mock.updated("a:3")
      yield* settled
      assert.deepStrictEqual([one!.log, three!.log], [["+", "a:1"], ["+", "a:3"]])
    }))

  it.effect("by an error after a loss fails for those who had it; all else goes on", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: {}, ...resources })
      const tools = yield* watch(client.toolChanges)
      const one = yield* subscribe(client, "a:1")
      const two = yield* subscribe(client, "a:2")
      yield* mock.inject(refusing(["a:2"]))
      yield* end(mock)
      yield* TestClock.adjust("2 seconds")
      reasonOf("JsonRpcError", yield* two.error)
      yield* mock.updated("a:1")
      yield* mock.notify("notifications/tools/list_changed")
      yield* settled
      assert.strictEqual(one.log.at(-1), "a:1")
      assert.strictEqual(tools.at(-1), "Changed")
    }))

  it.effect("at all is not asked for again, until somebody wants something else", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        tools: {},
        ...resources,
        faults: [Fault.fail(LISTEN, { code: -32601, message: "no" }, 1)]
      })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* sent(mock, LISTEN)).length, 1)
      const { log } = yield* subscribe(client, "a:1")
      assert.deepStrictEqual(log, ["+"])
    }))

  it.effect("is what comes for another request, or before any", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ ...only, methods: { [LISTEN]: () => Effect.never } })
      const { log } = yield* subscribe(client, "a:1")
      const id = yield* lastId(mock)
      const notifications = { resourceSubscriptions: ["a:1"] }
      const acknowledge = (params: JsonObject) =>
        Effect.andThen(
          mock.send({ jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params }),
          settled
        )
      for (const _meta of [undefined, null, {}, { [SUBSCRIPTION_ID]: 99 }, { [SUBSCRIPTION_ID]: "other" }]) {
        yield* acknowledge({ _meta, notifications })
      }
      assert.deepStrictEqual(log, [])
      yield* acknowledge({ _meta: { [SUBSCRIPTION_ID]: id }, notifications })
      yield* acknowledge({ _meta: { [SUBSCRIPTION_ID]: id }, notifications })
      assert.deepStrictEqual(log, ["+"])
    }))
})

describe("a request that the server ends", () => {
  it.effect.each(ends)(
    "by %s is made again after a while, and all know that they may have missed something",
    ([, end]) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({ tools: {}, ...resources })
        const tools = yield* watch(client.toolChanges)
        const one = yield* subscribe(client, "a:1")
        const before = yield* filters(mock)
        yield* end(mock)
        yield* settled
        yield* TestClock.adjust(799)
        assert.strictEqual((yield* sent(mock, LISTEN)).length, before.length)
        assert.deepStrictEqual([tools, one.log], [[], ["+"]])
        yield* TestClock.adjust(401)
        assert.deepStrictEqual((yield* filters(mock)).slice(before.length), before.slice(-1))
        assert.deepStrictEqual(tools, ["Reconnected"])
        assert.deepStrictEqual(one.log, ["+", "+"])
        yield* mock.updated("a:1")
        yield* mock.notify("notifications/tools/list_changed")
        yield* settled
        assert.deepStrictEqual([tools.at(-1), one.log.at(-1)], ["Changed", "a:1"])
        assert.strictEqual(yield* mock.connections, 1)
      })
  )

  it.effect("again and again is made after longer and longer pauses", () =>
    Effect.gen(function*() {
      const { mock } = yield* connect({ tools: {} })
      for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
        const { length } = yield* sent(mock, LISTEN)
        yield* end(mock)
        yield* settled
        let waited = 0
        while ((yield* sent(mock, LISTEN)).length === length) {
          yield* TestClock.adjust("100 millis")
          waited += 100
        }
        assert.isAtLeast(waited, seconds * 800)
        assert.isAtMost(waited, seconds * 1200 + 100)
      }
    }))

  it.effect("after it had stood for ten seconds was well", () =>
    Effect.gen(function*() {
      const { mock } = yield* connect({ tools: {} })
      for (let count = 1; count < 10; count++) {
        yield* TestClock.adjust("10 seconds")
        yield* end(mock)
        yield* settled
        yield* TestClock.adjust("1200 millis")
        assert.strictEqual((yield* sent(mock, LISTEN)).length, count + 1)
      }
    }))

  it.effect("before it has agreed is a refusal", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        ...only,
        methods: { [LISTEN]: () => Effect.succeed({ resultType: "complete" }) }
      })
      reasonOf("UnsupportedError", yield* (yield* subscribe(client, "a:1")).error)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* sent(mock, LISTEN)).length, 1)
    }))

  it.effect("with the connection is made in the next session", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ tools: {}, ...resources })
      const tools = yield* watch(client.toolChanges)
      const one = yield* subscribe(client, "a:1")
      yield* mock.disconnect()
      yield* settled
      yield* mock.updated("a:1")
      yield* mock.notify("notifications/tools/list_changed")
      yield* settled
      assert.strictEqual(yield* mock.connections, 2)
      assert.deepStrictEqual(one.log, ["+", "+", "a:1"])
      assert.deepStrictEqual(tools, ["Reconnected", "Changed"])
    }))
})

describe("a server that never agrees", () => {
  it.effect("is asked again after 30 seconds and a pause, and fails a subscription in the time of a call", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ ...only, methods: { [LISTEN]: () => Effect.never } })
      const { error } = yield* subscribe(client, "a:1")
      yield* TestClock.adjust(29_999)
      assert.deepStrictEqual(yield* cancelled(mock), [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* cancelled(mock), [yield* lastId(mock)])
      yield* TestClock.adjust("1200 millis")
      assert.strictEqual((yield* sent(mock, LISTEN)).length, 2)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(reasonOf("TimeoutError", yield* error).budget, "call")
      // Nobody wants it any more.
      yield* TestClock.adjust("1 hour")
      assert.isAtMost((yield* sent(mock, LISTEN)).length, 3)
      assert.strictEqual(yield* mock.answering, 0)
    }))

  it.effect("to more leaves what it agreed to before as it is", () =>
    Effect.gen(function*() {
      let isSilent = false
      const { client, mock } = yield* connect({ tools: {}, ...resources })
      const tools = yield* watch(client.toolChanges)
      yield* mock.inject(Fault.garble(({ method }) => isSilent && method === LISTEN, { jsonrpc: "2.0", method: "x/y" }))
      isSilent = true
      yield* subscribe(client, "a:1")
      for (let minutes = 0; minutes < 5; minutes++) {
        yield* TestClock.adjust("1 minute")
        yield* mock.notify("notifications/tools/list_changed")
        yield* settled
      }
      assert.deepStrictEqual(tools, Array.from({ length: 5 }, () => "Changed"))
    }))
})

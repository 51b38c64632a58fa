import type * as McpClient from "@effect-mcp/client/McpClient"
import type * as McpError from "@effect-mcp/client/McpError"
import type * as McpResource from "@effect-mcp/client/McpResource"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as Fault from "@effect-mcp/testing/Fault"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { census, clientOf, connect, eras, logged, reasonOf, settled, start, watchDiagnostics } from "./harness.ts"

const server: MockTransport.Options = {
  tools: { noop: () => Effect.succeed({}), hang: () => Effect.never },
  resources: {
    "config://app": () => Effect.succeed("app"),
    "config://other": () => Effect.succeed("other"),
    "dir://home/": () => Effect.succeed("home")
  }
}

type Mock = MockTransport.MockTransport["Service"]

/** Subscribes, with a log that grows: `+` means subscribed, else it is the URI that was updated. */
const watch = Effect.fnUntraced(function*(client: McpClient.McpClient, uri = "config://app") {
  const log: Array<string> = []
  const fiber = yield* start(Stream.runForEach(client.subscribe(uri), (update) =>
    Effect.sync(() => {
      log.push(update._tag === "Subscribed" ? "+" : update.uri)
    })))
  return { log, fiber, leave: Effect.andThen(Fiber.interrupt(fiber), settled), error: Effect.flip(Fiber.join(fiber)) }
})

const update = (mock: Mock, uri: string) => Effect.andThen(mock.updated(uri), settled)

const sent = (mock: Mock) =>
  Effect.map(mock.messages, (messages) =>
    messages.flatMap(({ connection, from, message }) => {
      const method = String(message["method"])
      return from === "client" && method.startsWith("resources/") ? [`${connection} ${method.slice(10)}`] : []
    }))

const lose = (mock: Mock) => Effect.andThen(mock.disconnect(), settled)

describe("a subscription", () => {
  it.effect("yields that it has begun, then each update, as the server says it", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const seen: Array<McpResource.Update> = []
      yield* start(Stream.runForEach(client.subscribe("config://app"), (update) =>
        Effect.sync(() => {
          seen.push(update)
        })))
      const params = { uri: "config://app", "x-vendor": 1, _meta: { a: 1 } }
      yield* mock.notify("notifications/resources/updated", params)
      yield* settled
      assert.deepStrictEqual(seen, [
        { _tag: "Subscribed", uri: "config://app" },
        { _tag: "Updated", uri: "config://app", params }
      ])
    }))

  it.effect.each(eras)("makes a stream of what a resource is (%s)", (era) =>
    Effect.gen(function*() {
      let theme = "dark"
      const { client, mock } = yield* connect({ resources: { "config://app": () => Effect.sync(() => theme) } }, {
        protocol: era
      })
      const themes = yield* start(
        client.subscribe("config://app").pipe(
          Stream.mapEffect(({ uri }) => client.readResource(uri)),
          Stream.map(([content]) => content?.text),
          Stream.take(2),
          Stream.runCollect
        )
      )
      theme = "light"
      yield* mock.updated("config://app")
      assert.deepStrictEqual(yield* Fiber.join(themes), ["dark", "light"])
    }))

  it.effect.each(eras)("hears of the parts of a resource, and of no other (%s)", (era) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, { protocol: era })
      const app = yield* watch(client)
      const home = yield* watch(client, "dir://home/")
      for (
        const uri of [
          "config://app/theme",
          "config://app/theme/dark",
          "config://apple",
          "config://ap",
          "config://app?x",
          "config://APP",
          "dir://home/a.txt",
          "dir://home"
        ]
      ) {
        yield* mock.notify("notifications/resources/updated", { uri })
      }
      yield* settled
      assert.deepStrictEqual(app.log, ["+", "config://app/theme", "config://app/theme/dark"])
      assert.deepStrictEqual(home.log, ["+", "dir://home/a.txt"])
    }))

  it.effect.each(eras)("passes over what is no update, and says so (%s)", (era) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, { protocol: era })
      const diagnostics = yield* watchDiagnostics(client)
      const { log } = yield* watch(client)
      yield* mock.notify("notifications/resources/updated", { uri: 7 })
      yield* mock.notify("notifications/resources/updated")
      yield* mock.notify("notifications/resources/list_changed", { uri: "config://app" })
      yield* settled
      assert.deepStrictEqual(log, ["+"])
      assert.deepStrictEqual(diagnostics.map(({ _tag }) => _tag), ["Invalid", "Invalid"])
    }))

  it.effect.each(eras)(
    "drops the oldest updates that nobody takes, and holds up nobody (%s)",
    (era) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect(server, { protocol: era })
        const gate = yield* Deferred.make<void>()
        const seen: Array<string> = []
        const slow = yield* start(Stream.runForEach(client.subscribe("config://app"), ({ uri }) =>
          Effect.andThen(
            Deferred.await(gate),
            Effect.sync(() => {
              seen.push(uri)
            })
          )))
        const quick = yield* watch(client)
        const all = Array.from({ length: 500 }, (_, index) => `config://app/${index}`)
        for (const uri of all) yield* update(mock, uri)
        assert.deepStrictEqual(quick.log, ["+", ...all])
        yield* Deferred.succeed(gate, undefined)
        yield* settled
        assert.isBelow(seen.length, 80)
        assert.deepStrictEqual(seen.slice(-64), all.slice(-64))
        yield* Fiber.interrupt(slow)
      })
  )
})

describe("subscribers to one resource", () => {
  it.effect("share one subscription of the server, which ends with the last of them", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const first = yield* watch(client)
      const second = yield* watch(client)
      yield* update(mock, "config://app")
      yield* first.leave
      assert.deepStrictEqual(yield* mock.subscriptions, ["config://app"])
      yield* update(mock, "config://app")
      yield* second.leave
      assert.deepStrictEqual(yield* mock.subscriptions, [])
      assert.deepStrictEqual(first.log, ["+", "config://app"])
      assert.deepStrictEqual(second.log, ["+", "config://app", "config://app"])
      assert.deepStrictEqual(yield* sent(mock), ["1 subscribe", "1 unsubscribe"])
    }))

  it.effect("wait for the one answer", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ ...server, faults: [Fault.delay("resources/subscribe", "3 seconds")] })
      const first = yield* watch(client)
      const second = yield* watch(client)
      yield* update(mock, "config://app")
      assert.deepStrictEqual([first.log, second.log], [[], []])
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual([first.log, second.log], [["+"], ["+"]])
      assert.deepStrictEqual(yield* sent(mock), ["1 subscribe"])
    }))

  it.effect.each(eras)("have nothing to do with those to another one (%s)", (era) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, { protocol: era })
      const app = yield* watch(client)
      const other = yield* watch(client, "config://other")
      yield* app.leave
      yield* update(mock, "config://other")
      assert.deepStrictEqual(other.log, ["+", "config://other"])
      assert.deepStrictEqual(yield* mock.subscriptions, ["config://other"])
    }))

  it.effect("of different clients have subscriptions of their own", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make(server)
      const one = yield* watch(yield* clientOf(mock.transport))
      const other = yield* watch(yield* clientOf(mock.transport))
      yield* one.leave
      yield* update(mock, "config://app")
      assert.deepStrictEqual(other.log, ["+", "config://app"])
      assert.deepStrictEqual(yield* sent(mock), ["1 subscribe", "2 subscribe", "1 unsubscribe"])
    }))

  it.effect("that come back are subscribed anew, once the end before is confirmed", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* mock.inject(Fault.delay("resources/unsubscribe", "2 seconds"))
      yield* (yield* watch(client)).leave
      const again = yield* watch(client)
      assert.deepStrictEqual(again.log, [])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(again.log, ["+"])
      assert.deepStrictEqual(yield* sent(mock), ["1 subscribe", "1 unsubscribe", "1 subscribe"])
    }))

  it.effect("that come back later are subscribed anew", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* (yield* watch(client)).leave
      const again = yield* watch(client)
      yield* update(mock, "config://app")
      assert.deepStrictEqual(again.log, ["+", "config://app"])
      assert.deepStrictEqual(yield* sent(mock), ["1 subscribe", "1 unsubscribe", "1 subscribe"])
    }))
})

describe("leaving a subscription", () => {
  it.effect("does not wait for the server", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* mock.inject(Fault.drop("resources/unsubscribe"))
      const { fiber } = yield* watch(client)
      yield* Fiber.interrupt(fiber)
      yield* settled
      assert.deepStrictEqual(yield* sent(mock), ["1 subscribe", "1 unsubscribe"])
    }))

  it.effect("is not harmed by a server that refuses, or says nothing for five seconds", () =>
    Effect.gen(function*() {
      for (
        const fault of [
          Fault.drop("resources/unsubscribe"),
          Fault.fail("resources/unsubscribe", { code: 1, message: "no" })
        ]
      ) {
        const { client, mock } = yield* connect({ ...server, faults: [fault] }, { lazy: true })
        const { leave } = yield* watch(client)
        yield* leave
        yield* TestClock.adjust("5 seconds")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* mock.open, 0)
      }
    }))

  it.effect("tells nothing to a server that is gone", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ ...server, faults: [Fault.disconnect("initialize")] }, { lazy: true })
      const { leave } = yield* watch(client)
      yield* leave
      assert.deepStrictEqual(yield* sent(mock), [])
    }))

  it.effect("before the server has answered ends the subscription when it has", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ ...server, faults: [Fault.delay("resources/subscribe", "3 seconds")] })
      const { leave } = yield* watch(client)
      yield* leave
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* sent(mock), ["1 subscribe", "1 unsubscribe"])
      assert.deepStrictEqual(yield* mock.subscriptions, [])
    }))

  it.effect.each(eras)("leaves nothing behind (%s)", (era) =>
    Effect.gen(function*() {
      const { alive, counting } = census()
      yield* Effect.gen(function*() {
        const { client } = yield* connect(server, { protocol: era })
        yield* (yield* watch(client)).leave
        const before = alive()
        const one = yield* watch(client)
        const other = yield* watch(client, "config://other")
        assert.isAbove(alive(), before)
        yield* one.leave
        yield* other.leave
        assert.strictEqual(alive(), before)
        // Two that go with their client: one is subscribed, one waits for its next session.
        yield* watch(client)
        const { client: flaky, mock } = yield* connect(server, { protocol: era })
        yield* watch(flaky)
        yield* lose(mock)
        yield* lose(mock)
      }).pipe(Effect.scoped, counting)
      yield* settled
      assert.strictEqual(alive(), 0)
    }))
})

describe("while somebody subscribes", () => {
  it.effect.each(eras)("a lazy client does not let go of its session (%s)", (era) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, { protocol: era, lazy: true, idleTimeToLive: "1 minute" })
      assert.strictEqual(yield* mock.connections, 0)
      const { leave, log } = yield* watch(client)
      yield* TestClock.adjust("1 hour")
      yield* update(mock, "config://app")
      assert.deepStrictEqual(log, ["+", "config://app"])
      yield* leave
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* mock.open, 0)
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect("a lost session is replaced without anybody asking, and all are subscribed again", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const app = yield* watch(client)
      const more = yield* watch(client)
      const other = yield* watch(client, "config://other")
      yield* lose(mock)
      assert.strictEqual(yield* mock.connections, 2)
      yield* update(mock, "config://app")
      yield* update(mock, "config://other")
      assert.deepStrictEqual(app.log, ["+", "+", "config://app"])
      assert.deepStrictEqual(more.log, app.log)
      assert.deepStrictEqual(other.log, ["+", "+", "config://other"])
      assert.deepStrictEqual(yield* sent(mock), ["1 subscribe", "1 subscribe", "2 subscribe", "2 subscribe"])
    }))

  it.effect("what is lost during the subscribing is subscribed in the next session", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ ...server, faults: [Fault.disconnect("resources/subscribe", 1)] })
      const { log } = yield* watch(client)
      assert.deepStrictEqual(log, ["+"])
      assert.deepStrictEqual(yield* sent(mock), ["1 subscribe", "2 subscribe"])
    }))

  it.effect("a session that is asked for anew takes the subscriptions over, and the old one is let go", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make(server)
      const { log, transport } = logged(mock.transport)
      const client = yield* clientOf(transport)
      const app = yield* watch(client)
      yield* client.reconnect
      yield* settled
      assert.deepStrictEqual(log, ["open 1", "open 2", "close 1"])
      yield* update(mock, "config://app")
      assert.deepStrictEqual(app.log, ["+", "+", "config://app"])
      assert.deepStrictEqual(yield* sent(mock), ["1 subscribe", "2 subscribe"])
    }))

  it.effect("who joins while the session is being replaced is subscribed with the others", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const first = yield* watch(client)
      yield* mock.inject(Fault.delay("initialize", "2 seconds", 1))
      yield* lose(mock)
      const second = yield* watch(client)
      assert.deepStrictEqual([first.log, second.log], [["+"], []])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([first.log, second.log], [["+", "+"], ["+"]])
    }))

  it.effect("who leaves while the session is being replaced is not subscribed again", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const { leave } = yield* watch(client)
      yield* mock.inject(Fault.delay("initialize", "2 seconds", 1))
      yield* lose(mock)
      yield* leave
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* mock.subscriptions, [])
    }))
})

describe("a subscription fails", () => {
  it.effect("when the server does not offer any, before anything is sent", () =>
    Effect.gen(function*() {
      for (const capabilities of [{ tools: {} }, { resources: {} }, { resources: { subscribe: false } }]) {
        const { client, mock } = yield* connect({ ...server, capabilities }, { name: "shop" })
        const error = yield* (yield* watch(client)).error
        assert.deepStrictEqual([error.server, error.method, error.reason._tag], [
          "shop",
          "resources/subscribe",
          "UnsupportedError"
        ])
        assert.deepStrictEqual(yield* sent(mock), [])
      }
    }))

  it.effect("when the server refuses, for all who wait, and for nobody who comes later", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, { name: "shop" })
      yield* mock.inject(Fault.fail("resources/subscribe", { code: -32603, message: "busy" }, 1))
      yield* mock.inject(Fault.delay("initialize", "1 second", 1))
      yield* client.close
      const first = yield* watch(client)
      const second = yield* watch(client)
      yield* TestClock.adjust("1 second")
      for (const { error } of [first, second]) {
        assert.strictEqual((yield* error).message, "shop: resources/subscribe: busy (code -32603)")
      }
      assert.deepStrictEqual((yield* watch(client)).log, ["+"])
    }))

  it.effect("when there is no such resource", () =>
    Effect.gen(function*() {
      const data = { uri: "config://nope" }
      const { client } = yield* connect({
        ...server,
        faults: [Fault.fail("resources/subscribe", { code: -32002, message: "Resource not found", data })]
      })
      const reason = reasonOf("ResourceNotFoundError", yield* (yield* watch(client, "config://nope")).error)
      assert.deepInclude(reason, { uri: "config://nope", code: -32002, data })
    }))

  it.effect("when the server does not answer in time", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ ...server, faults: [Fault.drop("resources/subscribe")] })
      const { error } = yield* watch(client)
      yield* TestClock.adjust("1 minute")
      reasonOf("TimeoutError", yield* error)
    }))

  it.effect("when it can not be restored; that of another resource goes on", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const app = yield* watch(client)
      const other = yield* watch(client, "config://other")
      yield* mock.inject(Fault.fail(
        ({ method, params }) => method === "resources/subscribe" && params?.["uri"] === "config://app",
        { code: -32002, message: "gone" }
      ))
      yield* lose(mock)
      reasonOf("ResourceNotFoundError", yield* app.error)
      assert.deepStrictEqual(other.log, ["+", "+"])
    }))

  it.effect("when the next session has none", () =>
    Effect.gen(function*() {
      let sessions = 0
      const { client, mock } = yield* connect({
        methods: {
          "resources/subscribe": () => Effect.succeed({}),
          initialize: () =>
            Effect.sync(() => ({
              protocolVersion: "2025-11-25",
              serverInfo: { name: "x", version: "1" },
              capabilities: sessions++ === 0 ? { resources: { subscribe: true } } : {}
            }))
        }
      })
      const { error, log } = yield* watch(client)
      assert.deepStrictEqual(log, ["+"])
      yield* lose(mock)
      reasonOf("UnsupportedError", yield* error)
    }))

  it.effect("when no session can be opened any more", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const { error, log } = yield* watch(client)
      yield* mock.inject(Fault.disconnect("initialize"))
      yield* lose(mock)
      yield* TestClock.adjust("1 minute")
      reasonOf("TransportError", yield* error)
      assert.deepStrictEqual(log, ["+"])
      assert.strictEqual(yield* mock.connections, 7)
    }))

  it.effect("when the client is closed, or its scope", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client, mock } = yield* Scope.provide(connect(server, { name: "shop" }), scope)
      const first = yield* watch(client)
      yield* client.close
      const closed = yield* first.error
      assert.deepInclude(reasonOf("ClosedError", closed), { by: "client" })
      assert.strictEqual(closed.server, "shop")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* mock.connections, 1)

      const second = yield* watch(client)
      assert.deepStrictEqual(second.log, ["+"])
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(reasonOf("ClosedError", yield* second.error), { by: "client" })
      const third = yield* watch(client)
      assert.deepInclude(reasonOf("ClosedError", yield* third.error), { by: "client" })
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect("when the client is closed, however long the server takes to go, and does not call it back", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make(server)
      const client = yield* clientOf(McpTransport.make({
        label: "slow",
        connect: Effect.tap(mock.transport.connect, () => Effect.addFinalizer(() => Effect.sleep("10 seconds")))
      }))
      const { error } = yield* watch(client)
      const closing = yield* start(client.close)
      assert.deepInclude(reasonOf("ClosedError", yield* error), { by: "client" })
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(closing)
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect.each(eras)("after what came before was taken (%s)", (era) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, { protocol: era })
      const gate = yield* Deferred.make<void>()
      const log: Array<string> = []
      const fiber = yield* start(Stream.runForEach(client.subscribe("config://app"), ({ _tag }) =>
        Effect.andThen(
          Deferred.await(gate),
          Effect.sync(() => {
            log.push(_tag)
          })
        )))
      yield* update(mock, "config://app")
      yield* client.close
      yield* Deferred.succeed(gate, undefined)
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasFails(exit.cause))
      assert.deepStrictEqual(log, ["Subscribed", "Updated"])
    }))
})

describe("a server that is lost again and again under its subscribers", () => {
  it.effect("is given longer and longer pauses, and given up in the end", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, {
        reconnect: Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 3 }))
      })
      const app = yield* watch(client)
      const connections: Array<number> = []
      for (const seconds of [0, 1, 2, 4, 8]) {
        yield* mock.disconnect()
        yield* settled
        yield* TestClock.adjust(`${seconds} seconds`)
        connections.push(yield* mock.connections)
      }
      assert.deepStrictEqual(connections, [2, 3, 4, 5, 5])
      const reason = reasonOf("ClosedError", yield* app.error)
      assert.strictEqual(reason.by, "server")
      assert.strictEqual((reason.cause as McpError.TransportError)._tag, "TransportError")
    }))

  it.effect.each(eras)("is well again when it has stood for ten seconds (%s)", (era) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, { protocol: era })
      const app = yield* watch(client)
      for (let loss = 1; loss <= 20; loss++) {
        yield* TestClock.adjust("10 seconds")
        yield* lose(mock)
        assert.strictEqual(yield* mock.connections, loss + 1)
      }
      assert.strictEqual(app.log.length, 21)
    }))
})

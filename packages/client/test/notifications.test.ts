import type * as McpClient from "@effect-mcp/client/McpClient"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Hub from "../src/internal/client/hub.ts"
import { logging } from "./asking.ts"
import { census, connect, eras, settled, start } from "./harness.ts"

/** What a stream yields, in a log that grows. Nothing is taken before the gate is open. */
const watch = Effect.fnUntraced(function*<A>(stream: Stream.Stream<A>, gate: Effect.Effect<unknown> = Effect.void) {
  const log: Array<A> = []
  const watching = yield* start(Stream.runForEach(stream, (value) =>
    Effect.andThen(
      gate,
      Effect.sync(() => {
        log.push(value)
      })
    )))
  return { log, ended: Fiber.join(watching) }
})

const notification = (method: string, params?: JsonObject) => ({ jsonrpc: "2.0", method, params })

const counted = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => notification("x/count", { n: from + index }))

const numbers = (log: ReadonlyArray<McpClient.Notification>) => log.map(({ params }) => params["n"])

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

const logMessage = (level: unknown, data: unknown, logger?: unknown) =>
  notification("notifications/message", { level, data, ...(logger === undefined ? {} : { logger }) })

describe("notifications", () => {
  it.effect.each(eras)(
    "come in the server's order, also those that nobody knows (%s)",
    (era) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({}, { protocol: era })
        const { log } = yield* watch(client.notifications)
        yield* mock.send([
          notification("acme/party", { when: "now" }),
          notification("notifications/tools/list_changed"),
          notification("acme/party", { when: "over" }),
          logMessage("info", "hi"),
          notification("toString")
        ])
        yield* settled
        assert.deepStrictEqual(log, [
          { method: "acme/party", params: { when: "now" } },
          { method: "notifications/tools/list_changed", params: {} },
          { method: "acme/party", params: { when: "over" } },
          { method: "notifications/message", params: { level: "info", data: "hi" } },
          { method: "toString", params: {} }
        ])
      })
  )

  it.effect.each(eras)("come to all who watch, from then on (%s)", (era) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({}, { protocol: era })
      const first = yield* watch(client.notifications)
      yield* mock.send(counted(2))
      yield* settled
      const second = yield* watch(client.notifications)
      yield* mock.send(counted(2, 2))
      yield* settled
      assert.deepStrictEqual(numbers(first.log), [0, 1, 2, 3])
      assert.deepStrictEqual(numbers(second.log), [2, 3])
    }))

  it.effect.each(eras)(
    "come all, when 10,000 come at once and somebody keeps up (%s)",
    (era) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({}, { protocol: era })
        const { log } = yield* watch(client.notifications)
        yield* mock.send(counted(10_000))
        yield* Effect.repeat(settled, { until: () => log.length >= 10_000 })
        assert.deepStrictEqual(numbers(log), range(0, 10_000))
      })
  )

  it.effect.each(eras)(
    "wait for who does not keep up: the newest 1024 of them, and hold up neither calls nor others (%s)",
    (era) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({ tools: { noop: () => Effect.succeed({}) } }, { protocol: era })
        const gate = yield* Deferred.make<void>()
        const slow = yield* watch(client.notifications, Deferred.await(gate))
        const quick = yield* watch(client.notifications)
        yield* mock.send(counted(10_000))
        yield* client.callTool("noop")
        yield* Effect.repeat(settled, { until: () => quick.log.length >= 10_000 })
        assert.deepStrictEqual(numbers(quick.log), range(0, 10_000))
        assert.deepStrictEqual(slow.log, [])
        yield* Deferred.succeed(gate, undefined)
        yield* Effect.repeat(settled, { until: () => numbers(slow.log).at(-1) === 9_999 })
        // What it had taken out already when it stopped comes first.
        const kept = numbers(slow.log).slice(-1024)
        assert.deepStrictEqual(kept, range(10_000 - 1024, 10_000))
        assert.isBelow(slow.log.length, 1024 + 512)
      })
  )

  it.effect("go on over sessions, and end with the client", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client, mock } = yield* Scope.provide(connect(), scope)
      const streams: ReadonlyArray<Stream.Stream<unknown>> = [
        client.notifications,
        client.logs,
        client.toolChanges,
        client.promptChanges,
        client.resourceChanges,
        client.resourceUpdates("a:b")
      ]
      const watching = yield* Effect.forEach(streams, (stream) => watch(stream))
      yield* mock.disconnect()
      yield* client.ping()
      yield* mock.notify("x/y")
      yield* settled
      assert.deepStrictEqual(watching[0]?.log, [{ method: "x/y", params: {} }])
      yield* Scope.close(scope, Exit.void)
      for (const { ended } of watching) yield* ended
      for (const stream of streams) assert.deepStrictEqual(yield* Stream.runCollect(stream), [])
    }))

  it.effect("are looked at for nobody who has left", () =>
    Effect.gen(function*() {
      let looks = 0
      const hub = Hub.make<number>({ capacity: 8, replay: 0 })
      const watching = yield* start(Stream.runDrain(hub.select((value) => (looks++, value))))
      hub.publish(1)
      yield* Fiber.interrupt(watching)
      hub.publish(2)
      assert.strictEqual(looks, 1)
    }))

  it.effect.each(eras)("leave nothing behind when nobody watches any more (%s)", (era) =>
    Effect.gen(function*() {
      const { alive, counting } = census()
      yield* Effect.gen(function*() {
        const { client, mock } = yield* connect({}, { protocol: era })
        const taken = yield* start(Stream.runCollect(Stream.take(client.notifications, 2)))
        yield* mock.send(counted(3))
        assert.deepStrictEqual(numbers(yield* Fiber.join(taken)), [0, 1])
        yield* mock.send([...counted(3), logMessage("info", "hi")])
        yield* settled
      }).pipe(Effect.scoped, counting)
      yield* settled
      assert.strictEqual(alive(), 0)
    }))
})

describe("the log of a server", () => {
  it.effect.each(eras)("comes as it is said (%s)", (era) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({}, { protocol: era })
      const { log } = yield* watch(client.logs)
      const data = { rows: [1, 2], ok: null }
      yield* mock.send([
        logMessage("debug", "text", "db"),
        notification("x/y"),
        logMessage("emergency", data),
        logMessage("warning", [1, 2], 7),
        logMessage("loud", null),
        logMessage(undefined, 0),
        notification("notifications/message")
      ])
      yield* settled
      assert.deepStrictEqual<unknown>(log, [
        { level: "debug", logger: "db", data: "text" },
        { level: "emergency", logger: undefined, data },
        { level: "warning", logger: undefined, data: [1, 2] },
        { level: "info", logger: undefined, data: null },
        { level: "info", logger: undefined, data: 0 },
        { level: "info", logger: undefined, data: undefined }
      ])
    }))

  it.effect.each(eras)(
    "is not crowded out by other notifications when its reader is slow (%s)",
    (era) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({}, { protocol: era })
        const gate = yield* Deferred.make<void>()
        const logs = yield* watch(client.logs, Deferred.await(gate))
        const updates = yield* watch(client.resourceUpdates("a:b"), Deferred.await(gate))
        yield* mock.send(["one", "two", "three"].flatMap((text) => [
          logMessage("info", text),
          notification("notifications/resources/updated", { uri: "a:b", text })
        ]))
        yield* mock.send(
          Array.from({ length: 5_000 }, () => notification("notifications/resources/updated", { uri: "c:d" }))
        )
        yield* mock.send(counted(5_000))
        yield* settled
        yield* Deferred.succeed(gate, undefined)
        yield* settled
        assert.deepStrictEqual(logs.log.map(({ data }) => data), ["one", "two", "three"])
        assert.deepStrictEqual(updates.log.map(({ params }) => params["text"]), ["one", "two", "three"])
      })
  )

  describe("goes to the loggers of Effect", () => {
    const levels = [
      ["debug", "Debug"],
      ["info", "Info"],
      ["notice", "Info"],
      ["warning", "Warn"],
      ["error", "Error"],
      ["critical", "Fatal"],
      ["alert", "Fatal"],
      ["emergency", "Fatal"],
      ["loud", "Info"],
      ["constructor", "Info"],
      ["__proto__", "Info"],
      [undefined, "Info"],
      [3, "Info"]
    ] as const

    it.effect.each(eras)("by its levels, in its order, and says who said it (%s)", (era) =>
      Effect.gen(function*() {
        const { log, logged } = logging()
        const { mock } = yield* logged(connect({}, { protocol: era, name: "shop" })).pipe(
          Effect.provideService(References.MinimumLogLevel, "All")
        )
        yield* mock.send(levels.map(([level], index) => logMessage(level, `message ${index}`, "db")))
        yield* settled
        assert.deepStrictEqual(
          log,
          levels.map(([, level], index) => ({
            level: level.toUpperCase(),
            message: `message ${index}`,
            annotations: { "mcp.server": "shop", "mcp.logger": "db" },
            cause: ""
          }))
        )
      }))

    it.effect.each<readonly [unknown, unknown]>([
      [{ rows: 3 }, { rows: 3 }],
      [["a", "b"], ["a", "b"]],
      [null, null],
      [false, false]
    ])("with its data: %j", ([data, expected]) =>
      Effect.gen(function*() {
        const { log, logged } = logging()
        const { mock } = yield* logged(connect({}, { name: "shop" }))
        yield* mock.send(logMessage("error", data))
        yield* settled
        assert.deepStrictEqual(log, [
          { level: "ERROR", message: expected, annotations: { "mcp.server": "shop" }, cause: "" }
        ])
      }))

    it.effect.each(eras)("also when somebody reads it, and when nobody does (%s)", (era) =>
      Effect.gen(function*() {
        const { log, logged } = logging()
        const { client, mock } = yield* logged(connect({}, { protocol: era }))
        yield* mock.send(logMessage("info", "one"))
        yield* settled
        const reader = yield* watch(client.logs)
        const other = yield* watch(client.notifications)
        yield* mock.send(logMessage("info", "two"))
        yield* settled
        assert.strictEqual(log.length, 2)
        assert.strictEqual(reader.log.length, 1)
        assert.strictEqual(other.log.length, 1)
      }))

    it.effect.each(eras)("all of it, when there is much (%s)", (era) =>
      Effect.gen(function*() {
        const { log, logged } = logging()
        const { mock } = yield* logged(connect({}, { protocol: era }))
        yield* mock.send(range(0, 5_000).map((n) => logMessage("info", n)))
        yield* Effect.repeat(settled, { until: () => log.length >= 5_000 })
        assert.deepStrictEqual(log.map(({ message }) => message), range(0, 5_000))
      }))

    it.effect.each(eras)("from the level on that they want (%s)", (era) =>
      Effect.gen(function*() {
        const { log, logged } = logging()
        const { mock } = yield* logged(connect({}, { protocol: era })).pipe(
          Effect.provideService(References.MinimumLogLevel, "Warn")
        )
        yield* mock.send([logMessage("notice", "no"), logMessage("warning", "yes")])
        yield* settled
        assert.deepStrictEqual(log.map(({ level }) => level), ["WARN"])
      }))

    it.effect("harmed by none that dies", () =>
      Effect.gen(function*() {
        const dying = Logger.make(() => {
          throw new Error("oops")
        })
        const { client, mock } = yield* connect().pipe(
          Effect.provideService(Logger.CurrentLoggers, new Set([dying]))
        )
        const { log } = yield* watch(client.logs)
        yield* mock.send([logMessage("info", "one"), logMessage("info", "two")])
        yield* settled
        assert.deepStrictEqual(log.map(({ data }) => data), ["one", "two"])
        yield* client.ping()
      }))
  })
})

describe("changes of lists", () => {
  const kinds = ["tools", "prompts", "resources"] as const
  const changesOf = ({ promptChanges, resourceChanges, toolChanges }: McpClient.McpClient) => ({
    tools: toolChanges,
    prompts: promptChanges,
    resources: resourceChanges
  })

  it.effect.each(kinds)("of %s are told to those who watch them", (kind) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect()
      const watching = {
        tools: yield* watch(client.toolChanges),
        prompts: yield* watch(client.promptChanges),
        resources: yield* watch(client.resourceChanges)
      }
      yield* mock.notify(`notifications/${kind}/list_changed`)
      yield* settled
      for (const other of kinds) {
        assert.deepStrictEqual(watching[other].log, other === kind ? [{ _tag: "Changed" }] : [])
      }
    }))

  it.effect.each(kinds)("of %s are unknown after a reconnection, which is told, too", (kind) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect()
      const { log } = yield* watch(changesOf(client)[kind])
      yield* settled
      assert.deepStrictEqual(log, [])
      yield* mock.disconnect()
      yield* client.ping()
      yield* settled
      assert.deepStrictEqual(log, [{ _tag: "Reconnected" }])
      yield* client.reconnect
      yield* settled
      yield* mock.notify(`notifications/${kind}/list_changed`)
      yield* settled
      assert.deepStrictEqual(log.map(({ _tag }) => _tag), ["Reconnected", "Reconnected", "Changed"])
    }))

  it.effect("are told of a lazy client's next session, and not of its first", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({}, { lazy: true, idleTimeToLive: "1 minute" })
      const { log } = yield* watch(client.toolChanges)
      yield* client.ping()
      yield* settled
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust("1 minute")
      yield* client.ping()
      yield* settled
      assert.deepStrictEqual(log, [{ _tag: "Reconnected" }])
    }))

  it.effect("that come quicker than somebody lists are one: none is missed", () =>
    Effect.gen(function*() {
      let tools = 0
      const { client, mock } = yield* connect({
        capabilities: { tools: { listChanged: true } },
        methods: {
          "tools/list": () =>
            Effect.delay(
              Effect.sync(() => ({
                tools: range(0, tools).map((n) => ({ name: `tool ${n}`, inputSchema: { type: "object" } }))
              })),
              "1 second"
            )
        }
      })
      const { log } = yield* watch(Stream.mapEffect(client.toolChanges, () => Effect.orDie(client.listTools())))
      for (let time = 0; time < 100; time++) {
        tools++
        yield* mock.notify("notifications/tools/list_changed")
        yield* settled
      }
      yield* TestClock.adjust("10 seconds")
      assert.isBelow(log.length, 6)
      assert.strictEqual(log.at(-1)?.length, 100)
    }))
})

describe("updates of a resource", () => {
  const updated = (uri: unknown) => notification("notifications/resources/updated", { uri })

  it.effect("are told of itself and of what is beneath it, to whoever watches", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect()
      const folder = yield* watch(client.resourceUpdates("file:///a"))
      const file = yield* watch(client.resourceUpdates("file:///a/b.txt"))
      yield* mock.send([
        updated("file:///a"),
        updated("file:///a/b.txt"),
        updated("file:///ab"),
        updated("file:///"),
        updated(undefined),
        updated(7),
        notification("notifications/resources/list_changed", { uri: "file:///a" })
      ])
      yield* settled
      assert.deepStrictEqual(folder.log.map(({ params }) => params["uri"]), ["file:///a", "file:///a/b.txt"])
      assert.deepStrictEqual(file.log.map(({ params }) => params["uri"]), ["file:///a/b.txt"])
      assert.deepStrictEqual(yield* mock.methods, ["initialize", "notifications/initialized"])
    }))
})

import type { McpTask } from "@effect-mcp/client/McpTask"
import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { failsWith, settled, start } from "../harness.ts"
import { type Mock, objectOf, sent, SUBSCRIPTION_ID } from "../modern/support.ts"
import { connect as connectTo, done, FIRST, refuse, type Script, type Server, TASKS } from "./support.ts"

const connect = (script?: Script, options?: Parameters<typeof connectTo>[2]) => connectTo("modern", script, options)

const GET = "tasks/get"
const LISTEN = "subscriptions/listen"

/** How long it was before each question, since the one before, or since there is a task. */
const gaps = (server: Server, since = 0): ReadonlyArray<number> => {
  const times = [since, ...server.times(GET).filter((at) => at > since)]
  return times.slice(1).map((at, n) => at - times[n]!)
}

/** That intervals are as long as they should be, or a little longer. */
const assertIntervals = (actual: ReadonlyArray<number>, expected: ReadonlyArray<number>): void => {
  assert.strictEqual(actual.length, expected.length, `${actual.join(", ")}`)
  for (const [n, interval] of actual.entries()) {
    assert.isTrue(isInterval(interval, expected[n]!), `${actual.join(", ")}`)
  }
}

const isInterval = (actual: number, expected: number): boolean =>
  actual >= expected - 0.001 && actual <= expected * 1.1 + 0.001

const repeated = (interval: number, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, () => interval)

/** What was listened for, without lists. */
const listened = (server: Server) => server.of(LISTEN).map(({ notifications }) => objectOf(notifications)["taskIds"])

/** Waits for tasks, for as long as the test goes on. */
const waitFor = (task: McpTask<unknown>) => start(Effect.ignore(task.await))

describe("a server is asked", () => {
  it.effect.each<readonly [number | undefined, number, Duration.Input]>([
    [1000, 1000, "10 seconds"],
    [50, 50, "500 millis"],
    [49, 50, "500 millis"],
    [0, 50, "500 millis"],
    [60_000, 60_000, "10 minutes"],
    [60_001, 60_000, "10 minutes"],
    [Number.MAX_SAFE_INTEGER, 60_000, "10 minutes"]
  ])("as often as it wants (%d ms), within limits (%d ms)", ([pollInterval, expected, time]) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval } })
      yield* waitFor(yield* client.startTool("required"))
      yield* TestClock.adjust(time)
      const actual = gaps(server)
      assert.isAtLeast(actual.length, 9)
      assertIntervals(actual, repeated(expected, actual.length))
      // Not all at once, if there are many.
      assert.isTrue(actual.some((gap) => gap > expected + 0.001))
    }))

  it.effect("as often as it wants now", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval: 1000 } })
      yield* waitFor(yield* client.startTool("required"))
      yield* TestClock.adjust("2500 millis")
      yield* server.set(FIRST, { pollInterval: 10_000 })
      yield* TestClock.adjust("30 seconds")
      const [first, second, third, ...rest] = gaps(server)
      assertIntervals([first!, second!, third!], [1000, 1000, 1000])
      assertIntervals(rest, [10_000, 10_000])
    }))

  it.effect.each([undefined, -1, "1000", null])(
    "seldom and more seldom when it does not say how often: %j",
    (interval) =>
      Effect.gen(function*() {
        const { client, server } = yield* connect({
          // What it says is none of these.
          methods: ({ create, tasks }) => ({
            "tools/call": () => Effect.map(create(), (created) => ({ ...created, pollIntervalMs: interval })),
            [GET]: () => Effect.succeed({ resultType: "complete", ...tasks.get(FIRST), pollIntervalMs: interval })
          })
        })
        yield* waitFor(yield* client.startTool("required"))
        yield* TestClock.adjust("24 seconds")
        assertIntervals(gaps(server), [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000].slice(0, gaps(server).length))
        assert.isAtLeast(gaps(server).length, 8)
        yield* server.set(FIRST, { statusMessage: "something has changed" })
        yield* TestClock.adjust("6 seconds")
        const since = server.times(GET).find((at) => at > 24_000)
        assertIntervals(gaps(server, since).slice(0, 3), [100, 200, 400])
      })
  )

  it.effect("no sooner when the task asks for something from the beginning", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        task: { pollInterval: 1000, status: "input_required", inputRequests: {} }
      })
      yield* waitFor(yield* client.startTool("required"))
      yield* TestClock.adjust("900 millis")
      assert.deepStrictEqual(server.times(GET), [])
    }))

  it.effect("no more often than it answers", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        methods: ({ tasks }) => ({
          [GET]: () => Effect.delay(Effect.suspend(() => Effect.succeed(tasks.get(FIRST))), "20 seconds")
        })
      })
      yield* waitFor(yield* client.startTool("required"))
      yield* TestClock.adjust("2 minutes")
      assert.isTrue(gaps(server).slice(1).every((gap) => gap >= 19_999))
      assert.isAtLeast(gaps(server).length, 4)
    }))

  it.effect("seldom over a long time", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      yield* waitFor(yield* client.startTool("required"))
      yield* TestClock.adjust("1 hour")
      assert.isBelow(server.of(GET).length, 3600 / 5 + 10)
      assert.isAbove(server.of(GET).length, 600)
    }), 20_000)

  it.effect("once for all who want to know, for as long as anybody does", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval: 1000 } })
      const task = yield* client.startTool("required")
      const waiting: ReadonlyArray<Fiber.Fiber<unknown, unknown>> = [
        yield* start(task.await),
        yield* start(task.await),
        yield* start(task.wait()),
        yield* start(Stream.runDrain(task.changes))
      ]
      for (const [n, fiber] of waiting.entries()) {
        yield* TestClock.adjust("5 seconds")
        assertIntervals(gaps(server), repeated(1000, gaps(server).length))
        assert.isAtLeast(gaps(server).length, 4 * (n + 1))
        yield* Fiber.interrupt(fiber)
      }
      const count = server.of(GET).length
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(server.of(GET).length, count)
      // It is due.
      yield* waitFor(task)
      assert.strictEqual(server.of(GET).length, count + 1)
    }))

  it.effect("no more often because those who want to know do not wait for its answers", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { pollInterval: 1000 } })
      const task = yield* client.startTool("required")
      yield* mock.inject(Fault.delay(GET, "1 minute"))
      yield* TestClock.adjust("1 minute")
      for (let n = 0; n < 20; n++) {
        yield* start(Effect.ignore(task.wait({ timeout: "10 millis" })))
        yield* TestClock.adjust("10 millis")
      }
      assert.isAtLeast(Math.min(...gaps(server)), 50)
    }))

  it.effect("nothing while nobody wants to know", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      yield* client.startTool("required")
      yield* TestClock.adjust("1 hour")
      yield* server.notify(FIRST)
      yield* settled
      assert.deepStrictEqual(server.log.map(({ method }) => method), ["tools/call"])
    }))

  it.effect("often again after it was told something, though that does not show yet", () =>
    Effect.gen(function*() {
      const answer = Deferred.makeUnsafe<void>()
      const { client, server } = yield* connect({
        task: { status: "input_required", inputRequests: { a: { method: "roots/list" } } },
        methods: () => ({ "tasks/update": () => Effect.succeed({ resultType: "complete" }) })
      }, { handlers: { roots: Effect.as(Deferred.await(answer), []) } })
      yield* waitFor(yield* client.startTool("required"))
      yield* TestClock.adjust("1 minute")
      const since = server.times(GET).at(-1)
      yield* Deferred.succeed(answer, undefined)
      yield* settled
      yield* TestClock.adjust("2 seconds")
      const [, ...intervals] = gaps(server, since)
      assertIntervals(intervals.slice(0, 3), [200, 400, 800])
    }))

  it.effect("soon after it was told something", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval: 60_000 } }, { handlers: { roots: [] } })
      yield* waitFor(yield* client.startTool("required"))
      yield* server.set(FIRST, { status: "input_required", inputRequests: { a: { method: "roots/list" } } })
      yield* TestClock.adjust("67 seconds")
      const [first, second] = server.times(GET)
      assert.closeTo(second! - first!, 50, 0.001)
    }))
})

describe("that a task has changed", () => {
  it.effect("is told, and looked at before it is due", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval: 60_000 } })
      const call = yield* start(client.callTool("required"))
      yield* TestClock.adjust("10 seconds")
      yield* server.set(FIRST, { status: "completed" })
      yield* server.notify(FIRST)
      yield* settled
      assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
      assert.deepStrictEqual(server.times(GET), [10_000])
    }))

  it.effect("is heard, also when it is told before the answer that there is a task", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        task: { pollInterval: 60_000 },
        methods: ({ create, notify, set }) => ({
          "tools/call": () =>
            Effect.tap(create(), () => Effect.andThen(set(FIRST, { status: "completed" }), notify(FIRST)))
        })
      })
      const call = yield* start(client.callTool("required"))
      yield* TestClock.adjust("50 millis")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
      assert.strictEqual(server.of(GET).length, 1)
    }))

  it.effect("is not kept until there is a task whose id is endless", () =>
    Effect.gen(function*() {
      const taskId = "x".repeat(1001)
      const { client, mock, server } = yield* connect({
        task: { pollInterval: 10_000 },
        methods: ({ create }) => ({
          "tools/call": () => Effect.map(create(), (task) => ({ ...task, taskId })),
          [GET]: () => Effect.succeed({ resultType: "complete", taskId, status: "working", ttlMs: null })
        })
      })
      yield* client.startTool("required")
      yield* mock.notify("notifications/tasks", { taskId })
      yield* waitFor(yield* client.startTool("required"))
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(server.times(GET), [])
    }))

  it.effect("is not believed", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { pollInterval: 60_000 } })
      const task = yield* client.startTool("required")
      const call = yield* start(task.await)
      yield* TestClock.adjust("10 seconds")
      yield* mock.notify("notifications/tasks", {
        ...server.tasks.get(FIRST),
        status: "completed",
        result: { content: [] }
      })
      yield* settled
      assert.deepStrictEqual([call.pollUnsafe(), server.of(GET).length], [undefined, 1])
    }))

  it.effect("is none of a task's business when it is of another", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { pollInterval: 60_000 } })
      yield* waitFor(yield* client.startTool("required"))
      yield* client.startTool("required")
      yield* TestClock.adjust("10 seconds")
      yield* server.notify("task-2")
      for (const params of [{}, { taskId: "nobody's" }, { taskId: 1 }, { taskId: null }, { taskId: [FIRST, FIRST] }]) {
        yield* mock.notify("notifications/tasks", params)
      }
      yield* mock.send({ jsonrpc: "2.0", method: "notifications/tasks" })
      yield* settled
      assert.deepStrictEqual(server.of(GET), [])
    }))

  it.effect("is not looked at more often than makes sense, however often it is told", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval: 1000 } })
      yield* waitFor(yield* client.startTool("required"))
      for (let n = 0; n < 1000; n++) {
        yield* server.notify(FIRST)
        yield* server.notify(FIRST)
        yield* TestClock.adjust("1 millis")
      }
      yield* TestClock.adjust("50 millis")
      const count = gaps(server).length
      assert.isAtMost(count, 21)
      assert.isAtLeast(count, 15)
      assert.isTrue(gaps(server).slice(1).every((gap) => gap >= 49.999))
      // One that is left over does not count for ever.
      yield* TestClock.adjust("10 seconds")
      assert.isAtMost(gaps(server).length - count, 11)
    }))
})

describe("a client listens for the changes of a task", () => {
  it.effect("while somebody wants to know of them", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { pollInterval: 1000 } })
      const first = yield* waitFor(yield* client.startTool("required"))
      yield* TestClock.adjust("10 seconds")
      const second = yield* waitFor(yield* client.startTool("required"))
      yield* TestClock.adjust("10 seconds")
      yield* server.set("task-1", { status: "completed" })
      yield* TestClock.adjust("10 seconds")
      assert.isDefined(first.pollUnsafe())
      yield* Fiber.interrupt(second)
      yield* settled
      assert.deepStrictEqual(listened(server), [["task-1"], ["task-1", "task-2"], ["task-2"]])
      const listens = yield* sent(mock, LISTEN)
      const ended = (yield* sent(mock, "notifications/cancelled")).map(({ params }) => objectOf(params)["requestId"])
      for (const { id } of listens) assert.include(ended, id)
      assert.strictEqual(yield* mock.answering, 0)
    }))

  it.effect("at once, in a session that stays for that", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { pollInterval: 60_000 } }, {
        lazy: true,
        idleTimeToLive: "5 seconds"
      })
      const call = yield* start(client.callTool("required", {}, { timeout: "1 hour" }))
      assert.deepStrictEqual([listened(server), server.of(GET)], [[[FIRST]], []])
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual([yield* mock.connections, yield* mock.open], [1, 1])
      yield* server.set(FIRST, { status: "completed" })
      yield* server.notify(FIRST)
      yield* settled
      yield* Fiber.join(call)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect("as for everything else, by one request", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        capabilities: { tools: { listChanged: true }, extensions: { [TASKS]: {} } },
        task: { pollInterval: 1000 }
      })
      const waiting = yield* waitFor(yield* client.startTool("required"))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.interrupt(waiting)
      yield* settled
      assert.deepStrictEqual(server.of(LISTEN).map(({ notifications }) => notifications), [
        { toolsListChanged: true },
        { toolsListChanged: true, taskIds: [FIRST] },
        { toolsListChanged: true }
      ])
    }))

  it.effect.each<readonly [Script["capabilities"], boolean | undefined]>([
    [{ tools: {} }, undefined],
    [{ tools: {}, extensions: {} }, undefined],
    [{ tools: {}, extensions: { other: {} } }, undefined],
    [{ tools: {}, [TASKS]: {} }, undefined]
  ])("only if the server offers to tell of them: %j", ([capabilities]) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ capabilities, task: { pollInterval: 1000 } })
      const call = yield* start(client.callTool("required"))
      yield* TestClock.adjust("10 seconds")
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
      assert.deepStrictEqual(server.of(LISTEN), [])
    }))

  it.effect("only if it has said that it knows tasks", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        methods: ({ create, tasks }) => ({
          "tools/call": () => create(),
          [GET]: () => Effect.succeed({ resultType: "complete", ...tasks.get(FIRST) })
        })
      }, { tasks: false })
      const { client: other } = yield* connect()
      const saved = (yield* other.startTool("required")).toJSON()
      yield* failsWith("ProtocolError")(client.callTool("required"))
      yield* waitFor(yield* client.resumeTool("required", saved))
      yield* TestClock.adjust("10 seconds")
      assert.isAtLeast(server.of(GET).length, 5)
      assert.deepStrictEqual(server.of(LISTEN), [])
    }))

  it.effect.each<readonly [string, (mock: Mock) => MockTransport.MethodHandler]>([
    ["does not know how", () => () => refuse(-32601, "no")],
    ["refuses", () => () => refuse(-32021, "no")],
    ["hangs up", () => () => Effect.succeed({ resultType: "complete" })],
    [
      "agrees to nothing",
      ({ notify }) => (_, { message: { id } }) => {
        const params = { _meta: { [SUBSCRIPTION_ID]: id }, notifications: {} }
        return Effect.andThen(notify("notifications/subscriptions/acknowledged", params), Effect.never)
      }
    ]
  ])("and does not care if the server %s", ([, answer]) =>
    Effect.gen(function*() {
      const connected: Effect.Success<ReturnType<typeof connect>> = yield* connect({
        task: { pollInterval: 1000 },
        methods: () => ({ [LISTEN]: (params, request) => answer(connected.mock)(params, request) })
      })
      const { client, mock, server } = connected
      const call = yield* start(client.callTool("required"))
      yield* TestClock.adjust("30 seconds")
      assertIntervals(gaps(server), repeated(1000, gaps(server).length))
      // Nor does it ask again and again.
      assert.strictEqual((yield* sent(mock, LISTEN)).length, 1)
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
    }))

  it.effect("in the session that there is", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { pollInterval: 1000 } })
      yield* waitFor(yield* client.startTool("required"))
      yield* TestClock.adjust("5 seconds")
      yield* mock.disconnect()
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* mock.connections, 2)
      assert.deepStrictEqual(listened(server), [[FIRST], [FIRST]])
      const count = server.of(GET).length
      yield* server.notify(FIRST)
      yield* settled
      yield* TestClock.adjust("50 millis")
      assert.strictEqual(server.of(GET).length, count + 1)
    }))
})

import type { McpError } from "@effect-mcp/client/McpError"
import type * as McpTask from "@effect-mcp/client/McpTask"
import * as Fault from "@effect-mcp/testing/Fault"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { census, eras, failsWith, settled, start } from "../harness.ts"
import { connect, FIRST, type Script } from "./support.ts"

const statuses: ReadonlyArray<McpTask.Status> = ["working", "input_required", "completed", "failed", "cancelled"]
const live = statuses.slice(0, 2)
const over = statuses.slice(2)

const pairs = <A, B>(as: ReadonlyArray<A>, bs: ReadonlyArray<B>): ReadonlyArray<readonly [A, B]> =>
  as.flatMap((a) => bs.map((b) => [a, b] as const))

/** Long enough for the server to be asked again. */
const soon = TestClock.adjust("250 millis")

/** The states that a task goes through, in a log that grows. */
const watch = Effect.fnUntraced(function*(task: McpTask.McpTask<unknown>) {
  const log: Array<McpTask.State> = []
  const fiber = yield* start(Stream.runForEach(task.changes, (state) =>
    Effect.sync(() => {
      log.push(state)
    })))
  return { log, statuses: () => log.map(({ status }) => status), ended: Fiber.join(fiber), fiber }
})

describe.each(eras)("a task of the %s era", (era) => {
  /** A task that the server asks to look at each 200 ms. */
  const started = Effect.fnUntraced(function*(task: Script["task"] = {}) {
    const connected = yield* connect(era, { task: { pollInterval: 200, ...task } })
    return { ...connected, task: yield* connected.client.startTool("optional") }
  })

  // ---------------------------------------------------------------------------
  // Changes
  // ---------------------------------------------------------------------------

  it.effect.each(pairs(live, statuses))("is seen to go from %s to %s", ([from, to]) =>
    Effect.gen(function*() {
      const { server, task } = yield* started({ status: from })
      const changes = yield* watch(task)
      assert.deepStrictEqual(changes.statuses(), [from])
      yield* server.set(FIRST, { status: to, statusMessage: "changed" })
      yield* soon
      assert.deepStrictEqual(changes.statuses(), [from, to])
      // It is not the result that was asked for.
      if (from === "working" && to !== "input_required") assert.isEmpty(server.of("tasks/result"))
      if (over.includes(to)) yield* changes.ended
      else assert.isUndefined(changes.fiber.pollUnsafe())
    }))

  it.effect.each(over)(
    "is seen to go to and fro until it is %s, and asked no more after that",
    (end) =>
      Effect.gen(function*() {
        const { server, task } = yield* started()
        const changes = yield* watch(task)
        const way: ReadonlyArray<McpTask.Status> = ["input_required", "working", "input_required", "working", end]
        for (const status of way) {
          yield* server.set(FIRST, { status })
          yield* soon
        }
        yield* changes.ended
        assert.deepStrictEqual(changes.statuses(), ["working", ...way])
        const asked = server.of("tasks/get").length
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(server.of("tasks/get").length, asked)
      })
  )

  it.effect("is described by the server's words, with durations", () =>
    Effect.gen(function*() {
      const { server, task } = yield* started({ ttl: 60_000 })
      const changes = yield* watch(task)
      yield* TestClock.adjust("1 second")
      yield* server.set(FIRST, { statusMessage: "half", pollInterval: 400 })
      yield* soon
      const first: McpTask.State = {
        taskId: FIRST,
        status: "working",
        statusMessage: undefined,
        createdAt: "1970-01-01T00:00:00.000Z",
        lastUpdatedAt: "1970-01-01T00:00:00.000Z",
        ttl: Duration.minutes(1),
        pollInterval: Duration.millis(200),
        inputRequests: undefined
      }
      assert.deepStrictEqual(changes.log, [first, {
        ...first,
        statusMessage: "half",
        lastUpdatedAt: "1970-01-01T00:00:01.000Z",
        pollInterval: Duration.millis(400)
      }])
    }))

  it.effect("that the server keeps for ever says so", () =>
    Effect.gen(function*() {
      const { task } = yield* started({ ttl: null, pollInterval: undefined })
      const { pollInterval, ttl } = yield* task.status
      assert.deepStrictEqual(ttl, Duration.infinity)
      assert.isUndefined(pollInterval)
    }))

  it.effect("is not seen to change when nothing does", () =>
    Effect.gen(function*() {
      const { server, task } = yield* started()
      const changes = yield* watch(task)
      yield* TestClock.adjust("10 seconds")
      assert.isAbove(server.of("tasks/get").length, 40)
      assert.lengthOf(changes.log, 1)
    }))

  it.effect("that has ended is seen as it is, by who comes later, and nobody is asked", () =>
    Effect.gen(function*() {
      const { server, task } = yield* started({ status: "completed" })
      const changes = yield* watch(task)
      yield* changes.ended
      assert.deepStrictEqual(changes.statuses(), ["completed"])
      assert.isEmpty(server.of("tasks/get"))
    }))

  it.effect("that is lost ends the changes with that", () =>
    Effect.gen(function*() {
      const { server, task } = yield* started()
      const changes = yield* watch(task)
      yield* server.forget(FIRST)
      yield* soon
      const { expired, taskId } = yield* failsWith("TaskLostError")(changes.ended)
      assert.deepStrictEqual({ expired, taskId }, { expired: false, taskId: FIRST })
    }))

  it.effect("that has ended stays so, whatever an older answer says that comes late", () =>
    Effect.gen(function*() {
      const { mock, server, task } = yield* started({ pollInterval: 60_000 })
      yield* mock.inject(Fault.delay("tasks/get", "10 seconds", 1))
      const asking = yield* start(task.status)
      yield* server.set(FIRST, { status: "completed" })
      assert.strictEqual((yield* task.status).status, "completed")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(asking)).status, "completed")
      assert.strictEqual((yield* task.wait()).status, "completed")
    }))

  it.effect("that has ended is not lost, whatever an older answer says that comes late", () =>
    Effect.gen(function*() {
      const { mock, server, task } = yield* started({ pollInterval: 60_000 })
      const known = new Map(server.tasks)
      server.tasks.clear()
      yield* mock.inject(Fault.delay("tasks/get", "10 seconds", 1))
      const asking = yield* start(task.status)
      for (const [taskId, it] of known) server.tasks.set(taskId, it)
      yield* server.set(FIRST, { status: "completed" })
      assert.strictEqual((yield* task.status).status, "completed")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(asking)).status, "completed")
      yield* task.await
    }))

  // ---------------------------------------------------------------------------
  // Waiting
  // ---------------------------------------------------------------------------

  it.effect.each(pairs(statuses, statuses))(
    "waited for to be %s comes to be %s",
    ([until, reached]) =>
      Effect.gen(function*() {
        // It is in neither state before.
        const { server, task } = yield* started({
          status: until === "working" || reached === "working" ? "input_required" : "working"
        })
        const [from] = (yield* watch(task)).statuses()
        const waiting = yield* start(Effect.exit(task.wait({ until })))
        if (until !== from) assert.isUndefined(waiting.pollUnsafe())
        yield* server.set(FIRST, { status: reached, statusMessage: "because" })
        yield* soon
        if (until === from) assert.strictEqual((yield* yield* Fiber.join(waiting)).status, until)
        else if (until === reached) assert.strictEqual((yield* yield* Fiber.join(waiting)).status, until)
        else if (over.includes(reached)) {
          const { status, statusMessage, taskId } = yield* failsWith("TaskEndedError")(
            Effect.flatten(Fiber.join(waiting))
          )
          assert.deepStrictEqual(
            { status, statusMessage, taskId },
            { status: reached as typeof status, statusMessage: "because", taskId: FIRST }
          )
        } else assert.isUndefined(waiting.pollUnsafe())
      })
  )

  it.effect.each(pairs(statuses, over))(
    "waited for to be %s that is %s already is not asked",
    ([until, reached]) =>
      Effect.gen(function*() {
        const { server, task } = yield* started({ status: reached })
        const { alive, counting } = census()
        const waited = task.wait({ until, timeout: "1 hour" })
        if (until === reached) assert.strictEqual((yield* counting(waited)).status, reached)
        else assert.strictEqual((yield* counting(failsWith("TaskEndedError")(waited))).status, reached)
        yield* settled
        assert.isEmpty(server.of("tasks/get"))
        assert.strictEqual(alive(), 0)
      })
  )

  it.effect.each(over)("is waited for to end by default, also as %s", (end) =>
    Effect.gen(function*() {
      const { server, task } = yield* started()
      const waiting = yield* start(task.wait())
      yield* server.set(FIRST, { status: "input_required", inputRequests: {} })
      yield* soon
      assert.isUndefined(waiting.pollUnsafe())
      yield* server.set(FIRST, { status: end })
      yield* soon
      assert.strictEqual((yield* Fiber.join(waiting)).status, end)
    }))

  it.effect.each<readonly [ReadonlyArray<McpTask.Status>, McpTask.Status]>([
    [["completed", "input_required"], "input_required"],
    [["completed", "input_required"], "completed"],
    [["failed", "cancelled"], "failed"],
    [["failed", "cancelled"], "cancelled"]
  ])("is waited for to be any of %j: %s", ([until, reached]) =>
    Effect.gen(function*() {
      const { server, task } = yield* started()
      const waiting = yield* start(task.wait({ until }))
      yield* server.set(FIRST, { status: reached, inputRequests: {} })
      yield* soon
      assert.strictEqual((yield* Fiber.join(waiting)).status, reached)
    }))

  it.effect("can not be waited for to be in no state at all", () =>
    Effect.gen(function*() {
      const { server, task } = yield* started()
      yield* failsWith("ConfigurationError")(task.wait({ until: [] }))
      assert.isEmpty(server.of("tasks/get"))
    }))

  it.effect("is waited for no longer than allowed", () =>
    Effect.gen(function*() {
      const { client, server, task } = yield* started()
      const waiting = yield* start(Effect.flip(task.wait({ until: "completed", timeout: "10 seconds" })))
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error: McpError = yield* Fiber.join(waiting)
      const { budget, millis } = yield* failsWith("TimeoutError")(Effect.fail(error))
      assert.deepStrictEqual({ budget, millis }, { budget: "wait", millis: 10_000 })
      assert.strictEqual(error.server, client.name)
      assert.strictEqual(error.method, "tools/call")
      const asked = server.of("tasks/get").length
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(server.of("tasks/get").length, asked)
      assert.isEmpty(server.of("tasks/cancel"))
    }))

  it.effect("is waited for no time at all, or for ever", () =>
    Effect.gen(function*() {
      const { server, task } = yield* started()
      const short = yield* start(failsWith("TimeoutError")(task.wait({ timeout: 0 })))
      const long = yield* start(task.wait({ timeout: Duration.infinity }))
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(short)).millis, 0)
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(long.pollUnsafe())
      yield* server.set(FIRST, { status: "completed" })
      yield* soon
      yield* Fiber.join(long)
    }))

  it.effect("is not waited for as long as something that is no duration", () =>
    Effect.gen(function*() {
      const { task } = yield* started()
      const { message } = yield* failsWith("ConfigurationError")(task.wait({ timeout: "soon" as never }))
      assert.include(message, "timeout")
      assert.include(message, "soon")
    }))

  it.effect.each(statuses)("that is lost is waited for no longer, to be %s", (until) =>
    Effect.gen(function*() {
      const { server, task } = yield* started({
        status: until === "working" ? "input_required" : "working",
        ttl: 60_000
      })
      const waiting = yield* start(failsWith("TaskLostError")(task.wait({ until })))
      yield* server.forget(FIRST)
      yield* soon
      assert.isFalse((yield* Fiber.join(waiting)).expired)
    }))

  it.effect.each(statuses)(
    "that does not change for its time to live is waited for no longer, to be %s",
    (until) =>
      Effect.gen(function*() {
        const { task } = yield* started({
          status: until === "working" ? "input_required" : "working",
          ttl: 10_000,
          pollInterval: 3_000
        })
        const waiting = yield* start(failsWith("TaskLostError")(task.wait({ until })))
        yield* TestClock.adjust("9900 millis")
        assert.isUndefined(waiting.pollUnsafe())
        yield* TestClock.adjust("200 millis")
        assert.isTrue((yield* Fiber.join(waiting)).expired)
      })
  )

  it.effect("lives on for as long again with each change", () =>
    Effect.gen(function*() {
      const { server, task } = yield* started({ ttl: 10_000 })
      const waiting = yield* start(task.wait())
      for (let step = 1; step <= 5; step++) {
        yield* TestClock.adjust("8 seconds")
        yield* server.set(FIRST, { statusMessage: `step ${step}` })
      }
      yield* server.set(FIRST, { status: "completed" })
      yield* soon
      assert.strictEqual((yield* Fiber.join(waiting)).status, "completed")
    }))

  // ---------------------------------------------------------------------------
  // Without a task
  // ---------------------------------------------------------------------------

  it.effect.each(statuses)("that there never was is completed: wait for %s", (until) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect(era)
      const task = yield* client.startTool("forbidden")
      assert.isTrue(task.ranImmediately)
      if (until === "completed") assert.strictEqual((yield* task.wait({ until })).status, "completed")
      else assert.strictEqual((yield* failsWith("TaskEndedError")(task.wait({ until }))).status, "completed")
      assert.strictEqual((yield* task.status).status, "completed")
      assert.deepStrictEqual((yield* Stream.runCollect(task.changes)).map(({ status }) => status), ["completed"])
      assert.isEmpty(server.log.filter(({ method }) => method.startsWith("tasks/")))
    }))
})

it.effect("a task keeps the newest states for who does not keep up", () =>
  Effect.gen(function*() {
    const { client, server } = yield* connect("legacy", { task: { pollInterval: 50 } })
    const task = yield* client.startTool("optional")
    let seen = 0
    let last: string | undefined
    // A viewer who is slow at first.
    yield* start(Stream.runForEach(task.changes, ({ statusMessage }) =>
      Effect.suspend(() => {
        last = statusMessage
        return seen++ === 0 ? Effect.sleep("10 minutes") : Effect.void
      })))
    for (let step = 1; step <= 300; step++) {
      yield* server.set(FIRST, { statusMessage: `step ${step}` })
      yield* TestClock.adjust("60 millis")
    }
    yield* server.set(FIRST, { status: "completed", statusMessage: "done" })
    yield* TestClock.adjust("10 minutes")
    assert.strictEqual(last, "done")
    assert.isAtMost(seen, 258)
    assert.isAtLeast(seen, 256)
  }))

import type * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError, ToolError } from "@effect-mcp/client/McpError"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import type * as McpTask from "@effect-mcp/client/McpTask"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { elicitation, form } from "../asking.ts"
import { eras, reasonOf, start } from "../harness.ts"
import { metaOf } from "../modern/support.ts"
import { connect as connectTo, FIRST, type Script, type Server } from "./support.ts"

/** Runs what never gets what it waits for, and says when and how it failed. */
const expiry = <A>(waiting: Effect.Effect<A, McpError | ToolError>) =>
  Effect.gen(function*() {
    const before = yield* Clock.currentTimeMillis
    const { budget, millis } = reasonOf("TimeoutError", yield* Effect.flip(waiting))
    return { after: (yield* Clock.currentTimeMillis) - before, budget, millis }
  })

/** Changes a task every so often, for so many times. */
const busy = (server: Server, every: Duration.Input, times: number) =>
  Effect.forEach(
    Array.from({ length: times }, (_, step) => `step ${step}`),
    (statusMessage) => Effect.andThen(TestClock.adjust(every), server.set(FIRST, { statusMessage })),
    { discard: true }
  )

// Much time passes here, and many a request: all at once they would keep each other up.
describe.each(eras)("in the %s era", { concurrent: false }, (era) => {
  const connect = (script: Script = {}, options?: McpClient.Options) =>
    connectTo(era, { ...script, task: { pollInterval: 1_000, ...script.task } }, options)

  /** A server that asks, and a user who takes so long to answer. */
  const asking = Effect.fnUntraced(function*(answersAfter: Duration.Input, options?: McpClient.CallOptions) {
    const answer = McpHandlers.accept({ name: "Ada" })
    const { client, server } = yield* connect({}, {
      handlers: { elicitation: { form: () => Effect.delay(Effect.succeed(answer), answersAfter) } }
    })
    const calling = yield* start(client.callTool("required", {}, options))
    const params: JsonObject = form({ name: { type: "string" } })
    yield* server.set(FIRST, {
      status: "input_required",
      inputRequests: { name: { method: elicitation, params } }
    })
    if (era === "legacy") yield* start(Effect.ignore(server.ask(FIRST, elicitation, params)))
    return { calling, server }
  })

  // ---------------------------------------------------------------------------
  // Calls
  // ---------------------------------------------------------------------------

  describe("a plain call that becomes a task", () => {
    it.effect.each<{ readonly millis: number } & McpClient.Options & McpClient.CallOptions>([
      { millis: 60_000, timeout: "1 minute" },
      { millis: 10_000, timeouts: { call: "5 seconds" }, timeout: "10 seconds" },
      { millis: 7_200_000, timeout: "2 hours" }
    ])(
      "waits for $millis ms without a change, then cancels the task",
      ({ millis, timeout, timeouts }) =>
        Effect.gen(function*() {
          const { client, server } = yield* connect({ task: { pollInterval: 60_000 } }, { timeouts })
          const calling = yield* start(expiry(client.callTool("required", {}, { timeout })))
          yield* TestClock.adjust(millis - 1)
          assert.isUndefined(calling.pollUnsafe())
          assert.isEmpty(server.of("tasks/cancel"))
          yield* TestClock.adjust(1)
          assert.deepStrictEqual(yield* Fiber.join(calling), { after: millis, budget: "call", millis })
          assert.deepStrictEqual(server.of("tasks/cancel"), [{ taskId: FIRST }])
        })
    )

    it.effect("waits for an hour if nobody says how long, since the server says that the task goes on", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect({ task: { pollInterval: 60_000 } }, {
          timeouts: { call: "5 seconds" }
        })
        const calling = yield* start(expiry(client.callTool("required")))
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(yield* Fiber.join(calling), { after: 3_600_000, budget: "total", millis: 3_600_000 })
        assert.deepStrictEqual(server.of("tasks/cancel"), [{ taskId: FIRST }])
      }))

    it.effect("says which server and method it was", () =>
      Effect.gen(function*() {
        const { client } = yield* connect({}, { name: "sleepy" })
        const calling = yield* start(Effect.flip(client.raw.callTool("required", {}, { timeout: "1 minute" })))
        yield* TestClock.adjust("1 minute")
        const error = yield* Fiber.join(calling)
        assert.deepStrictEqual([error.server, error.method], ["sleepy", "tools/call"])
      }))

    it.effect("waits on with each change", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect()
        const calling = yield* start(expiry(client.callTool("required", {}, { timeout: "1 minute" })))
        yield* busy(server, "50 seconds", 4)
        assert.isUndefined(calling.pollUnsafe())
        // The last change is seen a little later.
        yield* TestClock.adjust("61200 millis")
        const { after, budget, millis } = yield* Fiber.join(calling)
        assert.deepStrictEqual({ budget, millis }, { budget: "call", millis: 60_000 })
        assert.isAtLeast(after, 260_000)
      }))

    it.effect.each<{ readonly millis: number } & McpClient.Options & McpClient.CallOptions>([
      { millis: 90_000, timeouts: { total: "90 seconds" } },
      { millis: 70_000, timeouts: { total: "90 seconds" }, totalTimeout: "70 seconds" }
    ])(
      "waits for $millis ms altogether, whatever changes",
      ({ millis, timeouts, totalTimeout }) =>
        Effect.gen(function*() {
          const { client, server } = yield* connect({}, { timeouts })
          const calling = yield* start(expiry(client.callTool("required", {}, { totalTimeout })))
          yield* busy(server, "10 seconds", 10)
          assert.deepStrictEqual(yield* Fiber.join(calling), { after: millis, budget: "total", millis })
          assert.deepStrictEqual(server.of("tasks/cancel"), [{ taskId: FIRST }])
        })
    )

    it.effect("counts the time that it took to make the task towards the total", () =>
      Effect.gen(function*() {
        const { client } = yield* connect({
          task: { pollInterval: 60_000 },
          methods: ({ create }) => ({ "tools/call": () => Effect.delay(create(), "50 seconds") })
        })
        const timeouts: McpClient.CallOptions = { timeout: "1 minute", totalTimeout: "100 seconds" }
        const calling = yield* start(expiry(client.callTool("required", {}, timeouts)))
        yield* TestClock.adjust("100 seconds")
        assert.deepStrictEqual(yield* Fiber.join(calling), { after: 100_000, budget: "total", millis: 100_000 })
      }))

    it.effect("waits for a change from when there was a task", () =>
      Effect.gen(function*() {
        const { client } = yield* connect({
          methods: ({ create }) => ({ "tools/call": () => Effect.delay(create(), "50 seconds") })
        })
        const calling = yield* start(expiry(client.callTool("required", {}, { timeout: "1 minute" })))
        yield* TestClock.adjust("110 seconds")
        assert.deepStrictEqual(yield* Fiber.join(calling), { after: 110_000, budget: "call", millis: 60_000 })
      }))

    it.effect("may wait for ever", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect({ task: { pollInterval: 60_000 } })
        const calling = yield* start(client.callTool("required", {}, { timeout: Duration.infinity }))
        yield* TestClock.adjust("3 hours")
        yield* server.set(FIRST, { status: "completed" })
        yield* TestClock.adjust("66 seconds")
        yield* Fiber.join(calling)
      }))

    it.effect("does not wait for a server that does not say how the task is", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect({ methods: () => ({ "tasks/get": () => Effect.never }) })
        const calling = yield* start(expiry(client.callTool("required", {}, { timeout: "10 seconds" })))
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* Fiber.join(calling), { after: 10_000, budget: "call", millis: 10_000 })
        assert.lengthOf(server.of("tasks/get"), 1)
      }))

    it.effect("waits for at most five seconds more for the task to be cancelled", () =>
      Effect.gen(function*() {
        const { client } = yield* connect({ methods: () => ({ "tasks/cancel": () => Effect.never }) })
        const calling = yield* start(expiry(client.callTool("required", {}, { timeout: "10 seconds" })))
        yield* TestClock.adjust("15 seconds")
        assert.deepStrictEqual(yield* Fiber.join(calling), { after: 15_000, budget: "call", millis: 10_000 })
      }))

    it.effect("that ended in time leaves no deadline behind", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect()
        const calling = yield* start(client.callTool("required"))
        yield* server.set(FIRST, { status: "completed" })
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(calling)
        const sent = server.log.length
        yield* TestClock.adjust("2 hours")
        assert.lengthOf(server.log, sent)
      }))
  })

  // ---------------------------------------------------------------------------
  // Questions
  // ---------------------------------------------------------------------------

  describe("a question", () => {
    it.effect("may be thought about for longer than anything may take that does not change", () =>
      Effect.gen(function*() {
        const { calling, server } = yield* asking("1 minute", { timeout: "10 seconds" })
        yield* TestClock.adjust("1 minute")
        assert.isUndefined(calling.pollUnsafe())
        // After the answer, the wait begins anew.
        yield* TestClock.adjust("9 seconds")
        assert.isUndefined(calling.pollUnsafe())
        yield* server.set(FIRST, { status: "completed" })
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(calling)
      }))

    it.effect("that was answered has to lead to something", () =>
      Effect.gen(function*() {
        const { calling } = yield* asking("1 minute", { timeout: "10 seconds" })
        const failing = yield* start(expiry(Fiber.join(calling)))
        yield* TestClock.adjust("69 seconds")
        assert.isUndefined(failing.pollUnsafe())
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(failing)).millis, 10_000)
      }))

    it.effect("may not be thought about for longer than all of it may take", () =>
      Effect.gen(function*() {
        const { calling, server } = yield* asking("1 hour", { timeout: "10 seconds", totalTimeout: "1 minute" })
        const failing = yield* start(expiry(Fiber.join(calling)))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* Fiber.join(failing), { after: 60_000, budget: "total", millis: 60_000 })
        assert.lengthOf(server.of("tasks/cancel"), 1)
      }))
  })

  // ---------------------------------------------------------------------------
  // Handles
  // ---------------------------------------------------------------------------

  describe("a task that was started", () => {
    it.effect("is waited for as long as it lives, if nothing else is said", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect({ task: { pollInterval: 60_000 } }, {
          timeouts: { call: "5 seconds", total: "10 seconds" }
        })
        const task = yield* client.startTool("optional")
        const waiting = yield* start(task.await)
        yield* TestClock.adjust("3 hours")
        assert.isUndefined(waiting.pollUnsafe())
        yield* server.set(FIRST, { status: "completed" })
        yield* TestClock.adjust("66 seconds")
        yield* Fiber.join(waiting)
      }))

    const bounded: ReadonlyArray<readonly [what: string, McpClient.ResumeOptions, budget: "call" | "total"]> = [
      ["a change", { timeout: "10 seconds" }, "call"],
      ["the end", { totalTimeout: "10 seconds" }, "total"],
      ["either", { timeout: "10 seconds", totalTimeout: "1 minute" }, "call"],
      ["either", { timeout: "1 minute", totalTimeout: "10 seconds" }, "total"]
    ]

    it.effect.each(bounded)(
      "is waited for as long as is said, for %s: %j",
      ([, options, budget]) =>
        Effect.gen(function*() {
          const { client, server } = yield* connect({ task: { pollInterval: 60_000 } })
          const task = yield* client.startTool("optional", {}, options)
          const waiting = yield* start(expiry(task.await))
          yield* TestClock.adjust("9999 millis")
          assert.isUndefined(waiting.pollUnsafe())
          yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(yield* Fiber.join(waiting), { after: 10_000, budget, millis: 10_000 })
          // Who started it may come back to it.
          assert.isEmpty(server.of("tasks/cancel"))
        })
    )

    it.effect.each(bounded)(
      "that was taken up again, too, for %s: %j",
      ([, options, budget]) =>
        Effect.gen(function*() {
          const { client } = yield* connect({ task: { pollInterval: 60_000 } })
          const saved = (yield* client.startTool("optional")).toJSON()
          yield* TestClock.adjust("1 hour")
          const task = yield* client.resumeTool("optional", saved, options)
          const waiting = yield* start(expiry(task.await))
          yield* TestClock.adjust("10 seconds")
          assert.deepStrictEqual(yield* Fiber.join(waiting), { after: 10_000, budget, millis: 10_000 })
        })
    )

    it.effect("is waited for on with each change", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect()
        const task = yield* client.startTool("optional", {}, { timeout: "10 seconds" })
        const waiting = yield* start(task.await)
        yield* busy(server, "8 seconds", 20)
        yield* server.set(FIRST, { status: "completed" })
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(waiting)
      }))

    it.effect("is cancelled when nobody waits any longer, if that is wanted", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect()
        const task = yield* client.startTool("optional", {}, { timeout: "10 seconds", onInterrupt: "cancel" })
        const waiting = yield* start(expiry(task.await))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(waiting)
        assert.deepStrictEqual(server.of("tasks/cancel"), [{ taskId: FIRST }])
      }))

    it.effect("can be waited for again when that took too long", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect()
        const task = yield* client.startTool("optional", {}, { timeout: "10 seconds" })
        const waiting = yield* start(expiry(task.await))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(waiting)
        const again = yield* start(task.await)
        yield* server.set(FIRST, { status: "completed" })
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(again)
      }))

    it.effect("is waited for in other ways for as long as it lives", () =>
      Effect.gen(function*() {
        const { client } = yield* connect({ task: { pollInterval: 60_000 } })
        const task = yield* client.startTool("optional", {}, { timeout: "10 seconds", totalTimeout: "10 seconds" })
        const waiting = [yield* start(task.wait()), yield* start(Stream.runDrain(task.changes))]
        yield* TestClock.adjust("10 minutes")
        for (const fiber of waiting) assert.isUndefined(fiber.pollUnsafe())
      }))

    it.effect("has to be started in time", () =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({ methods: () => ({ "tools/call": () => Effect.never }) }, {
          timeouts: { call: "20 seconds" }
        })
        const usual = yield* start(expiry(client.startTool("optional")))
        const own = yield* start(expiry(client.startTool("optional", {}, { timeout: "10 seconds" })))
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(yield* Fiber.join(usual), { after: 20_000, budget: "call", millis: 20_000 })
        assert.deepStrictEqual(yield* Fiber.join(own), { after: 10_000, budget: "call", millis: 10_000 })
        assert.lengthOf((yield* mock.methods).filter((method) => method === "notifications/cancelled"), 2)
      }))

    it.effect("has to be asked about in time", () =>
      Effect.gen(function*() {
        const { client } = yield* connect({
          methods: () => ({ "tasks/get": () => Effect.never, "tasks/cancel": () => Effect.never })
        }, { timeouts: { call: "20 seconds" } })
        const usual = yield* client.startTool("optional")
        const own = yield* client.startTool("optional", {}, { timeout: "10 seconds" })
        const waits = (task: McpTask.McpTask<unknown>) =>
          Effect.all([start(expiry(task.status)), start(expiry(task.cancel))])
        const ofUsual = yield* waits(usual)
        const ofOwn = yield* waits(own)
        yield* TestClock.adjust("20 seconds")
        for (const { after } of yield* Fiber.joinAll(ofUsual)) assert.strictEqual(after, 20_000)
        for (const { after } of yield* Fiber.joinAll(ofOwn)) assert.strictEqual(after, 10_000)
      }))
  })
})

describe("progress of a task", () => {
  it.effect("lets a call wait on before there is a task, too", () =>
    Effect.gen(function*() {
      const { client } = yield* connectTo("legacy", {
        task: { status: "completed" },
        methods: ({ create }) => ({
          "tools/call": (_, request) =>
            Effect.andThen(
              Effect.forEach([1, 2, 3], (progress) => Effect.delay(request.progress({ progress }), "50 seconds")),
              create()
            )
        })
      })
      const calling = yield* start(client.callTool("required"))
      const starting = yield* start(client.startTool("optional"))
      yield* TestClock.adjust("150 seconds")
      yield* Fiber.join(calling)
      yield* Fiber.join(starting)
    }))

  it.effect("lets a call wait on, also when nobody listens to it, but not for longer than in total", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectTo("legacy", { task: { pollInterval: 1_000 } })
      const timeouts: McpClient.CallOptions = { timeout: "10 seconds", totalTimeout: "100 seconds" }
      const calling = yield* start(expiry(client.callTool("required", {}, timeouts)))
      const request = (yield* mock.messages).find(({ message }) => message["method"] === "tools/call")
      const { progressToken } = metaOf(request?.message ?? {})
      for (let progress = 1; progress <= 12; progress++) {
        yield* TestClock.adjust("8 seconds")
        yield* mock.notify("notifications/progress", { progressToken, progress })
      }
      assert.isUndefined(calling.pollUnsafe())
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(yield* Fiber.join(calling), { after: 100_000, budget: "total", millis: 100_000 })
    }))
})

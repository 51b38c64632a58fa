import type * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError, ToolError } from "@effect-mcp/client/McpError"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as McpTask from "@effect-mcp/client/McpTask"
import * as Fault from "@effect-mcp/testing/Fault"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { elicitation, form } from "../asking.ts"
import { clientOf, failsWith, settled, start } from "../harness.ts"
import type { Mock } from "../modern/support.ts"
import { connect as connectTo, done, FIRST, refuse, type Script } from "./support.ts"

const connect = (script?: Script, options?: Parameters<typeof connectTo>[2]) =>
  connectTo("modern", { ...script, task: { pollInterval: 1000, ...script?.task } }, options)

/** Another client of the same server. */
const another = (mock: Mock, options?: McpClient.Options) =>
  Effect.tap(clientOf(mock.transport, { protocol: "modern", ...options }), () => settled)

const GET = "tasks/get"

describe("a task is lost", () => {
  it.effect.each<readonly [number | null, number, boolean]>([
    [null, 3600, false],
    [60_000, 30, false],
    [60_000, 58, false],
    [60_000, 60, true]
  ])(
    "when the server does not know it any more: kept for %s ms, gone after %d s",
    ([ttl, seconds, expired]) =>
      Effect.gen(function*() {
        const { client, server } = yield* connect({ task: { ttl, pollInterval: 100_000 } })
        const task = yield* client.startTool("required")
        yield* TestClock.adjust(`${seconds} seconds`)
        yield* server.forget(FIRST)
        const { taskId, ...reason } = yield* failsWith("TaskLostError")(task.status)
        assert.deepStrictEqual([taskId, reason.expired], [FIRST, expired])
        // Nobody asks for what is known.
        const asked = server.log.length
        assert.strictEqual((yield* failsWith("TaskLostError")(task.await)).expired, expired)
        assert.strictEqual(server.log.length, asked)
      })
  )

  it.effect("for all who wait, and all who watch", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required")
      const waiting: ReadonlyArray<Fiber.Fiber<unknown, McpError | ToolError>> = [
        yield* start(task.await),
        yield* start(task.wait()),
        yield* start(task.wait({ until: "input_required" })),
        yield* start(Stream.runDrain(task.changes))
      ]
      yield* TestClock.adjust("5 seconds")
      yield* server.forget(FIRST)
      yield* TestClock.adjust("2 seconds")
      for (const waiter of waiting) assert.isFalse((yield* failsWith("TaskLostError")(Fiber.join(waiter))).expired)
    }))

  it.effect("when its time to live is over and nothing has changed, also if the server still tells of it", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { ttl: 30_000, pollInterval: 20_000 } })
      const call = yield* start(client.callTool("required"))
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(call.pollUnsafe(), undefined)
      // Sums of such intervals are not exact.
      yield* TestClock.adjust("1001 millis")
      assert.isTrue((yield* failsWith("TaskLostError")(Fiber.join(call))).expired)
      assert.closeTo(server.times(GET).at(-1)!, 30_000, 1)
      const asked = server.log.length
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(server.log.length, asked)
    }))

  it.effect("when nothing has changed for so long since it changed last, also if it was taken up again meanwhile", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { ttl: 60_000 } })
      const task = yield* client.startTool("required")
      yield* TestClock.adjust("50 seconds")
      yield* server.set(FIRST, { statusMessage: "half" })
      yield* task.status
      yield* TestClock.adjust("30 seconds")
      const waiting = yield* start((yield* client.resumeTool("required", task.toJSON())).await)
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      assert.isTrue((yield* failsWith("TaskLostError")(Fiber.join(waiting))).expired)
    }))

  it.effect("when the server forgot what it failed with, which may be the same error", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { ttl: 60_000 } })
      const task = yield* client.startTool("required")
      yield* server.set(FIRST, { status: "failed", error: { code: -32602, message: "no such city" } })
      yield* task.status
      const saved = task.toJSON()
      const known = yield* client.resumeTool("required", saved)
      assert.strictEqual((yield* failsWith("JsonRpcError")(known.await)).description, "no such city")
      yield* server.forget(FIRST)
      yield* TestClock.adjust("1 minute")
      const gone = yield* client.resumeTool("required", saved)
      assert.isTrue((yield* failsWith("TaskLostError")(gone.await)).expired)
    }))

  it.effect("not when the server fails to tell of it for another reason", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ methods: () => ({ [GET]: () => refuse(-32000, "oops") }) })
      const task = yield* client.startTool("required")
      const waiting = yield* start(task.await)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* failsWith("JsonRpcError")(Fiber.join(waiting))).code, -32000)
      assert.strictEqual(server.of(GET).length, 1)
    }))
})

describe("a server that is out of reach", () => {
  it.effect("is asked in the next session", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      const call = yield* start(client.callTool("required"))
      for (let n = 1; n <= 5; n++) {
        yield* TestClock.adjust("3 seconds")
        yield* mock.disconnect()
      }
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* mock.connections, 6)
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
    }))

  it.effect("may have forgotten the task", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      const call = yield* start(client.callTool("required"))
      yield* TestClock.adjust("3 seconds")
      yield* server.forget(FIRST)
      yield* mock.disconnect()
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* failsWith("TaskLostError")(Fiber.join(call))).taskId, FIRST)
      assert.deepStrictEqual(server.of("tasks/cancel"), [])
    }))

  // Each time it is asked up to three times, in as many sessions.
  it.effect.each([[12, true], [15, false]] as const)(
    "is asked again and again, but not for ever: %d times",
    ([times, goesOn]) =>
      Effect.gen(function*() {
        const { client, mock, server } = yield* connect()
        const task = yield* client.startTool("required")
        yield* mock.inject(Fault.disconnect(GET, times))
        const waiting = yield* start(task.await)
        yield* TestClock.adjust("10 minutes")
        if (goesOn) {
          yield* server.set(FIRST, { status: "completed" })
          yield* TestClock.adjust("3 seconds")
          assert.deepStrictEqual<unknown>(yield* Fiber.join(waiting), done)
        } else {
          assert.strictEqual((yield* failsWith("ClosedError")(Fiber.join(waiting))).by, "server")
          assert.deepStrictEqual(server.of(GET), [])
          // The task itself is not lost.
          const again = yield* start(task.await)
          yield* server.set(FIRST, { status: "completed" })
          yield* TestClock.adjust("3 seconds")
          assert.deepStrictEqual<unknown>(yield* Fiber.join(again), done)
        }
      })
  )

  it.effect("may leave questions unanswered for a while", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({}, { timeouts: { call: "10 seconds" } })
      const task = yield* client.startTool("required")
      const waiting = yield* start(task.await)
      for (let n = 0; n < 3; n++) {
        yield* mock.inject(Fault.drop(GET, 4))
        yield* TestClock.adjust("2 minutes")
      }
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(waiting), done)
    }))
})

describe("a task is saved", () => {
  it.effect("as plain JSON, without what it was given", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ task: { ttl: 60_000, statusMessage: "baking" } })
      const task = yield* client.startTool("required", { secret: "hunter2" })
      const json: unknown = JSON.parse(JSON.stringify(task))
      assert.deepStrictEqual(json, {
        server: "mock",
        method: "tools/call",
        name: "required",
        taskId: FIRST,
        status: "working",
        statusMessage: "baking",
        createdAt: "1970-01-01T00:00:00.000Z",
        lastUpdatedAt: "1970-01-01T00:00:00.000Z",
        ttl: 60_000,
        pollInterval: 1000,
        startedAt: 0,
        answered: []
      })
      assert.isTrue(Schema.is(McpTask.Saved)(json))
    }))

  it.effect("and goes on in another client, when the first is no more", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client, mock, server } = yield* Scope.provide(connect(), scope)
      const saved = JSON.stringify(yield* client.startTool("required", { a: 1 }))
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 hour")
      const task = yield* (yield* another(mock)).resumeTool("required", JSON.parse(saved))
      assert.deepStrictEqual([task.id, task.ranImmediately], [FIRST, false])
      // It is asked at once.
      const waiting = yield* start(task.await)
      assert.deepStrictEqual(server.times(GET), [3_600_000])
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(waiting), done)
      assert.strictEqual(server.of("tools/call").length, 1)
    }))

  it.effect("with the questions that were answered", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const handlers: McpHandlers.Handlers = {
        elicitation: {
          form: ({ message }) => Effect.sync(() => (log.push(message), McpHandlers.accept({})))
        }
      }
      const ask = (message: string) => ({ method: elicitation, params: { ...form(), message } })
      const { client, mock, server } = yield* connect({
        // It takes its time to notice answers.
        methods: () => ({ "tasks/update": () => Effect.succeed({ resultType: "complete" }) })
      }, { handlers })
      const first = yield* client.startTool("required")
      const waiting = yield* start(first.await)
      yield* server.set(FIRST, { status: "input_required", inputRequests: { a: ask("a") } })
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(first.toJSON().answered, ["a"])
      yield* server.set(FIRST, { inputRequests: { a: ask("a"), b: ask("b") } })
      const other = yield* another(mock, { handlers })
      const second = yield* other.resumeTool("required", JSON.parse(JSON.stringify(first)))
      yield* start(second.await)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(log, ["a", "b"])
      assert.deepStrictEqual(second.toJSON().answered, ["a", "b"])
      assert.deepStrictEqual(server.of("tasks/update").map(({ inputResponses }) => Object.keys(inputResponses as {})), [
        ["a"],
        ["b"]
      ])
    }))

  it.effect("with its result, for which nobody has to be asked", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      const task = yield* client.startTool("required")
      yield* server.set(FIRST, { status: "completed" })
      yield* task.status
      const saved: unknown = JSON.parse(JSON.stringify(task))
      yield* server.forget(FIRST)
      const asked = server.log.length
      const again = yield* (yield* another(mock)).resumeTool("required", saved)
      assert.deepStrictEqual<unknown>(yield* again.await, done)
      assert.strictEqual((yield* again.status).status, "completed")
      assert.strictEqual(server.log.length, asked)
    }))

  it.effect.each<readonly [McpTask.Status, "JsonRpcError" | "TaskEndedError"]>([
    ["failed", "JsonRpcError"],
    ["cancelled", "TaskEndedError"]
  ])("when it has %s, too, and fails as before", ([status, reason]) =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      const task = yield* client.startTool("required")
      yield* server.set(FIRST, { status, error: { code: -32000, message: "no oven" }, statusMessage: "no" })
      yield* task.status
      const before = yield* failsWith(reason)(task.await)
      const again = yield* (yield* another(mock)).resumeTool("required", JSON.parse(JSON.stringify(task)))
      assert.deepStrictEqual({ ...(yield* failsWith(reason)(again.await)) }, { ...before })
    }))

  it.effect("and is lost when its time to live ran out meanwhile", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { ttl: 60_000 } })
      const saved: unknown = JSON.parse(JSON.stringify(yield* client.startTool("required")))
      yield* TestClock.adjust("1 hour")
      yield* server.forget(FIRST)
      const task = yield* (yield* another(mock)).resumeTool("required", saved)
      assert.isTrue((yield* failsWith("TaskLostError")(task.await)).expired)
    }))

  it.effect.each<readonly [string, (saved: JsonObject) => unknown]>([
    ["null", () => null],
    ["text", (saved) => JSON.stringify(saved)],
    ["nothing", () => ({})],
    ["without an id", ({ taskId: _, ...rest }) => rest],
    ["in an unknown state", (saved) => ({ ...saved, status: "sleeping" })],
    ["of another tool", (saved) => ({ ...saved, name: "optional" })],
    ["of a prompt", (saved) => ({ ...saved, method: "prompts/get" })]
  ])("and not taken up when it is %s", ([, change]) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const saved = JSON.parse(JSON.stringify(yield* client.startTool("required"))) as JsonObject
      yield* failsWith("ConfigurationError")(client.resumeTool("required", change(saved)))
      assert.strictEqual(server.log.length, 1)
    }))

  it.effect("and waited for no longer than allowed when it is taken up", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      const saved = (yield* client.startTool("required")).toJSON()
      yield* TestClock.adjust("1 hour")
      const other = yield* another(mock)
      const idle = yield* start((yield* other.resumeTool("required", saved, { timeout: "10 seconds" })).await)
      const total = yield* start(
        (yield* other.resumeTool("required", saved, { totalTimeout: "20 seconds", onInterrupt: "cancel" })).await
      )
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual((yield* failsWith("TimeoutError")(Fiber.join(idle))).budget, "call")
      assert.deepStrictEqual([total.pollUnsafe(), server.of("tasks/cancel")], [undefined, []])
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* failsWith("TimeoutError")(Fiber.join(total))).budget, "total")
      assert.deepStrictEqual(server.of("tasks/cancel"), [{ taskId: FIRST }])
    }))
})

describe("the tasks of a client", () => {
  const listed = (client: McpClient.McpClient) =>
    Effect.map(Stream.runCollect(client.listTasks()), (states) => states.map(({ status, taskId }) => [taskId, status]))

  it.effect("are those that it started or took up, as far as the server knows them", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      assert.deepStrictEqual(yield* listed(client), [])
      yield* client.startTool("required")
      yield* start(client.callTool("required"))
      yield* client.startTool("forbidden")
      const other = yield* another(mock)
      yield* client.resumeTool("required", (yield* other.startTool("required")).toJSON())
      yield* other.startTool("required")
      yield* server.set("task-2", { status: "cancelled" })
      assert.deepStrictEqual(yield* listed(client), [
        ["task-1", "working"],
        ["task-2", "cancelled"],
        ["task-3", "working"]
      ])
      yield* server.forget("task-1")
      const asked = server.of(GET).length
      assert.deepStrictEqual((yield* listed(client)).map(([taskId]) => taskId), ["task-2", "task-3"])
      assert.strictEqual(server.of(GET).length, asked + 3)
      // What the server has forgotten, so has the client.
      assert.deepStrictEqual((yield* listed(client)).map(([taskId]) => taskId), ["task-2", "task-3"])
      assert.strictEqual(server.of(GET).length, asked + 5)
      assert.deepStrictEqual(server.of("tasks/list"), [])
    }))

  it.effect("can not be told when the server fails", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ methods: () => ({ [GET]: () => refuse(-32000, "oops") }) })
      yield* client.startTool("required")
      assert.strictEqual((yield* failsWith("JsonRpcError")(listed(client))).code, -32000)
    }))
})

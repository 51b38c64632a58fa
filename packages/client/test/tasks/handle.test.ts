import * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError, ToolError } from "@effect-mcp/client/McpError"
import * as McpPrompt from "@effect-mcp/client/McpPrompt"
import * as McpResource from "@effect-mcp/client/McpResource"
import * as McpTask from "@effect-mcp/client/McpTask"
import * as McpTool from "@effect-mcp/client/McpTool"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as Fault from "@effect-mcp/testing/Fault"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { census, eras, failsWith, reasonOf, settled, start } from "../harness.ts"
import { objectOf } from "../modern/support.ts"
import { connect as connectTo, done, type Era, FIRST, refuse, type Script } from "./support.ts"

/** Long enough for the server to be asked again. */
const soon = TestClock.adjust("1100 millis")

const greeting = { content: [], structuredContent: { greeting: "Hello", at: "2025-01-01T00:00:00.000Z" } }
const failure = { content: [{ type: "text", text: "no such city" }], isError: true }

const greet = McpTool.make("optional", {
  output: Schema.Struct({ greeting: Schema.String, at: Schema.DateFromString })
})

class Greeter extends McpClient.Service<Greeter>()("test/Greeter", {
  tools: { greet, ping: McpTool.make("optional") },
  prompts: { ask: McpPrompt.make("ask") },
  resources: { config: McpResource.make("config://app") }
}) {}

/** A copy as another process gets it. */
const copyOf = (task: McpTask.McpTask<unknown, unknown>): unknown => JSON.parse(JSON.stringify(task))

describe.each(eras)("a handle of the %s era", (era) => {
  const connect = (script: Script = {}, options?: McpClient.Options) =>
    connectTo(era, { ...script, task: { pollInterval: 1_000, ...script.task } }, options)

  const started = Effect.fnUntraced(function*(script?: Script, options?: McpClient.TaskOptions) {
    const connected = yield* connect(script)
    return { ...connected, task: yield* connected.client.startTool("optional", {}, options) }
  })

  describe("to look at", () => {
    it.effect("asks once for all who watch, and no longer than the last of them", () =>
      Effect.gen(function*() {
        const { alive, counting } = census()
        yield* counting(Effect.gen(function*() {
          const { server, task } = yield* started()
          yield* TestClock.adjust(1)
          const before = alive()
          const watchers: ReadonlyArray<Fiber.Fiber<unknown, unknown>> = [
            yield* start(task.await),
            yield* start(task.await),
            yield* start(Stream.runDrain(task.changes)),
            yield* start(task.wait()),
            yield* start(task.wait({ until: "failed" }))
          ]
          yield* TestClock.adjust("5500 millis")
          assert.isAtMost(server.of("tasks/get").length, 5)
          assert.isAtLeast(server.of("tasks/get").length, 4)
          for (const watcher of watchers) {
            const asked = server.of("tasks/get").length
            yield* soon
            assert.isAbove(server.of("tasks/get").length, asked)
            yield* Fiber.interrupt(watcher)
          }
          yield* settled
          assert.strictEqual(alive(), before)
          const asked = server.of("tasks/get").length
          yield* TestClock.adjust("1 hour")
          assert.lengthOf(server.of("tasks/get"), asked)
        }))
      }))

    it.effect("goes on for who comes when the last has left", () =>
      Effect.gen(function*() {
        const { server, task } = yield* started()
        for (let time = 0; time < 3; time++) {
          const waiting = yield* start(task.await)
          yield* soon
          yield* Fiber.interrupt(waiting)
        }
        const waiting = yield* start(task.await)
        yield* server.set(FIRST, { status: "completed" })
        yield* soon
        assert.deepStrictEqual((yield* Fiber.join(waiting)).content as unknown, done.content)
      }))

    it.effect("tells what the server says now, not what it once said", () =>
      Effect.gen(function*() {
        const { server, task } = yield* started({ task: { pollInterval: 60_000 } })
        yield* start(task.await)
        for (const statusMessage of ["one", "two", "three"]) {
          yield* server.set(FIRST, { statusMessage })
          assert.strictEqual((yield* task.status).statusMessage, statusMessage)
        }
        assert.lengthOf(server.of("tasks/get"), 3)
        yield* task.status
        assert.lengthOf(server.of("tasks/get"), 4)
      }))

    it.effect("hears of changes, also after it was told of what is no task", () =>
      Effect.gen(function*() {
        const { client, mock, server } = yield* connect({ task: { pollInterval: 60_000 } })
        const task = yield* client.startTool("optional", {}, { onProgress: () => Effect.void })
        const waiting = yield* start(task.wait())
        for (const taskId of [{ toString: 7 }, null, 7]) {
          yield* mock.notify(era === "modern" ? "notifications/tasks" : "notifications/tasks/status", { taskId })
          yield* mock.notify("notifications/progress", { progressToken: taskId, progress: 1 })
        }
        yield* TestClock.adjust("1 second")
        yield* server.set(FIRST, { status: "completed" })
        yield* server.notify(FIRST)
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(waiting)).status, "completed")
      }))

    it.effect("tells those who watch what the server says to who asks", () =>
      Effect.gen(function*() {
        const { server, task } = yield* started({ task: { pollInterval: 60_000 } })
        const waiting = [
          yield* start(task.await),
          yield* start(task.wait()),
          yield* start(Stream.runDrain(task.changes))
        ]
        yield* server.set(FIRST, { status: "completed" })
        yield* task.status
        yield* TestClock.adjust("50 millis")
        for (const fiber of waiting) assert.isDefined(fiber.pollUnsafe())
      }))

    it.effect("tells those who watch that the task is lost, when who asks finds out", () =>
      Effect.gen(function*() {
        const { server, task } = yield* started({ task: { pollInterval: 60_000 } })
        const waiting = [
          yield* start(failsWith("TaskLostError")(task.await)),
          yield* start(failsWith("TaskLostError")(task.wait())),
          yield* start(failsWith("TaskLostError")(Stream.runDrain(task.changes)))
        ]
        yield* server.forget(FIRST)
        yield* failsWith("TaskLostError")(task.status)
        yield* TestClock.adjust("50 millis")
        for (const fiber of waiting) assert.isDefined(fiber.pollUnsafe())
      }))

    it.effect("keeps the session open, however seldom the server wants to be asked", () =>
      Effect.gen(function*() {
        const { client, mock, server } = yield* connect({ task: { pollInterval: 60_000 } }, {
          lazy: true,
          idleTimeToLive: "1 second"
        })
        const task = yield* client.startTool("optional")
        const waiting = yield* start(task.await)
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual(yield* mock.connections, 1)
        assert.isAtLeast(server.of("tasks/get").length, 9)
        yield* Fiber.interrupt(waiting)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* mock.open, 0)
      }))

    it.effect("of a task that has ended asks nobody", () =>
      Effect.gen(function*() {
        const { server, task } = yield* started()
        yield* server.set(FIRST, { status: "completed" })
        const state = yield* task.status
        assert.deepStrictEqual(yield* task.status, state)
        assert.lengthOf(server.of("tasks/get"), 1)
      }))

    it.effect("is known for what it is", () =>
      Effect.gen(function*() {
        const { task } = yield* started()
        assert.isTrue(McpTask.isMcpTask(task))
        assert.isFalse(McpTask.isMcpTask({ ...task.toJSON() }))
        assert.strictEqual(task.id, FIRST)
        assert.isFalse(task.ranImmediately)
      }))
  })

  describe("to wait for", () => {
    it.effect("yields one result to all, and keeps it", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect({ task: { result: greeting } })
        const task = yield* client.startTool(greet, {})
        assert.deepStrictEqual(yield* task.result, Option.none())
        const first = yield* start(task.await)
        const second = yield* start(task.await)
        yield* server.set(FIRST, { status: "completed" })
        yield* soon
        const value = yield* Fiber.join(first)
        assert.deepStrictEqual(value, { greeting: "Hello", at: new Date("2025-01-01") })
        assert.deepStrictEqual(yield* Fiber.join(second), value)
        const asked = server.log.length
        assert.strictEqual(yield* task.await, value)
        assert.strictEqual(Option.getOrUndefined(yield* task.result), value)
        assert.lengthOf(server.log, asked)
      }))

    it.effect("keeps what went wrong, too", () =>
      Effect.gen(function*() {
        const { server, task } = yield* started({ task: { status: "completed", result: failure } })
        const error = yield* Effect.flip(task.await)
        const asked = server.log.length
        assert.strictEqual(yield* Effect.flip(task.await), error)
        assert.deepStrictEqual(yield* task.result, Option.none())
        assert.lengthOf(server.log, asked)
      }))

    it.effect.each(["close", "scope"] as const)(
      "can be read when the client is gone: %s",
      (how) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          const { client, mock, server, task } = yield* Scope.provide(started({ task: { status: "completed" } }), scope)
          const reading = yield* start(task.await)
          yield* soon
          const value = yield* Fiber.join(reading)
          yield* how === "close" ? client.close : Scope.close(scope, Exit.void)
          const asked = server.log.length
          assert.strictEqual(yield* task.await, value)
          assert.deepStrictEqual(yield* task.result, Option.some(value))
          assert.strictEqual((yield* task.status).status, "completed")
          assert.strictEqual((yield* task.wait()).status, "completed")
          assert.lengthOf(yield* Stream.runCollect(task.changes), 1)
          yield* task.cancel
          assert.strictEqual(task.toJSON().status, "completed")
          assert.lengthOf(server.log, asked)
          assert.strictEqual(yield* mock.open, 0)
        })
    )

    it.effect("lets nobody wait when the client is closed, and goes on afterwards", () =>
      Effect.gen(function*() {
        const { client, mock, server, task } = yield* started()
        const waiting = [
          yield* start(failsWith("ClosedError")(task.await)),
          yield* start(failsWith("ClosedError")(task.wait())),
          yield* start(failsWith("ClosedError")(Stream.runDrain(task.changes)))
        ]
        yield* client.close
        for (const { by } of yield* Fiber.joinAll(waiting)) assert.strictEqual(by, "client")
        yield* settled
        assert.strictEqual(yield* mock.open, 0)
        const again = yield* start(task.await)
        yield* server.set(FIRST, { status: "completed" })
        yield* soon
        yield* Fiber.join(again)
        assert.isEmpty(server.of("tasks/cancel"))
      }))

    it.effect("lets nobody wait when the scope of the client is closed, and leaves nothing", () =>
      Effect.gen(function*() {
        const { alive, counting } = census()
        const scope = yield* Scope.make()
        const { task } = yield* started().pipe(Scope.provide(scope), counting)
        const waiting = yield* counting(start(failsWith("ClosedError")(task.await)))
        yield* soon
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.join(waiting)
        yield* settled
        assert.strictEqual(alive(), 0)
        yield* failsWith("ClosedError")(task.status)
        const late = yield* start(failsWith("ClosedError")(task.await))
        yield* soon
        yield* Fiber.join(late)
      }))

    it.effect.each(["lost", "replaced"] as const)(
      "goes on in the next session when one is %s",
      (how) =>
        Effect.gen(function*() {
          const { client, mock, server, task } = yield* started()
          const waiting = yield* start(task.await)
          yield* soon
          yield* how === "lost" ? mock.disconnect() : client.reconnect
          yield* TestClock.adjust("5 seconds")
          assert.strictEqual(yield* mock.connections, 2)
          assert.strictEqual(yield* mock.open, 1)
          yield* server.set(FIRST, { status: "completed" })
          yield* soon
          assert.deepStrictEqual((yield* Fiber.join(waiting)).content as unknown, done.content)
          assert.lengthOf(server.of("tools/call"), 1)
        })
    )

    it.effect("is no failure because there was no time to read it", () =>
      Effect.gen(function*() {
        const isRead = Latch.makeUnsafe(false)
        const Slow = Schema.String.pipe(Schema.decodeTo(Schema.String, {
          decode: SchemaGetter.transformEffect((it: string) => Effect.as(isRead.await, it)),
          encode: SchemaGetter.passthrough()
        }))
        const tool = McpTool.make("optional", { output: Schema.Struct({ greeting: Slow }) })
        const { client } = yield* connect({ task: { status: "completed", result: greeting } })
        const task = yield* client.startTool(tool, {}, { totalTimeout: "10 seconds" })
        const waiting = yield* start(failsWith("TimeoutError")(task.await))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(waiting)
        yield* isRead.open
        assert.deepStrictEqual(yield* task.await, { greeting: "Hello" })
      }))

    it.effect("can be tried again when the server was out of reach", () =>
      Effect.gen(function*() {
        const { mock, server, task } = yield* started({}, { timeout: "10 seconds", onInterrupt: "leave" })
        yield* mock.inject(Fault.fail("tasks/get", { code: -32000, message: "not now" }, 1))
        const failing = yield* start(failsWith("JsonRpcError")(task.await))
        yield* soon
        yield* Fiber.join(failing)
        const again = yield* start(task.await)
        yield* server.set(FIRST, { status: "completed" })
        yield* soon
        yield* Fiber.join(again)
      }))
  })

  describe("to cancel", () => {
    it.effect("tells the server, and those who wait", () =>
      Effect.gen(function*() {
        const { server, task } = yield* started({ task: { pollInterval: 60_000 } })
        const waiting = yield* start(failsWith("TaskEndedError")(task.await))
        yield* task.cancel
        yield* TestClock.adjust("50 millis")
        assert.strictEqual((yield* Fiber.join(waiting)).status, "cancelled")
        assert.deepStrictEqual(server.of("tasks/cancel"), [{ taskId: FIRST }])
        yield* task.cancel
        assert.lengthOf(server.of("tasks/cancel"), 1)
      }))

    it.effect.each(["completed", "failed", "cancelled"] as const)(
      "does nothing to one that is %s",
      (status) =>
        Effect.gen(function*() {
          const { server, task } = yield* started({ task: { status } })
          yield* task.cancel
          assert.isEmpty(server.log.filter(({ method }) => method.startsWith("tasks/")))
        })
    )

    it.effect.each(["completed", "failed", "cancelled"] as const)(
      "does nothing to one that has become %s",
      (status) =>
        Effect.gen(function*() {
          const { server, task } = yield* started()
          yield* server.set(FIRST, { status, result: done, error: { code: -32603, message: "boom" } })
          yield* task.cancel
          assert.lengthOf(server.of("tasks/cancel"), 1)
          assert.strictEqual((yield* task.status).status, status)
        })
    )

    it.effect("tells of one that is lost", () =>
      Effect.gen(function*() {
        const { server, task } = yield* started()
        yield* server.forget(FIRST)
        yield* failsWith("TaskLostError")(task.cancel)
      }))

    /** Waits, and leaves when the server has been asked once. */
    const left = Effect.fnUntraced(function*(task: McpTask.McpTask<unknown>) {
      const waiting = yield* start(task.await)
      yield* soon
      const leaving = yield* start(Fiber.interrupt(waiting))
      yield* settled
      return leaving
    })

    it.effect.each([undefined, "leave"] as const)(
      "need not happen when the wait is interrupted: %s",
      (onInterrupt) =>
        Effect.gen(function*() {
          const { server, task } = yield* started({}, { onInterrupt })
          yield* Fiber.join(yield* left(task))
          assert.isEmpty(server.of("tasks/cancel"))
          const again = yield* start(task.await)
          yield* server.set(FIRST, { status: "completed" })
          yield* soon
          yield* Fiber.join(again)
        })
    )

    it.effect("happens when the wait is interrupted, if that is wanted", () =>
      Effect.gen(function*() {
        const { mock, server, task } = yield* started({}, { onInterrupt: "cancel" })
        yield* Fiber.join(yield* left(task))
        assert.strictEqual(server.tasks.get(FIRST)?.status, "cancelled")
        // The call has been answered, so it can not be cancelled itself.
        const messages = (yield* mock.messages).map(({ message }) => message)
        const call = messages.find(({ method }) => method === "tools/call")
        const cancelled = messages.flatMap(({ method, params }) =>
          method === "notifications/cancelled" ? [objectOf(params)["requestId"]] : []
        )
        assert.notInclude(cancelled, call?.["id"])
        const again = yield* start(failsWith("TaskEndedError")(task.await))
        yield* soon
        assert.strictEqual((yield* Fiber.join(again)).status, "cancelled")
        assert.lengthOf(server.of("tasks/cancel"), 1)
      }))

    it.effect("happens when other waits than the one for the result are interrupted: never", () =>
      Effect.gen(function*() {
        const { server, task } = yield* started({}, { onInterrupt: "cancel" })
        for (const wait of [task.wait(), Stream.runDrain(task.changes), Effect.andThen(task.status, Effect.never)]) {
          const waiting = yield* start(wait)
          yield* soon
          yield* Fiber.interrupt(waiting)
        }
        assert.isEmpty(server.of("tasks/cancel"))
      }))

    it.effect("holds up who leaves for at most five seconds", () =>
      Effect.gen(function*() {
        const { alive, counting } = census()
        yield* counting(Effect.gen(function*() {
          const { task } = yield* started(
            { methods: () => ({ "tasks/cancel": () => Effect.never }) },
            { onInterrupt: "cancel" }
          )
          yield* TestClock.adjust(1)
          const before = alive()
          const leaving = yield* left(task)
          yield* TestClock.adjust("4999 millis")
          assert.isUndefined(leaving.pollUnsafe())
          yield* TestClock.adjust("1 millis")
          yield* Fiber.join(leaving)
          yield* settled
          assert.strictEqual(alive(), before)
        }))
      }))

    it.effect.each([-32601, -32602, -32603])(
      "may fail when the wait is interrupted: %s",
      (code) =>
        Effect.gen(function*() {
          const { task } = yield* started(
            { methods: () => ({ "tasks/cancel": () => refuse(code, "no") }) },
            { onInterrupt: "cancel" }
          )
          yield* Fiber.join(yield* left(task))
        })
    )

    it.effect("is not what one of two does who leaves", () =>
      Effect.gen(function*() {
        const { server, task } = yield* started()
        const other = yield* start(task.await)
        yield* Fiber.join(yield* left(task))
        yield* server.set(FIRST, { status: "completed" })
        yield* soon
        assert.deepStrictEqual((yield* Fiber.join(other)).content as unknown, done.content)
      }))

    it.effect("is what one of two does who leaves, if that is wanted", () =>
      Effect.gen(function*() {
        const { task } = yield* started({}, { onInterrupt: "cancel" })
        const other = yield* start(failsWith("TaskEndedError")(task.await))
        yield* Fiber.join(yield* left(task))
        yield* soon
        assert.strictEqual((yield* Fiber.join(other)).status, "cancelled")
      }))

    it.effect("is what a plain call does when it is interrupted", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect()
        const calling = yield* start(client.callTool("required"))
        yield* soon
        yield* Fiber.interrupt(calling)
        assert.deepStrictEqual(server.of("tasks/cancel"), [{ taskId: FIRST }])
      }))

    it.effect("does not open a session for a call that ends with the client's", () =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect()
        const calling = yield* start(failsWith("ClosedError")(client.callTool("required")))
        yield* soon
        yield* client.close
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* Fiber.join(calling)).by, "client")
        assert.strictEqual(yield* mock.connections, 1)
        assert.strictEqual(yield* mock.open, 0)
      }))
  })

  describe("to keep", () => {
    it.effect("goes on in another client", () =>
      Effect.gen(function*() {
        const { server, task } = yield* started({ task: { ttl: 60_000 } })
        yield* server.set(FIRST, { statusMessage: "half" })
        yield* task.status
        const saved = copyOf(task)
        assert.deepStrictEqual(saved, {
          server: "mock",
          method: "tools/call",
          name: "optional",
          taskId: FIRST,
          status: "working",
          statusMessage: "half",
          createdAt: "1970-01-01T00:00:00.000Z",
          lastUpdatedAt: "1970-01-01T00:00:00.000Z",
          ttl: 60_000,
          pollInterval: 1_000,
          startedAt: 0,
          answered: []
        })
        const { client, server: heir } = yield* connect({ task: { statusMessage: "three quarters" } })
        yield* heir.create()
        const resumed = yield* client.resumeTool("optional", saved)
        assert.strictEqual(resumed.id, FIRST)
        assert.isFalse(resumed.ranImmediately)
        const changes = yield* start(Stream.runCollect(resumed.changes))
        // What was saved may be old: the server is asked at once.
        assert.deepStrictEqual(heir.times("tasks/get"), [0])
        yield* heir.set(FIRST, { status: "completed" })
        yield* soon
        assert.deepStrictEqual((yield* Fiber.join(changes)).map(({ statusMessage }) => statusMessage), [
          "half",
          "three quarters",
          "three quarters"
        ])
        assert.deepStrictEqual((yield* resumed.await).content as unknown, done.content)
      }))

    it.effect("says what the server says now, not what was saved", () =>
      Effect.gen(function*() {
        const { client, server, task } = yield* started()
        yield* server.set(FIRST, { status: "input_required", inputRequests: {} })
        yield* task.status
        const saved = copyOf(task)
        yield* server.set(FIRST, { status: "working" })
        const resumed = yield* client.resumeTool("optional", saved)
        const waiting = yield* start(resumed.wait({ until: "input_required" }))
        yield* soon
        assert.isUndefined(waiting.pollUnsafe())
        yield* server.set(FIRST, { status: "input_required", inputRequests: {} })
        yield* soon
        assert.strictEqual((yield* Fiber.join(waiting)).status, "input_required")

        const again = yield* start((yield* client.resumeTool("optional", saved)).wait({ until: "input_required" }))
        yield* soon
        assert.strictEqual((yield* Fiber.join(again)).status, "input_required")
      }))

    it.effect("holds nothing of what the task was given", () =>
      Effect.gen(function*() {
        const { client } = yield* connect()
        const task = yield* client.startTool("optional", { password: "secret" }, { meta: { token: "secret" } })
        assert.notInclude(JSON.stringify(task), "secret")
      }))

    it.effect("holds the result when it is known, and needs no server then", () =>
      Effect.gen(function*() {
        const { client, task } = yield* started({ task: { status: "completed", result: greeting } })
        const reading = yield* start(task.await)
        yield* soon
        const value = yield* Fiber.join(reading)
        const saved = copyOf(task)
        const { client: heir, mock, server } = yield* connect()
        const resumed = yield* heir.resumeTool("optional", saved)
        assert.deepStrictEqual((yield* resumed.await).structuredContent, value.structuredContent)
        assert.deepStrictEqual(yield* (yield* heir.resumeTool(greet, saved)).await, {
          greeting: "Hello",
          at: new Date("2025-01-01")
        })
        assert.strictEqual((yield* resumed.wait()).status, "completed")
        assert.isEmpty(server.log)
        yield* client.close
        assert.strictEqual(yield* mock.connections, 1)
      }))

    it.effect("holds that the tool failed, too", () =>
      Effect.gen(function*() {
        const { client, task } = yield* started({ task: { status: "completed", result: failure } })
        const reading = yield* start(Effect.flip(task.await))
        yield* soon
        yield* Fiber.join(reading)
        const resumed = yield* client.resumeTool("optional", copyOf(task))
        const error = yield* Effect.flip(resumed.await)
        assert.strictEqual(error._tag, "ToolError")
        assert.include(error.message, "no such city")
        const raw = yield* client.raw.resumeTool("optional", copyOf(task))
        assert.strictEqual((yield* raw.await).isError, true)
      }))

    it.effect("is asked for again what an error of the protocol said", () =>
      Effect.gen(function*() {
        const error = { code: -32603, message: "boom" }
        const { client, task } = yield* started({ task: { status: "failed", error } })
        yield* failsWith("JsonRpcError")(task.await)
        const resumed = yield* client.resumeTool("optional", copyOf(task))
        assert.strictEqual((yield* failsWith("JsonRpcError")(resumed.await)).code, -32603)
      }))

    it.effect("of a task that was cancelled says so without the server", () =>
      Effect.gen(function*() {
        const { client, server, task } = yield* started({ task: { status: "cancelled" } })
        const asked = server.log.length
        const resumed = yield* client.resumeTool("optional", copyOf(task))
        assert.strictEqual((yield* failsWith("TaskEndedError")(resumed.await)).status, "cancelled")
        assert.lengthOf(server.log, asked)
      }))

    it.effect("tells what the output has to be like, of a tool that is declared", () =>
      Effect.gen(function*() {
        const { client } = yield* connect({ task: { status: "completed", result: { structuredContent: { at: 7 } } } })
        const task = yield* client.startTool(greet, {})
        const { side } = yield* failsWith("ValidationError")(task.await)
        assert.strictEqual(side, "output")
        yield* failsWith("ValidationError")(task.await)
        const resumed = yield* client.resumeTool(greet, copyOf(task))
        yield* failsWith("ValidationError")(resumed.await)
      }))

    it.effect("is no task of another tool, nor of anything else", () =>
      Effect.gen(function*() {
        const { client, server, task } = yield* started()
        const asked = server.log.length
        const error: McpError = yield* Effect.flip(client.resumeTool("required", copyOf(task)))
        assert.include(reasonOf("ConfigurationError", error).message, "optional")
        assert.strictEqual(error.server, client.name)
        yield* failsWith("ConfigurationError")(client.resumeTool(McpTool.make("other"), copyOf(task)))
        yield* failsWith("ConfigurationError")(client.resumePrompt("optional", copyOf(task)))
        yield* failsWith("ConfigurationError")(client.resumeResource("optional", copyOf(task)))
        assert.lengthOf(server.log, asked)
      }))

    it.effect.each<{ readonly json: unknown }>([
      { json: undefined },
      { json: null },
      { json: "task-1" },
      { json: [] },
      { json: {} },
      { json: { taskId: FIRST } },
      { json: { status: "resting" } },
      { json: { taskId: 7 } },
      { json: { answered: "all" } },
      { json: { startedAt: "yesterday" } }
    ])("is nothing that was not saved: %j", ({ json }) =>
      Effect.gen(function*() {
        const { client, task } = yield* started()
        const saved = typeof json === "object" && json !== null && !("taskId" in json && json.taskId === FIRST) &&
            Object.keys(json).length > 0
          ? { ...task.toJSON(), ...json }
          : json
        const { message } = yield* failsWith("ConfigurationError")(client.resumeTool("optional", saved))
        assert.include(message, "no saved task")
      }))

    it.effect("is read with a schema", () =>
      Effect.gen(function*() {
        const { task } = yield* started()
        assert.deepStrictEqual(Schema.decodeUnknownSync(McpTask.Saved)(copyOf(task)), task.toJSON())
      }))

    it.effect.each<McpClient.ResumeOptions>([{ timeout: "soon" as never }, { totalTimeout: "soon" as never }])(
      "is not waited for as long as something that is no duration: %j",
      (options) =>
        Effect.gen(function*() {
          const { client, task } = yield* started()
          const error: McpError = yield* Effect.flip(client.resumeTool("optional", copyOf(task), options))
          assert.include(reasonOf("ConfigurationError", error).message, Object.keys(options)[0]!)
        })
    )
  })

  describe("of a tool", () => {
    it.effect("that failed fails with that", () =>
      Effect.gen(function*() {
        const { task } = yield* started({ task: { status: "completed", result: failure } })
        const error = yield* Effect.flip(task.await)
        assert.strictEqual(error._tag, "ToolError")
        if (error._tag === "ToolError") assert.strictEqual(error.tool, "optional")
      }))

    it.effect("that failed yields that, to who wants it raw", () =>
      Effect.gen(function*() {
        const { client } = yield* connect({ task: { status: "completed", result: failure } })
        const task = yield* client.raw.startTool("optional", { city: "Atlantis" })
        assert.strictEqual((yield* task.await).isError, true)
      }))

    it.effect("sends what belongs to the request", () =>
      Effect.gen(function*() {
        const { client, mock, server } = yield* connect()
        yield* client.startTool("optional", { city: "Berlin" }, { meta: { "example.com/trace": "1" } })
        const task = era === "legacy" ? { task: {} } : {}
        assert.deepStrictEqual(server.of("tools/call"), [{ name: "optional", arguments: { city: "Berlin" }, ...task }])
        const params = (yield* mock.messages).flatMap(({ message }) =>
          message["method"] === "tools/call" ? [JSON.stringify(message["params"])] : []
        )
        assert.include(params[0], "\"example.com/trace\":\"1\"")
      }))

    it.effect("does not start with input that does not fit", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect()
        const tool = McpTool.make("optional", { input: Schema.Struct({ city: Schema.String }) })
        yield* failsWith("ValidationError")(client.startTool(tool, { city: 7 as never }))
        assert.isEmpty(server.log)
      }))

    it.effect("does not start where there are no tools", () =>
      Effect.gen(function*() {
        const { client, server } = yield* connect({ capabilities: {} })
        yield* failsWith("UnsupportedError")(client.startTool("optional"))
        assert.isEmpty(server.log)
      }))
  })

  it.effect("is what a declared server starts, and takes up", () =>
    Effect.gen(function*() {
      const { mock, server } = yield* connect({ task: { status: "completed", result: greeting } })
      const greeter = yield* Effect.provideService(
        Greeter.make({ protocol: era }),
        McpTransport.McpTransport,
        mock.transport
      )
      const expected = { greeting: "Hello", at: new Date("2025-01-01") }
      const task = yield* greeter.tools.greet.start({}, { meta: { "example.com/trace": "1" } })
      assert.isFalse(task.ranImmediately)
      assert.deepStrictEqual(yield* (yield* greeter.tools.greet.resume(copyOf(task))).await, expected)
      assert.isFalse((yield* greeter.tools.ping.start()).ranImmediately)
      const prompt = yield* greeter.prompts.ask.start()
      assert.strictEqual((yield* greeter.prompts.ask.resume(copyOf(prompt))).id, prompt.id)
      const resource = yield* greeter.resources.config.start()
      assert.strictEqual((yield* greeter.resources.config.resume(copyOf(resource))).id, resource.id)
      assert.deepStrictEqual(server.of("prompts/get").concat(server.of("resources/read")), [
        { name: "ask", ...(era === "legacy" ? { task: {} } : {}) },
        { uri: "config://app", ...(era === "legacy" ? { task: {} } : {}) }
      ])
    }))

  // ---------------------------------------------------------------------------
  // Without a task
  // ---------------------------------------------------------------------------

  describe("of what ran immediately", () => {
    type Way = readonly [how: string, name: string, script: Script]

    const ways: ReadonlyArray<Way> = [
      ["the server has no tasks", "optional", {
        capabilities: { tools: {} },
        methods: () => ({ "tools/call": () => Effect.succeed(greeting) })
      }],
      ["the tool does not run as one", "forbidden", {
        methods: () => ({ "tools/call": () => Effect.succeed(greeting) })
      }],
      ["the server just answers", "optional", { methods: () => ({ "tools/call": () => Effect.succeed(greeting) }) }]
    ]

    it.effect.each(ways)("because %s, yields the result", ([, name, script]) =>
      Effect.gen(function*() {
        const { client, server } = yield* connect(script)
        const task = yield* client.startTool({ ...greet, name }, {})
        assert.isTrue(task.ranImmediately)
        assert.isUndefined(task.immediateResponse)
        const asked = server.log.length
        const value = yield* task.await
        assert.deepStrictEqual(value, { greeting: "Hello", at: new Date("2025-01-01") })
        assert.strictEqual(yield* task.await, value)
        assert.deepStrictEqual(yield* task.result, Option.some(value))
        yield* task.cancel
        assert.lengthOf(server.log, asked)
        const resumed = yield* client.resumeTool({ ...greet, name }, copyOf(task))
        assert.deepStrictEqual(yield* resumed.await, value)
      }))

    it.effect.each(ways)("because %s, fails as the tool did", ([, name, script]) =>
      Effect.gen(function*() {
        const { client } = yield* connect({
          ...script,
          methods: () => ({ "tools/call": () => Effect.succeed(failure) })
        })
        const task = yield* client.startTool(name)
        assert.isTrue(task.ranImmediately)
        const error = yield* Effect.flip(task.await)
        assert.strictEqual(error._tag, "ToolError")
        const raw = yield* client.raw.startTool(name)
        assert.strictEqual((yield* raw.await).isError, true)
      }))

    it.effect.each(ways)("because %s, is none when the server refuses", ([, name, script]) =>
      Effect.gen(function*() {
        const { client } = yield* connect({ ...script, methods: () => ({ "tools/call": () => refuse(-32603, "no") }) })
        assert.strictEqual((yield* failsWith("JsonRpcError")(client.startTool(name))).code, -32603)
      }))

    it.effect.each(ways)(
      "because %s, fails when the answer makes no sense",
      ([, name, script]) =>
        Effect.gen(function*() {
          const { client } = yield* connect({
            ...script,
            methods: () => ({ "tools/call": () => Effect.succeed({ content: "done" }) })
          })
          const task = yield* client.startTool(name)
          yield* failsWith("ProtocolError")(task.await)
        })
    )

    it.effect("has another name each time", () =>
      Effect.gen(function*() {
        const { client } = yield* connect()
        const ids = [(yield* client.startTool("forbidden")).id, (yield* client.startTool("forbidden")).id]
        assert.notStrictEqual(ids[0], ids[1])
      }))
  })

  // ---------------------------------------------------------------------------
  // Progress
  // ---------------------------------------------------------------------------

  it.effect("tells of progress before there is a task, in order, and before it is there", () =>
    Effect.gen(function*() {
      const log: Array<number> = []
      const { client } = yield* connect({
        methods: ({ create }) => ({
          "tools/call": (_, request) =>
            Effect.andThen(
              Effect.forEach([1, 2, 3], (progress) => request.progress({ progress }), { discard: true }),
              create()
            )
        })
      })
      yield* client.startTool("optional", {}, {
        onProgress: ({ progress }) => Effect.andThen(Effect.yieldNow, Effect.sync(() => void log.push(progress)))
      })
      assert.deepStrictEqual(log, [1, 2, 3])
    }))
})

describe("a question that nobody can answer", () => {
  it.effect("fails each wait, however often and in whatever way it is waited for", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connectTo("modern", { task: { pollInterval: 1_000 } })
      const task = yield* client.startTool("optional")
      yield* server.set(FIRST, {
        status: "input_required",
        inputRequests: { name: { method: "elicitation/create", params: { message: "Who?", requestedSchema: {} } } }
      })
      for (const wait of [task.await, task.wait(), task.await, task.wait()]) {
        const waiting = yield* start(Effect.flip<unknown, McpError | ToolError, never>(wait))
        yield* soon
        const { inputRequests } = reasonOf("InputRequiredError", yield* Fiber.join(waiting))
        assert.deepStrictEqual(Object.keys(inputRequests), ["name"])
      }
      // Somebody else may know.
      const watching = yield* start(Stream.runDrain(task.changes))
      const waiting = yield* start(failsWith("InputRequiredError")(task.await))
      yield* soon
      yield* Fiber.join(waiting)
      assert.isUndefined(watching.pollUnsafe())
      yield* server.set(FIRST, { status: "completed" })
      yield* soon
      yield* Fiber.join(watching)
      yield* task.await
    }))
})

describe("progress of a task", () => {
  /** A server that reports progress of its first task by the token of the request. */
  const reporting = Effect.fnUntraced(function*(script?: Script, options?: McpClient.Options) {
    const connected = yield* connectTo("legacy", { ...script, task: { pollInterval: 1_000, ...script?.task } }, options)
    const { mock } = connected
    const report = Effect.fnUntraced(function*(progress: number, total?: number) {
      const messages = yield* mock.messages
      const request = messages.find(({ message }) => message["method"] === "tools/call")
      const { progressToken } = Schema.decodeUnknownSync(Token)(request?.message["params"])._meta
      yield* mock.notify("notifications/progress", {
        progressToken,
        progress,
        ...(total === undefined ? {} : { total })
      })
    })
    return { ...connected, report }
  })

  const Token = Schema.Struct({ _meta: Schema.Struct({ progressToken: Schema.Union([Schema.String, Schema.Number]) }) })

  const logging = () => {
    const log: Array<number> = []
    return {
      log,
      onProgress: ({ progress }: { readonly progress: number }) => Effect.sync(() => void log.push(progress))
    }
  }

  it.effect("comes by the token of its request, while somebody waits", () =>
    Effect.gen(function*() {
      const { client, report, server } = yield* reporting()
      const { log, onProgress } = logging()
      const task = yield* client.startTool("optional", {}, { onProgress })
      yield* report(1)
      yield* settled
      assert.deepStrictEqual(log, [])
      const waiting = yield* start(task.await)
      yield* report(2, 10)
      yield* soon
      yield* report(3)
      yield* settled
      // What came before is not lost.
      assert.deepStrictEqual(log, [1, 2, 3])
      yield* server.set(FIRST, { status: "completed" })
      yield* soon
      yield* Fiber.join(waiting)
      yield* report(4)
      yield* settled
      assert.deepStrictEqual(log, [1, 2, 3])
    }))

  it.effect.each(["await", "wait", "changes"] as const)(
    "comes once, also when several watch: %s",
    (how) =>
      Effect.gen(function*() {
        const { client, report } = yield* reporting()
        const { log, onProgress } = logging()
        const task = yield* client.startTool("optional", {}, { onProgress })
        yield* start(how === "changes" ? Stream.runDrain(task.changes) : how === "wait" ? task.wait() : task.await)
        yield* start(task.wait())
        yield* report(1)
        yield* settled
        assert.deepStrictEqual(log, [1])
      })
  )

  it.effect("comes once, whether there is a task already or not", () =>
    Effect.gen(function*() {
      const { log, onProgress } = logging()
      let report = (_: number): Effect.Effect<void> => Effect.void
      const connected = yield* reporting({
        methods: ({ create }) => ({
          "tools/call": () => Effect.andThen(Effect.andThen(report(1), report(2)), create())
        })
      })
      report = connected.report
      const calling = yield* start(connected.client.callTool("required", {}, { onProgress }))
      yield* settled
      for (let step = 3; step <= 5; step++) yield* report(step)
      yield* settled
      assert.deepStrictEqual(log, [1, 2, 3, 4, 5])
      yield* Fiber.interrupt(calling)
    }))

  it.effect("comes in order, all of it before the result, also to who is slow", () =>
    Effect.gen(function*() {
      const log: Array<number> = []
      let report = (_: number): Effect.Effect<void> => Effect.void
      const connected = yield* reporting({
        methods: ({ set, tasks }) => ({
          "tasks/get": Effect.fnUntraced(function*() {
            yield* set(FIRST, { status: "completed" })
            for (let step = 1; step <= 20; step++) yield* report(step)
            return { ...tasks.get(FIRST) }
          })
        })
      })
      report = connected.report
      const task = yield* connected.client.startTool("optional", {}, {
        onProgress: ({ progress }) => Effect.delay(Effect.sync(() => void log.push(progress)), "1 second")
      })
      const waiting = yield* start(task.await)
      yield* TestClock.adjust("10 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(log, Array.from({ length: 20 }, (_, n) => n + 1))
    }))

  it.effect("holds nobody up who comes when the task has ended, and it is still told", () =>
    Effect.gen(function*() {
      const { client, report, server } = yield* reporting()
      const task = yield* client.startTool("optional", {}, { onProgress: () => Effect.sleep("10 seconds") })
      const changes = yield* start(Stream.runDrain(task.changes))
      yield* report(1)
      yield* server.set(FIRST, { status: "completed" })
      yield* soon
      assert.isUndefined(changes.pollUnsafe())
      const waiting = yield* start(task.await)
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(changes)
      assert.deepStrictEqual((yield* Fiber.join(waiting)).content as unknown, done.content)
    }))

  it.effect("comes to a plain call, too", () =>
    Effect.gen(function*() {
      const { client, report, server } = yield* reporting()
      const { log, onProgress } = logging()
      const calling = yield* start(client.callTool("required", {}, { onProgress }))
      yield* report(1)
      yield* soon
      yield* report(2)
      yield* settled
      assert.deepStrictEqual(log, [1, 2])
      yield* server.set(FIRST, { status: "completed" })
      yield* soon
      yield* Fiber.join(calling)
    }))

  it.effect("runs with the services of who started the task", () =>
    Effect.gen(function*() {
      class User extends Context.Service<User, string>()("test/User") {}
      const log: Array<string> = []
      const { client, report } = yield* reporting()
      const task = yield* client.startTool("optional", {}, {
        onProgress: () => Effect.map(User, (user) => void log.push(user))
      }).pipe(Effect.provideService(User, "Ada"))
      yield* start(task.await)
      yield* report(1)
      yield* settled
      assert.deepStrictEqual(log, ["Ada"])
    }))

  it.effect("of two tasks does not get mixed up, nor what is no progress", () =>
    Effect.gen(function*() {
      const { client, mock, report } = yield* reporting()
      const one = logging()
      const other = logging()
      yield* start((yield* client.startTool("optional", {}, one)).await)
      yield* start((yield* client.startTool("optional", {}, other)).await)
      yield* report(1)
      yield* report("2" as never)
      for (const params of [{}, { progressToken: "unknown", progress: 1 }, { progressToken: null, progress: "1" }]) {
        yield* mock.notify("notifications/progress", params)
      }
      yield* settled
      assert.deepStrictEqual([one.log, other.log], [[1], []])
    }))
})

describe("the time to live", () => {
  it.effect.each<readonly [Duration.Input, unknown]>([
    ["1 minute", { ttl: 60_000 }],
    [1500.4, { ttl: 1500 }],
    [Duration.micros(1_500_600n), { ttl: 1501 }],
    [0, { ttl: 0 }],
    [Duration.infinity, {}]
  ])("is asked for in whole milliseconds: %s", ([ttl, task]) =>
    Effect.gen(function*() {
      const { client, server } = yield* connectTo("legacy")
      yield* client.startTool("optional", {}, { ttl })
      assert.deepStrictEqual(server.of("tools/call"), [{ name: "optional", arguments: {}, task }])
    }))

  it.effect("is asked for by who wants a task only", () =>
    Effect.gen(function*() {
      for (const era of eras) {
        const { client, server } = yield* connectTo(era)
        yield* client.startTool("forbidden", {}, { ttl: "1 minute" })
        assert.deepStrictEqual(server.of("tools/call"), [{ name: "forbidden", arguments: {} }])
      }
    }))

  it.effect.each(eras)("has to be a duration, in the %s era", (era: Era) =>
    Effect.gen(function*() {
      const { client, server } = yield* connectTo(era)
      const error: McpError = yield* Effect.flip(client.startTool("optional", {}, { ttl: "soon" as never }))
      assert.include(reasonOf("ConfigurationError", error).message, "ttl")
      assert.strictEqual(error.method, "tools/call")
      assert.isEmpty(server.log)
    }))

  it.effect("is what the server makes of it", () =>
    Effect.gen(function*() {
      const { client } = yield* connectTo("legacy", {
        methods: ({ create }) => ({ "tools/call": () => create({ ttl: 5_000 }) })
      })
      const task = yield* client.startTool("optional", {}, { ttl: "1 hour" })
      assert.deepStrictEqual((yield* task.status).ttl, Duration.seconds(5))
    }))
})

describe("what a model may be told meanwhile", () => {
  it.effect.each<readonly [unknown, string | undefined]>([
    ["It will take a while.", "It will take a while."],
    [undefined, undefined],
    [7, undefined]
  ])("is what the server says: %j", ([said, expected]) =>
    Effect.gen(function*() {
      const { client } = yield* connectTo("legacy", {
        methods: ({ create }) => ({
          "tools/call": () =>
            Effect.map(create(), (created) => ({
              ...created,
              _meta: { "io.modelcontextprotocol/model-immediate-response": said }
            }))
        })
      })
      assert.strictEqual((yield* client.startTool("optional")).immediateResponse, expected)
    }))
})

describe("a server that does not offer to cancel", () => {
  const capabilities = { tools: {}, tasks: { requests: { tools: { call: {} } } } }

  it.effect("is not asked to", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connectTo("legacy", { capabilities })
      const task = yield* client.startTool("optional", {}, { onInterrupt: "cancel" })
      yield* failsWith("UnsupportedError")(task.cancel)
      const waiting = yield* start(task.await)
      yield* Fiber.interrupt(waiting)
      const calling = yield* start(client.callTool("required"))
      yield* Fiber.interrupt(calling)
      assert.isEmpty(server.of("tasks/cancel"))
      assert.notInclude(yield* mock.methods, "notifications/cancelled")
      yield* server.set(FIRST, { status: "completed" })
      yield* task.status
      yield* task.cancel
    }))
})

describe("a task that has ended", () => {
  it.effect("is not cancelled by who does not wait for its result any longer", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connectTo("legacy", {
        task: { status: "completed" },
        methods: () => ({ "tasks/result": () => Effect.never })
      })
      const task = yield* client.startTool("optional", {}, { onInterrupt: "cancel" })
      yield* Fiber.interrupt(yield* start(task.await))
      yield* Fiber.interrupt(yield* start(client.callTool("required")))
      assert.lengthOf(server.of("tasks/result"), 2)
      assert.isEmpty(server.of("tasks/cancel"))
    }))
})

describe("a request for a task", () => {
  it.effect.each(eras)(
    "that is interrupted before there is one is cancelled as any other: %s",
    (era) =>
      Effect.gen(function*() {
        const gate = yield* Latch.make()
        const { client, mock, server } = yield* connectTo(era, {
          methods: ({ create }) => ({ "tools/call": () => Effect.andThen(gate.await, create()) })
        })
        const starting = yield* start(client.startTool("optional", {}, { onInterrupt: "cancel" }))
        yield* Fiber.interrupt(starting)
        yield* settled
        assert.strictEqual((yield* mock.methods).at(-1), "notifications/cancelled")
        assert.isEmpty(server.of("tasks/cancel"))
      })
  )
})

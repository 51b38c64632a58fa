import type * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError, ToolError } from "@effect-mcp/client/McpError"
import type { McpExtension } from "@effect-mcp/client/McpExtension"
import * as McpTool from "@effect-mcp/client/McpTool"
import * as Fault from "@effect-mcp/testing/Fault"
import { assert, describe, it } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { census, failsWith, reasonOf, settled, start } from "../harness.ts"
import { metaOf, type Mock, objectOf, sent } from "../modern/support.ts"
import { connect as connectTo, done, FIRST, refuse, type Script, type Task, TASKS } from "./support.ts"

const connect = (script?: Script, options?: Parameters<typeof connectTo>[2]) => connectTo("modern", script, options)

const GET = "tasks/get"
const CANCEL = "tasks/cancel"

/** Of which methods the requests are that the client cancelled. */
const cancelled = (mock: Mock) =>
  Effect.map(sent(mock), (messages) =>
    messages.flatMap(({ method, params }) => {
      const { requestId } = objectOf(params)
      return method === "notifications/cancelled" ? messages.filter(({ id }) => id === requestId) : []
    }).map(({ method }) => method))

const text = (text: string) => ({ content: [{ type: "text", text }] })

describe("a call of which the server makes a task", () => {
  it.effect("yields what it would have yielded", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const call = yield* start(client.callTool("optional", { a: 1 }))
      yield* server.set(FIRST, { status: "completed", result: { ...text("hi"), structuredContent: { b: 2 } } })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(call), { ...text("hi"), structuredContent: { b: 2 } })
      assert.deepStrictEqual(server.of("tools/call"), [{ name: "optional", arguments: { a: 1 } }])
      assert.deepStrictEqual(server.of(GET), [{ taskId: FIRST }])
    }))

  it.effect("is decoded as it was declared", () =>
    Effect.gen(function*() {
      const forecast = McpTool.make("required", {
        input: Schema.Struct({ city: Schema.String }),
        output: Schema.Struct({ celsius: Schema.Number })
      })
      const { client, server } = yield* connect()
      for (
        const [taskId, structuredContent] of [["task-1", { celsius: 21 }], ["task-2", { celsius: "warm" }]] as const
      ) {
        const call = yield* start(client.call(forecast, { city: "Berlin" }))
        yield* server.set(taskId, { status: "completed", result: { content: [], structuredContent } })
        yield* TestClock.adjust("1 second")
        if (taskId === FIRST) assert.deepStrictEqual(yield* Fiber.join(call), { celsius: 21 })
        else assert.strictEqual((yield* failsWith("ValidationError")(Fiber.join(call))).side, "output")
      }
    }))

  it.effect("fails when the tool fails", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const call = yield* start(client.callTool("required"))
      yield* server.set(FIRST, { status: "completed", result: { ...text("no pizza"), isError: true } })
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(Fiber.join(call))
      assert.strictEqual(error._tag, "ToolError")
      assert.include(error.message, "no pizza")
    }))

  it.effect.each<readonly [Task["error"], unknown]>([
    [{ code: -32000, message: "no oven", data: { a: 1 } }, { code: -32000, description: "no oven", data: { a: 1 } }],
    // Which is not that the task is unknown.
    [{ code: -32602, message: "no such city" }, { code: -32602, description: "no such city", data: undefined }],
    [undefined, { code: -32603, description: "out of dough", data: undefined }]
  ])("fails when the server does: %j", ([error, expected]) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const call = yield* start(client.callTool("required"))
      yield* server.set(FIRST, { status: "failed", statusMessage: "out of dough", error })
      yield* TestClock.adjust("1 second")
      const { code, data, description } = yield* failsWith("JsonRpcError")(Fiber.join(call))
      assert.deepStrictEqual({ code, description, data }, expected)
      assert.deepStrictEqual(server.of(CANCEL), [])
    }))

  it.effect("fails when somebody cancels the task", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const call = yield* start(client.callTool("required"))
      yield* server.set(FIRST, { status: "cancelled", statusMessage: "closed for today" })
      yield* TestClock.adjust("1 second")
      const error = yield* failsWith("TaskEndedError")(Fiber.join(call))
      assert.deepStrictEqual({ ...error }, {
        _tag: "TaskEndedError",
        taskId: FIRST,
        status: "cancelled",
        statusMessage: "closed for today"
      })
      assert.deepStrictEqual(server.of(CANCEL), [])
    }))

  it.effect("yields what the tool says, be it a failure, to who wants it as it is", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const result = { ...text("no pizza"), isError: true }
      const call = yield* start(client.raw.callTool("required"))
      const task = yield* client.raw.startTool("required")
      const waiting = yield* start(task.await)
      for (const taskId of ["task-1", "task-2"]) yield* server.set(taskId, { status: "completed", result })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual<unknown>([yield* Fiber.join(call), yield* Fiber.join(waiting)], [result, result])
    }))

  it.effect("reports progress until there is a task, and its result after that", () =>
    Effect.gen(function*() {
      const tool = McpTool.make("required")
      const { client, server } = yield* connect({
        methods: ({ create }) => ({
          "tools/call": (_, { progress }) => Effect.andThen(progress({ progress: 1 }), create())
        })
      })
      const events = yield* start(Stream.runCollect(client.callStream(tool, {})))
      yield* server.set(FIRST, { status: "completed", result: text("hi") })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* Fiber.join(events)).map(({ _tag }) => _tag), ["Progress", "Result"])
    }))

  it.effect("says where an error comes from", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const call = yield* start(client.callTool("required"))
      yield* server.forget(FIRST)
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(Fiber.join(call))
      assert.strictEqual(reasonOf("TaskLostError", error).taskId, FIRST)
      if (error._tag === "McpError") assert.deepStrictEqual([error.server, error.method], ["mock", "tools/call"])
    }))

  it.effect("is over at once when the task is", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { status: "completed" } })
      const call = yield* start(client.callTool("required"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
      assert.strictEqual(server.of(GET).length, 1)
    }))

  it.effect("knows nothing of other calls", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const calls = yield* Effect.forEach([1, 2, 3], (n) => start(client.callTool("required", { n })))
      yield* server.set("task-3", { status: "completed", result: text("three") })
      yield* server.set("task-1", { status: "failed", error: { code: 1, message: "one" } })
      yield* TestClock.adjust("1 second")
      const [one, two, three] = calls
      assert.strictEqual((yield* failsWith("JsonRpcError")(Fiber.join(one!))).description, "one")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(three!), text("three"))
      assert.strictEqual(two!.pollUnsafe(), undefined)
    }))

  it.effect.each(["complete", "task", undefined])(
    "may be told of by a result of the type %s",
    (resultType) =>
      Effect.gen(function*() {
        const { client, server } = yield* connect({
          methods: ({ tasks }) => ({
            [GET]: () => {
              const { ttl: _, ...task } = tasks.get(FIRST)!
              return Effect.succeed({ ...task, result: done, ...(resultType === undefined ? {} : { resultType }) })
            }
          })
        })
        const call = yield* start(client.callTool("required"))
        yield* TestClock.adjust("1 second")
        yield* server.set(FIRST, { status: "completed" })
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
      })
  )

  it.effect.each([
    { resultType: "task" },
    { resultType: "task", taskId: "", status: "working" },
    { resultType: "task", taskId: 7, status: "working" },
    { resultType: "task", taskId: "a", status: "sleeping" },
    { resultType: "task", task: { taskId: "a", status: "working" } }
  ])("is a mistake of the server when it looks like %j", (answer) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ methods: () => ({ "tools/call": () => Effect.succeed(answer) }) })
      yield* failsWith("ProtocolError")(client.callTool("required"))
      assert.deepStrictEqual(server.log.map(({ method }) => method), ["tools/call"])
    }))

  it.effect.each([
    {},
    { resultType: "complete", taskId: FIRST },
    { resultType: "complete", taskId: FIRST, status: "gone" },
    { resultType: "input_required", taskId: FIRST, status: "working", requestState: "a" },
    { resultType: "complete", taskId: FIRST, status: "completed" },
    { resultType: "complete", taskId: FIRST, status: "completed", result: "hi" },
    { resultType: "complete", taskId: FIRST, status: "completed", result: { content: "hi" } }
  ])("is a mistake of the server when its state is %j", (answer) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ methods: () => ({ [GET]: () => Effect.succeed(answer) }) })
      const call = yield* start(client.callTool("required"))
      yield* TestClock.adjust("10 minutes")
      yield* failsWith("ProtocolError")(Fiber.join(call))
      assert.isBelow(server.of(GET).length, 3)
    }))

  it.effect("may ask for input before there is a task", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const { client, mock, server } = yield* connect({
        methods: ({ create }) => ({
          "tools/call": (_, { input }) => Effect.andThen(input({ same: { method: "roots/list" } }), create()),
          "tasks/update": () => Effect.succeed({ resultType: "complete" })
        })
      }, { handlers: { roots: Effect.sync(() => [{ uri: `file:///${asked.push("asked")}` }]) } })
      const call = yield* start(client.callTool("required"))
      assert.deepStrictEqual(asked, ["asked"])
      yield* server.set(FIRST, { status: "input_required", inputRequests: { same: { method: "roots/list" } } })
      yield* TestClock.adjust("1 second")
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(call)
      // The keys of both have nothing to do with each other.
      const [before] = (yield* sent(mock, "tools/call")).slice(1)
      const roots = (n: number) => ({ inputResponses: { same: { roots: [{ uri: `file:///${n}` }] } } })
      assert.deepInclude(objectOf(before?.["params"]), roots(1))
      assert.deepStrictEqual(server.of("tasks/update"), [{ taskId: FIRST, ...roots(2) }])
    }))
})

describe("a server that is lost while its task is waited for", () => {
  it.effect.each([
    { idempotent: false, calls: 1 },
    // As many times as a call without a task.
    { idempotent: true, calls: 3 }
  ])("has been called: %j", ({ calls, idempotent }) =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      yield* mock.inject(Fault.disconnect(GET))
      const call = yield* start(client.callTool("required", {}, { idempotent }))
      yield* TestClock.adjust("10 minutes")
      const { by, requestSent } = yield* failsWith("ClosedError")(Fiber.join(call))
      assert.deepStrictEqual({ by, requestSent }, { by: "server", requestSent: true })
      assert.strictEqual(server.of("tools/call").length, calls)
    }))
})

describe("the time of a call", () => {
  it.effect("is over when the task has not changed for long, and then the task is cancelled", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { pollInterval: 1000 } })
      const call = yield* start(client.callTool("required", {}, { timeout: "10 seconds" }))
      for (const statusMessage of ["a", "b", "c"]) {
        yield* TestClock.adjust("8 seconds")
        yield* server.set(FIRST, { statusMessage })
      }
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual([call.pollUnsafe(), server.of(CANCEL)], [undefined, []])
      yield* TestClock.adjust("3 seconds")
      const { budget, millis } = yield* failsWith("TimeoutError")(Fiber.join(call))
      assert.deepStrictEqual({ budget, millis }, { budget: "call", millis: 10_000 })
      assert.deepStrictEqual(server.of(CANCEL), [{ taskId: FIRST }])
      assert.notInclude(yield* cancelled(mock), "tools/call")
    }))

  it.effect("is over altogether, however much the task changes", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval: 1000 } })
      const call = yield* start(client.callTool("required", {}, { timeout: "10 seconds", totalTimeout: "20 seconds" }))
      for (let n = 0; n < 19; n++) {
        yield* TestClock.adjust("1 second")
        yield* server.set(FIRST, { statusMessage: `${n}` })
      }
      assert.strictEqual(call.pollUnsafe(), undefined)
      // Sums of such intervals are not exact.
      yield* TestClock.adjust("1001 millis")
      const { budget, millis } = yield* failsWith("TimeoutError")(Fiber.join(call))
      assert.deepStrictEqual({ budget, millis }, { budget: "total", millis: 20_000 })
      assert.deepStrictEqual(server.of(CANCEL), [{ taskId: FIRST }])
    }))

  it.effect("counts from the call, not from the task", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        methods: ({ create }) => ({ "tools/call": () => Effect.delay(create(), "15 seconds") })
      })
      const call = yield* start(client.callTool("required", {}, { timeout: "1 minute", totalTimeout: "20 seconds" }))
      yield* TestClock.adjust("19 seconds")
      assert.deepStrictEqual([call.pollUnsafe(), server.of(CANCEL)], [undefined, []])
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* failsWith("TimeoutError")(Fiber.join(call))).budget, "total")
      assert.deepStrictEqual(server.of(CANCEL), [{ taskId: FIRST }])
    }))

  it.effect("is the client's when the call has none of its own", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({}, { timeouts: { total: "70 seconds" } })
      const call = yield* start(client.callTool("required"))
      yield* TestClock.adjust("69900 millis")
      assert.strictEqual(call.pollUnsafe(), undefined)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual((yield* failsWith("TimeoutError")(Fiber.join(call))).millis, 70_000)
      assert.strictEqual(server.of(CANCEL).length, 1)
    }))

  it.effect.each<McpClient.CallOptions>([
    { timeout: "10 seconds" },
    { totalTimeout: "10 seconds" }
  ])("begins anew with each wait for a task that was started: %j", (timeouts) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval: 1000 } })
      const task = yield* client.startTool("required", {}, timeouts)
      for (let n = 0; n < 2; n++) {
        yield* TestClock.adjust("10 minutes")
        const waiting = yield* start(task.await)
        yield* TestClock.adjust("9900 millis")
        assert.strictEqual(waiting.pollUnsafe(), undefined)
        yield* TestClock.adjust("100 millis")
        assert.strictEqual((yield* failsWith("TimeoutError")(Fiber.join(waiting))).millis, 10_000)
      }
      yield* TestClock.adjust("10 minutes")
      yield* server.set(FIRST, { status: "completed" })
      assert.deepStrictEqual<unknown>(yield* task.await, done)
      assert.deepStrictEqual(server.of(CANCEL), [])
    }))

  it.effect.each<Duration.Input>(["1 hour", Number.POSITIVE_INFINITY])(
    "is not that of each question about the task: %s",
    (timeout) =>
      Effect.gen(function*() {
        const { client, mock, server } = yield* connect({ task: { pollInterval: 1000 } })
        const call = yield* start(client.callTool("required", {}, { timeout }))
        yield* mock.inject(Fault.drop(GET, 1))
        yield* TestClock.adjust("3 seconds")
        yield* server.set(FIRST, { status: "completed" })
        yield* TestClock.adjust("2 minutes")
        assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
      })
  )

  it.effect("ends also when the server does not say that it has cancelled the task", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect()
      yield* mock.inject(Fault.drop(CANCEL))
      const call = yield* start(client.callTool("required", {}, { timeout: "10 seconds" }))
      yield* TestClock.adjust("14900 millis")
      assert.strictEqual(call.pollUnsafe(), undefined)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual((yield* failsWith("TimeoutError")(Fiber.join(call))).millis, 10_000)
    }))
})

describe("that nobody waits any more", () => {
  it.effect("cancels the task, and nothing else", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { pollInterval: 1000 } })
      const call = yield* start(client.callTool("required"))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.interrupt(call)
      assert.deepStrictEqual(server.of(CANCEL), [{ taskId: FIRST }])
      assert.strictEqual(server.tasks.get(FIRST)?.status, "cancelled")
      assert.notInclude(yield* cancelled(mock), "tools/call")
      const polls = server.of(GET).length
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(server.of(GET).length, polls)
    }))

  it.effect("cancels the call while there is no task yet", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ methods: () => ({ "tools/call": () => Effect.never }) })
      yield* Fiber.interrupt(yield* start(client.callTool("required")))
      yield* settled
      assert.deepStrictEqual(yield* cancelled(mock), ["tools/call"])
      assert.deepStrictEqual(server.of(CANCEL), [])
    }))

  it.effect("leaves a task that was started, unless it is to be cancelled", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      const left = yield* client.startTool("required")
      yield* Fiber.interrupt(yield* start(left.await))
      const unwanted = yield* client.startTool("required", {}, { onInterrupt: "cancel" })
      yield* Fiber.interrupt(yield* start(unwanted.await))
      assert.deepStrictEqual(server.of(CANCEL), [{ taskId: unwanted.id }])
      assert.notInclude(yield* cancelled(mock), "tools/call")
    }))

  it.effect("cancels a task once, and leaves one that has ended", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ methods: () => ({ [CANCEL]: () => Effect.succeed({}) }) })
      const task = yield* client.startTool("required", {}, { onInterrupt: "cancel" })
      const call = yield* start(task.await)
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(call)
      yield* Fiber.interrupt(yield* start(task.await))
      yield* task.cancel
      assert.deepStrictEqual(server.of(CANCEL), [])
    }))

  it.effect("leaves nothing behind, nor does the end of the task, nor that of the client", () =>
    Effect.gen(function*() {
      const { alive, counting } = census()
      yield* Effect.gen(function*() {
        const scope = yield* Scope.make()
        const { client, mock, server } = yield* Scope.provide(
          connect({ task: { pollInterval: 1000 } }, {
            handlers: { sampling: () => Effect.never }
          }),
          scope
        )
        // What a session has besides comes with its first request.
        yield* client.callTool("forbidden")
        yield* TestClock.adjust("1 minute")
        const before = alive()
        const first = yield* start(client.callTool("required"))
        const second = yield* start(client.callTool("required"))
        yield* server.set("task-2", {
          status: "input_required",
          inputRequests: { a: { method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } } }
        })
        yield* TestClock.adjust("2 seconds")
        yield* server.set("task-1", { status: "completed" })
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(first)
        yield* Fiber.interrupt(second)
        yield* settled
        // Who looks for what is overdue stays a little.
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(alive(), before)
        const third = yield* client.startTool("required")
        const waiters: ReadonlyArray<Fiber.Fiber<unknown, McpError | ToolError>> = [
          yield* start(third.await),
          yield* start(third.wait()),
          yield* start(client.callTool("required"))
        ]
        yield* TestClock.adjust("2 seconds")
        yield* client.close
        yield* settled
        for (const waiter of waiters) {
          assert.strictEqual((yield* failsWith("ClosedError")(Fiber.join(waiter))).by, "client")
        }
        assert.strictEqual(yield* mock.open, 0)
        yield* Scope.close(scope, Exit.void)
        const late = yield* start(third.await)
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* failsWith("ClosedError")(Fiber.join(late))).by, "client")
      }).pipe(counting)
      yield* settled
      assert.strictEqual(alive(), 0)
    }))
})

describe("a client", () => {
  const declared = (messages: ReadonlyArray<Parameters<typeof metaOf>[0]>) =>
    messages.map((message) => objectOf(metaOf(message)["io.modelcontextprotocol/clientCapabilities"])["extensions"])

  it.effect("says in each request that it knows tasks", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect()
      yield* client.listTools()
      yield* client.callTool("forbidden")
      const messages = yield* sent(mock)
      assert.deepStrictEqual(declared(messages), messages.map(() => ({ [TASKS]: {} })))
    }))

  it.effect("that does not want tasks does not say so, and is refused where there is no other way", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({}, { tasks: false })
      assert.deepStrictEqual<unknown>((yield* client.callTool("optional")).content, done.content)
      const { code, data } = yield* failsWith("JsonRpcError")(client.callTool("required"))
      assert.deepStrictEqual({ code, data }, {
        code: -32021,
        data: { requiredCapabilities: { extensions: { [TASKS]: {} } } }
      })
      const messages = yield* sent(mock)
      assert.deepStrictEqual(declared(messages), messages.map(() => undefined))
      assert.strictEqual(server.tasks.size, 0)
    }))

  it.effect("that does not want tasks takes none", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        methods: ({ create }) => ({ "tools/call": () => create() })
      }, { tasks: false })
      const { payload } = yield* failsWith("ProtocolError")(client.callTool("required"))
      assert.deepInclude(payload, { resultType: "task", taskId: FIRST })
      yield* failsWith("ProtocolError")(client.startTool("required"))
      assert.deepStrictEqual(server.of(GET), [])
    }))

  it.effect("may have an extension of its own for tasks", () =>
    Effect.gen(function*() {
      const tasks: McpExtension = {
        id: TASKS,
        settings: { mine: true },
        results: { task: ({ taskId }) => Effect.succeed(text(`I see to ${String(taskId)}`)) }
      }
      const { client, mock, server } = yield* connect({}, { extensions: [tasks] })
      assert.deepStrictEqual<unknown>(yield* client.callTool("required"), text(`I see to ${FIRST}`))
      assert.deepStrictEqual(declared(yield* sent(mock, "tools/call")), [{ [TASKS]: { mine: true } }])
      assert.deepStrictEqual(server.of(GET), [])
    }))

  it.effect("takes tasks for calls, and for nothing else", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        methods: ({ create }) => ({
          "prompts/get": () => create(),
          "resources/read": () => create(),
          "tools/list": () => create()
        })
      })
      yield* failsWith("ProtocolError")(client.getPrompt("greet"))
      yield* failsWith("ProtocolError")(client.startPrompt("greet"))
      yield* failsWith("ProtocolError")(client.readResource("a:b"))
      yield* failsWith("ProtocolError")(client.startResource("a:b"))
      yield* failsWith("ProtocolError")(client.listTools())
      assert.deepStrictEqual(server.of(GET), [])
    }))

  it.effect("asks for no task: the server decides, and may answer at once", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("forbidden", { a: 1 }, { ttl: "1 hour" })
      assert.isTrue(task.ranImmediately)
      assert.deepStrictEqual<unknown>((yield* task.await).content, done.content)
      assert.isTrue(Option.isSome(yield* task.result))
      assert.deepStrictEqual(server.log.map(({ method, params }) => ({ method, params })), [
        { method: "tools/call", params: { name: "forbidden", arguments: { a: 1 } } }
      ])
    }))

  it.effect("has a handle of a task that the server made", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { ttl: 60_000, pollInterval: 1000, statusMessage: "baking" } })
      const task = yield* client.startTool("required")
      assert.deepStrictEqual([task.id, task.ranImmediately, task.immediateResponse], [FIRST, false, undefined])
      const { pollInterval, ttl, ...state } = yield* task.status
      assert.deepStrictEqual(state, {
        taskId: FIRST,
        status: "working",
        statusMessage: "baking",
        createdAt: "1970-01-01T00:00:00.000Z",
        lastUpdatedAt: "1970-01-01T00:00:00.000Z",
        inputRequests: undefined
      })
      assert.deepStrictEqual([String(ttl), String(pollInterval)], ["60000 millis", "1000 millis"])
      assert.isTrue(Option.isNone(yield* task.result))
      const waiting = yield* start(task.await)
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(waiting), done)
      const asked = server.log.length
      assert.strictEqual((yield* task.status).status, "completed")
      assert.strictEqual(yield* task.await, Option.getOrUndefined(yield* task.result))
      assert.strictEqual(server.log.length, asked)
    }))

  it.effect("asks for a task by what it was called first, whatever it is called later", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        methods: ({ tasks }) => ({
          [GET]: () => Effect.succeed({ resultType: "complete", ...tasks.get(FIRST), taskId: "another" })
        })
      })
      const task = yield* client.startTool("required")
      assert.strictEqual((yield* task.status).taskId, FIRST)
      assert.strictEqual(task.toJSON().taskId, FIRST)
      const waiting = yield* start(task.await)
      yield* server.set(FIRST, { status: "cancelled" })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* failsWith("TaskEndedError")(Fiber.join(waiting))).taskId, FIRST)
    }))

  it.effect("need not wait for what somebody has seen", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval: 60_000 } })
      const task = yield* client.startTool("required")
      const waiting = [yield* start(task.await), yield* start(task.await)]
      yield* server.set(FIRST, { status: "completed" })
      assert.strictEqual((yield* task.status).status, "completed")
      yield* TestClock.adjust("50 millis")
      for (const waiter of waiting) assert.deepStrictEqual<unknown>(yield* Fiber.join(waiter), done)
      assert.strictEqual(server.of(GET).length, 1)
    }))

  it.effect("cancels a task that ends as the server likes", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        methods: () => ({ [CANCEL]: () => Effect.succeed({ resultType: "complete" }) })
      })
      const task = yield* client.startTool("required")
      yield* task.cancel
      const waiting = yield* start(task.await)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(waiting.pollUnsafe(), undefined)
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(waiting), done)
    }))

  it.effect("fails to cancel a task that the server does not know", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required")
      yield* server.forget(FIRST)
      yield* failsWith("TaskLostError")(task.cancel)
      const refused = yield* connect({ methods: () => ({ [CANCEL]: () => refuse(-32000, "no") }) })
      const other = yield* refused.client.startTool("required")
      assert.strictEqual((yield* failsWith("JsonRpcError")(other.cancel)).code, -32000)
    }))
})

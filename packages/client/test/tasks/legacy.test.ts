import type * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError, McpErrorReason, ToolError } from "@effect-mcp/client/McpError"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import type * as McpTask from "@effect-mcp/client/McpTask"
import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { failsWith, settled, start } from "../harness.ts"
import { type Change, connect as connectTo, done, FIRST, refuse, type Script, type Server } from "./support.ts"

const connect = (script?: Script, options?: McpClient.Options) => connectTo("legacy", script, options)

/** Long enough for a server to be asked again that does not say how often it wants to be. */
const soon = TestClock.adjust("250 millis")

const call: JsonObject = { tools: { call: {} } }

const offering = (requests: JsonObject | undefined, rest: JsonObject = { cancel: {}, list: {} }): JsonObject => ({
  tools: {},
  prompts: {},
  resources: {},
  ...(requests === undefined ? {} : { tasks: { ...rest, requests } })
})

/** What a server says of its tools: each is called as what it says of tasks. */
const listed = (...names: ReadonlyArray<string>): JsonObject => ({
  tools: names.map((name) => ({
    name,
    inputSchema: { type: "object" },
    ...(name === "absent" ? {} : { execution: { taskSupport: name } })
  }))
})

const everySupport = listed("absent", "forbidden", "optional", "required", "any")

/** What was sent: the methods, and of calls whether they want to be a task. */
const sent = ({ log }: Server) =>
  log.map(({ method, params }) => "task" in params ? `${method} ${JSON.stringify(params["task"])}` : method)

/** What is asked of a server, and how it fails. */
const failing = <A>(effect: Effect.Effect<A, McpError | ToolError>) => start(Effect.flip(effect))

const tagOf = (error: McpError | ToolError): string => error._tag === "McpError" ? error.reason._tag : error._tag

describe("whether a call is a task", () => {
  const asTask = ["tools/list", "tools/call {}"]
  const plainly = ["tools/list", "tools/call"]

  it.effect.each<readonly [name: string, called: ReadonlyArray<string>, started: ReadonlyArray<string>]>([
    ["absent", plainly, plainly],
    ["forbidden", plainly, plainly],
    ["any", plainly, plainly],
    ["optional", plainly, asTask],
    ["required", [...asTask, "tasks/get", "tasks/result"], asTask]
  ])("is what the server says of the tool: %s", ([name, called, started]) =>
    Effect.gen(function*() {
      const script: Script = {
        task: { status: "working" },
        methods: () => ({ "tools/list": () => Effect.succeed(everySupport) })
      }
      const one = yield* connect(script)
      const calling = yield* start(one.client.callTool(name))
      if (one.server.tasks.size > 0) yield* one.server.set(FIRST, { status: "completed" })
      yield* soon
      assert.deepStrictEqual((yield* Fiber.join(calling)).content as unknown, done.content)
      assert.deepStrictEqual(sent(one.server), called)
      const other = yield* connect(script)
      const task = yield* other.client.startTool(name)
      assert.deepStrictEqual(sent(other.server), started)
      assert.strictEqual(task.ranImmediately, started === plainly)
    }))

  it.effect.each<readonly [what: string, JsonObject]>([
    ["no tasks", offering(undefined)],
    ["tasks of nothing", { tools: {}, tasks: {} }],
    ["tasks of no requests", offering({})],
    ["tasks of no calls", offering({ tools: {} })],
    ["tasks of other things", offering({ prompts: { get: {} }, resources: { read: {} } })],
    ["nonsense", { tools: {}, tasks: { requests: ["tools/call"] } }]
  ])(
    "is never, if the server offers %s, and then it is not asked for its tools",
    ([, capabilities]) =>
      Effect.gen(function*() {
        for (const name of ["absent", "forbidden", "optional"]) {
          const { client, server } = yield* connect({ capabilities })
          yield* client.callTool(name)
          assert.isTrue((yield* client.startTool(name)).ranImmediately)
          assert.deepStrictEqual(sent(server), ["tools/call", "tools/call"])
        }
        // What only runs as a task can not run there, and the server says so.
        const { client, server } = yield* connect({ capabilities })
        assert.strictEqual((yield* failsWith("JsonRpcError")(client.callTool("required"))).code, -32601)
        assert.strictEqual((yield* failsWith("JsonRpcError")(client.startTool("required"))).code, -32601)
        assert.deepStrictEqual(sent(server), ["tools/call", "tools/call"])
      })
  )

  it.effect("is looked up once, however many call for the first time at once", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { status: "completed" } })
      const calls = Array.from({ length: 20 }, (_, n) => client.callTool(n % 2 === 0 ? "required" : "forbidden"))
      const calling = yield* start(Effect.all(calls, { concurrency: "unbounded" }))
      yield* soon
      yield* Fiber.join(calling)
      yield* client.callTool("forbidden")
      assert.lengthOf(server.of("tools/list"), 1)
      assert.lengthOf(server.of("tools/call").filter((params) => "task" in params), 10)
      assert.lengthOf(server.of("tools/call"), 21)
    }))

  it.effect("is looked up in all pages", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        methods: () => ({
          "tools/list": ({ cursor }) =>
            Effect.succeed(cursor === "2" ? listed("required") : { ...listed("optional"), nextCursor: "2" })
        })
      })
      yield* client.startTool("required")
      assert.deepStrictEqual(server.of("tools/list"), [{}, { cursor: "2" }])
      assert.deepStrictEqual(server.of("tools/call"), [{ name: "required", arguments: {}, task: {} }])
    }))

  it.effect("need not be looked up of tools that were listed before", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      yield* client.listTools()
      yield* client.startTool("required")
      assert.deepStrictEqual(sent(server), ["tools/list", "tools/call {}"])
    }))

  it.effect("is looked up again when the tools have changed", () =>
    Effect.gen(function*() {
      let support = "optional"
      const { client, mock, server } = yield* connect({
        methods: () => ({
          "tools/list": () =>
            Effect.succeed({ tools: [{ name: "x", inputSchema: {}, execution: { taskSupport: support } }] })
        })
      })
      assert.isFalse((yield* client.startTool("x")).ranImmediately)
      support = "forbidden"
      assert.isFalse((yield* client.startTool("x")).ranImmediately)
      yield* mock.notify("notifications/tools/list_changed")
      yield* settled
      yield* client.startTool("x")
      yield* client.startTool("x")
      assert.deepStrictEqual(sent(server), [
        "tools/list",
        "tools/call {}",
        "tools/call {}",
        "tools/list",
        "tools/call",
        "tools/call"
      ])
    }))

  it.effect("is looked up again when the tools change while they are looked up", () =>
    Effect.gen(function*() {
      const gate = yield* Latch.make()
      const { client, mock, server } = yield* connect({
        methods: () => ({ "tools/list": () => Effect.as(gate.await, listed("forbidden")) })
      })
      const starting = yield* start(client.startTool("optional"))
      yield* mock.notify("notifications/tools/list_changed")
      yield* settled
      yield* gate.open
      yield* Fiber.join(starting)
      yield* client.startTool("optional")
      assert.lengthOf(server.of("tools/list"), 2)
    }))

  it.effect("is looked up again before the call when the tools change between two pages", () =>
    Effect.gen(function*() {
      const gate = yield* Latch.make()
      const { client, mock, server } = yield* connect({
        methods: () => ({
          "tools/list": ({ cursor }) =>
            cursor === undefined
              ? Effect.succeed({ ...listed("required"), nextCursor: "2" })
              : Effect.as(gate.await, { tools: [] })
        })
      })
      const calling = yield* start(client.startTool("required"))
      yield* mock.notify("notifications/tools/list_changed")
      yield* settled
      yield* gate.open
      assert.isFalse((yield* Fiber.join(calling)).ranImmediately)
      assert.lengthOf(server.of("tools/list"), 4)
    }))

  it.effect("is not looked up for ever when the tools change each time", () =>
    Effect.gen(function*() {
      let notify: Effect.Effect<void> = Effect.void
      const { client, mock, server } = yield* connect({
        methods: () => ({
          "tools/list": () => Effect.as(Effect.andThen(notify, Effect.sleep("10 millis")), listed("forbidden"))
        })
      })
      notify = mock.notify("notifications/tools/list_changed")
      const calling = yield* start(client.callTool("optional"))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(calling)
      assert.lengthOf(server.of("tools/list"), 3)
    }))

  it.effect.each([-32601, -32603, -32000])(
    "is no, if the server can not list its tools: %s",
    (code) =>
      Effect.gen(function*() {
        const { client, server } = yield* connect({ methods: () => ({ "tools/list": () => refuse(code, "no") }) })
        assert.deepStrictEqual((yield* client.callTool("optional")).content as unknown, done.content)
        assert.isTrue((yield* client.startTool("optional")).ranImmediately)
        assert.isUndefined(server.of("tools/call").find((params) => "task" in params))
      })
  )

  it.effect("is no, if the server lists something that makes no sense", () =>
    Effect.gen(function*() {
      for (const listed of [{}, { tools: "all" }, { tools: [null, 7, { name: "optional", execution: 7 }] }]) {
        const { client } = yield* connect({ methods: () => ({ "tools/list": () => Effect.succeed(listed) }) })
        assert.isTrue((yield* client.startTool("optional")).ranImmediately)
      }
    }))

  it.effect("is looked up in pages that come to an end", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        methods: () => ({ "tools/list": () => Effect.succeed({ tools: [], nextCursor: "again" }) })
      })
      yield* client.callTool("optional")
      yield* client.callTool("optional")
      assert.lengthOf(server.of("tools/list"), 100)
    }))

  it.effect("is waited for no longer than the call may take, whoever asked first", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ methods: () => ({ "tools/list": () => Effect.never }) })
      const first = yield* start(failsWith("TimeoutError")(client.callTool("optional", {}, { timeout: "1 minute" })))
      const other = yield* start(failsWith("TimeoutError")(client.startTool("optional", {}, { timeout: "5 seconds" })))
      yield* TestClock.adjust("5 seconds")
      const { budget, millis } = yield* Fiber.join(other)
      assert.deepStrictEqual({ budget, millis }, { budget: "call", millis: 5_000 })
      yield* TestClock.adjust("55 seconds")
      assert.strictEqual((yield* Fiber.join(first)).millis, 60_000)
      assert.isEmpty(server.of("tools/call"))
    }))

  it.effect("may get lost with the session: the call was never sent, and is repeated", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { status: "completed" } })
      yield* mock.inject(Fault.disconnect("tools/list", 1))
      const calling = yield* start(client.callTool("required", {}, { idempotent: false }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(calling)
      assert.strictEqual(yield* mock.connections, 2)
      assert.lengthOf(server.of("tools/call"), 1)
    }))

  it.effect("is looked up once more in the next session", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      yield* client.startTool("optional")
      yield* mock.disconnect()
      yield* TestClock.adjust("1 second")
      yield* client.startTool("optional")
      assert.lengthOf(server.of("tools/list"), 2)
    }))
})

describe("a prompt or resource", () => {
  const messages: JsonObject = { messages: [{ role: "user", content: { type: "text", text: "Hello Ada" } }] }
  const contents: JsonObject = { contents: [{ uri: "a:b", text: "Hello Ada" }] }

  /** A task of either, and what it yields. */
  type Awaited = McpTask.McpTask<unknown, never>

  interface Kind {
    readonly method: string
    readonly requests: JsonObject
    readonly result: JsonObject
    readonly run: (client: McpClient.McpClient) => Effect.Effect<Awaited, McpError>
    readonly plainly: (client: McpClient.McpClient) => Effect.Effect<unknown, McpError>
    readonly resume: (client: McpClient.McpClient, saved: unknown, name: string) => Effect.Effect<Awaited, McpError>
  }

  const kinds: ReadonlyArray<Kind> = [
    {
      method: "prompts/get",
      requests: { prompts: { get: {} } },
      result: messages,
      run: (client) => client.startPrompt("a:b", { name: "Ada" }),
      plainly: (client) => client.getPrompt("a:b", { name: "Ada" }),
      resume: (client, saved, name) => client.resumePrompt(name, saved)
    },
    {
      method: "resources/read",
      requests: { resources: { read: {} } },
      result: contents,
      run: (client) => client.startResource("a:b"),
      plainly: (client) => client.readResource("a:b"),
      resume: (client, saved, name) => client.resumeResource(name, saved)
    }
  ]

  const isGreeting = (value: unknown) => assert.include(JSON.stringify(value), "Hello Ada")

  it.effect.each(kinds)(
    "is a task if the server offers it, and somebody wants it: $method",
    (kind) =>
      Effect.gen(function*() {
        const { method, plainly, requests, result, run } = kind
        const { client, server } = yield* connect({
          capabilities: offering(requests),
          task: { status: "completed", result },
          methods: ({ create }) => ({ [method]: ({ task }) => task === undefined ? Effect.succeed(result) : create() })
        })
        yield* plainly(client)
        assert.deepStrictEqual(sent(server), [method])
        const task = yield* run(client)
        assert.isFalse(task.ranImmediately)
        isGreeting(yield* task.await)
        assert.deepStrictEqual(sent(server), [method, `${method} {}`, "tasks/result"])
      })
  )

  it.effect.each(kinds)(
    "is no task where the server offers others: $method",
    ({ method, result, run }) =>
      Effect.gen(function*() {
        const { client, server } = yield* connect({
          capabilities: offering(call),
          // What it yields may be about tasks.
          methods: () => ({ [method]: () => Effect.succeed({ ...result, task: { taskId: "1", status: "working" } }) })
        })
        const task = yield* run(client)
        assert.isTrue(task.ranImmediately)
        isGreeting(yield* task.await)
        assert.deepStrictEqual(sent(server), [method])
      })
  )

  it.effect.each(kinds)(
    "can be taken up again as what it is: $method",
    ({ requests, result, resume, run }) =>
      Effect.gen(function*() {
        const { client, server } = yield* connect({ capabilities: offering(requests), task: { result } })
        const saved: unknown = JSON.parse(JSON.stringify(yield* run(client)))
        const resumed = yield* resume(client, saved, "a:b")
        yield* server.set(FIRST, { status: "completed" })
        isGreeting(yield* resumed.await)
        yield* failsWith("ConfigurationError")(resume(client, saved, "a:c"))
        yield* failsWith("ConfigurationError")(client.resumeTool("a:b", saved))
      })
  )
})

describe("the result", () => {
  it.effect("is waited for as soon as the task asks for input, once, and while it is looked at on", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval: 1_000 } })
      const task = yield* client.startTool("optional")
      const waiting = yield* start(task.await)
      yield* TestClock.adjust("5 seconds")
      assert.isEmpty(server.of("tasks/result"))
      yield* server.set(FIRST, { status: "input_required" })
      yield* TestClock.adjust("1100 millis")
      assert.deepStrictEqual(server.of("tasks/result"), [{ taskId: FIRST }])
      const asked = server.of("tasks/get").length
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(server.of("tasks/get").length, asked + 50)
      yield* server.set(FIRST, { status: "working" })
      yield* TestClock.adjust("10 seconds")
      yield* server.set(FIRST, { status: "input_required" })
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(server.of("tasks/result"), 1)
      yield* server.set(FIRST, { status: "completed" })
      // The result came, so the state is not waited for.
      yield* TestClock.adjust("50 millis")
      assert.deepStrictEqual((yield* Fiber.join(waiting)).content as unknown, done.content)
      assert.lengthOf(server.of("tasks/result"), 1)
    }))

  it.effect("of a task that asks for input from the first is waited for at once", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { status: "input_required" } })
      const task = yield* client.startTool("optional")
      yield* start(task.await)
      assert.deepStrictEqual(server.of("tasks/result"), [{ taskId: FIRST }])
    }))

  it.effect.each<readonly [what: string, Change, tag: string, message: string]>([
    ["an error of the protocol", { error: { code: -32603, message: "boom" } }, "JsonRpcError", "boom"],
    ["an error of the tool", { result: { content: [{ type: "text", text: "no" }], isError: true } }, "ToolError", "no"],
    ["nothing that says so", { result: done }, "TaskEndedError", "failed: because"]
  ])("of a task that failed is %s", ([, change, tag, message]) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const calls = [
        yield* failing(Effect.flatMap(client.startTool("optional"), (task) => task.await)),
        yield* failing(client.callTool("required"))
      ]
      for (const taskId of server.tasks.keys()) {
        yield* server.set(taskId, { status: "failed", statusMessage: "because", ...change })
      }
      yield* soon
      for (const call of calls) {
        const error = yield* Fiber.join(call)
        assert.strictEqual(tagOf(error), tag)
        assert.include(error.message, message)
      }
      assert.lengthOf(server.of("tasks/result"), 2)
    }))

  it.effect("of a task that failed is given as it is to who wants it raw", () =>
    Effect.gen(function*() {
      const result = { content: [], isError: true }
      const { client } = yield* connect({ task: { status: "failed", result } })
      const task = yield* client.raw.startTool("optional")
      assert.isTrue((yield* task.await).isError)
      assert.isTrue((yield* client.raw.callTool("required")).isError)
    }))

  it.effect("of a task that was cancelled is not asked for", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("optional")
      const waiting = yield* start(failsWith("TaskEndedError")(task.await))
      yield* server.set(FIRST, { status: "cancelled", statusMessage: "by the user" })
      yield* soon
      const { status, statusMessage } = yield* Fiber.join(waiting)
      assert.deepStrictEqual({ status, statusMessage }, { status: "cancelled", statusMessage: "by the user" })
      assert.isEmpty(server.of("tasks/result"))
    }))

  it.effect("that got lost with the session is asked for again", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      const task = yield* client.startTool("optional")
      yield* mock.inject(Fault.disconnect("tasks/result", 1))
      yield* server.set(FIRST, { status: "completed" })
      const waiting = yield* start(task.await)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual((yield* Fiber.join(waiting)).content as unknown, done.content)
      assert.strictEqual(yield* mock.connections, 2)
    }))

  it.effect("that is waited for while the session is lost is waited for in the next, and questions come there", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { status: "input_required" } }, {
        handlers: { roots: [{ uri: "file:///a" }] }
      })
      const task = yield* client.startTool("optional")
      const waiting = yield* start(task.await)
      yield* mock.disconnect()
      yield* TestClock.adjust("5 seconds")
      assert.lengthOf(server.of("tasks/result"), 2)
      yield* server.ask(FIRST, "roots/list")
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(waiting)
    }))

  it.effect.each([6, 60])(
    "is asked for again when the server is lost meanwhile, but not for ever: %d times",
    (times) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({ task: { status: "completed" } })
        // Each attempt is made in up to three sessions.
        yield* mock.inject(Fault.disconnect("tasks/result", times))
        const task = yield* client.startTool("optional")
        const waiting = yield* start(Effect.exit(task.await))
        yield* TestClock.adjust("5 minutes")
        assert.strictEqual(Exit.isSuccess(yield* Fiber.join(waiting)), times === 6)
      })
  )

  it.effect("is not waited for for ever once the task has ended, and may be asked for again", () =>
    Effect.gen(function*() {
      let isReady = false
      const { client } = yield* connect({
        task: { status: "completed" },
        methods: () => ({ "tasks/result": () => isReady ? Effect.succeed(done) : Effect.never })
      })
      const task = yield* client.startTool("optional")
      const waiting = yield* start(failsWith("TimeoutError")(task.await))
      yield* TestClock.adjust("1 minute")
      const { budget, millis } = yield* Fiber.join(waiting)
      assert.deepStrictEqual({ budget, millis }, { budget: "call", millis: 60_000 })
      isReady = true
      assert.deepStrictEqual((yield* task.await).content as unknown, done.content)
    }))
})

describe("a server", () => {
  it.effect("that was restarted and knows its tasks goes on with them in the next session", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      const task = yield* client.startTool("optional")
      const waiting = yield* start(task.await)
      yield* mock.disconnect()
      yield* TestClock.adjust("10 seconds")
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual((yield* Fiber.join(waiting)).content as unknown, done.content)
      assert.strictEqual(yield* mock.connections, 2)
      assert.lengthOf(server.of("tools/call"), 1)
    }))

  it.effect("that was restarted and has forgotten its tasks has lost them", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      const task = yield* client.startTool("optional")
      const calling = yield* start(failsWith("TaskLostError")(client.callTool("required")))
      const waiting = yield* start(failsWith("TaskLostError")(task.await))
      yield* server.forget(FIRST)
      yield* server.forget("task-2")
      yield* mock.disconnect()
      yield* TestClock.adjust("10 seconds")
      const { expired, taskId } = yield* Fiber.join(waiting)
      assert.deepStrictEqual({ expired, taskId }, { expired: false, taskId: FIRST })
      yield* Fiber.join(calling)
      // It is no more to be found out.
      const asked = server.log.length
      yield* failsWith("TaskLostError")(task.await)
      assert.lengthOf(server.log, asked)
      // Nobody gave it up, so nobody cancels it.
      assert.isEmpty(server.of("tasks/cancel"))
    }))

  it.effect("that forgets a task after its time to live says that it has expired", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { ttl: 60_000 } })
      const task = yield* client.startTool("optional")
      yield* TestClock.adjust("1 minute")
      yield* server.forget(FIRST)
      assert.isTrue((yield* failsWith("TaskLostError")(task.status)).expired)
    }))

  it.effect("that forgets the result of a task has lost it", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        task: { status: "completed" },
        methods: () => ({ "tasks/result": () => refuse(-32602, "Task has expired") })
      })
      const task = yield* client.startTool("optional")
      yield* failsWith("TaskLostError")(task.await)
    }))

  it.effect("is asked up to five times in a row while it is out of reach", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { pollInterval: 1_000 } }, {
        timeouts: { call: "10 seconds" }
      })
      const task = yield* client.startTool("optional")
      const waiting = yield* start(task.await)
      yield* mock.inject(Fault.drop("tasks/get", 4))
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(waiting.pollUnsafe())
      assert.isAbove(server.of("tasks/get").length, 1)
      yield* mock.inject(Fault.drop("tasks/get", 5))
      const failing = yield* start(Effect.flip(Fiber.join(waiting)))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(tagOf(yield* Fiber.join(failing)), "TimeoutError")
      // Who waits once more begins anew.
      const again = yield* start(task.await)
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(again)
    }))

  it.effect("may tell of changes, and is asked at once then", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval: 60_000 } })
      const task = yield* client.startTool("optional")
      const waiting = yield* start(task.await)
      yield* TestClock.adjust("10 seconds")
      yield* server.set(FIRST, { status: "completed" })
      yield* settled
      assert.isUndefined(waiting.pollUnsafe())
      yield* server.notify(FIRST)
      yield* TestClock.adjust(0)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(server.times("tasks/get"), [10_000])
    }))

  it.effect("need not be believed when it tells of a change", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect({ task: { pollInterval: 60_000 } })
      const task = yield* client.startTool("optional")
      const waiting = yield* start(task.await)
      yield* TestClock.adjust("10 seconds")
      for (const params of [{ taskId: FIRST, status: "completed" }, { taskId: FIRST }, { status: "failed" }, {}]) {
        yield* mock.notify("notifications/tasks/status", params)
      }
      yield* TestClock.adjust("1 second")
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual((yield* task.status).status, "working")
      assert.strictEqual(server.times("tasks/get")[0], 10_000)
    }))

  it.effect("is not asked for a task because another one has changed", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval: 60_000 } })
      const one = yield* client.startTool("optional")
      yield* client.startTool("optional")
      yield* start(one.await)
      yield* TestClock.adjust("10 seconds")
      yield* server.notify("task-2")
      yield* TestClock.adjust("10 seconds")
      assert.isEmpty(server.of("tasks/get"))
    }))

  it.effect("that tells of changes without end is asked at its pace, at most each 50 ms", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { pollInterval: 60_000 } })
      const task = yield* client.startTool("optional")
      yield* start(task.await)
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(
        Array.from({ length: 300 }),
        () => Effect.andThen(server.notify(FIRST), TestClock.adjust("1 millis")),
        { discard: true }
      )
      assert.isAtMost(server.of("tasks/get").length, 7)
      assert.isAtLeast(server.of("tasks/get").length, 4)
    }))
})

describe("the tasks of a server", () => {
  const ids = (client: McpClient.McpClient, options?: McpClient.ListOptions) =>
    Effect.map(Stream.runCollect(client.listTasks(options)), (tasks) => tasks.map(({ taskId }) => taskId))

  const of = (...taskIds: ReadonlyArray<unknown>): JsonObject => ({
    tasks: taskIds.map((taskId) => ({ taskId, status: "working", createdAt: "a", lastUpdatedAt: "b", ttl: null }))
  })

  const pages = (pages: Readonly<Record<string, unknown>>): Script => ({
    methods: () => ({ "tasks/list": ({ cursor = "" }) => Effect.succeed(pages[String(cursor)]) })
  })

  it.effect("are listed over all pages, as they come", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect(pages({
        "": { ...of("a", "b"), nextCursor: "2" },
        2: { tasks: [], nextCursor: "3" },
        3: of("c")
      }))
      yield* client.startTool("optional")
      assert.deepStrictEqual(yield* ids(client), ["a", "b", "c"])
      assert.deepStrictEqual(server.of("tasks/list"), [{}, { cursor: "2" }, { cursor: "3" }])
      const [first] = yield* Stream.runCollect(Stream.take(client.listTasks(), 1))
      assert.strictEqual(first?.taskId, "a")
      assert.lengthOf(server.of("tasks/list"), 4)
      assert.isEmpty(server.of("tasks/get"))
    }))

  it.effect("are listed anew each time that the stream runs", () =>
    Effect.gen(function*() {
      let isEmpty = false
      const { client, server } = yield* connect({
        methods: ({ tasks }) => ({
          "tasks/list": () =>
            Effect.sync(() => ({
              tasks: isEmpty ? [] : Array.from(tasks.values(), (task) => ({ ttl: null, ...task }))
            }))
        })
      })
      yield* client.startTool("optional")
      const listing = Stream.runCollect(Stream.map(client.listTasks(), ({ taskId }) => taskId))
      assert.deepStrictEqual(yield* listing, [FIRST])
      isEmpty = true
      assert.deepStrictEqual(yield* listing, [FIRST])
      assert.lengthOf(server.of("tasks/get"), 1)
    }))

  it.effect("are listed without those that make no sense", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(pages({
        "": { tasks: [null, 7, {}, { taskId: "x" }, { taskId: "y", status: "resting" }, ...of("a", 7, "").tasks as []] }
      }))
      assert.deepStrictEqual(yield* ids(client), ["a"])
    }))

  it.effect.each<readonly [what: string, JsonObject | undefined]>([
    ["does not offer to list them", {}],
    ["lists none", { list: {} }]
  ])("are those that were started here, if it %s", ([, rest]) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({
        capabilities: offering(call, rest),
        methods: () => ({ "tasks/list": () => Effect.succeed({ tasks: [] }) })
      })
      assert.deepStrictEqual(yield* ids(client), [])
      const first = yield* client.startTool("optional")
      yield* start(client.callTool("required"))
      yield* client.startTool("forbidden")
      // Another client's.
      yield* server.create()
      yield* client.resumeTool("optional", { ...first.toJSON(), taskId: "task-3" })
      assert.sameMembers(Array.from(yield* ids(client)), [FIRST, "task-2", "task-3"])
      yield* server.forget("task-2")
      assert.sameMembers(Array.from(yield* ids(client)), [FIRST, "task-3"])
      const asked = server.of("tasks/get").length
      yield* ids(client)
      assert.lengthOf(server.of("tasks/get"), asked + 2)
      assert.strictEqual(server.of("tasks/list").length > 0, rest?.["list"] !== undefined)
    }))

  it.effect.each([-32601, -32602, -32603])(
    "are not known if it refuses to list them: %s",
    (code) =>
      Effect.gen(function*() {
        const { client } = yield* connect({ methods: () => ({ "tasks/list": () => refuse(code, "no") }) })
        yield* client.startTool("optional")
        const error = yield* Effect.flip(ids(client))
        assert.strictEqual((yield* failsWith("JsonRpcError")(Effect.fail(error))).code, code)
        assert.strictEqual(error.method, "tasks/list")
      })
  )

  it.effect.each<{ readonly answer: unknown }>([
    { answer: null },
    { answer: "none" },
    { answer: [] },
    { answer: {} },
    { answer: { tasks: {} } },
    { answer: { tasks: "none" } }
  ])("are no such thing: %j", ({ answer }) =>
    Effect.gen(function*() {
      const { client } = yield* connect({ methods: () => ({ "tasks/list": () => Effect.succeed(answer) }) })
      yield* failsWith("ProtocolError")(ids(client))
    }))

  it.effect("have to come to an end", () =>
    Effect.gen(function*() {
      let page = 0
      const { client } = yield* connect({
        methods: () => ({ "tasks/list": () => Effect.sync(() => ({ ...of(`${page}`), nextCursor: `${++page}` })) })
      })
      yield* failsWith("LimitError")(ids(client))
      yield* failsWith("LimitError")(ids(client, { maxPages: 3 }))
      yield* failsWith("LimitError")(ids(client, { maxItems: 3 }))
    }))

  it.effect("are waited for as long as the list may take", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ methods: () => ({ "tasks/list": () => Effect.never }) })
      const listing = yield* start(failsWith("TimeoutError")(ids(client, { timeout: "5 seconds" })))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(listing)).budget, "list")
    }))
})

describe("what makes no sense", () => {
  const nonsense = [
    null,
    "working",
    [],
    {},
    { taskId: FIRST },
    { status: "working" },
    { taskId: FIRST, status: "resting" },
    { taskId: FIRST, status: 7 },
    { taskId: 7, status: "working" },
    { taskId: "", status: "working" },
    { task: { taskId: FIRST, status: "working" } }
  ].map((answer: unknown) => ({ answer }))

  it.effect.each(nonsense)(
    "as the state of a task fails all who want to know it: %j",
    ({ answer }) =>
      Effect.gen(function*() {
        const { client } = yield* connect({ methods: () => ({ "tasks/get": () => Effect.succeed(answer) }) })
        const task = yield* client.startTool("optional")
        const all = [
          yield* start(failsWith("ProtocolError")(task.await)),
          yield* start(failsWith("ProtocolError")(task.wait())),
          yield* start(failsWith("ProtocolError")(Stream.runDrain(task.changes))),
          yield* start(failsWith("ProtocolError")(client.callTool("required")))
        ]
        yield* failsWith("ProtocolError")(task.status)
        yield* soon
        yield* Fiber.joinAll(all)
      })
  )

  it.effect.each<JsonObject>([{}, { taskId: FIRST }, { taskId: FIRST, status: "resting" }, {
    taskId: 7,
    status: "failed"
  }])(
    "as a new task fails the call: %j",
    (task) =>
      Effect.gen(function*() {
        const { client } = yield* connect({ methods: () => ({ "tools/call": () => Effect.succeed({ task }) }) })
        yield* failsWith("ProtocolError")(client.startTool("optional"))
        yield* failsWith("ProtocolError")(client.callTool("required"))
      })
  )

  it.effect.each<{ readonly result: unknown }>([
    { result: null },
    { result: "done" },
    { result: [] },
    { result: { content: "done" } },
    { result: { content: [], isError: "no" } }
  ])("as a result fails who waits for it: %j", ({ result }) =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        task: { status: "completed" },
        methods: () => ({ "tasks/result": () => Effect.succeed(result) })
      })
      const task = yield* client.startTool("optional")
      yield* failsWith("ProtocolError")(task.await)
      yield* failsWith("ProtocolError")(client.callTool("required"))
    }))

  it.effect("as a time is taken for none", () =>
    Effect.gen(function*() {
      const times: Change = { pollInterval: -5, ttl: "1 minute" as never }
      const { client, server } = yield* connect({ task: times })
      const task = yield* client.startTool("optional")
      assert.isUndefined((yield* task.status).pollInterval)
      const waiting = yield* start(task.await)
      yield* TestClock.adjust("1 minute")
      assert.isBelow(server.of("tasks/get").length, 30)
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(waiting)
    }))
})

describe("an error of the server", () => {
  const codes = [-32601, -32602, -32603]

  const refusing = (method: string, code: number): Script["methods"] => () => ({
    [method]: (() => refuse(code, "no")) satisfies MockTransport.MethodHandler
  })

  const codeOf = (reason: McpErrorReason): number | undefined =>
    reason._tag === "JsonRpcError" ? reason.code : undefined

  it.effect.each(codes)("to the call is the call's: %s", (code) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ methods: refusing("tools/call", code) })
      assert.strictEqual(codeOf((yield* Effect.flip(client.startTool("optional"))).reason), code)
      assert.strictEqual(codeOf(yield* failsWith("JsonRpcError")(client.callTool("required"))), code)
      assert.isEmpty(server.log.filter(({ method }) => method.startsWith("tasks/")))
    }))

  it.effect("to tasks/get that is the server's own trouble ends every wait when it comes five times in a row", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      const trouble = (times: number) =>
        mock.inject(Fault.fail("tasks/get", { code: -32603, message: "Internal error" }, times))
      const task = yield* client.startTool("optional")
      yield* trouble(4)
      const waiting = yield* start(task.await)
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(waiting.pollUnsafe())
      yield* trouble(5)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(codeOf(yield* failsWith("JsonRpcError")(Fiber.join(waiting))), -32603)
      yield* server.set(FIRST, { status: "completed" })
      yield* task.await
    }))

  it.effect.each([-32601, -32602])("to tasks/get ends every wait: %s", (code) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ methods: refusing("tasks/get", code) })
      const task = yield* client.startTool("optional")
      const expected = code === -32602 ? "TaskLostError" : "JsonRpcError"
      const all = [
        yield* failing(task.await),
        yield* failing(task.wait()),
        yield* failing(Stream.runDrain(task.changes)),
        yield* failing(client.callTool("required"))
      ]
      yield* soon
      for (const error of yield* Fiber.joinAll(all)) assert.strictEqual(tagOf(error), expected)
      assert.strictEqual(tagOf(yield* Effect.flip(task.status)), expected)
      const asked = server.log.length
      yield* TestClock.adjust("1 hour")
      assert.lengthOf(server.log, asked)
    }))

  it.effect.each(codes)("to tasks/result is the request's: %s", (code) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { status: "failed" }, methods: refusing("tasks/result", code) })
      const task = yield* client.startTool("optional")
      assert.strictEqual(codeOf(yield* failsWith("JsonRpcError")(task.await)), code)
      assert.strictEqual(codeOf(yield* failsWith("JsonRpcError")(task.await)), code)
      assert.lengthOf(server.of("tasks/result"), 1)
    }))

  it.effect.each(codes)(
    "to tasks/result while the task asks for input says nothing yet: %s",
    (code) =>
      Effect.gen(function*() {
        let isReady = false
        const { client, server } = yield* connect({
          task: { status: "input_required", pollInterval: 1_000 },
          methods: () => ({ "tasks/result": () => isReady ? Effect.succeed(done) : refuse(code, "not yet") })
        })
        const task = yield* client.startTool("optional")
        const waiting = yield* start(task.await)
        yield* TestClock.adjust("10 seconds")
        assert.isUndefined(waiting.pollUnsafe())
        assert.isAtMost(server.of("tasks/result").length, server.of("tasks/get").length + 1)
        assert.isAbove(server.of("tasks/result").length, 5)
        isReady = true
        yield* server.set(FIRST, { status: "completed" })
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(waiting)
      })
  )

  it.effect.each(codes)("to tasks/cancel is told, unless the task has ended: %s", (code) =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ methods: refusing("tasks/cancel", code) })
      const task = yield* client.startTool("optional")
      const error = yield* Effect.flip(task.cancel)
      assert.strictEqual(codeOf(error.reason), code)
      yield* server.set(FIRST, { status: "completed" })
      if (code === -32602) yield* task.cancel
      else assert.strictEqual(codeOf(yield* failsWith("JsonRpcError")(task.cancel)), code)
    }))
})

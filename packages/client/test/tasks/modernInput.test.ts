import type { McpError, ToolError } from "@effect-mcp/client/McpError"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import type * as McpTask from "@effect-mcp/client/McpTask"
import * as Fault from "@effect-mcp/testing/Fault"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { elicitation, form, sampling } from "../asking.ts"
import { failsWith, settled, start } from "../harness.ts"
import { connect as connectTo, done, FIRST, refuse, type Script, type Server } from "./support.ts"

const connect = (script?: Script, options?: Parameters<typeof connectTo>[2]) =>
  connectTo("modern", { ...script, task: { pollInterval: 1000, ...script?.task } }, options)

const GET = "tasks/get"
const UPDATE = "tasks/update"

/** Asks the user. */
const ask = (message: string) => ({
  method: elicitation,
  params: { ...form({ it: { type: "string" } }), message }
})

const answerOf = (it: string) => ({ action: "accept", content: { it } })

/** Asks several things, by keys that are what is asked. */
const questions = (...keys: ReadonlyArray<string>): JsonObject => Object.fromEntries(keys.map((key) => [key, ask(key)]))

/** A user who answers with the question, as soon as the test says so, and what was asked of them. */
const user = () => {
  const log: Array<string> = []
  const gates = new Map<string, Deferred.Deferred<void>>()
  const gate = (message: string) => {
    const known = gates.get(message) ?? Deferred.makeUnsafe<void>()
    gates.set(message, known)
    return known
  }
  const handlers: McpHandlers.CallHandlers = {
    elicitation: {
      form: ({ message }) =>
        Effect.sync(() => log.push(message)).pipe(
          Effect.andThen(Deferred.await(gate(message))),
          Effect.as(McpHandlers.accept({ it: message })),
          Effect.onInterrupt(() => Effect.sync(() => log.push(`${message} interrupted`)))
        )
    }
  }
  return {
    log,
    handlers,
    answer: (message: string) => Effect.andThen(Deferred.succeed(gate(message), undefined), settled)
  }
}

/** A user who answers at once. */
const ready = () => {
  const { answer: _, ...rest } = user()
  const log: Array<string> = []
  const handlers: McpHandlers.CallHandlers = {
    elicitation: {
      form: ({ message }) => Effect.sync(() => (log.push(message), McpHandlers.accept({ it: message })))
    }
  }
  return { ...rest, log, handlers }
}

const required = (...keys: ReadonlyArray<string>) =>
  ({ status: "input_required", inputRequests: questions(...keys) }) as const

/** What the server was told, in order. */
const told = (server: Server) => server.of(UPDATE).map(({ inputResponses }) => inputResponses)

describe("what a task asks for", () => {
  it.effect("is answered by the handlers, by its keys", () =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, server } = yield* connect({}, { handlers: { ...handlers, roots: [] } as McpHandlers.Handlers })
      const call = yield* start(client.callTool("required"))
      yield* server.set(FIRST, {
        status: "input_required",
        inputRequests: { a: ask("name?"), b: { method: "roots/list" } }
      })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(log, ["name?"])
      const answers = server.of(UPDATE)
      assert.deepStrictEqual(answers.map(({ taskId }) => taskId), answers.map(() => FIRST))
      assert.deepStrictEqual(Object.assign({}, ...told(server)), { a: answerOf("name?"), b: { roots: [] } })
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
    }))

  it.effect("is asked all at once, and answered as the answers come", () =>
    Effect.gen(function*() {
      const { answer, handlers, log } = user()
      const { client, server } = yield* connect()
      yield* start(client.callTool("required", {}, { handlers }))
      yield* server.set(FIRST, required("a", "b", "c"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([log, told(server)], [["a", "b", "c"], []])
      yield* answer("b")
      assert.deepStrictEqual(told(server), [{ b: answerOf("b") }])
      yield* answer("a")
      yield* TestClock.adjust("1 minute")
      yield* answer("c")
      assert.deepStrictEqual(told(server), ["b", "a", "c"].map((key) => ({ [key]: answerOf(key) })))
      assert.strictEqual(server.tasks.get(FIRST)?.status, "working")
      assert.deepStrictEqual(log, ["a", "b", "c"])
    }))

  it.effect("may come bit by bit", () =>
    Effect.gen(function*() {
      const { answer, handlers, log } = user()
      const { client, server } = yield* connect()
      const call = yield* start(client.callTool("required", {}, { handlers }))
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 seconds")
      yield* server.set(FIRST, required("a", "b"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(log, ["a", "b"])
      yield* answer("b")
      yield* answer("a")
      yield* TestClock.adjust("2 seconds")
      yield* server.set(FIRST, required("c"))
      yield* TestClock.adjust("2 seconds")
      yield* answer("c")
      assert.deepStrictEqual(told(server), ["b", "a", "c"].map((key) => ({ [key]: answerOf(key) })))
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
      assert.deepStrictEqual(log, ["a", "b", "c"])
    }))

  it.effect("is asked and answered once, also while it is listed further", () =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, server } = yield* connect({
        methods: () => ({ [UPDATE]: () => Effect.succeed({ resultType: "complete" }) })
      })
      const call = yield* start(client.callTool("required", {}, { handlers }))
      yield* server.set(FIRST, required("a", "b"))
      yield* TestClock.adjust("20 seconds")
      yield* server.set(FIRST, required("b", "c"))
      yield* TestClock.adjust("20 seconds")
      yield* server.set(FIRST, { status: "working" })
      yield* TestClock.adjust("2 seconds")
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(log, ["a", "b", "c"])
      assert.deepStrictEqual(told(server), ["a", "b", "c"].map((key) => ({ [key]: answerOf(key) })))
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
    }))

  it.effect("is asked once, however many wait and watch, and however long the user takes", () =>
    Effect.gen(function*() {
      const { answer, handlers, log } = user()
      const { client, server } = yield* connect({ task: { pollInterval: 20_000 } })
      const task = yield* client.startTool("required", {}, { handlers })
      yield* start(task.await)
      yield* start(task.wait())
      yield* start(Stream.runDrain(task.changes))
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(log, ["a"])
      yield* answer("a")
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual([log, told(server)], [["a"], [{ a: answerOf("a") }]])
    }))

  it.effect("shows in the state", () =>
    Effect.gen(function*() {
      const { handlers } = ready()
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required", {}, { handlers })
      yield* server.set(FIRST, { status: "input_required", inputRequests: { a: { method: "roots/list" } } })
      const { inputRequests, status } = yield* task.status
      assert.deepStrictEqual([status, inputRequests], [
        "input_required",
        { a: { method: "roots/list", params: {} } }
      ])
      // Who only looks does not answer.
      assert.deepStrictEqual(told(server), [])
    }))

  it.effect("is what the handlers of the call answer, or the client's", () =>
    Effect.gen(function*() {
      const saying = (text: string): McpHandlers.CallHandlers => ({
        sampling: () => Effect.succeed({ content: text, model: "m" })
      })
      const { client, server } = yield* connect({
        task: {
          status: "input_required",
          inputRequests: { a: { method: sampling, params: { messages: [], maxTokens: 1 } } }
        }
      }, { handlers: saying("the client's") as McpHandlers.Handlers })
      yield* start(client.callTool("required"))
      yield* start(client.callTool("required", {}, { handlers: saying("the call's") }))
      const task = yield* client.startTool("required", {}, { handlers: saying("the task's") })
      yield* start(task.await)
      yield* TestClock.adjust("2 seconds")
      const answers = server.of(UPDATE).map(({ inputResponses, taskId }) => [taskId, inputResponses] as const)
      const said = (text: string) => ({ a: { role: "assistant", content: { type: "text", text }, model: "m" } })
      assert.deepStrictEqual(
        new Map(answers),
        new Map([
          ["task-1", said("the client's")],
          ["task-2", said("the call's")],
          ["task-3", said("the task's")]
        ])
      )
    }))

  it.effect("is answered with what the caller has", () =>
    Effect.gen(function*() {
      class Name extends Context.Service<Name, string>()("test/Name") {}
      const handlers = {
        elicitation: { form: () => Effect.map(Name, (it) => McpHandlers.accept({ it })) }
      }
      const { client, server } = yield* connect({
        task: { status: "input_required", inputRequests: questions("a") }
      })
      yield* start(Effect.provideService(client.callTool("required", {}, { handlers }), Name, "Ada"))
      const task = yield* Effect.provideService(client.startTool("required", {}, { handlers }), Name, "Grace")
      yield* start(task.await)
      const saved = (yield* client.startTool("required")).toJSON()
      const resumed = yield* Effect.provideService(client.resumeTool("required", saved, { handlers }), Name, "Joan")
      yield* start(resumed.await)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(
        new Map(server.of(UPDATE).map(({ inputResponses, taskId }) => [taskId, inputResponses] as const)),
        new Map<unknown, unknown>([
          ["task-1", { a: answerOf("Ada") }],
          ["task-2", { a: answerOf("Grace") }],
          ["task-3", { a: answerOf("Joan") }]
        ])
      )
    }))

  it.effect("does not count as silence while it is answered", () =>
    Effect.gen(function*() {
      const { answer, handlers } = user()
      const { client, server } = yield* connect()
      const call = yield* start(client.callTool("required", {}, { handlers, timeout: "10 seconds" }))
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(call.pollUnsafe(), undefined)
      yield* answer("a")
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(call.pollUnsafe(), undefined)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* failsWith("TimeoutError")(Fiber.join(call))).budget, "call")
    }))

  it.effect.each(["completed", "cancelled", "failed"] as const)(
    "is asked no more when the task is %s",
    (status) =>
      Effect.gen(function*() {
        const { handlers, log } = user()
        const { client, server } = yield* connect()
        const call = yield* start(client.callTool("required", {}, { handlers }))
        yield* server.set(FIRST, required("a"))
        yield* TestClock.adjust("2 seconds")
        yield* server.set(FIRST, { status })
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.await(call)
        assert.deepStrictEqual([log, told(server)], [["a", "a interrupted"], []])
      })
  )

  it.effect("is asked no more when nobody waits any more, and anew when somebody does", () =>
    Effect.gen(function*() {
      const { answer, handlers, log } = user()
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required", {}, { handlers })
      const waiting = yield* start(task.await)
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(log, ["a", "a interrupted"])
      yield* start(task.await)
      yield* TestClock.adjust("2 seconds")
      yield* answer("a")
      assert.deepStrictEqual([log, told(server)], [["a", "a interrupted", "a"], [{ a: answerOf("a") }]])
    }))

  it.effect.each([
    [],
    "a",
    { a: null },
    { a: {} },
    { a: { method: 7 } },
    { a: { method: "tools/call" } },
    { a: ask("a"), b: { method: "ping" } }
  ])("makes no sense when it is %j", (inputRequests) =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, server } = yield* connect({
        methods: ({ tasks }) => ({
          [GET]: () => Effect.succeed({ resultType: "complete", ...tasks.get(FIRST), inputRequests })
        })
      })
      const call = yield* start(client.callTool("required", {}, { handlers }))
      yield* server.set(FIRST, { status: "input_required" })
      yield* TestClock.adjust("1 minute")
      yield* failsWith("ProtocolError")(Fiber.join(call))
      assert.deepStrictEqual([log, told(server)], [[], []])
    }))

  it.effect("is not asked when it is too much", () =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, server } = yield* connect()
      const call = yield* start(client.callTool("required", {}, { handlers }))
      yield* server.set(FIRST, required(...Array.from({ length: 1001 }, (_, n) => `${n}`)))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* failsWith("LimitError")(Fiber.join(call))).limit, 1000)
      assert.deepStrictEqual([log, told(server)], [[], []])
    }))

  it.effect("is not asked when it is too much together with what is not answered yet", () =>
    Effect.gen(function*() {
      const { handlers, log } = user()
      const { client, server } = yield* connect()
      const call = yield* start(client.callTool("required", {}, { handlers }))
      for (const from of [0, 600]) {
        yield* server.set(FIRST, required(...Array.from({ length: 600 }, (_, n) => `${from + n}`)))
        yield* TestClock.adjust("2 seconds")
      }
      assert.strictEqual((yield* failsWith("LimitError")(Fiber.join(call))).limit, 1000)
      assert.strictEqual(log.filter((entry) => !entry.includes("interrupted")).length, 600)
    }))

  it.effect("is not asked for ever", () =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, server } = yield* connect()
      const saved = (yield* client.startTool("required")).toJSON()
      const answered = Array.from({ length: 9_999 }, (_, n) => `${n}`)
      const task = yield* client.resumeTool("required", { ...saved, answered }, { handlers })
      const waiting = yield* start(task.await)
      for (const key of ["a", "b"]) {
        yield* server.set(FIRST, required(key))
        yield* TestClock.adjust("2 seconds")
      }
      assert.strictEqual((yield* failsWith("LimitError")(Fiber.join(waiting))).limit, 10_000)
      assert.deepStrictEqual([log, told(server)], [["a"], [{ a: answerOf("a") }]])
    }))

  it.effect("long ago is asked only if the server still wants to know", () =>
    Effect.gen(function*() {
      const { handlers, log } = user()
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required", {}, { handlers })
      yield* server.set(FIRST, required("a"))
      yield* task.status
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual<unknown>(yield* task.await, done)
      assert.deepStrictEqual(log, [])
    }))

  it.effect("is heard of by who comes while another leaves who takes his time", () =>
    Effect.gen(function*() {
      const left = Deferred.makeUnsafe<void>()
      const form = () => Effect.as(Effect.uninterruptible(Deferred.await(left)), McpHandlers.decline)
      const { client, server } = yield* connect({ task: { pollInterval: 60_000 } })
      const task = yield* client.startTool("required", {}, { handlers: { elicitation: { form } } })
      yield* server.set(FIRST, required("a"))
      yield* task.status
      yield* Effect.forkChild(Fiber.interrupt(yield* start(task.await)))
      yield* settled
      const waiting = yield* start(task.await)
      yield* Deferred.succeed(left, undefined)
      yield* TestClock.adjust("1 second")
      yield* server.set(FIRST, { status: "completed" })
      yield* server.notify(FIRST)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(waiting), done)
    }))
})

describe("what nobody here can answer", () => {
  it.effect("fails who waits, and cancels a task that nobody else has", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const call = yield* start(client.callTool("required"))
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 seconds")
      const { inputRequests } = yield* failsWith("InputRequiredError")(Fiber.join(call))
      assert.deepStrictEqual(inputRequests, { a: ask("a") })
      assert.deepStrictEqual(server.of("tasks/cancel"), [{ taskId: FIRST }])
    }))

  it.effect("fails who waits, but not who watches, and leaves a task that was started", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required")
      const log: Array<McpTask.Status> = []
      yield* start(Stream.runForEach(task.changes, ({ status }) => Effect.sync(() => log.push(status))))
      const waiting = [
        yield* start(task.await),
        yield* start(task.wait()),
        yield* start(task.wait({ until: "failed" }))
      ]
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 seconds")
      for (const waiter of waiting as ReadonlyArray<Fiber.Fiber<unknown, McpError | ToolError>>) {
        yield* failsWith("InputRequiredError")(Fiber.join(waiter))
      }
      // Who comes later learns it, too.
      const late = yield* start(task.await)
      yield* TestClock.adjust("2 seconds")
      yield* failsWith("InputRequiredError")(Fiber.join(late))
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(log, ["working", "input_required", "completed"])
      assert.deepStrictEqual(server.of("tasks/cancel"), [])
      assert.deepStrictEqual<unknown>(yield* task.await, done)
    }))

  it.effect("is declined when nobody is to be asked", () =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, server } = yield* connect({}, { handlers: handlers as McpHandlers.Handlers })
      yield* start(client.callTool("required", {}, { handlers: { elicitation: false } }))
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([log, told(server)], [[], [{ a: { action: "decline" } }]])
    }))

  it.effect("does not keep from answering the rest", () =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required", {}, { handlers })
      yield* start(Stream.runDrain(task.changes))
      yield* server.set(FIRST, {
        status: "input_required",
        inputRequests: { who: { method: sampling, params: { messages: [], maxTokens: 1 } }, ...questions("a") }
      })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([log, told(server)], [["a"], [{ a: answerOf("a") }]])
    }))

  it.effect("is what a handler fails to answer: with its cause, and asked once while somebody waits", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      let isTired = true
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required", {}, {
        handlers: {
          elicitation: {
            form: ({ message }) =>
              Effect.suspend(() => {
                log.push(message)
                return isTired ? Effect.fail("tired") : Effect.succeed(McpHandlers.accept({ it: message }))
              })
          }
        }
      })
      yield* start(Stream.runDrain(task.changes))
      const waiting = yield* start(task.await)
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("1 minute")
      const { cause, inputRequests } = yield* failsWith("InputRequiredError")(Fiber.join(waiting))
      assert.deepStrictEqual([cause, inputRequests], ["tired", { a: ask("a") }])
      assert.deepStrictEqual([log, told(server)], [["a"], []])
    }))

  it.effect("is asked again when somebody waits again", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required", {}, {
        handlers: {
          elicitation: {
            form: ({ message }) =>
              Effect.suspend(() =>
                log.push(message) === 1
                  ? Effect.die(new Error("broken"))
                  : Effect.succeed(McpHandlers.accept({ it: message }))
              )
          }
        }
      })
      yield* server.set(FIRST, required("a"))
      const first = yield* start(task.await)
      yield* TestClock.adjust("2 seconds")
      yield* failsWith("InputRequiredError")(Fiber.join(first))
      yield* start(task.await)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([log, told(server)], [["a", "a"], [{ a: answerOf("a") }]])
    }))
})

describe("an answer", () => {
  it.effect("that the server refuses fails who waits, and is not given again", () =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, server } = yield* connect({ methods: () => ({ [UPDATE]: () => refuse(-32000, "not so") }) })
      const task = yield* client.startTool("required", {}, { handlers })
      yield* start(Stream.runDrain(task.changes))
      const waiting = yield* start(task.await)
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* failsWith("JsonRpcError")(Fiber.join(waiting))).description, "not so")
      assert.deepStrictEqual([log, told(server)], [["a"], [{ a: answerOf("a") }]])
    }))

  it.effect("that comes too late is no failure", () =>
    Effect.gen(function*() {
      const { answer, handlers } = user()
      const { client, server } = yield* connect({ methods: () => ({ [UPDATE]: () => refuse(-32602, "it has ended") }) })
      const call = yield* start(client.callTool("required", {}, { handlers }))
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 seconds")
      yield* server.set(FIRST, { status: "completed" })
      yield* answer("a")
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
    }))

  it.effect.each([1, 3, 4])(
    "that is lost with the session (%d times) is given again, without asking again",
    (times) =>
      Effect.gen(function*() {
        const { handlers, log } = ready()
        const { client, mock, server } = yield* connect()
        yield* mock.inject(Fault.disconnect(UPDATE, times))
        const call = yield* start(client.callTool("required", {}, { handlers }))
        yield* server.set(FIRST, required("a"))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(log, ["a"])
        assert.deepStrictEqual(told(server), [{ a: answerOf("a") }])
        yield* server.set(FIRST, { status: "completed" })
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
      })
  )

  it.effect("that was on its way when nobody waited any more is given again, without asking again", () =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, server } = yield* connect({ methods: () => ({ [UPDATE]: () => Effect.never }) })
      const task = yield* client.startTool("required", {}, { handlers })
      yield* server.set(FIRST, required("a"))
      for (let n = 0; n < 2; n++) {
        const waiting = yield* start(task.await)
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.interrupt(waiting)
      }
      assert.deepStrictEqual([log, told(server)], [["a"], [{ a: answerOf("a") }, { a: answerOf("a") }]])
      assert.deepStrictEqual(task.toJSON().answered, [])
    }))

  it.effect("that the server does not acknowledge is given again, without asking again", () =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, mock, server } = yield* connect({
        methods: () => ({ [UPDATE]: () => Effect.succeed({ resultType: "complete" }) })
      }, { timeouts: { call: "10 seconds" } })
      yield* mock.inject(Fault.drop(UPDATE, 1))
      const task = yield* client.startTool("required", {}, { handlers })
      yield* start(task.await)
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([log, told(server)], [["a"], [{ a: answerOf("a") }, { a: answerOf("a") }]])
    }))

  it.effect("that can not be given is not given all the time", () =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, mock, server } = yield* connect()
      yield* mock.inject(Fault.disconnect(UPDATE, Number.POSITIVE_INFINITY))
      const task = yield* client.startTool("required", {}, { handlers })
      yield* start(Stream.runDrain(task.changes))
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(log, ["a"])
      assert.isBelow(server.of(GET).length, 130)
    }))
})

describe("a task that is answered by hand", () => {
  it.effect("says what it asks for, and goes on with the answers", () =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, server } = yield* connect({}, { handlers: handlers as McpHandlers.Handlers })
      const task = yield* client.startTool("required", {}, { input: "manual" })
      const waiting = yield* start(task.await)
      yield* server.set(FIRST, required("a", "b"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(
        (yield* failsWith("InputRequiredError")(Fiber.join(waiting))).inputRequests,
        { a: ask("a"), b: ask("b") }
      )
      yield* task.answer({ a: answerOf("x") })
      assert.deepStrictEqual((yield* failsWith("InputRequiredError")(task.await)).inputRequests, { b: ask("b") })
      yield* task.answer({ b: answerOf("y") })
      const again = yield* start(task.await)
      yield* TestClock.adjust("2 seconds")
      yield* server.set(FIRST, required("c"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual((yield* failsWith("InputRequiredError")(Fiber.join(again))).inputRequests, { c: ask("c") })
      yield* task.answer({ c: answerOf("z") })
      const last = yield* start(task.await)
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(last), done)
      assert.deepStrictEqual([log, told(server)], [[], [
        { a: answerOf("x") },
        { b: answerOf("y") },
        { c: answerOf("z") }
      ]])
    }))

  it.effect("takes each answer once", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required", {}, { input: "manual" })
      yield* server.set(FIRST, required("a", "b"))
      yield* task.answer({ a: answerOf("x") })
      const { description } = yield* failsWith("ConfigurationError")(
        task.answer({ b: answerOf("y"), a: answerOf("z") })
      )
      assert.include(description, "\"a\"")
      assert.deepStrictEqual(told(server), [{ a: answerOf("x") }])
    }))

  it.effect("takes each answer once, also from two who give it at the same time", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required", {}, { input: "manual" })
      yield* server.set(FIRST, required("a"))
      const answer = task.answer({ a: answerOf("x") })
      const first = yield* Effect.forkChild(answer, { startImmediately: true })
      yield* failsWith("ConfigurationError")(answer)
      yield* Fiber.join(first)
      yield* failsWith("ConfigurationError")(answer)
      assert.deepStrictEqual(told(server), [{ a: answerOf("x") }])
    }))

  it.effect("is not answered once more by a handler that comes too late", () =>
    Effect.gen(function*() {
      const { answer, handlers, log } = user()
      const { client, server } = yield* connect({
        methods: () => ({ [UPDATE]: () => Effect.succeed({ resultType: "complete" }) })
      })
      const task = yield* client.startTool("required", {}, { handlers })
      const waiting = yield* start(task.await)
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 seconds")
      yield* task.answer({ a: answerOf("by hand") })
      yield* answer("a")
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([log, told(server)], [["a"], [{ a: answerOf("by hand") }]])
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(waiting), done)
    }))

  it.effect("takes an answer again that the server did not take", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      yield* mock.inject(Fault.fail(UPDATE, { code: -32000, message: "not so" }, 1))
      const task = yield* client.startTool("required", {}, { input: "manual" })
      yield* server.set(FIRST, required("a"))
      yield* failsWith("JsonRpcError")(task.answer({ a: answerOf("x") }))
      yield* task.answer({ a: answerOf("y") })
      assert.deepStrictEqual(told(server), [{ a: answerOf("y") }])
    }))

  it.effect("is answered by who watches it", () =>
    Effect.gen(function*() {
      const { handlers, log } = ready()
      const { client, server } = yield* connect({}, { handlers: handlers as McpHandlers.Handlers })
      const task = yield* client.startTool("required", {}, { input: "manual" })
      yield* start(Stream.runForEach(task.changes, ({ inputRequests = {}, status }) =>
        status === "input_required"
          ? task.answer(Object.fromEntries(Object.keys(inputRequests).map((key) => [key, answerOf(key)])))
          : Effect.void))
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 seconds")
      yield* server.set(FIRST, required("b"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([log, told(server)], [[], [{ a: answerOf("a") }, { b: answerOf("b") }]])
    }))

  it.effect("is still waited for when what it asked long ago is of no interest any more", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required", {}, { input: "manual" })
      yield* server.set(FIRST, required("a"))
      yield* task.status
      yield* failsWith("InputRequiredError")(task.await)
      yield* TestClock.adjust("1 hour")
      yield* failsWith("InputRequiredError")(task.await)
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual<unknown>(yield* task.await, done)
    }))

  it.effect("is there to be answered, also when it would be cancelled with who waits", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("required", {}, { input: "manual", onInterrupt: "cancel" })
      const waiting = yield* start(task.await)
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 seconds")
      yield* failsWith("InputRequiredError")(Fiber.join(waiting))
      assert.deepStrictEqual(server.of("tasks/cancel"), [])
      yield* Fiber.interrupt(yield* start(task.await))
      yield* task.answer({ a: answerOf("x") })
      yield* Fiber.interrupt(yield* start(task.await))
      assert.deepStrictEqual(server.of("tasks/cancel"), [{ taskId: FIRST }])
    }))

  it.effect("can not be, where it was a plain call: it is cancelled", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const calling = yield* start(client.callTool("required", {}, { input: "manual" }))
      yield* server.set(FIRST, required("a"))
      yield* TestClock.adjust("2 seconds")
      const { description } = yield* failsWith("InputRequiredError")(Fiber.join(calling))
      assert.include(description, "handle")
      assert.deepStrictEqual(server.of("tasks/cancel"), [{ taskId: FIRST }])
    }))
})

import type * as McpClient from "@effect-mcp/client/McpClient"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { elicitation, form, logging } from "../asking.ts"
import { failsWith, settled, start } from "../harness.ts"
import { connect as connectTo, done, FIRST, RELATED_TASK, relatedTo, type Script, type Server } from "./support.ts"

/** Answers each form with a name. */
const named = (name: string): McpHandlers.Elicitation => ({ form: () => Effect.succeed(McpHandlers.accept({ name })) })

const connect = (script?: Script, options?: McpClient.Options) =>
  connectTo("legacy", script, { handlers: { elicitation: named("client") }, ...options })

const question: JsonObject = form({ name: { type: "string" } })

const answerOf = (name: string, taskId?: string): JsonObject => ({
  action: "accept",
  content: { name },
  ...(taskId === undefined ? {} : { _meta: relatedTo(taskId) })
})

/** A server that asks because of a task that it has just moved to `input_required`. */
const ask = (server: Server, taskId = FIRST) =>
  Effect.andThen(
    server.set(taskId, { status: "input_required" }),
    Effect.andThen(TestClock.adjust("250 millis"), server.ask(taskId, elicitation, question))
  )

/** A server with one more tool, which takes for ever. */
const hanging: Script = {
  methods: ({ create }) => ({ "tools/call": ({ name }) => name === "hang" ? Effect.never : create() })
}

describe("what a task asks", () => {
  it.effect("is answered by the handlers of the call that started it, and says so", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("optional", {}, { handlers: { elicitation: named("call") } })
      const waiting = yield* start(task.await)
      assert.deepStrictEqual(yield* ask(server), answerOf("call", FIRST))
      // The result is open, over which a server may ask.
      assert.lengthOf(server.of("tasks/result"), 1)
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* Fiber.join(waiting)).content as unknown, done.content)
    }))

  it.effect("is answered by the client's handlers, if the call has none", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("optional")
      yield* start(task.await)
      assert.deepStrictEqual(yield* ask(server), answerOf("client", FIRST))
    }))

  it.effect("is answered by the handlers of a call that waits for it without knowing", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      yield* start(client.callTool("required", {}, { handlers: { elicitation: named("call") } }))
      assert.deepStrictEqual(yield* ask(server), answerOf("call", FIRST))
    }))

  it.effect("is answered by the handlers of who took it up again", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const saved = (yield* client.startTool("optional", {}, { handlers: { elicitation: named("call") } })).toJSON()
      const task = yield* client.resumeTool("optional", saved, { handlers: { elicitation: named("heir") } })
      yield* start(task.wait())
      assert.deepStrictEqual(yield* ask(server), answerOf("heir", FIRST))
    }))

  it.effect("is answered by its own handlers, whatever else is under way", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect(hanging)
      const calling = (name: string) => ({ handlers: { elicitation: named(name) } })
      yield* start(client.callTool("hang", {}, calling("before")))
      const one = yield* client.startTool("optional", {}, calling("one"))
      const other = yield* client.startTool("optional", {}, calling("other"))
      yield* start(one.await)
      yield* start(other.await)
      yield* start(client.callTool("hang", {}, calling("after")))
      assert.deepStrictEqual(yield* ask(server), answerOf("one", FIRST))
      assert.deepStrictEqual(yield* ask(server, "task-2"), answerOf("other", "task-2"))
    }))

  it.effect("that does not say so is taken for what the latest call asks", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect(hanging)
      const task = yield* client.startTool("optional", {}, { handlers: { elicitation: named("task") } })
      yield* start(task.await)
      assert.deepStrictEqual(yield* mock.request(elicitation, question), answerOf("client"))
      yield* start(client.callTool("hang", {}, { handlers: { elicitation: named("call") } }))
      assert.deepStrictEqual(yield* mock.request(elicitation, question), answerOf("call"))
      // Who waits for the result of a task has called nothing.
      yield* server.set(FIRST, { status: "input_required" })
      yield* TestClock.adjust("250 millis")
      assert.lengthOf(server.of("tasks/result"), 1)
      assert.deepStrictEqual(yield* mock.request(elicitation, question), answerOf("call"))
    }))

  it.effect.each<{ readonly meta: unknown }>([
    { meta: null },
    { meta: "task-1" },
    { meta: { [RELATED_TASK]: null } },
    { meta: { [RELATED_TASK]: "task-1" } },
    { meta: { [RELATED_TASK]: { taskId: 1 } } },
    { meta: { [RELATED_TASK]: {} } }
  ])("in words that make no sense is answered all the same: %j", ({ meta }) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect()
      const task = yield* client.startTool("optional", {}, { handlers: { elicitation: named("task") } })
      yield* start(task.await)
      assert.deepStrictEqual(yield* mock.request(elicitation, { ...question, _meta: meta }), answerOf("client"))
    }))

  it.effect("while nobody waits for it is answered by the client's handlers, and says so", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("optional", {}, { handlers: { elicitation: named("call") } })
      assert.deepStrictEqual(yield* server.ask(FIRST, elicitation, question), answerOf("client", FIRST))
      const waiting = yield* start(task.await)
      assert.deepStrictEqual(yield* server.ask(FIRST, elicitation, question), answerOf("call", FIRST))
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(yield* server.ask(FIRST, elicitation, question), answerOf("client", FIRST))
    }))

  it.effect("is answered for all who wait, also when the first of them leaves", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("optional", {}, { handlers: { elicitation: named("call") } })
      const first = yield* start(task.await)
      yield* start(task.wait())
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(yield* server.ask(FIRST, elicitation, question), answerOf("call", FIRST))
    }))

  it.effect("is answered by the handlers of whichever handle is waited for", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const one = yield* client.startTool("optional", {}, { handlers: { elicitation: named("one") } })
      const other = yield* client.resumeTool("optional", one.toJSON(), { handlers: { elicitation: named("other") } })
      const first = yield* start(one.await)
      const second = yield* start(other.await)
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(yield* server.ask(FIRST, elicitation, question), answerOf("other", FIRST))
      yield* start(one.await)
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(yield* server.ask(FIRST, elicitation, question), answerOf("one", FIRST))
    }))

  it.effect("is answered over the next session, too", () =>
    Effect.gen(function*() {
      const { client, mock, server } = yield* connect()
      const task = yield* client.startTool("optional", {}, { handlers: { elicitation: named("call") } })
      yield* start(task.await)
      yield* mock.disconnect()
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* mock.connections, 2)
      assert.deepStrictEqual(yield* ask(server), answerOf("call", FIRST))
    }))

  it.effect("is declined if nobody is to answer it, and the task goes on", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      const task = yield* client.startTool("optional", {}, { handlers: { elicitation: false } })
      const waiting = yield* start(task.await)
      assert.deepStrictEqual(yield* ask(server), { action: "decline", _meta: relatedTo(FIRST) })
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
    }))

  it.effect("is refused, with nothing told, if a handler fails, and the task goes on", () => {
    const { log, logged } = logging()
    return Effect.gen(function*() {
      const { client, server } = yield* connect()
      const handlers = { elicitation: { form: () => Effect.fail("a secret") } }
      const task = yield* client.startTool("optional", {}, { handlers })
      const waiting = yield* start(task.await)
      const error = yield* Effect.flip(ask(server))
      assert.deepStrictEqual([error.code, error.description], [-32603, "Internal error"])
      assert.deepStrictEqual(log.map(({ message }) => message), [`A handler failed: ${elicitation}`])
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
    }).pipe(logged)
  })

  it.effect.each(
    [
      // It comes once: with nobody to answer it, the task would hang.
      { onInterrupt: "leave", left: [], answered: { action: "decline", _meta: relatedTo(FIRST) } },
      { onInterrupt: "cancel", left: ["interrupted"], answered: undefined }
    ] as const
  )("is asked in the context of who started it, and outlives who waits as the task does: %j", (
    { answered, left, onInterrupt }
  ) =>
    Effect.gen(function*() {
      class User extends Context.Service<User, string>()("test/User") {}
      const log: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const { client, server } = yield* connect()
      const handler = () =>
        User.pipe(
          Effect.tap((user) => Effect.sync(() => log.push(`asked ${user}`))),
          Effect.andThen(Deferred.await(gate)),
          Effect.as(McpHandlers.decline),
          Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted")))
        )
      const handlers = { elicitation: { form: handler } }
      const task = yield* client.startTool("optional", {}, { handlers, onInterrupt }).pipe(
        Effect.provideService(User, "Ada")
      )
      const waiting = yield* start(task.await)
      const asking = yield* start(Effect.exit(server.ask(FIRST, elicitation, question)))
      assert.deepStrictEqual(log, ["asked Ada"])
      yield* Fiber.interrupt(waiting)
      yield* Deferred.succeed(gate, undefined)
      yield* settled
      assert.deepStrictEqual(log, ["asked Ada", ...left])
      assert.deepStrictEqual<unknown>(asking.pollUnsafe(), answered && Exit.succeed(Exit.succeed(answered)))
    }))

  it.effect("can not be answered by hand", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect({ task: { status: "input_required" } })
      const task = yield* client.startTool("optional", {}, { input: "manual" })
      const error = yield* Effect.flip(task.answer({ name: { action: "decline" } }))
      assert.strictEqual(error.reason._tag, "UnsupportedError")
      assert.isEmpty(server.of("tasks/update"))
      // Such a server does not tell what it asks, so waiting for it is all there is.
      const waiting = yield* start(task.await)
      yield* server.set(FIRST, { status: "completed" })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
    }))

  it.effect("that is no question of a task of ours is answered as any other", () =>
    Effect.gen(function*() {
      const { client, server } = yield* connect()
      yield* start((yield* client.startTool("optional", {}, { handlers: { elicitation: named("call") } })).await)
      assert.deepStrictEqual(yield* server.ask("unknown", elicitation, question), answerOf("client", "unknown"))
      assert.strictEqual((yield* Effect.flip(server.ask(FIRST, "nonsense/ask"))).code, -32601)
      yield* server.ask(FIRST, "ping")
      yield* failsWith("ConfigurationError")(client.resumeTool("optional", {}))
    }))
})

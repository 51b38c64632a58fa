import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import type { Connection, Incoming } from "@effect-mcp/client/McpTransport"
import { assert, describe, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as Callers from "../src/internal/session/callers.ts"
import * as ReceivedTasks from "../src/internal/session/receivedTasks.ts"
import * as ServerRequests from "../src/internal/session/serverRequests.ts"
import { type Answer, asking, elicitation, form, internalError, logging, message, sampling } from "./asking.ts"
import { census, failsWith, settled, start, watchDiagnostics } from "./harness.ts"

interface Task extends JsonObject {
  readonly taskId: string
  readonly status: string
}

const hour = 3_600_000
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const relatedTo = (taskId: string) => ({ "io.modelcontextprotocol/related-task": { taskId } })

const taskIn = (answer: unknown): Task => (answer as { readonly result: { readonly task: Task } }).result.task

const notFound: Answer = { error: { code: -32602, message: "Task not found" } }

/** A handler that waits for somebody to open a gate, and notes how it goes. */
const gated = Effect.gen(function*() {
  const gate = yield* Deferred.make<void>()
  const log: Array<string> = []
  const createMessage: McpHandlers.SamplingHandler = () =>
    Effect.sync(() => log.push("asked")).pipe(
      Effect.andThen(Deferred.await(gate)),
      Effect.as({ content: "Hello!", model: "gated" }),
      Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted")))
    )
  return { handlers: { sampling: { createMessage, tasks: true } }, log, open: Deferred.succeed(gate, undefined) }
})

/** A client, and a server that asks it to run something as a task. */
const tasking = Effect.fnUntraced(function*<R = never>(
  handlers: McpHandlers.Handlers<R>,
  options?: Parameters<typeof asking<R>>[1],
  server?: Parameters<typeof asking<R>>[2]
) {
  const asked = yield* asking(handlers, options, server)
  const about = (verb: string) => (taskId: unknown) => asked.question(`tasks/${verb}`, { taskId })
  return {
    ...asked,
    create: (method = sampling, params = message("Hi"), task: unknown = {}) =>
      asked.question(method, { ...params, task }),
    get: about("get"),
    result: about("result"),
    cancel: about("cancel"),
    list: asked.question("tasks/list", {})
  }
})

const hello = (model: string): McpHandlers.SamplingHandler => () => Effect.succeed({ content: "Hello!", model })

const said = (model: string) => ({ role: "assistant", content: { type: "text", text: "Hello!" }, model })

describe("that handlers may run as tasks", () => {
  const createMessage = hello("me")
  const form = () => Effect.succeed(McpHandlers.decline)
  const tasks = (requests: JsonObject) => ({ tasks: { list: {}, cancel: {}, requests } })
  const ofSampling = { sampling: { createMessage: {} } }
  const ofElicitation = { elicitation: { create: {} } }

  it.effect.each<readonly [McpHandlers.Handlers, JsonObject]>([
    [{}, {}],
    [{ sampling: createMessage, elicitation: { form } }, {}],
    [{ sampling: { createMessage, tasks: false }, elicitation: { form, tasks: undefined } }, {}],
    // Nothing answers forms or pages.
    [{ elicitation: { tasks: true } }, {}],
    [{ sampling: { createMessage, tasks: true } }, tasks(ofSampling)],
    [{ sampling: { createMessage, tools: true, tasks: true } }, tasks(ofSampling)],
    [{ elicitation: { form, tasks: true } }, tasks(ofElicitation)],
    [{ elicitation: { url: form, tasks: true } }, tasks(ofElicitation)],
    [
      { sampling: { createMessage, tasks: true }, elicitation: { form, tasks: true } },
      tasks({ ...ofSampling, ...ofElicitation })
    ]
  ])("is declared if they say so: %j", ([handlers, expected]) =>
    Effect.gen(function*() {
      const { capabilities } = yield* asking(handlers)
      const { tasks } = (yield* capabilities) as JsonObject
      assert.deepStrictEqual(tasks === undefined ? {} : { tasks }, expected)
    }))

  it.effect("is not declared where each request stands for itself", () =>
    Effect.gen(function*() {
      const { ask, capabilities, mock } = yield* asking(
        { roots: [], sampling: { createMessage, tasks: true } },
        { protocol: "modern" }
      )
      const { roots, sampling: declared, tasks } = (yield* capabilities) as JsonObject
      assert.deepStrictEqual({ roots, sampling: declared, tasks }, { roots: {}, sampling: {}, tasks: undefined })
      yield* ask(sampling, message("Hi"), { handlers: { elicitation: { form, tasks: true } } })
      assert.notInclude(JSON.stringify((yield* mock.messages).map(({ message }) => message["params"])), "\"tasks\"")
    }))

  it.effect.each<readonly [string, McpHandlers.Handlers]>([
    ["no handler does", {}],
    ["that handler does not", { sampling: createMessage, elicitation: { form, tasks: true } }]
  ])("is needed: where %s, a task that is asked for is ignored", ([, handlers]) =>
    Effect.gen(function*() {
      const { create } = yield* tasking({ sampling: createMessage, ...handlers })
      assert.deepStrictEqual(yield* create(), { result: said("me") })
    }))

  it.effect("is needed to be asked about tasks", () =>
    Effect.gen(function*() {
      const { question } = yield* asking({ sampling: createMessage })
      for (const method of ["tasks/get", "tasks/result", "tasks/list", "tasks/cancel"]) {
        assert.deepStrictEqual(yield* question(method, { taskId: "a" }), {
          error: { code: -32601, message: `Method not found: ${method}` }
        })
      }
    }))

  it.effect("does not make tasks of requests that do not want it", () =>
    Effect.gen(function*() {
      const { create, question } = yield* tasking({ sampling: { createMessage, tasks: true } })
      assert.deepStrictEqual(yield* question(sampling, message("Hi")), { result: said("me") })
      assert.deepStrictEqual(yield* create(sampling, message("Hi"), null), { result: said("me") })
    }))
})

describe("a task", () => {
  it.effect("is created at once, runs in the background, and yields what the request would have yielded", () =>
    Effect.gen(function*() {
      const { handlers, log, open } = yield* gated
      const { create, get, list, result } = yield* tasking(handlers)
      yield* TestClock.adjust(1000)
      const created = yield* create(sampling, message("Hi"), { ttl: 60_000 })
      const task = taskIn(created)
      assert.match(task.taskId, uuid)
      assert.deepStrictEqual(created, {
        result: {
          task: {
            taskId: task.taskId,
            status: "working",
            createdAt: "1970-01-01T00:00:01.000Z",
            lastUpdatedAt: "1970-01-01T00:00:01.000Z",
            ttl: 60_000,
            pollInterval: 1000
          }
        }
      })
      yield* settled
      assert.deepStrictEqual(log, ["asked"])
      assert.deepStrictEqual(yield* get(task.taskId), { result: task })

      const waiting = yield* start(result(task.taskId))
      yield* TestClock.adjust(4000)
      assert.isUndefined(waiting.pollUnsafe())
      yield* open
      const answer = { result: { ...said("gated"), _meta: relatedTo(task.taskId) } }
      assert.deepStrictEqual(yield* Fiber.join(waiting), answer)
      assert.deepStrictEqual(yield* result(task.taskId), answer)

      const ended = { ...task, status: "completed", lastUpdatedAt: "1970-01-01T00:00:05.000Z" }
      assert.deepStrictEqual(yield* get(task.taskId), { result: ended })
      assert.deepStrictEqual(yield* list, { result: { tasks: [ended] } })
    }))

  it.effect("is told of before its handler begins", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const tasks = yield* ReceivedTasks.make({
        handlers: { capabilities: {}, methods: new Map(), tasks: new Set([sampling]) },
        onDiagnostic: () => {}
      })
      const handled = Effect.sync(() => (log.push("asked"), {}))
      const created = tasks.start({ method: sampling, params: { task: {} } }, handled, () => {})
      assert(created !== undefined)
      yield* Effect.andThen(created, Effect.sync(() => log.push("told")))
      yield* settled
      assert.deepStrictEqual(log, ["told", "asked"])
    }))

  it.effect("may ask the user", () =>
    Effect.gen(function*() {
      const { create, result } = yield* tasking({
        elicitation: { form: () => Effect.succeed(McpHandlers.accept({ name: "Ada" })), tasks: true }
      })
      const { taskId } = taskIn(yield* create(elicitation, form({ name: { type: "string" } })))
      assert.deepStrictEqual(yield* result(taskId), {
        result: { action: "accept", content: { name: "Ada" }, _meta: relatedTo(taskId) }
      })
    }))

  it.effect("is one of many, each with its own id, and no other session knows them", () =>
    Effect.gen(function*() {
      const handlers: McpHandlers.Handlers = { sampling: { createMessage: hello("me"), tasks: true } }
      const one = yield* tasking(handlers)
      const other = yield* tasking(handlers)
      const answers = yield* Effect.forEach(Array.from({ length: 10 }), () => one.create(), {
        concurrency: "unbounded"
      })
      const ids = answers.map((answer) => taskIn(answer).taskId)
      assert.strictEqual(new Set(ids).size, 10)
      for (const id of ids) assert.match(id, uuid)
      yield* settled
      const listed = yield* one.list as Effect.Effect<{ readonly result: { readonly tasks: ReadonlyArray<Task> } }>
      assert.deepStrictEqual(
        listed.result.tasks.map(({ status, taskId }) => [taskId, status]),
        ids.map((id) => [id, "completed"])
      )
      assert.deepStrictEqual(yield* other.list, { result: { tasks: [] } })
      assert.deepStrictEqual(yield* other.get(ids[0]), notFound)

      yield* one.client.reconnect
      assert.deepStrictEqual(yield* one.list, { result: { tasks: [] } })
    }))

  it.effect("lists all its like at once, so that there is no other page", () =>
    Effect.gen(function*() {
      const { question } = yield* tasking({ sampling: { createMessage: hello("me"), tasks: true } })
      assert.deepStrictEqual(yield* question("tasks/list", { cursor: "" }), {
        error: { code: -32602, message: "Unknown cursor" }
      })
    }))

  it.effect.each([undefined, null, 7, "", "toString", "00000000-0000-4000-8000-000000000000"])(
    "is not found by the id %j",
    (id) =>
      Effect.gen(function*() {
        const { cancel, create, get, result } = yield* tasking({
          sampling: { createMessage: hello("me"), tasks: true }
        })
        yield* create()
        for (const about of [get, result, cancel]) assert.deepStrictEqual(yield* about(id), notFound)
      })
  )

  it.effect("belongs to the task of the server that it was asked for, if there is one", () =>
    Effect.gen(function*() {
      const { create, question } = yield* tasking({ sampling: { createMessage: hello("me"), tasks: true } })
      const created = yield* create(sampling, message("Hi", { _meta: relatedTo("theirs") }))
      const { taskId } = taskIn(created)
      assert.deepStrictEqual(created, { result: { task: taskIn(created), _meta: relatedTo("theirs") } })
      assert.deepStrictEqual(yield* question("tasks/result", { taskId, _meta: relatedTo("theirs") }), {
        result: { ...said("me"), _meta: relatedTo(taskId) }
      })
    }))

  describe("fails", () => {
    it.effect.each<readonly [string, McpHandlers.SamplingHandler, JsonObject, Answer]>([
      [
        "when its handler refuses",
        () => Effect.fail(new McpHandlers.SamplingRefused()),
        message("Hi"),
        { error: { code: -1, message: "User rejected sampling request" } }
      ],
      ["when its handler fails", () => Effect.fail("password is hunter2"), message("Hi"), internalError],
      ["when its handler dies", () => Effect.die("password is hunter2"), message("Hi"), internalError],
      ["when its handler interrupts itself", () => Effect.interrupt, message("Hi"), internalError],
      [
        "when what is asked makes no sense",
        hello("me"),
        {},
        { error: { code: -32602, message: "sampling/createMessage: the parameters do not fit" } }
      ]
    ])(
      "%s, and yields the error that the request would have yielded",
      ([, createMessage, params, expected]) =>
        Effect.gen(function*() {
          const { create, get, mock, question, result } = yield* logging().logged(
            tasking({ sampling: { createMessage, tasks: true } })
          )
          const { taskId } = taskIn(yield* create(sampling, params))
          assert.deepStrictEqual(yield* result(taskId), expected)
          assert.deepStrictEqual(yield* question(sampling, params), expected)
          const { error } = expected as Extract<Answer, { readonly error: unknown }>
          assert.containSubset(yield* get(taskId), { result: { status: "failed", statusMessage: error.message } })
          assert.notInclude(JSON.stringify(yield* mock.messages), "hunter2")
        })
    )

    it.effect("and all is told on this side", () =>
      Effect.gen(function*() {
        const { log, logged } = logging()
        const { client, create } = yield* logged(
          tasking({ sampling: { createMessage: () => Effect.die("password is hunter2"), tasks: true } })
        )
        const diagnostics = yield* watchDiagnostics(client)
        yield* create()
        yield* settled
        assert.deepStrictEqual(log.map(({ level, message }) => [level, message]), [
          ["ERROR", "A handler failed: sampling/createMessage"]
        ])
        assert.containSubset(diagnostics, [{ _tag: "HandlerFailed", method: sampling }])
      }))

    it.effect("to give its result when that can not be written as JSON", () =>
      Effect.gen(function*() {
        const content = [{ type: "tool_use", id: "1", name: "pay", input: { cents: 1n } }] as const
        const { create, result } = yield* logging().logged(
          tasking({ sampling: { createMessage: () => Effect.succeed({ content, model: "me" }), tasks: true } })
        )
        assert.deepStrictEqual(yield* result(taskIn(yield* create()).taskId), internalError)
      }))
  })

  describe("is cancelled", () => {
    it.effect("by the server, which interrupts its handler", () =>
      Effect.gen(function*() {
        const { handlers, log } = yield* gated
        const { cancel, create, get, result } = yield* tasking(handlers)
        const task = taskIn(yield* create())
        yield* settled
        const waiting = yield* start(result(task.taskId))
        yield* TestClock.adjust(1000)
        const cancelled = {
          result: { ...task, status: "cancelled", lastUpdatedAt: "1970-01-01T00:00:01.000Z" }
        }
        assert.deepStrictEqual(yield* cancel(task.taskId), cancelled)
        yield* settled
        assert.deepStrictEqual(log, ["asked", "interrupted"])
        assert.deepStrictEqual(yield* get(task.taskId), cancelled)
        const gone = { error: { code: -32602, message: "The task was cancelled" } }
        assert.deepStrictEqual(yield* Fiber.join(waiting), gone)
        assert.deepStrictEqual(yield* result(task.taskId), gone)
      }))

    it.effect("at once, even if its handler can not be interrupted, and stays so", () =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const { cancel, create, get } = yield* tasking({
          sampling: {
            createMessage: (request) =>
              Effect.uninterruptible(Effect.andThen(Deferred.await(gate), hello("me")(request))),
            tasks: true
          }
        })
        const { taskId } = taskIn(yield* create())
        yield* settled
        assert.containSubset(yield* cancel(taskId), { result: { status: "cancelled" } })
        yield* Deferred.succeed(gate, undefined)
        yield* settled
        assert.containSubset(yield* get(taskId), { result: { status: "cancelled" } })
      }))

    it.effect("not when it has ended", () =>
      Effect.gen(function*() {
        const { cancel, create, get, result } = yield* logging().logged(tasking({
          sampling: { createMessage: hello("me"), tasks: true },
          elicitation: { form: () => Effect.die("no"), url: () => Effect.never, tasks: true }
        }))
        const url = { mode: "url", url: "https://example.com" }
        const completed = taskIn(yield* create()).taskId
        const failed = taskIn(yield* create(elicitation, form())).taskId
        const cancelled = taskIn(yield* create(elicitation, url)).taskId
        yield* cancel(cancelled)
        for (const taskId of [completed, failed]) yield* result(taskId)
        for (const [taskId, status] of [[completed, "completed"], [failed, "failed"], [cancelled, "cancelled"]]) {
          assert.deepStrictEqual(yield* cancel(taskId), {
            error: { code: -32602, message: `The task has ended: ${status}` }
          })
          assert.containSubset(yield* get(taskId), { result: { status } })
        }
      }))

    it.effect("not by a notification, which is for requests", () =>
      Effect.gen(function*() {
        const { handlers, log } = yield* gated
        const { get, mock } = yield* tasking(handlers)
        const created = yield* mock.request(sampling, { ...message("Hi"), task: {} }, "q")
        yield* mock.notify("notifications/cancelled", { requestId: "q" })
        yield* settled
        assert.deepStrictEqual(log, ["asked"])
        const { taskId } = taskIn({ result: created })
        assert.containSubset(yield* get(taskId), { result: { status: "working" } })
      }))
  })

  describe("is kept", () => {
    it.effect.each<readonly [JsonObject, number]>([
      [{}, hour],
      [{ ttl: null }, hour],
      [{ ttl: "soon" }, hour],
      [{ ttl: -1 }, hour],
      [{ ttl: 2 * hour }, hour],
      [{ ttl: 1e300 }, hour],
      [{ ttl: 1000.5 }, 1000],
      [{ ttl: 1000 }, 1000]
    ])("for the time that the server asks for, at most an hour: %j", ([task, ttl]) =>
      Effect.gen(function*() {
        const { cancel, create, get, list, result } = yield* tasking({
          sampling: { createMessage: hello("me"), tasks: true }
        })
        const { taskId, ttl: actual } = taskIn(yield* create(sampling, message("Hi"), task))
        assert.strictEqual(actual, ttl)
        yield* TestClock.adjust(ttl - 1)
        assert.containSubset(yield* get(taskId), { result: { status: "completed" } })
        yield* TestClock.adjust(1)
        for (const about of [get, result, cancel]) assert.deepStrictEqual(yield* about(taskId), notFound)
        assert.deepStrictEqual(yield* list, { result: { tasks: [] } })
      }))

    it.effect("no longer than that even while it runs: its handler is interrupted, and who waits hears of it", () =>
      Effect.gen(function*() {
        const { handlers, log } = yield* gated
        const { create, result } = yield* tasking(handlers)
        const { taskId } = taskIn(yield* create(sampling, message("Hi"), { ttl: 1000 }))
        const waiting = yield* start(result(taskId))
        yield* TestClock.adjust(999)
        assert.deepStrictEqual(log, ["asked"])
        assert.isUndefined(waiting.pollUnsafe())
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* Fiber.join(waiting), notFound)
        assert.deepStrictEqual(log, ["asked", "interrupted"])
      }))

    it.effect("as one of 1000 at most", () =>
      Effect.gen(function*() {
        const { handlers } = yield* gated
        const { create } = yield* tasking(handlers)
        yield* create(sampling, message("Hi"), { ttl: 1000 })
        const others = yield* Effect.forEach(Array.from({ length: 999 }), () => create(), { concurrency: "unbounded" })
        assert.strictEqual(new Set(others.map((answer) => taskIn(answer).taskId)).size, 999)
        const refused = { error: { code: -32603, message: "No more than 1000 tasks are kept" } }
        assert.deepStrictEqual(yield* create(), refused)
        yield* TestClock.adjust(1000)
        assert.strictEqual(taskIn(yield* create()).status, "working")
        assert.deepStrictEqual(yield* create(), refused)
      }))

    it.effect("until there is no more room, if it has ended", () =>
      Effect.gen(function*() {
        const { handlers, open } = yield* gated
        const { create, result } = yield* tasking(handlers)
        const { taskId: first } = taskIn(yield* create())
        yield* open
        yield* result(first)
        yield* Effect.forEach(Array.from({ length: 999 }), () => create(), { concurrency: "unbounded" })
        assert.notDeepEqual(yield* result(first), notFound)
        assert.strictEqual(taskIn(yield* create()).status, "working")
        assert.deepStrictEqual(yield* result(first), notFound)
      }))

    it.effect("no longer than its session, and leaves no fiber behind", () =>
      Effect.gen(function*() {
        const { handlers, log, open } = yield* gated
        const { alive, counting } = census()
        const scope = yield* Scope.make()
        yield* Effect.gen(function*() {
          const { create, result } = yield* Scope.provide(tasking(handlers), scope)
          const { taskId } = taskIn(yield* create())
          yield* settled
          yield* Effect.forkIn(result(taskId), scope, { startImmediately: true })
          yield* settled
        }).pipe(counting)
        assert.deepStrictEqual(log, ["asked"])
        assert.isAbove(alive(), 0)
        yield* Scope.close(scope, Exit.void)
        yield* settled
        assert.deepStrictEqual(log, ["asked", "interrupted"])
        assert.strictEqual(alive(), 0)
        yield* open
      }))
  })
})

describe("a task that a call causes", () => {
  class Name extends Context.Service<Name, string>()("test/receivedTasks/Name") {}

  const asked = { question: { method: sampling, params: { ...message("Hi"), task: {} } } }

  it.effect("is answered by the handlers and with the services of the caller", () =>
    Effect.gen(function*() {
      const { ask, result } = yield* tasking({ sampling: { createMessage: hello("client"), tasks: true } })
      const created = yield* ask(sampling, asked.question.params, {
        handlers: { sampling: () => Effect.map(Name, (model) => ({ content: "Hello!", model })) }
      }).pipe(Effect.provideService(Name, "caller"))
      const { taskId } = taskIn(created)
      assert.deepStrictEqual(yield* result(taskId), { result: { ...said("caller"), _meta: relatedTo(taskId) } })
      const refused = taskIn(yield* ask(sampling, asked.question.params, { handlers: { sampling: false } }))
      assert.containSubset(yield* result(refused.taskId), { error: { code: -1 } })
    }))

  it.effect.each([true, false])(
    "goes on when the call has ended (by an answer: %s)",
    (isAnswered) =>
      Effect.gen(function*() {
        const { handlers, log, open } = yield* gated
        const created = yield* Deferred.make<unknown>()
        const { client, result } = yield* tasking(handlers, {}, {
          tools: {
            spawn: (_, { input }) =>
              Effect.flatMap(input(asked), ({ question }) => Deferred.succeed(created, { result: question })).pipe(
                Effect.andThen(isAnswered ? Effect.succeed({}) : Effect.never)
              )
          }
        })
        const call = yield* start(client.callTool("spawn"))
        const { taskId } = taskIn(yield* Deferred.await(created))
        yield* settled
        yield* isAnswered ? Fiber.join(call) : Fiber.interrupt(call)
        yield* settled
        assert.deepStrictEqual(log, ["asked"])
        yield* open
        assert.deepStrictEqual(yield* result(taskId), { result: { ...said("gated"), _meta: relatedTo(taskId) } })
      })
  )

  it.effect("is told of even if the call ends before that is sent", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const answers: Array<JsonObject> = []
      const connection: Connection = {
        exchange: () => Effect.never,
        send: (message) => Effect.andThen(Deferred.await(gate), Effect.sync(() => void answers.push({ ...message }))),
        incoming: yield* Queue.unbounded<Incoming, Cause.Done>(),
        medium: "http",
        closedBy: () => undefined,
        closed: Effect.never
      }
      const callers = Callers.make(() => 0)
      const { serve } = yield* ServerRequests.make(connection, {
        handlers: {
          capabilities: {},
          methods: new Map([[sampling, () => Effect.never]]),
          tasks: new Set([sampling])
        },
        taskCallers: Callers.make(() => 0),
        onDiagnostic: () => {}
      }, callers)
      const call = yield* start(callers.calling(1, undefined, () => Effect.never))
      serve({ id: 7, method: sampling, params: { task: {} }, relatedTo: 1 })
      yield* Fiber.interrupt(call)
      yield* Deferred.succeed(gate, undefined)
      yield* settled
      assert.deepStrictEqual(answers.map(({ id }) => id), [7])
    }))

  it.effect("can be waited for while another call begins and ends", () =>
    Effect.gen(function*() {
      const { handlers, open } = yield* gated
      const gate = yield* Deferred.make<void>()
      const { client, create, result } = yield* tasking(handlers, {}, {
        tools: { other: () => Effect.as(Deferred.await(gate), {}) }
      })
      const { taskId } = taskIn(yield* create())
      const call = yield* start(client.callTool("other"))
      const waiting = yield* start(result(taskId))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(call)
      yield* settled
      yield* open
      assert.containSubset(yield* Fiber.join(waiting), { result: said("gated") })
    }))

  it.effect("is not counted in the time that the call may go without an answer, but in its total time", () =>
    Effect.gen(function*() {
      const { handlers, open } = yield* gated
      const timeouts = { call: "1 minute", total: "30 minutes" } as const
      const { client } = yield* tasking(handlers, { timeouts }, {
        tools: { spawn: (_, { input }) => Effect.andThen(input(asked), Effect.never) }
      })
      const total = yield* start(failsWith("TimeoutError")(client.callTool("spawn")))
      yield* TestClock.adjust("30 minutes")
      assert.strictEqual((yield* Fiber.join(total)).budget, "total")
      const idle = yield* start(failsWith("TimeoutError")(client.callTool("spawn")))
      yield* TestClock.adjust("10 minutes")
      yield* open
      yield* settled
      yield* TestClock.adjust(59_999)
      assert.isUndefined(idle.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(idle)).budget, "call")
    }))
})

import type * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { elicitation, form, logging, message, sampling } from "../asking.ts"
import { census, clientOf, failsWith, settled, start, watchDiagnostics } from "../harness.ts"
import { connect as connectTo, metaOf, type Mock, objectOf, paramsOf, sent } from "./support.ts"

const rootsList = { method: "roots/list" }
const question = { method: elicitation, params: form() }

/** A server of which each method is answered by these results, one after the other. The last one stays. */
const scripted = (results: Readonly<Record<string, ReadonlyArray<unknown>>>): MockTransport.Options => ({
  capabilities: { tools: {}, resources: {}, prompts: {}, completions: {} },
  methods: Object.fromEntries(
    Object.entries(results).map(([method, answers]) => {
      let next = 0
      return [method, () => Effect.sync(() => answers[Math.min(next++, answers.length - 1)])]
    })
  )
})

const required = (inputRequests?: unknown, requestState?: unknown): JsonObject => ({
  resultType: "input_required",
  ...(inputRequests === undefined ? {} : { inputRequests }),
  ...(requestState === undefined ? {} : { requestState })
})

const done = { resultType: "complete", content: [{ type: "text", text: "done" }] }

const roots: McpHandlers.Handlers = { roots: [{ uri: "file:///a", name: "a" }] }
const rootsAnswer = { roots: [{ uri: "file:///a", name: "a" }] }

const connect = (results: Readonly<Record<string, ReadonlyArray<unknown>>>, options?: McpClient.Options) =>
  connectTo(scripted(results), { handlers: roots, ...options })

const calls = (mock: Mock) => paramsOf(mock, "tools/call")

describe("a request is made again", () => {
  it.effect("with what it had, the answers by their names, and the state, under another id", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        "tools/call": [required({ where: rootsList, who: question }, "opaque"), done]
      }, { handlers: { ...roots, elicitation: { form: () => Effect.succeed(McpHandlers.accept({})) } } })
      const result = yield* client.callTool("order", { pizza: 1 }, { meta: { "acme/a": 1 } })
      assert.deepStrictEqual<unknown>(result, done)
      assert.deepStrictEqual<unknown>(yield* calls(mock), [
        { name: "order", arguments: { pizza: 1 } },
        {
          name: "order",
          arguments: { pizza: 1 },
          inputResponses: { where: rootsAnswer, who: { action: "accept", content: {} } },
          requestState: "opaque"
        }
      ])
      const messages = yield* sent(mock, "tools/call")
      assert.strictEqual(new Set(messages.map(({ id }) => id)).size, 2)
      for (const message of messages) assert.strictEqual(metaOf(message)["acme/a"], 1)
    }))

  it.effect.each([
    "",
    " ",
    "a\nb\t\u0000",
    "{\"a\":1}",
    "ä 世界 🎉 \ud83c",
    "=?base64?x?=",
    "x".repeat(100_000)
  ])("with the very state that came (%j)", (state) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ "tools/call": [required({ a: rootsList }, state), done] })
      yield* client.callTool("any")
      assert.strictEqual((yield* calls(mock))[1]?.["requestState"], state)
    }))

  it.effect("without a state when none came, also when one came before", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        "tools/call": [
          required({ a: rootsList }, "first"),
          required({ b: rootsList }),
          required(undefined, "third"),
          done
        ]
      })
      const call = yield* start(client.callTool("any"))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(call)
      assert.deepStrictEqual<unknown>((yield* calls(mock)).map(({ arguments: _, name: __, ...rest }) => rest), [
        {},
        { inputResponses: { a: rootsAnswer }, requestState: "first" },
        { inputResponses: { b: rootsAnswer } },
        { requestState: "third" }
      ])
    }))

  it.effect("by prompts and resources, too", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        "prompts/get": [required({ a: rootsList }, "s"), { messages: [] }],
        "resources/read": [required({ a: rootsList }, "s"), { contents: [] }]
      })
      yield* client.getPrompt("greet", { name: "Ada" })
      yield* client.readResource("a:b")
      const resume = { inputResponses: { a: rootsAnswer }, requestState: "s" }
      assert.deepStrictEqual<unknown>(yield* paramsOf(mock, "prompts/get"), [
        { name: "greet", arguments: { name: "Ada" } },
        { name: "greet", arguments: { name: "Ada" }, ...resume }
      ])
      assert.deepStrictEqual<unknown>(yield* paramsOf(mock, "resources/read"), [
        { uri: "a:b" },
        { uri: "a:b", ...resume }
      ])
    }))

  it.effect("keeps apart what belongs to calls at the same time", () =>
    Effect.gen(function*() {
      const { client } = yield* connectTo({
        tools: {
          ask: ({ text }, { input }) =>
            Effect.map(
              input({ q: { method: sampling, params: message(String(text)) } }),
              (answers) => ({ structuredContent: { text, answers } })
            )
        }
      }, {
        handlers: {
          sampling: ({ messages: [message] }) => {
            const [block] = message?.content ?? []
            const text = block?.type === "text" ? block.text : ""
            return Effect.delay(Effect.succeed({ content: text, model: "m" }), text.length)
          }
        }
      })
      const texts = Array.from({ length: 50 }, (_, index) => "x".repeat(100 - index))
      const asking = yield* start(
        Effect.forEach(texts, (text) => client.callTool("ask", { text }), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      for (const [index, { structuredContent }] of (yield* Fiber.join(asking)).entries()) {
        const { answers, text } = objectOf(structuredContent)
        assert.strictEqual(text, texts[index])
        assert.deepNestedPropertyVal(answers, "q.content", { type: "text", text: texts[index] })
      }
    }))

  it.effect("takes any number of questions at the same time, of any name", () =>
    Effect.gen(function*() {
      const names = ["a", "__proto__", "constructor", "toString", "", "1", "ä"]
      const gate = yield* Deferred.make<void>()
      let asked = 0
      const questions = Object.fromEntries(names.map((name) => [name, question]))
      const { client, mock } = yield* connect({ "tools/call": [required(questions), done] }, {
        handlers: {
          elicitation: {
            form: () =>
              Effect.suspend(() => {
                asked++
                return Effect.as(Deferred.await(gate), McpHandlers.decline)
              })
          }
        }
      })
      const call = yield* start(client.callTool("any"))
      assert.strictEqual(asked, names.length)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(call)
      assert.sameMembers(Object.keys(objectOf((yield* calls(mock))[1]?.["inputResponses"])), names)
    }))

  it.effect("after a pause when nothing is asked, longer each time", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        "tools/call": [...Array.from({ length: 5 }, (_, index) => required(undefined, `s${index}`)), done]
      })
      const call = yield* start(client.callTool("any"))
      for (const [index, pause] of [250, 500, 1000, 2000, 2000].entries()) {
        yield* TestClock.adjust(pause - 1)
        assert.strictEqual((yield* calls(mock)).length, index + 1)
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* calls(mock)).length, index + 2)
      }
      yield* Fiber.join(call)
    }))

  it.effect("ten times at most", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ "tools/call": [required({ a: rootsList }, "again")] })
      const reason = yield* failsWith("LimitError")(client.callTool("any"))
      assert.strictEqual(reason.limit, 10)
      assert.strictEqual((yield* calls(mock)).length, 11)
    }))

  it.effect("in the next session when the server was lost while the user thought", () =>
    Effect.gen(function*() {
      let asked = 0
      const { client, mock } = yield* connect({ "tools/call": [required({ a: question }, "s"), done] }, {
        handlers: {
          elicitation: {
            form: () =>
              Effect.suspend(() => {
                asked++
                return Effect.delay(Effect.succeed(McpHandlers.decline), "1 hour")
              })
          }
        }
      })
      const call = yield* start(client.callTool("any", {}, { totalTimeout: "1 day" }))
      yield* mock.disconnect()
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(call), done)
      assert.strictEqual(asked, 1)
      const resumed = (yield* mock.messages).flatMap(({ connection, message: { method, params } }) =>
        method === "tools/call" ? [[connection, objectOf(params)["requestState"]]] : []
      )
      assert.deepStrictEqual(resumed, [[1, undefined], [2, "s"]])
    }))

  it.effect("not when the server was lost after that, unless that is safe; then with the same answers", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        "tools/call": [required({ a: rootsList }, "s"), done],
        "resources/read": [required({ a: rootsList }, "s"), { contents: [] }]
      })
      const lose = (method: string) =>
        mock.inject(Fault.disconnect(
          (request) => request.method === method && request.params?.["requestState"] !== undefined,
          1
        ))
      yield* lose("resources/read")
      yield* client.readResource("a:b")
      const states = (yield* paramsOf(mock, "resources/read")).map(({ requestState }) => requestState)
      assert.deepStrictEqual(states, [undefined, "s", "s"])
      yield* lose("tools/call")
      assert.isTrue((yield* failsWith("ClosedError")(client.callTool("any"))).requestSent)
      assert.strictEqual((yield* calls(mock)).length, 2)
    }))

  it.effect("not when a server asks too much at once: no handler is asked then", () =>
    Effect.gen(function*() {
      const questions = (count: number) =>
        required(Object.fromEntries(Array.from({ length: count }, (_, index) => [`q${index}`, rootsList])))
      let asked = 0
      const { client, mock } = yield* connect({ "tools/call": [questions(1001), questions(1000), done] }, {
        handlers: { roots: Effect.sync(() => (asked++, [])) }
      })
      assert.strictEqual((yield* failsWith("LimitError")(client.callTool("any"))).limit, 1000)
      assert.strictEqual(asked, 0)
      yield* client.callTool("any")
      assert.strictEqual(asked, 1000)
      assert.strictEqual((yield* calls(mock)).length, 3)
    }))

  it.effect("from the begin when the same effect is run again", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        "tools/call": [required({ a: rootsList }, "s"), done, required({ a: rootsList }, "t"), done]
      })
      const call = client.callTool("any")
      yield* call
      yield* call
      const states = (yield* calls(mock)).map(({ requestState }) => requestState)
      assert.deepStrictEqual(states, [undefined, "s", undefined, "t"])
    }))
})

describe("questions that make no sense", () => {
  it.effect.each<readonly [string, unknown, unknown?]>([
    ["nothing", undefined],
    ["questions that are a list", [rootsList]],
    ["questions that are text", "who?"],
    ["questions that are null", null],
    ["a question that is null", { a: null }],
    ["a question without method", { a: {} }],
    ["a question of another method", { a: rootsList, b: { method: "tools/list" } }],
    ["a ping", { a: { method: "ping" } }],
    ["a state that is no text", { a: rootsList }, 7],
    ["a state that is an object", undefined, { a: 1 }]
  ])("fail the call, with all that came: %s", ([, inputRequests, requestState]) =>
    Effect.gen(function*() {
      const payload = required(inputRequests, requestState)
      const { client, mock } = yield* connect({ "tools/call": [payload] })
      const reason = yield* failsWith("ProtocolError")(client.callTool("any"))
      assert.deepStrictEqual(reason.payload, payload)
      assert.strictEqual((yield* calls(mock)).length, 1)
    }))

  it.effect.each(["tools/list", "completion/complete", "x/y"])(
    "are any to %s, which can not ask",
    (method) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({ [method]: [required({ a: rootsList })] })
        const reason = yield* failsWith("ProtocolError")(client.request(method))
        assert.include(reason.message, method)
        assert.strictEqual((yield* sent(mock, method)).length, 1)
      })
  )
})

describe("a question", () => {
  const ask = (method: string, params?: JsonObject) => required({ q: { method, ...(params && { params }) } }, "s")

  it.effect("that nothing handles fails the call, with all that is needed to go on", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ "tools/call": [ask(sampling, message("Hi"))] })
      const error = yield* failsWith("InputRequiredError")(client.callTool("any"))
      assert.deepStrictEqual(error.inputRequests, { q: { method: sampling, params: message("Hi") } })
      assert.strictEqual(error.requestState, "s")
      assert.include(error.message, sampling)
      assert.strictEqual((yield* calls(mock)).length, 1)
    }))

  it.effect("that the user declines is answered", () =>
    Effect.gen(function*() {
      for (const answer of [McpHandlers.decline, McpHandlers.cancel]) {
        const { client, mock } = yield* connect({ "tools/call": [required({ q: question }), done] }, {
          handlers: { elicitation: { form: () => Effect.succeed(answer) } }
        })
        yield* client.callTool("any")
        assert.deepStrictEqual((yield* calls(mock))[1]?.["inputResponses"], { q: { action: answer.action } })
      }
    }))

  it.effect("that is refused on purpose fails the call, and is no fault of the handler", () =>
    Effect.gen(function*() {
      for (
        const [options, callOptions] of [
          [{ sampling: () => Effect.fail(new McpHandlers.SamplingRefused()) }, {}],
          [{ sampling: () => Effect.die("never asked") }, { handlers: { sampling: false } }]
        ] satisfies ReadonlyArray<readonly [McpHandlers.Handlers, McpClient.CallOptions]>
      ) {
        const { log, logged } = logging()
        const { client } = yield* logged(
          connect({ "tools/call": [ask(sampling, message("Hi"))] }, { handlers: options })
        )
        const diagnostics = yield* watchDiagnostics(client)
        yield* failsWith("InputRequiredError")(logged(client.callTool("any", {}, callOptions)))
        yield* settled
        assert.deepStrictEqual(diagnostics, [])
        assert.deepStrictEqual(log, [])
      }
    }))

  it.effect.each<readonly [string, Effect.Effect<never, unknown>]>([
    ["fails", Effect.fail(new Error("hunter2"))],
    ["dies", Effect.die(new Error("hunter2"))],
    ["is interrupted by itself", Effect.interrupt]
  ])(
    "whose handler %s fails the call, and all is told on this side, and nothing to the server",
    ([, failing]) =>
      Effect.gen(function*() {
        const { log, logged } = logging()
        const { client, mock } = yield* logged(
          connect({ "tools/call": [ask(sampling, message("Hi"))] }, { handlers: { sampling: () => failing } })
        )
        const diagnostics = yield* watchDiagnostics(client)
        const error = yield* logged(failsWith("InputRequiredError")(client.callTool("any")))
        assert.isDefined(error.cause)
        yield* settled
        assert.deepStrictEqual(diagnostics.map(({ _tag }) => _tag), ["HandlerFailed"])
        assert.deepStrictEqual(log.map(({ level }) => level), ["ERROR"])
        assert.strictEqual((yield* calls(mock)).length, 1)
        assert.notInclude(JSON.stringify(yield* mock.messages), "hunter2")
      })
  )

  it.effect("whose handler fails ends the handlers of the others", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { client } = yield* connect({ "tools/call": [required({ a: question, b: rootsList })] }, {
        handlers: {
          roots: Effect.fail("no"),
          elicitation: {
            form: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void log.push("interrupted")))
          }
        }
      })
      yield* logging().logged(failsWith("InputRequiredError")(client.callTool("any")))
      assert.deepStrictEqual(log, ["interrupted"])
    }))

  it.effect("whose answer can not be written as JSON fails the call", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ "tools/call": [ask(sampling, message("Hi"))] }, {
        handlers: {
          sampling: () =>
            Effect.succeed({ content: [{ type: "tool_use", id: "1", name: "n", input: { cents: 1n } }], model: "m" })
        }
      })
      yield* failsWith("ValidationError")(client.callTool("any"))
    }))

  it.effect("ends with the call, and with the client, and leaves nothing", () =>
    Effect.gen(function*() {
      const { alive, counting } = census()
      const log: Array<string> = []
      const handlers: McpHandlers.Handlers = {
        sampling: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void log.push("interrupted")))
      }
      yield* Effect.gen(function*() {
        const scope = yield* Scope.make()
        const { client } = yield* Scope.provide(
          connect({ "tools/call": [ask(sampling, message("Hi"))] }, { handlers }),
          scope
        )
        yield* Fiber.interrupt(yield* start(client.callTool("any")))
        assert.deepStrictEqual(log, ["interrupted"])
        const other = yield* Effect.forkIn(Effect.exit(client.callTool("any")), scope, { startImmediately: true })
        yield* settled
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.await(other)
        assert.deepStrictEqual(log, ["interrupted", "interrupted"])
      }).pipe(counting)
      yield* settled
      assert.strictEqual(alive(), 0)
    }))
})

describe("the time of a call", () => {
  /** Each request takes the server, and each question the user, a while. */
  const slow = (server: Duration.Input, user: Duration.Input, options?: McpClient.Options["timeouts"]) =>
    connectTo({
      tools: {
        ask: (_, { input }) =>
          Effect.gen(function*() {
            yield* Effect.sleep(server)
            yield* input({ a: question })
            yield* Effect.sleep(server)
            yield* input({ b: question })
            yield* Effect.sleep(server)
            return { content: [] }
          })
      }
    }, {
      timeouts: options,
      handlers: { elicitation: { form: () => Effect.delay(Effect.succeed(McpHandlers.decline), user) } }
    })

  it.effect("without an answer begins anew with each round, and does not count the user's", () =>
    Effect.gen(function*() {
      const { client } = yield* slow("50 seconds", "10 minutes", { call: "1 minute" })
      const call = yield* start(client.callTool("ask"))
      yield* TestClock.adjust("1350 seconds")
      yield* Fiber.join(call)
    }))

  it.effect("without an answer is over in any round", () =>
    Effect.gen(function*() {
      const { client } = yield* slow("61 seconds", "1 second", { call: "1 minute" })
      const call = yield* start(failsWith("TimeoutError")(client.callTool("ask")))
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Fiber.join(call), { budget: "call", millis: 60_000 })
      const later = yield* connectTo({
        tools: { ask: (_, { input }) => Effect.andThen(input({ a: question }), Effect.never) }
      }, { handlers: { elicitation: { form: () => Effect.succeed(McpHandlers.decline) } } })
      const second = yield* start(failsWith("TimeoutError")(later.client.callTool("ask", {}, { timeout: "1 minute" })))
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Fiber.join(second), { budget: "call", millis: 60_000 })
      assert.isNotEmpty(yield* sent(later.mock, "notifications/cancelled"))
    }))

  it.effect("altogether is over while a server answers", () =>
    Effect.gen(function*() {
      const { client } = yield* slow("50 seconds", "10 seconds")
      const options = { timeout: "1 minute", totalTimeout: "100 seconds" } as const
      const call = yield* start(failsWith("TimeoutError")(client.callTool("ask", {}, options)))
      yield* TestClock.adjust(99_999)
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.deepInclude(yield* Fiber.join(call), { budget: "total", millis: 100_000 })
    }))

  it.effect("altogether is over while a user thinks", () =>
    Effect.gen(function*() {
      const { client } = yield* slow("1 second", "1 day")
      const options = { timeout: "1 minute", totalTimeout: "5 minutes" } as const
      const call = yield* start(failsWith("TimeoutError")(client.callTool("ask", {}, options)))
      yield* TestClock.adjust(299_999)
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.deepInclude(yield* Fiber.join(call), { budget: "total", millis: 300_000 })
    }))

  it.effect("altogether is over while a server wants to be asked again and again", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ "tools/call": [required(undefined, "s")] })
      const options = { timeout: "1 second", totalTimeout: "1 second" } as const
      const call = yield* start(failsWith("TimeoutError")(client.callTool("any", {}, options)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(call)).budget, "total")
    }))

  it.effect("may be without end", () =>
    Effect.gen(function*() {
      const { client } = yield* slow("1 day", "7 days")
      const call = yield* start(
        client.callTool("ask", {}, { timeout: Infinity, totalTimeout: Infinity })
      )
      yield* TestClock.adjust("17 days")
      yield* Fiber.join(call)
    }))
})

describe("progress", () => {
  it.effect("is heard in each round, in order", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectTo({
        tools: {
          ask: (_, { input, progress }) =>
            Effect.gen(function*() {
              yield* progress({ progress: 1 })
              yield* input({ a: rootsList })
              yield* progress({ progress: 2 })
              yield* input({ a: rootsList })
              yield* progress({ progress: 3 })
              return {}
            })
        }
      }, { handlers: roots })
      const steps: Array<number> = []
      yield* client.callTool("ask", {}, {
        onProgress: ({ progress }) => Effect.sync(() => void steps.push(progress))
      })
      assert.deepStrictEqual(steps, [1, 2, 3])
      for (const message of yield* sent(mock, "tools/call")) {
        assert.strictEqual(metaOf(message)["progressToken"], message["id"])
      }
    }))
})

describe("by hand", () => {
  const manual = { input: "manual" } as const

  it.effect("a call fails with the questions, without asking any handler, and another client goes on", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ "tools/call": [required({ a: rootsList }, "s"), done] }, {
        handlers: { roots: Effect.die("never asked") }
      })
      const error = yield* failsWith("InputRequiredError")(client.callTool("order", { pizza: 1 }, manual))
      yield* client.close

      const encoded = JSON.stringify(Schema.encodeUnknownSync(McpError.InputRequiredError)(error))
      const { inputRequests, requestState } = Schema.decodeUnknownSync(McpError.InputRequiredError)(JSON.parse(encoded))
      assert.deepStrictEqual(inputRequests, { a: { method: "roots/list", params: {} } })

      const other = yield* clientOf(mock.transport, { protocol: "modern" })
      const resume = { inputResponses: { a: { roots: [] } }, requestState }
      assert.deepStrictEqual<unknown>(yield* other.callTool("order", { pizza: 1 }, { resume }), done)
      assert.deepStrictEqual<unknown>((yield* calls(mock))[1], { name: "order", arguments: { pizza: 1 }, ...resume })
    }))

  it.effect("a call that is resumed may be asked more: by hand, or of the handlers", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        "tools/call": [required({ b: rootsList }, "second"), required({ c: rootsList }, "third"), done]
      })
      const resume = { inputResponses: { a: {} }, requestState: "first" }
      const again = yield* failsWith("InputRequiredError")(client.callTool("any", {}, { ...manual, resume }))
      assert.strictEqual(again.requestState, "second")
      yield* client.callTool("any", {}, { resume: { inputResponses: { b: {} }, requestState: "second" } })
      assert.deepStrictEqual<unknown>(
        (yield* calls(mock)).map(({ inputResponses, requestState }) => [
          inputResponses,
          requestState
        ]),
        [
          [{ a: {} }, "first"],
          [{ b: {} }, "second"],
          [{ c: rootsAnswer }, "third"]
        ]
      )
    }))

  it.effect("only a state, or only answers, may be given", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ "tools/call": [done] })
      yield* client.callTool("any", {}, { resume: { requestState: "" } })
      yield* client.callTool("any", {}, { resume: { inputResponses: {} } })
      const [first, second] = yield* calls(mock)
      assert.deepStrictEqual<unknown>(first, { name: "any", arguments: {}, requestState: "" })
      assert.deepStrictEqual<unknown>(second, { name: "any", arguments: {}, inputResponses: {} })
    }))

  it.effect("a call fails, too, when the server only wants to be asked again", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ "tools/call": [required(undefined, "later")] })
      const error = yield* failsWith("InputRequiredError")(client.callTool("any", {}, manual))
      assert.deepStrictEqual([error.requestState, error.inputRequests], ["later", {}])
    }))

  it.effect("prompts and resources go on, too", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        "prompts/get": [required({ a: rootsList }), { messages: [] }],
        "resources/read": [required({ a: rootsList }), { contents: [] }]
      })
      yield* failsWith("InputRequiredError")(client.getPrompt("p", {}, manual))
      yield* failsWith("InputRequiredError")(client.readResource("a:b", manual))
      const resume = { inputResponses: { a: { roots: [] } } }
      yield* client.getPrompt("p", {}, { resume })
      yield* client.readResource("a:b", { resume })
      assert.deepStrictEqual<unknown>((yield* paramsOf(mock, "prompts/get"))[1], { name: "p", ...resume })
      assert.deepStrictEqual<unknown>((yield* paramsOf(mock, "resources/read"))[1], { uri: "a:b", ...resume })
    }))
})

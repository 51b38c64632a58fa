import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import * as McpPrompt from "@effect-mcp/client/McpPrompt"
import * as McpResource from "@effect-mcp/client/McpResource"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as McpTool from "@effect-mcp/client/McpTool"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { TestClock } from "effect/testing"
import * as Tracer from "effect/Tracer"
import { asking, elicitation, form, internalError, logging, message, sampling } from "./asking.ts"
import { census, clientOf, eras, failsWith, settled, start, watchDiagnostics } from "./harness.ts"

const secret = new Error("password is hunter2")

/** Says who answered. */
const by = (model: string): McpHandlers.SamplingHandler => () => Effect.succeed({ content: "Hello!", model })

const modelOf = (answer: unknown) => (answer as { readonly result: { readonly model: string } }).result.model

/** A handler that waits for somebody to open a gate, and notes how it goes. */
const gated = Effect.gen(function*() {
  const gate = yield* Deferred.make<void>()
  const log: Array<string> = []
  const handler: McpHandlers.SamplingHandler = ({ messages: [message] }) =>
    Effect.gen(function*() {
      const [block] = message?.content ?? []
      const text = block?.type === "text" ? block.text : ""
      log.push(`asked ${text}`)
      yield* Deferred.await(gate)
      log.push(`answers ${text}`)
      return { content: text, model: "gated" }
    }).pipe(Effect.onInterrupt(() => Effect.sync(() => void log.push("interrupted"))))
  return { handler, log, open: Deferred.succeed(gate, undefined) }
})

describe("what is declared", () => {
  const list: ReadonlyArray<McpHandlers.Root> = []
  const reference = Effect.runSync(SubscriptionRef.make(list))
  const form = () => Effect.succeed(McpHandlers.decline)
  const url = () => Effect.succeed(McpHandlers.decline)

  const none = [{}, {}] as const
  const roots: ReadonlyArray<readonly [McpHandlers.Handlers, JsonObject]> = [
    none,
    [{ roots: undefined }, {}],
    [{ roots: list }, { roots: {} }],
    [{ roots: Effect.succeed(list) }, { roots: {} }],
    [{ roots: reference }, { roots: { listChanged: true } }]
  ]
  const samplings: typeof roots = [
    none,
    [{ sampling: by("me") }, { sampling: {} }],
    [{ sampling: { createMessage: by("me") } }, { sampling: {} }],
    [{ sampling: { createMessage: by("me"), tools: false } }, { sampling: {} }],
    [{ sampling: { createMessage: by("me"), tools: true } }, { sampling: { tools: {} } }]
  ]
  const elicitations: typeof roots = [
    none,
    // An empty capability would stand for forms.
    [{ elicitation: {} }, {}],
    [{ elicitation: { form } }, { elicitation: { form: {} } }],
    [{ elicitation: { form: undefined, url } }, { elicitation: { url: {} } }],
    [{ elicitation: { form, url } }, { elicitation: { form: {}, url: {} } }]
  ]

  it.effect("follows from the handlers that are there, in every combination", () =>
    Effect.gen(function*() {
      for (const [root, rootCapability] of roots) {
        for (const [sampling, samplingCapability] of samplings) {
          for (const [elicitation, elicitationCapability] of elicitations) {
            const { capabilities } = yield* asking({ ...root, ...sampling, ...elicitation })
            assert.deepStrictEqual(yield* capabilities, {
              ...rootCapability,
              ...samplingCapability,
              ...elicitationCapability
            })
          }
        }
      }
    }))

  it.effect("is all that is answered", () =>
    Effect.gen(function*() {
      const { ask } = yield* asking({ sampling: by("me") })
      for (const method of ["roots/list", elicitation]) {
        assert.deepStrictEqual(yield* ask(method), {
          error: { code: -32601, message: `Method not found: ${method}` }
        })
      }
    }))
})

describe("a handler", () => {
  it.effect("answers a call's question, and the question of a server that carries out no call", () =>
    Effect.gen(function*() {
      const { ask, question } = yield* asking({ sampling: by("me") })
      assert.strictEqual(modelOf(yield* ask(sampling, message("Hi"))), "me")
      assert.strictEqual(modelOf(yield* question(sampling, message("Hi"))), "me")
    }))

  describe("that does not manage", () => {
    const never: ReadonlyArray<readonly [string, Effect.Effect<never, unknown>]> = [
      ["fails", Effect.fail(secret)],
      ["fails with text", Effect.fail("password is hunter2")],
      [
        "fails with what another server said",
        Effect.fail(
          new McpError.JsonRpcError({ code: -1, description: "password is hunter2", data: "hunter2" })
        )
      ],
      ["dies", Effect.die(secret)],
      [
        "throws",
        Effect.sync(() => {
          throw secret
        })
      ]
    ]
    const handlers = (failing: Effect.Effect<never, unknown>): ReadonlyArray<
      readonly [method: string, McpHandlers.Handlers, params?: JsonObject]
    > => [
      ["roots/list", { roots: failing }],
      [sampling, { sampling: () => failing }, message("Hi")],
      [sampling, { sampling: { createMessage: () => failing, tools: true } }, message("Hi")],
      [elicitation, { elicitation: { form: () => failing } }, form()],
      [elicitation, { elicitation: { url: () => failing } }, { mode: "url", url: "https://example.com" }]
    ]

    it.effect.each(never)(
      "because it %s is an internal error to the server, and all is told on this side",
      ([, failing]) =>
        Effect.gen(function*() {
          for (const [method, answers, params] of handlers(failing)) {
            const { log, logged } = logging()
            const { ask, client, mock } = yield* logged(asking(answers))
            const diagnostics = yield* watchDiagnostics(client)
            assert.deepStrictEqual(yield* ask(method, params), internalError)
            assert.notInclude(JSON.stringify(yield* mock.messages), "hunter2")
            yield* settled
            const [entry] = log
            assert(entry !== undefined && log.length === 1)
            assert.strictEqual(entry.level, "ERROR")
            assert.include(String(entry.message), method)
            assert.include(entry.cause, "hunter2")
            const [diagnostic] = diagnostics
            assert(diagnostic?._tag === "HandlerFailed" && diagnostics.length === 1)
            assert.strictEqual(diagnostic.method, method)
            assert.include(Cause.pretty(diagnostic.cause), "hunter2")
          }
        })
    )

    it.effect("because what made it throws is an internal error, too", () =>
      Effect.gen(function*() {
        const { ask } = yield* logging().logged(asking({
          sampling: () => {
            throw secret
          }
        }))
        assert.deepStrictEqual(yield* ask(sampling, message("Hi")), internalError)
      }))

    it.effect("because it is interrupted by itself is an internal error, too, and leaves nobody waiting", () =>
      Effect.gen(function*() {
        const { ask } = yield* logging().logged(asking({ sampling: () => Effect.interrupt }))
        assert.deepStrictEqual(yield* ask(sampling, message("Hi")), internalError)
      }))

    it.effect("because its answer can not be written as JSON is an internal error, too", () =>
      Effect.gen(function*() {
        const { log, logged } = logging()
        const { ask, client } = yield* logged(asking({
          sampling: () =>
            Effect.succeed({ content: [{ type: "tool_use", id: "1", name: "pay", input: { cents: 1n } }], model: "me" })
        }))
        const diagnostics = yield* watchDiagnostics(client)
        assert.deepStrictEqual(yield* ask(sampling, message("Hi")), internalError)
        yield* settled
        assert.include(log.map(({ cause }) => cause).join(), "can not be written as JSON")
        assert.deepStrictEqual(diagnostics.map(({ _tag }) => _tag), ["HandlerFailed"])
      }))

    it.effect.each([undefined, null])(
      "because plain code gives %j is an internal error, too",
      (nothing) =>
        Effect.gen(function*() {
          const { ask } = yield* logging().logged(asking({
            roots: Effect.succeed(nothing as never),
            sampling: () => Effect.succeed(nothing as never),
            elicitation: { form: () => Effect.succeed(nothing as never), url: () => Effect.succeed(nothing as never) }
          }))
          assert.deepStrictEqual(yield* ask("roots/list"), internalError)
          assert.deepStrictEqual(yield* ask(sampling, message("Hi")), internalError)
          assert.deepStrictEqual(yield* ask(elicitation, form()), internalError)
          assert.deepStrictEqual(yield* ask(elicitation, { mode: "url", url: "https://example.com" }), internalError)
        })
    )

    it.effect("harms neither its call nor the next", () =>
      Effect.gen(function*() {
        let fails = true
        const { ask, mock } = yield* logging().logged(asking({
          sampling: (request) => fails ? Effect.die(secret) : by("me")(request)
        }))
        assert.deepStrictEqual(yield* ask(sampling, message("Hi")), internalError)
        fails = false
        assert.strictEqual(modelOf(yield* ask(sampling, message("Hi"))), "me")
        assert.strictEqual(yield* mock.connections, 1)
      }))
  })

  describe("that takes its time", () => {
    const thinking = (millis: number): McpHandlers.Handlers => ({
      elicitation: { form: () => Effect.delay(Effect.succeed(McpHandlers.decline), millis) }
    })

    it.effect.each(eras)(
      "is not counted in the time that a call may go without an answer (%s)",
      (era) =>
        Effect.gen(function*() {
          const { ask } = yield* asking(thinking(600_000), { protocol: era, timeouts: { call: "1 minute" } })
          const call = yield* start(ask(elicitation, form()))
          yield* TestClock.adjust("10 minutes")
          assert.deepStrictEqual(yield* Fiber.join(call), { result: { action: "decline" } })
        })
    )

    it.effect.each([59_999, 60_000, 60_001, 100_000].flatMap((millis) => eras.map((era) => [millis, era] as const)))(
      "leaves the server all the time of a call once it has answered, after %d ms (%s)",
      ([millis, era]) =>
        Effect.gen(function*() {
          const question = { method: elicitation, params: form() }
          const answerAfter = (duration: Duration.Input): MockTransport.ToolHandler => (_, { input }) =>
            Effect.andThen(input({ question }), Effect.delay(Effect.succeed({}), duration))
          const { client } = yield* asking(thinking(millis), { protocol: era, timeouts: { call: "1 minute" } }, {
            tools: { late: answerAfter("59 seconds"), later: answerAfter("61 seconds") }
          })
          const late = yield* start(client.callTool("late"))
          yield* TestClock.adjust(millis + 59_000)
          yield* Fiber.join(late)
          const later = yield* start(failsWith("TimeoutError")(client.callTool("later")))
          yield* TestClock.adjust(millis + 59_999)
          assert.isUndefined(later.pollUnsafe())
          yield* TestClock.adjust(1)
          assert.strictEqual((yield* Fiber.join(later)).budget, "call")
        })
    )

    it.effect("is counted in the total time of a call, and ends with it", () =>
      Effect.gen(function*() {
        const { handler, log } = yield* gated
        const { ask, client, mock } = yield* asking({ sampling: handler })
        const call = yield* start(
          failsWith("TimeoutError")(ask(sampling, message("a"), { timeout: "1 minute", totalTimeout: "5 minutes" }))
        )
        yield* TestClock.adjust(299_999)
        assert.isUndefined(call.pollUnsafe())
        assert.deepStrictEqual(log, ["asked a"])
        yield* TestClock.adjust(1)
        const reason = yield* Fiber.join(call)
        assert.strictEqual(reason.budget, "total")
        assert.strictEqual(reason.millis, 300_000)
        yield* settled
        assert.deepStrictEqual(log, ["asked a", "interrupted"])
        assert.include(yield* mock.methods, "notifications/cancelled")
        yield* client.ping()
      }))
  })

  describe("is interrupted", () => {
    it.effect("when the server cancels its question, which then gets no answer; the call goes on", () =>
      Effect.gen(function*() {
        const { handler, log } = yield* gated
        const { client, mock } = yield* asking({ sampling: handler }, {}, {
          tools: { hang: () => Effect.never }
        })
        const call = yield* start(client.callTool("hang"))
        yield* start(mock.request(sampling, message("a"), "q"))
        yield* mock.notify("notifications/cancelled", { requestId: "q" })
        yield* settled
        assert.deepStrictEqual(log, ["asked a", "interrupted"])
        assert.isFalse((yield* mock.messages).some(({ from, message }) => from === "client" && message["id"] === "q"))
        assert.isUndefined(call.pollUnsafe())
        yield* mock.send({ jsonrpc: "2.0", id: 1, result: { content: [] } })
        yield* Fiber.join(call)
      }))

    it.effect.each<
      readonly [
        string,
        (call: Fiber.Fiber<unknown, unknown>, mock: MockTransport.MockTransport["Service"]) => Effect.Effect<unknown>
      ]
    >([
      ["is answered", (_, mock) => mock.send({ jsonrpc: "2.0", id: 1, result: { content: [] } })],
      ["fails", (_, mock) => mock.send({ jsonrpc: "2.0", id: 1, error: { code: -1, message: "no" } })],
      ["is interrupted", (call) => Fiber.interrupt(call)],
      ["is cut off", (_, mock) => mock.disconnect()]
    ])("when the call that it belongs to %s", ([, end]) =>
      Effect.gen(function*() {
        const { handler, log } = yield* gated
        const { ask, mock } = yield* asking({ sampling: handler })
        const call = yield* start(Effect.exit(ask(sampling, message("a"))))
        assert.deepStrictEqual(log, ["asked a"])
        yield* end(call, mock)
        yield* Fiber.await(call)
        yield* settled
        assert.deepStrictEqual(log, ["asked a", "interrupted"])
        const answers = (yield* mock.messages).filter(({ from, message }) =>
          from === "client" && ("result" in message || "error" in message)
        )
        assert.deepStrictEqual(answers, [])
      }))

    it.effect("with the client, and leaves no fiber behind", () =>
      Effect.gen(function*() {
        const { handler, log } = yield* gated
        const { alive, counting } = census()
        const scope = yield* Scope.make()
        yield* Effect.gen(function*() {
          const { ask, question } = yield* Scope.provide(asking({ sampling: handler }), scope)
          yield* Effect.forkIn(Effect.ignore(ask(sampling, message("a"))), scope, { startImmediately: true })
          yield* settled
          yield* Effect.forkIn(question(sampling, message("b")), scope, { startImmediately: true })
          yield* settled
        }).pipe(counting)
        assert.deepStrictEqual(log, ["asked a", "asked b"])
        yield* Scope.close(scope, Exit.void)
        yield* settled
        assert.deepStrictEqual(log, ["asked a", "asked b", "interrupted", "interrupted"])
        assert.strictEqual(alive(), 0)
      }))

    it.effect("not when another call ends, as long as nobody knows to which it belongs", () =>
      Effect.gen(function*() {
        const { handler, log, open } = yield* gated
        const { ask, client, mock } = yield* asking({ sampling: handler }, {}, { tools: { hang: () => Effect.never } })
        const other = yield* start(client.callTool("hang"))
        const call = yield* start(ask(sampling, message("a")))
        yield* Fiber.interrupt(other)
        yield* settled
        assert.deepStrictEqual(log, ["asked a"])
        yield* open
        assert.strictEqual(modelOf(yield* Fiber.join(call)), "gated")
        assert.strictEqual(yield* mock.connections, 1)
      }))
  })

  it.effect.each(eras)(
    "that 100 calls ask at once runs for each of them at the same time, and each gets its own answer (%s)",
    (era) =>
      Effect.gen(function*() {
        const { handler, log, open } = yield* gated
        const { ask } = yield* asking({ sampling: handler }, { protocol: era })
        const names = Array.from({ length: 100 }, (_, index) => `question ${index}`)
        const calls = yield* start(
          Effect.forEach(names, (name) => ask(sampling, message(name)), { concurrency: "unbounded" })
        )
        yield* Effect.repeat(settled, { until: () => log.length === names.length })
        yield* open
        const answers = yield* Fiber.join(calls)
        assert.deepStrictEqual(
          answers.map((answer) => (answer as { readonly result: { readonly content: unknown } }).result.content),
          names.map((text) => ({ type: "text", text }))
        )
      })
  )

  it.effect.each(eras)("may call the same server, which may ask again (%s)", (era) =>
    Effect.gen(function*() {
      const made = yield* Deferred.make<McpClient.McpClient>()
      const depth = (request: McpHandlers.SamplingRequest): number => Number(request.metadata?.["depth"])
      const { ask, client, mock } = yield* asking({
        sampling: (request) =>
          Effect.gen(function*() {
            if (depth(request) === 0) return { content: "bottom", model: "0" }
            const client = yield* Deferred.await(made)
            yield* client.listTools()
            const params = message("deeper", { metadata: { depth: depth(request) - 1 } })
            const { structuredContent } = yield* client.callTool("ask", { method: sampling, params })
            return { content: "up", model: `${depth(request)} ${modelOf(structuredContent)}` }
          })
      }, { protocol: era })
      yield* Deferred.succeed(made, client)
      const answer = yield* ask(sampling, message("deep", { metadata: { depth: 5 } }))
      assert.strictEqual(modelOf(answer), "5 4 3 2 1 0")
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect.each(eras)("may renew the session, in which its call no longer is (%s)", (era) =>
    Effect.gen(function*() {
      const made = yield* Deferred.make<McpClient.McpClient>()
      const { ask, client, mock } = yield* asking({
        sampling: (request) =>
          Effect.flatMap(Deferred.await(made), (client) => Effect.andThen(client.reconnect, by("me")(request)))
      }, { protocol: era })
      yield* Deferred.succeed(made, client)
      assert.strictEqual(modelOf(yield* ask(sampling, message("Hi"))), "me")
      assert.strictEqual(yield* mock.connections, 2)
      yield* settled
      assert.strictEqual(yield* mock.open, 1)
    }))

  it.effect.each(eras)("may close the client, and with it its call (%s)", (era) =>
    Effect.gen(function*() {
      const made = yield* Deferred.make<McpClient.McpClient>()
      const { ask, client } = yield* asking({
        sampling: (request) =>
          Effect.flatMap(Deferred.await(made), (client) => Effect.andThen(client.close, by("me")(request)))
      }, { protocol: era })
      yield* Deferred.succeed(made, client)
      const call = yield* start(failsWith("ClosedError")(ask(sampling, message("Hi"))))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(call)).by, "client")
      yield* client.listTools()
    }))

  it.effect("stays with its client when a session is lost", () =>
    Effect.gen(function*() {
      const { ask, capabilities, mock } = yield* asking({ sampling: by("me") })
      yield* mock.disconnect()
      assert.strictEqual(modelOf(yield* ask(sampling, message("Hi"))), "me")
      assert.strictEqual(yield* mock.connections, 2)
      const declared = (yield* mock.messages).flatMap(({ message: { method, params } }) =>
        method === "initialize" ? [(params as JsonObject)["capabilities"]] : []
      )
      assert.deepStrictEqual(declared, [yield* capabilities, yield* capabilities])
    }))

  it.effect.each(eras)(
    "belongs to one client, also where several share a transport (%s)",
    (era) =>
      Effect.gen(function*() {
        const { ask, mock } = yield* asking({ sampling: by("first") }, { protocol: era })
        const second = yield* clientOf(mock.transport, { protocol: era, handlers: { sampling: by("second") } })
        const asked = yield* second.callTool("ask", { method: sampling, params: message("Hi") })
        assert.strictEqual(modelOf(asked.structuredContent), "second")
        yield* second.close
        assert.strictEqual(modelOf(yield* ask(sampling, message("Hi"))), "first")
      })
  )
})

describe("the context of a handler", () => {
  class Language extends Context.Service<Language, string>()("test/Language") {}
  const Country = Context.Reference<string>("test/Country", { defaultValue: () => "nowhere" })

  const where: McpHandlers.Handlers<Language> = {
    sampling: () =>
      Effect.gen(function*() {
        return { content: "Hello!", model: `${yield* Language} of ${yield* Country}` }
      })
  }

  it.effect("has what the caller has, over what the client has", () =>
    Effect.gen(function*() {
      const { ask, question } = yield* asking(where).pipe(
        Effect.provideService(Language, "German"),
        Effect.provideService(Country, "Austria")
      )
      const asked = Effect.map(ask(sampling, message("Hi")), modelOf)
      assert.strictEqual(yield* asked, "German of Austria")
      assert.strictEqual(yield* Effect.provideService(asked, Country, "Switzerland"), "German of Switzerland")
      assert.strictEqual(yield* Effect.provideService(asked, Language, "French"), "French of Austria")
      assert.strictEqual(modelOf(yield* question(sampling, message("Hi"))), "German of Austria")
    }))

  it.effect.each(eras)("has what the client has in sessions that another opened (%s)", (era) =>
    Effect.gen(function*() {
      const { ask, mock } = yield* asking(where, { protocol: era }).pipe(Effect.provideService(Language, "German"))
      yield* mock.disconnect()
      yield* ask(sampling, message("Hi")).pipe(Effect.provideService(Country, "Switzerland"))
      assert.strictEqual(modelOf(yield* ask(sampling, message("Hi"))), "German of nowhere")
    }))

  it.effect.each(eras)("has what the caller has of handlers of the call (%s)", (era) =>
    Effect.gen(function*() {
      const { ask } = yield* asking({ sampling: by("client") }, { protocol: era })
      const asked = ask(sampling, message("Hi"), { handlers: where }).pipe(Effect.provideService(Language, "Finnish"))
      assert.strictEqual(modelOf(yield* asked), "Finnish of nowhere")
    }))

  it("is asked of who makes the client, or of who calls", () => {
    const now = McpTool.make("now")
    class Weather extends McpClient.Service<Weather>()("test/Weather", { tools: { now } }) {}
    const client = null as unknown as McpClient.McpClient
    const weather = null as unknown as Weather["Service"]
    const options = { handlers: where }
    expectTypeOf(McpClient.make(options)).toEqualTypeOf<
      Effect.Effect<McpClient.McpClient, McpError.McpError, McpTransport.McpTransport | Scope.Scope | Language>
    >()
    expectTypeOf(McpClient.layer(options)).toEqualTypeOf<
      Layer.Layer<McpClient.McpClient, McpError.McpError, McpTransport.McpTransport | Language>
    >()
    expectTypeOf(Weather.layer(options)).toEqualTypeOf<
      Layer.Layer<Weather, McpError.McpError, McpTransport.McpTransport | Language>
    >()
    expectTypeOf(McpClient.layer({ handlers: { sampling: by("me") } })).toEqualTypeOf<
      Layer.Layer<McpClient.McpClient, McpError.McpError, McpTransport.McpTransport>
    >()
    expectTypeOf(McpClient.layer({ handlers: { sampling: McpHandlers.samplingFromLanguageModel() } })).toEqualTypeOf<
      Layer.Layer<McpClient.McpClient, McpError.McpError, McpTransport.McpTransport | LanguageModel.LanguageModel>
    >()
    // Nothing of it is run.
    const services = <A, E, R>(_: () => Effect.Effect<A, E, R>) => null as unknown as R
    expectTypeOf(services(() => client.callTool("now", {}, options))).toEqualTypeOf<Language>()
    expectTypeOf(services(() => client.readResource("a:b", options))).toEqualTypeOf<Language>()
    expectTypeOf(services(() => client.getPrompt("a", {}, options))).toEqualTypeOf<Language>()
    expectTypeOf(services(() => Stream.runDrain(client.callStream(now, {}, options)))).toEqualTypeOf<Language>()
    expectTypeOf(services(() => Stream.runDrain(weather.tools.now.stream({}, options)))).toEqualTypeOf<Language>()
    expectTypeOf(services(() => client.callTool("now", {}, { handlers: { sampling: false } }))).toEqualTypeOf<never>()
    // @ts-expect-error nobody can answer by a word
    const wrong: McpHandlers.Handlers = { elicitation: { form: () => Effect.succeed("accept") } }
    // @ts-expect-error only calls may turn down what the client answers
    const nobody: McpHandlers.Handlers = { sampling: false }
    void [wrong, nobody]
  })

  it.effect.each(eras)("has the span of the call (%s)", (era) =>
    Effect.gen(function*() {
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const { ask } = yield* asking({
        sampling: (request) => Effect.withSpan(by("me")(request), "thinking")
      }, { protocol: era })
      yield* ask(sampling, message("Hi")).pipe(
        Effect.withSpan("program"),
        Effect.provideService(Tracer.Tracer, tracer)
      )
      const parents = spans.map(({ name, parent }) => {
        const of = Option.getOrUndefined(parent)
        return [name, of?._tag === "Span" ? of.name : undefined]
      })
      assert.deepStrictEqual(parents, [
        ["program", undefined],
        ["tools/call ask", "program"],
        ["thinking", "tools/call ask"]
      ])
    }))
})

describe("handlers of a call", () => {
  const handlers: McpHandlers.Handlers = {
    roots: [{ uri: "file:///client" }],
    sampling: by("client"),
    elicitation: { form: () => Effect.succeed(McpHandlers.cancel) }
  }

  it.effect("answer during the call, and only then", () =>
    Effect.gen(function*() {
      const { ask, question } = yield* asking(handlers)
      const asked = ask(sampling, message("Hi"), { handlers: { sampling: by("call") } })
      assert.strictEqual(modelOf(yield* asked), "call")
      assert.strictEqual(modelOf(yield* ask(sampling, message("Hi"))), "client")
      assert.strictEqual(modelOf(yield* question(sampling, message("Hi"))), "client")
    }))

  it.effect.each(eras)("leave the rest to those of the client (%s)", (era) =>
    Effect.gen(function*() {
      const { ask } = yield* asking(handlers, { protocol: era })
      const options = { handlers: { sampling: by("call"), roots: undefined } }
      assert.deepStrictEqual(yield* ask("roots/list", {}, options), { result: { roots: [{ uri: "file:///client" }] } })
      assert.deepStrictEqual(yield* ask(elicitation, form(), options), { result: { action: "cancel" } })
    }))

  it.effect("that are false answer for nobody: no roots, no model, no user", () =>
    Effect.gen(function*() {
      const { ask } = yield* asking(handlers)
      const options = { handlers: { roots: false, sampling: false, elicitation: false } as const }
      assert.deepStrictEqual(yield* ask("roots/list", {}, options), { result: { roots: [] } })
      assert.deepStrictEqual(yield* ask(sampling, message("Hi"), options), {
        error: { code: -1, message: "User rejected sampling request" }
      })
      assert.deepStrictEqual(yield* ask(elicitation, form(), options), { result: { action: "decline" } })
    }))

  it.effect("declare nothing: what the client lacks is not asked", () =>
    Effect.gen(function*() {
      const { ask, capabilities } = yield* asking({})
      const answer = yield* ask(sampling, message("Hi"), { handlers: { sampling: by("call") } })
      assert.deepStrictEqual(yield* capabilities, {})
      assert.deepStrictEqual(answer, { error: { code: -32601, message: `Method not found: ${sampling}` } })
    }))

  it.effect("are those of the latest call, where the transport does not say to which a question belongs", () =>
    Effect.gen(function*() {
      const { client, question } = yield* asking(handlers, {}, { tools: { hang: () => Effect.never } })
      const call = (model: string) => start(client.callTool("hang", {}, { handlers: { sampling: by(model) } }))
      const asked = Effect.map(question(sampling, message("Hi")), modelOf)
      yield* call("first")
      const second = yield* call("second")
      assert.strictEqual(yield* asked, "second")
      yield* Fiber.interrupt(second)
      assert.strictEqual(yield* asked, "first")
    }))

  it.effect.each(eras)("go with every operation that a server may ask about (%s)", (era) =>
    Effect.gen(function*() {
      class Server extends McpClient.Service<Server>()("test/Server", {
        tools: { ask: McpTool.make("ask") },
        resources: { page: McpResource.make("a:page") },
        prompts: { greeting: McpPrompt.make("greeting") }
      }) {}
      const asked = (_: unknown, { input }: MockTransport.Request) =>
        Effect.map(
          input({ question: { method: sampling, params: message("Hi") } }),
          ({ question }) => modelOf({ result: question })
        )
      const { client, mock } = yield* asking({ sampling: by("client") }, { protocol: era }, {
        tools: {
          ask: (args, request) => Effect.map(asked(args, request), (text) => ({ content: [{ type: "text", text }] }))
        },
        resources: { "a:page": asked },
        prompts: { greeting: asked },
        methods: { "x/y": asked }
      })
      yield* client.close
      const server = yield* Server.make({ protocol: era, handlers: { sampling: by("client") } }).pipe(
        Effect.provideService(McpTransport.McpTransport, mock.transport)
      )
      const options = { handlers: { sampling: by("call") } }
      const page = McpResource.make("a:page")
      const results: Record<string, Effect.Effect<unknown, McpError.McpError | McpError.ToolError>> = {
        callTool: server.callTool("ask", {}, options),
        call: server.call(McpTool.make("ask"), {}, options),
        callStream: Stream.runCollect(server.callStream(McpTool.make("ask"), {}, options)),
        typed: server.tools.ask({}, options),
        stream: Stream.runCollect(server.tools.ask.stream({}, options)),
        "raw.callTool": server.raw.callTool("ask", {}, options),
        "typed raw": server.tools.ask.raw({}, options),
        readResource: server.readResource("a:page", options),
        read: server.read(page, undefined, options),
        "typed read": server.resources.page(undefined, options),
        "raw.readResource": server.raw.readResource("a:page", options),
        getPrompt: server.getPrompt("greeting", {}, options),
        get: server.get(McpPrompt.make("greeting"), undefined, options),
        "typed get": server.prompts.greeting(undefined, options),
        "raw.getPrompt": server.raw.getPrompt("greeting", {}, options),
        // In the modern era, only those above may.
        ...(era === "legacy" ? { request: server.request("x/y", {}, options) } : {})
      }
      for (const [name, result] of Object.entries(results)) {
        const text = JSON.stringify(yield* result)
        assert.include(text, "call", name)
        assert.notInclude(text, "client", name)
      }
    }))
})

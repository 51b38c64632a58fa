import * as McpError from "@effect-mcp/client/McpError"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import * as Completions from "../src/internal/session/completions.ts"
import { asking, elicitation, form, internalError, logging } from "./asking.ts"
import { eras, failsWith, settled, start, watchDiagnostics } from "./harness.ts"

const person = form({
  name: { type: "string", minLength: 1, title: "Your name" },
  age: { type: "integer", minimum: 0, default: 42 },
  color: { type: "string", enum: ["red", "blue"], default: "blue" },
  news: { type: "boolean", default: false }
}, ["name"])

const page = (params?: JsonObject): JsonObject => ({
  mode: "url",
  message: "Log in",
  url: "https://example.com/login?a=b#c",
  elicitationId: "e1",
  ...params
})

/** Answers forms, and notes them. */
const forms = (answer: Effect.Effect<McpHandlers.FormAnswer, unknown>) => {
  const log: Array<McpHandlers.FormRequest> = []
  return {
    log,
    handlers: {
      elicitation: {
        form: (request: McpHandlers.FormRequest) => Effect.andThen(Effect.sync(() => log.push(request)), answer)
      }
    }
  }
}

/** Visits pages, and notes them. */
const pages = (
  visit: (request: McpHandlers.UrlRequest) => Effect.Effect<McpHandlers.UrlAnswer, unknown> = () =>
    Effect.succeed(McpHandlers.accept())
) => {
  const log: Array<McpHandlers.UrlRequest> = []
  return {
    log,
    handlers: {
      elicitation: {
        url: (request: McpHandlers.UrlRequest) => Effect.andThen(Effect.sync(() => log.push(request)), visit(request))
      }
    }
  }
}

const code = (answer: unknown) => (answer as { readonly error: { readonly code: number } }).error.code

describe("a form", () => {
  it.effect.each(eras)("says who asks for what (%s)", (era) =>
    Effect.gen(function*() {
      const { handlers, log } = forms(Effect.succeed(McpHandlers.decline))
      const { ask } = yield* asking(handlers, { protocol: era, name: "curious" })
      yield* ask(elicitation, person)
      const [request] = log
      assert(request !== undefined)
      assert.strictEqual(request.server, "curious")
      assert.strictEqual(request.message, "Please")
      assert.deepStrictEqual(request.fields.map(({ _tag, label, required }) => [_tag, label, required]), [
        ["Text", "Your name", true],
        ["Number", "age", false],
        ["Choice", "color", false],
        ["Boolean", "news", false]
      ])
      assert.deepStrictEqual(request.requestedSchema, person["requestedSchema"])
      assert.isTrue(Schema.is(request.schema)({ name: "Ada" }))
      assert.isFalse(Schema.is(request.schema)({ name: "Ada", age: 1.5 }))
    }))

  it.effect.each(eras)(
    "that is filled in is completed by the defaults of what was left out (%s)",
    (era) =>
      Effect.gen(function*() {
        const { handlers } = forms(Effect.succeed(McpHandlers.accept({ name: "Ada", color: "red" })))
        const { ask } = yield* asking(handlers, { protocol: era })
        assert.deepStrictEqual(yield* ask(elicitation, person), {
          result: { action: "accept", content: { name: "Ada", age: 42, color: "red", news: false } }
        })
      })
  )

  it.effect.each(eras)("without fields may be accepted with nothing (%s)", (era) =>
    Effect.gen(function*() {
      const { handlers, log } = forms(Effect.succeed(McpHandlers.accept()))
      const { ask } = yield* asking(handlers, { protocol: era })
      assert.deepStrictEqual(yield* ask(elicitation, form()), { result: { action: "accept", content: {} } })
      assert.deepStrictEqual(log[0]?.fields, [])
    }))

  it.effect.each([McpHandlers.decline, McpHandlers.cancel])(
    "is answered without content: %j",
    (answer) =>
      Effect.gen(function*() {
        const { handlers } = forms(Effect.succeed(answer))
        const { ask } = yield* asking(handlers)
        assert.deepStrictEqual(yield* ask(elicitation, person), { result: answer })
      })
  )

  it.effect.each<McpHandlers.FormContent>([
    {},
    { name: "" },
    { name: "Ada", age: -1 },
    { name: "Ada", color: "green" },
    { name: "Ada", password: "hunter2" }
  ])("whose answer does not fit is not sent, and told on this side: %j", (content) =>
    Effect.gen(function*() {
      const { log, logged } = logging()
      const { ask, client, mock } = yield* logged(asking(forms(Effect.succeed(McpHandlers.accept(content))).handlers))
      const diagnostics = yield* watchDiagnostics(client)
      assert.deepStrictEqual(yield* ask(elicitation, person), internalError)
      assert.notInclude(JSON.stringify(yield* mock.messages), "hunter2")
      yield* settled
      const [diagnostic] = diagnostics
      assert(diagnostic?._tag === "HandlerFailed" && diagnostics.length === 1)
      const [reason] = diagnostic.cause.reasons
      assert(reason?._tag === "Fail" && McpError.isMcpError(reason.error))
      assert.strictEqual(reason.error.reason._tag, "ValidationError")
      assert.strictEqual(log.length, 1)
    }))

  it.effect.each<readonly [string, JsonObject]>([
    ["no schema", { message: "Please" }],
    ["a schema of no kind", { message: "Please", requestedSchema: 42 }],
    ["a form in a form", form({ address: { type: "object", properties: {} } })]
  ])("that is none is the server's fault: %s", ([, params]) =>
    Effect.gen(function*() {
      const { handlers, log } = forms(Effect.succeed(McpHandlers.decline))
      const { ask } = yield* asking(handlers)
      assert.strictEqual(code(yield* ask(elicitation, params)), -32602)
      assert.deepStrictEqual(log, [])
    }))

  it.effect.each<JsonObject>([{}, { mode: "form" }, { mode: null }])(
    "is asked for by the mode %j",
    (mode) =>
      Effect.gen(function*() {
        const { handlers } = forms(Effect.succeed(McpHandlers.cancel))
        const { ask } = yield* asking(handlers)
        assert.deepStrictEqual(yield* ask(elicitation, { ...person, ...mode }), { result: { action: "cancel" } })
      })
  )

  it.effect.each<JsonObject>([page(), { ...person, mode: "telepathy" }, { ...person, mode: 42 }])(
    "is all that is answered where there is nothing else: %j",
    (params) =>
      Effect.gen(function*() {
        const { handlers, log } = forms(Effect.succeed(McpHandlers.decline))
        const { ask } = yield* asking(handlers)
        assert.strictEqual(code(yield* ask(elicitation, params)), -32602)
        assert.deepStrictEqual(log, [])
      })
  )
})

describe("a page", () => {
  it.effect("is all that is answered where there is nothing else", () =>
    Effect.gen(function*() {
      const { handlers, log } = pages()
      const { ask } = yield* asking(handlers)
      assert.strictEqual(code(yield* ask(elicitation, person)), -32602)
      assert.deepStrictEqual(log, [])
    }))

  it.effect("is shown as it is, and nothing of it is fetched", () =>
    Effect.gen(function*() {
      const { handlers, log } = pages()
      const { ask, mock } = yield* asking(handlers, { name: "curious" })
      assert.deepStrictEqual(yield* ask(elicitation, page()), { result: { action: "accept" } })
      const [request] = log
      assert(request !== undefined)
      const { completed: _, url, ...rest } = request
      assert.deepStrictEqual(rest, { server: "curious", message: "Log in", isConfusable: false, elicitationId: "e1" })
      assert.strictEqual(url.href, "https://example.com/login?a=b#c")
      // Consent has no content.
      const answer = (yield* mock.messages).find(({ from, message }) => from === "client" && "result" in message)
      assert.deepStrictEqual(answer?.message["result"], { action: "accept" })
    }))

  it.effect.each([McpHandlers.decline, McpHandlers.cancel])(
    "may be turned down: %j",
    (answer) =>
      Effect.gen(function*() {
        const { ask } = yield* asking(pages(() => Effect.succeed(answer)).handlers)
        assert.deepStrictEqual(yield* ask(elicitation, page()), { result: answer })
      })
  )

  it.effect.each([
    "javascript:alert(1)",
    "file:///etc/passwd",
    "data:text/html,hi",
    "vbscript:x",
    "ftp://example.com/",
    "ssh://-oProxyCommand=x/",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "ms-settings:",
    "example.com",
    "/login",
    "",
    42,
    null,
    undefined
  ])("of another scheme, or none, is nothing to visit: %j", (url) =>
    Effect.gen(function*() {
      const { handlers, log } = pages()
      const { ask } = yield* asking(handlers)
      assert.strictEqual(code(yield* ask(elicitation, page({ url }))), -32602)
      assert.deepStrictEqual(log, [])
    }))

  it.effect.each<readonly [string, boolean]>([
    ["https://example.com/xn--page?xn--a=b", false],
    ["https://xnxn.example.com/", false],
    ["https://xn--80ak6aa92e.com/", true],
    ["https://XN--80AK6AA92E.com/", true],
    ["https://login.xn--80ak6aa92e.com/", true],
    ["https://аррӏе.com/", true],
    ["http://bücher.example/", true]
  ])("is told when its host may look like another: %s %s", ([url, expected]) =>
    Effect.gen(function*() {
      const { handlers, log } = pages()
      const { ask } = yield* asking(handlers)
      yield* ask(elicitation, page({ url }))
      assert.strictEqual(log[0]?.isConfusable, expected)
    }))

  describe("is done with", () => {
    const complete = (elicitationId: unknown) => ["notifications/elicitation/complete", { elicitationId }] as const

    /** A user who comes back when the server says that the page is done with. */
    const waiting = Effect.fnUntraced(function*(params: JsonObject = page()) {
      const { handlers } = pages(({ completed }) => Effect.as(completed, McpHandlers.accept()))
      const asked = yield* asking(handlers)
      const call = yield* start(asked.ask(elicitation, params))
      return { ...asked, call }
    })

    it.effect("when the server says so", () =>
      Effect.gen(function*() {
        const { call, mock } = yield* waiting()
        yield* mock.notify(...complete("e2"))
        yield* mock.notify(...complete(undefined))
        yield* mock.notify(...complete(7))
        yield* settled
        assert.isUndefined(call.pollUnsafe())
        yield* mock.notify(...complete("e1"))
        assert.deepStrictEqual(yield* Fiber.join(call), { result: { action: "accept" } })
      }))

    it.effect("also when the server said so before anybody waited", () =>
      Effect.gen(function*() {
        const { handlers } = pages(({ completed }) => Effect.as(completed, McpHandlers.accept()))
        const { ask, mock } = yield* asking(handlers)
        yield* mock.notify(...complete("e1"))
        yield* mock.notify(...complete("e1"))
        assert.deepStrictEqual(yield* ask(elicitation, page()), { result: { action: "accept" } })
      }))

    it.effect("also when another session brings the word", () =>
      Effect.gen(function*() {
        const done = yield* Deferred.make<void>()
        const { handlers } = pages(({ completed }) =>
          Effect.as(
            Effect.forkDetach(Effect.andThen(completed, Deferred.succeed(done, undefined)), { startImmediately: true }),
            McpHandlers.accept()
          )
        )
        const { ask, client, mock } = yield* asking(handlers)
        yield* ask(elicitation, page())
        yield* mock.disconnect()
        yield* client.ping()
        yield* mock.notify(...complete("e1"))
        yield* Deferred.await(done)
      }))

    it.effect.each([page({ elicitationId: undefined }), page({ elicitationId: 7 })])(
      "nobody knows when, if it has no id",
      (params) =>
        Effect.gen(function*() {
          const { call, mock } = yield* waiting(params)
          yield* mock.notify(...complete(7))
          yield* mock.notify(...complete(undefined))
          yield* settled
          assert.isUndefined(call.pollUnsafe())
        })
    )

    it.effect("however many others a server makes up before", () =>
      Effect.gen(function*() {
        const { handlers } = pages(({ completed }) => Effect.as(completed, McpHandlers.accept()))
        const { ask, mock } = yield* asking(handlers)
        yield* mock.send(Array.from({ length: 5_000 }, (_, index) => {
          const [method, params] = complete(`made up ${index}`)
          return { jsonrpc: "2.0", method, params }
        }))
        const call = yield* start(ask(elicitation, page()))
        yield* mock.notify(...complete("e1"))
        assert.deepStrictEqual(yield* Fiber.join(call), { result: { action: "accept" } })
      }))

    it.effect("which is not remembered of all that a server makes up", () =>
      Effect.gen(function*() {
        const completions = Completions.make()
        for (let index = 0; index < 5_000; index++) completions.complete(`made up ${index}`)
        const last = yield* start(completions.wait("made up 4999"))
        assert.isDefined(last.pollUnsafe())
        const first = yield* start(completions.wait("made up 0"))
        assert.isUndefined(first.pollUnsafe())
      }))
  })
})

describe("a call that is refused until a page was visited", () => {
  const required = (...elicitations: ReadonlyArray<unknown>) =>
    Effect.fail(
      new McpError.JsonRpcError({ code: -32042, description: "Log in first", data: { elicitations } })
    )
  const done = { structuredContent: "done" }

  /** A tool that is refused so many times, with pages `e1`, `e2` and so on. */
  const refusing = (times: number): MockTransport.Options & { readonly calls: () => number } => {
    let calls = 0
    return {
      calls: () => calls,
      tools: { guarded: () => ++calls <= times ? required(page({ elicitationId: `e${calls}` })) : Effect.succeed(done) }
    }
  }

  const complete = (mock: MockTransport.MockTransport["Service"], elicitationId: string) =>
    Effect.andThen(mock.notify("notifications/elicitation/complete", { elicitationId }), settled)

  it.effect("is made again when the user has agreed, and the server says that the page is done with", () =>
    Effect.gen(function*() {
      const { handlers, log } = pages()
      const server = refusing(1)
      const { client, mock } = yield* asking(handlers, {}, server)
      const call = yield* start(client.callTool("guarded"))
      assert.deepStrictEqual(log.map(({ elicitationId, url }) => [elicitationId, url.href]), [
        ["e1", "https://example.com/login?a=b#c"]
      ])
      assert.strictEqual(server.calls(), 1)
      yield* complete(mock, "e1")
      assert.deepStrictEqual((yield* Fiber.join(call)).structuredContent, "done")
      assert.strictEqual(server.calls(), 2)
    }))

  it.effect("asks for one page after the other, and is made again after all", () =>
    Effect.gen(function*() {
      const { handlers, log } = pages()
      let refused = false
      const { client, mock } = yield* asking(handlers, {}, {
        tools: {
          guarded: () => {
            if (refused) return Effect.succeed(done)
            refused = true
            return required(page({ elicitationId: "a", mode: undefined }), page({ elicitationId: "b" }))
          }
        }
      })
      const call = yield* start(client.callTool("guarded"))
      assert.deepStrictEqual(log.map(({ elicitationId }) => elicitationId), ["a"])
      yield* complete(mock, "b")
      assert.deepStrictEqual(log.map(({ elicitationId }) => elicitationId), ["a"])
      yield* complete(mock, "a")
      assert.deepStrictEqual(log.map(({ elicitationId }) => elicitationId), ["a", "b"])
      assert.deepStrictEqual((yield* Fiber.join(call)).structuredContent, "done")
    }))

  it.effect.each([McpHandlers.decline, McpHandlers.cancel])(
    "stays refused when the user does not agree: %j",
    (answer) =>
      Effect.gen(function*() {
        const { log, logged } = logging()
        const server = refusing(1)
        const { client } = yield* asking(pages(() => Effect.succeed(answer)).handlers, {}, server)
        const reason = yield* logged(failsWith("JsonRpcError")(client.callTool("guarded")))
        assert.strictEqual(reason.code, -32042)
        assert.strictEqual(server.calls(), 1)
        assert.deepStrictEqual(log, [])
      })
  )

  it.effect.each<readonly [string, Effect.Effect<never, unknown>]>([
    ["fails", Effect.fail(new Error("oops"))],
    ["dies", Effect.die(new Error("oops"))]
  ])("stays refused when the handler %s, which is told", ([, failing]) =>
    Effect.gen(function*() {
      const { log, logged } = logging()
      const { client } = yield* asking(pages(() => failing).handlers, {}, refusing(1))
      const diagnostics = yield* watchDiagnostics(client)
      const reason = yield* logged(failsWith("JsonRpcError")(client.callTool("guarded")))
      assert.strictEqual(reason.code, -32042)
      yield* settled
      assert.deepStrictEqual(diagnostics.map(({ _tag }) => _tag), ["HandlerFailed"])
      assert.deepStrictEqual(log.map(({ level }) => level), ["ERROR"])
      assert.include(log.map(({ cause }) => cause).join(), "oops")
    }))

  it.effect.each<readonly [string, McpHandlers.Handlers]>([
    ["nobody", {}],
    ["somebody for models", { sampling: () => Effect.never }],
    ["somebody for forms", forms(Effect.succeed(McpHandlers.accept())).handlers]
  ])("stays refused where there is %s to visit pages", ([, handlers]) =>
    Effect.gen(function*() {
      const { client } = yield* asking(handlers, {}, refusing(1))
      assert.strictEqual((yield* failsWith("JsonRpcError")(client.callTool("guarded"))).code, -32042)
    }))

  it.effect.each<readonly [string, unknown]>([
    ["nothing", undefined],
    ["nothing to visit", { elicitations: [] }],
    ["no list", { elicitations: page() }],
    ["a page without id", { elicitations: [page({ elicitationId: undefined })] }],
    ["something else beside a page", { elicitations: [page(), "and this"] }],
    ["a page of another scheme", { elicitations: [page({ url: "javascript:alert(1)" })] }]
  ])("stays refused with %s", ([, data]) =>
    Effect.gen(function*() {
      let calls = 0
      const { handlers, log } = pages()
      const { client } = yield* asking(handlers, {}, {
        tools: {
          guarded: () => {
            calls++
            return Effect.fail(new McpError.JsonRpcError({ code: -32042, description: "Log in first", data }))
          }
        }
      })
      assert.strictEqual((yield* failsWith("JsonRpcError")(client.callTool("guarded"))).code, -32042)
      assert.deepStrictEqual(log, [])
      assert.strictEqual(calls, 1)
    }))

  it.effect("is not made again for ever", () =>
    Effect.gen(function*() {
      const { handlers, log } = pages()
      const server = refusing(Number.POSITIVE_INFINITY)
      const { client, mock } = yield* asking(handlers, {}, server)
      const call = yield* start(failsWith("JsonRpcError")(client.callTool("guarded")))
      for (let round = 1; round <= 10; round++) yield* complete(mock, `e${round}`)
      assert.strictEqual((yield* Fiber.join(call)).code, -32042)
      assert.strictEqual(log.length, 5)
      assert.strictEqual(server.calls(), 6)
    }))

  it.effect("waits as long as a call may take altogether, over all rounds", () =>
    Effect.gen(function*() {
      const { handlers } = pages()
      let calls = 0
      const { client, mock } = yield* asking(handlers, {}, {
        tools: {
          guarded: () =>
            Effect.delay(Effect.suspend(() => required(page({ elicitationId: `e${++calls}` }))), "30 seconds")
        }
      })
      const options = { timeout: "1 minute", totalTimeout: "10 minutes" } as const
      const call = yield* start(failsWith("TimeoutError")(client.callTool("guarded", {}, options)))
      yield* TestClock.adjust("4 minutes")
      yield* complete(mock, "e1")
      yield* TestClock.adjust("4 minutes")
      yield* complete(mock, "e2")
      yield* TestClock.adjust(119_999)
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust(1)
      const reason = yield* Fiber.join(call)
      assert.deepStrictEqual([reason.budget, reason.millis], ["total", 600_000])
    }))

  it.effect("is no more made again when nobody waits for it", () =>
    Effect.gen(function*() {
      const server = refusing(1)
      const { client, mock } = yield* asking(pages().handlers, {}, server)
      const call = yield* start(client.callTool("guarded"))
      yield* Fiber.interrupt(call)
      yield* complete(mock, "e1")
      assert.strictEqual(server.calls(), 1)
    }))

  it.effect("is asked about with what the caller has, over what the client has", () =>
    Effect.gen(function*() {
      class Browser extends Context.Service<Browser, string>()("test/Browser") {}
      const log: Array<string> = []
      const { client } = yield* asking<Browser>(
        {
          elicitation: {
            url: () =>
              Effect.map(Browser, (browser) => {
                log.push(browser)
                return McpHandlers.accept()
              })
          }
        },
        {},
        refusing(2)
      ).pipe(Effect.provideService(Browser, "the client's"))
      yield* start(client.callTool("guarded"))
      yield* start(client.callTool("guarded").pipe(Effect.provideService(Browser, "the caller's")))
      assert.deepStrictEqual(log, ["the client's", "the caller's"])
    }))

  it.effect("is a matter of the call's own handlers", () =>
    Effect.gen(function*() {
      const { handlers, log } = pages()
      const own = pages()
      const { client, mock } = yield* asking(handlers, {}, refusing(2))
      const nobody = client.callTool("guarded", {}, { handlers: { elicitation: false } })
      assert.strictEqual((yield* failsWith("JsonRpcError")(nobody)).code, -32042)
      const call = yield* start(client.callTool("guarded", {}, { handlers: own.handlers }))
      yield* complete(mock, "e2")
      yield* Fiber.join(call)
      assert.strictEqual(own.log.length, 1)
      assert.strictEqual(log.length, 0)
    }))

  it.effect("is any request", () =>
    Effect.gen(function*() {
      let refused = false
      const { client, mock } = yield* asking(pages().handlers, {}, {
        resources: {
          "a:b": () => {
            if (refused) return Effect.succeed("secret")
            refused = true
            return required(page())
          }
        }
      })
      yield* mock.notify("notifications/elicitation/complete", { elicitationId: "e1" })
      const [content] = yield* client.readResource("a:b")
      assert.strictEqual(content?.text, "secret")
    }))
})

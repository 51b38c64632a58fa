import * as McpCache from "@effect-mcp/client/McpCache"
import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import * as McpResource from "@effect-mcp/client/McpResource"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as Fault from "@effect-mcp/testing/Fault"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { asking } from "../asking.ts"
import { census, clientOf, connect, failsWith, reasonOf, settled, start } from "../harness.ts"
import { runProgram } from "../stdio/support.ts"
import { answering, asked, connectCached, eras, generous, hour, type Kind, kinds, library, read } from "./support.ts"

const tools = kinds[0]!
const reading = kinds[4]!

describe.each(eras)("in $era", ({ versions }) => {
  describe.each(kinds)("$method", (kind) => {
    const { ask, method, raw, result } = kind

    it.effect("is asked once while its answer is good, then anew", () =>
      Effect.gen(function*() {
        const { client, mock } = yield* connectCached({ ...generous(kind), protocolVersions: versions })
        const first = yield* ask(client)
        yield* TestClock.adjust(hour - 1)
        assert.deepStrictEqual(yield* ask(client), first)
        assert.deepStrictEqual<unknown>(yield* raw(client), { ...result, ttlMs: hour })
        assert.strictEqual(yield* asked(mock, method), 1)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* ask(client), first)
        assert.strictEqual(yield* asked(mock, method), 2)
        yield* TestClock.adjust(hour - 1)
        yield* ask(client)
        assert.strictEqual(yield* asked(mock, method), 2)
      }))

    it.effect("is asked each time without a cache, or of a server that does not say how long its answer is good", () =>
      Effect.gen(function*() {
        const without = yield* connect({ ...generous(kind), protocolVersions: versions }, { protocol: "auto" })
        const silent = yield* connectCached({
          ...answering(kind, () => Effect.succeed(result)),
          protocolVersions: versions
        })
        for (const { client, mock } of [without, silent]) {
          yield* ask(client)
          yield* ask(client)
          assert.strictEqual(yield* asked(mock, method), 2)
        }
      }))

    it.effect("is asked anew by who wants to, and then kept or not", () =>
      Effect.gen(function*() {
        let version = 0
        const { client } = yield* connectCached({
          ...answering(kind, () => Effect.sync(() => ({ ...result, ttlMs: hour, version: ++version }))),
          protocolVersions: versions
        })
        const versionOf = (cache?: McpCache.Mode) =>
          Effect.map(raw(client, { cache }), (answer) => "version" in answer ? answer.version : undefined)
        assert.strictEqual(yield* versionOf(), 1)
        assert.strictEqual(yield* versionOf("bypass"), 2)
        assert.strictEqual(yield* versionOf("use"), 1)
        assert.strictEqual(yield* versionOf("refresh"), 3)
        assert.strictEqual(yield* versionOf(), 3)
        yield* ask(client, { cache: "refresh" })
        assert.strictEqual(yield* versionOf(), 4)
      }))

    it.effect("is asked each time after it was asked anew and the answer was not to be kept", () =>
      Effect.gen(function*() {
        let ttlMs = hour
        const { client, mock } = yield* connectCached({
          ...answering(kind, () => Effect.sync(() => ({ ...result, ttlMs }))),
          protocolVersions: versions
        })
        yield* ask(client)
        ttlMs = 0
        yield* ask(client, { cache: "refresh" })
        yield* ask(client)
        assert.strictEqual(yield* asked(mock, method), 3)
      }))

    it.effect("is asked each time with `_meta` of the user's, and the answer is not kept", () =>
      Effect.gen(function*() {
        const { client, mock } = yield* connectCached({ ...generous(kind), protocolVersions: versions })
        yield* ask(client, { meta: { tenant: 1 } })
        yield* ask(client)
        yield* ask(client, { meta: { tenant: 2 } })
        yield* ask(client)
        assert.strictEqual(yield* asked(mock, method), 3)
      }))

    it.effect("that fails is asked again", () =>
      Effect.gen(function*() {
        const { client, mock } = yield* connectCached({
          ...generous(kind),
          protocolVersions: versions,
          faults: [Fault.fail(method, { code: -32000, message: "no", data: { ttlMs: hour } }, 1)]
        })
        yield* Effect.flip(ask(client))
        yield* ask(client)
        assert.strictEqual(yield* asked(mock, method), 2)
      }))
  })

  it.effect("what is no list and no read is never kept", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached({
        protocolVersions: versions,
        tools: { now: () => Effect.succeed({ ttlMs: hour, cacheScope: "public" }) },
        prompts: { greet: () => Effect.succeed({ messages: [], ttlMs: hour }) },
        completions: () => Effect.succeed([]),
        methods: { "acme/list": () => Effect.succeed({ ttlMs: hour }) }
      })
      const all = Effect.all([
        client.callTool("now"),
        client.getPrompt("greet"),
        client.complete({ ref: { type: "ref/prompt", name: "greet" }, argument: { name: "a", value: "" } }),
        client.request("acme/list"),
        client.request("tools/list")
      ])
      yield* all
      yield* all
      for (const method of ["tools/call", "prompts/get", "completion/complete", "acme/list", "tools/list"]) {
        assert.strictEqual(yield* asked(mock, method), 2, method)
      }
    }))
})

describe("how long an answer is good", () => {
  const lifetime = Effect.fnUntraced(function*(
    hints: JsonObject,
    options?: Parameters<typeof McpCache.layer>[0],
    kind: Kind = tools
  ) {
    const { client, mock } = yield* connectCached(answering(kind, () => Effect.succeed({ ...kind.result, ...hints })), {
      cache: McpCache.layer(options)
    })
    yield* kind.ask(client)
    let millis = 0
    for (const step of [1, 59_999, hour - 60_000, 23 * hour, 1]) {
      yield* kind.ask(client)
      if ((yield* asked(mock, kind.method)) > 1) return millis
      yield* TestClock.adjust(step)
      millis += step
    }
    yield* kind.ask(client)
    return (yield* asked(mock, kind.method)) > 1 ? millis : Number.POSITIVE_INFINITY
  })

  it.effect.each<readonly [hints: JsonObject, millis: number]>([
    [{ ttlMs: 1 }, 1],
    [{ ttlMs: 60_000 }, 60_000],
    [{ ttlMs: 59_999.5 }, 60_000],
    [{ ttlMs: 24 * hour }, 24 * hour],
    [{ ttlMs: 1e300 }, 24 * hour],
    [{ ttlMs: 0 }, 0],
    [{ ttlMs: -1 }, 0],
    [{ ttlMs: "60000" }, 0],
    [{ ttlMs: [60_000] }, 0],
    [{ ttlMs: true }, 0],
    [{ ttlMs: null }, 0],
    [{}, 0],
    [{ ttlMs: hour, resultType: "complete" }, hour],
    [{ ttlMs: hour, resultType: "partial" }, 0],
    [{ ttlMs: hour, cacheScope: "public" }, hour],
    [{ ttlMs: hour, cacheScope: "galactic" }, hour]
  ])("%j: %d ms", ([hints, millis]) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* lifetime(hints), millis)
    }))

  it.effect.each<readonly [hints: JsonObject, defaultTtl: Duration.Input, millis: number]>([
    [{}, "1 minute", 60_000],
    [{ ttlMs: null }, "1 minute", 60_000],
    [{ ttlMs: hour }, "1 minute", hour],
    [{ ttlMs: 0 }, "1 minute", 0],
    [{ ttlMs: -1 }, "1 minute", 0],
    [{ ttlMs: "soon" }, "1 minute", 0],
    [{}, Duration.infinity, 24 * hour],
    [{}, 0, 0]
  ])("%j where the user says %s by default: %d ms", ([hints, defaultTtl, millis]) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* lifetime(hints, { defaultTtl }), millis)
      assert.strictEqual(yield* lifetime(hints, { defaultTtl }, reading), millis)
    }))

  it.effect("begins when it comes, and ends when the clock was set back", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached({
        ...generous(tools),
        faults: [Fault.delay("tools/list", "10 seconds", 1)]
      })
      const first = yield* start(client.listTools())
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(first)
      yield* TestClock.adjust(hour - 1)
      yield* client.listTools()
      assert.strictEqual(yield* asked(mock, "tools/list"), 1)
      yield* TestClock.setTime(5_000)
      yield* client.listTools()
      assert.strictEqual(yield* asked(mock, "tools/list"), 2)
    }))

  it.effect.each([
    { options: { defaultTtl: "soon" as Duration.Input }, what: "defaultTtl" },
    { options: { capacity: "much" as "1 MiB" }, what: "capacity" }
  ])("has to be a duration, and the capacity a size: $what", ({ options, what }) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(McpCache.layer(options)))
      assert.include(reasonOf("ConfigurationError", error).message, what)
    }))
})

describe("an answer that depends on input", () => {
  const server: MockTransport.Options = {
    ...answering(reading, () => Effect.die("not this one")),
    protocolVersions: ["2026-07-28"],
    methods: {
      "resources/read": ({ uri }, { input }) =>
        Effect.map(input({ roots: { method: "roots/list" } }), () => ({
          contents: [{ uri, text: "where you are" }],
          resultType: "complete",
          ttlMs: hour,
          cacheScope: "public"
        }))
    }
  }
  const handlers = { roots: [] }

  it.effect("is not kept", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached(server, { client: { handlers } })
      assert.strictEqual(yield* read(client, "a:b"), "where you are")
      assert.strictEqual(yield* read(client, "a:b"), "where you are")
      assert.strictEqual(yield* asked(mock, "resources/read"), 4)
    }))

  it.effect("is not kept, nor replaced by what is kept, when the input is given later", () =>
    Effect.gen(function*() {
      let isCurious = true
      const { client, mock } = yield* connectCached({
        ...server,
        methods: {
          "resources/read": ({ inputResponses, uri }) =>
            Effect.succeed(
              isCurious && inputResponses === undefined
                ? { resultType: "input_required", inputRequests: { roots: { method: "roots/list" } } }
                : { contents: [{ uri, text: JSON.stringify(inputResponses ?? null) }], ttlMs: hour }
            )
        }
      })
      yield* failsWith("InputRequiredError")(read(client, "a:b", { input: "manual" }))
      const resume = { inputResponses: { roots: { roots: [] } } }
      assert.strictEqual(yield* read(client, "a:b", { resume }), `{"roots":{"roots":[]}}`)
      isCurious = false
      assert.strictEqual(yield* read(client, "a:b"), "null")
      assert.strictEqual(yield* read(client, "a:b", { resume }), `{"roots":{"roots":[]}}`)
      assert.strictEqual(yield* read(client, "a:b"), "null")
      assert.strictEqual(yield* asked(mock, "resources/read"), 4)
    }))
})

describe("what is kept", () => {
  it.effect("is told apart by the URI", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached(library())
      const uris = ["a:b", "a:b/", "a:b/c", "a:b c", "a:b\" public", "a:b\\", "null", "", "A:b"]
      for (const uri of uris) assert.strictEqual(yield* read(client, uri), "1")
      for (const uri of uris) assert.strictEqual(yield* read(client, uri), "1")
      assert.strictEqual(yield* asked(mock, "resources/read"), uris.length)
    }))

  it.effect("is not changed by what somebody does with it", () =>
    Effect.gen(function*() {
      const { client } = yield* connectCached(generous(tools))
      for (let times = 0; times < 3; times++) {
        const { tools } = yield* client.raw.listTools()
        assert.strictEqual(tools.length, 1) // Types say that it is not to be changed; not everybody listens.
        ;(tools as Array<unknown>).pop()
      }
    }))

  it.effect("stays when there is no such resource as another", () =>
    Effect.gen(function*() {
      const { methods, ...server } = library()
      const { client } = yield* connectCached({
        ...server,
        methods: {
          "resources/read": (params, request) =>
            params["uri"] === "a:missing"
              ? Effect.fail(new McpError.JsonRpcError({ code: -32602, description: "Resource not found" }))
              : methods!["resources/read"]!(params, request)
        }
      })
      yield* read(client, "a:b")
      yield* failsWith("ResourceNotFoundError")(read(client, "a:missing"))
      assert.strictEqual(yield* read(client, "a:b"), "1")
    }))

  it.effect("needs no session", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connectCached(generous(tools), {
        client: { lazy: true, idleTimeToLive: "1 minute" }
      })
      const listed = yield* client.listTools()
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* client.state)._tag, "Idle")
      assert.deepStrictEqual(yield* client.listTools(), listed)
      assert.strictEqual(yield* mock.connections, 1)
      assert.strictEqual((yield* client.state)._tag, "Idle")
    }))

  it.effect("is not handed out by a client whose scope is closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client } = yield* Scope.provide(connectCached(generous(tools)), scope)
      yield* client.listTools()
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* failsWith("ClosedError")(client.listTools())).by, "client")
    }))

  it.effect("does not hide that an option is wrong", () =>
    Effect.gen(function*() {
      const { client } = yield* connectCached(library())
      yield* read(client, "a:b")
      yield* failsWith("ConfigurationError")(read(client, "a:b", { timeout: "soon" as Duration.Input }))
    }))

  it.effect("is bounded: what was used least recently goes first, and what is too large is not kept", () =>
    Effect.gen(function*() {
      const page = "x".repeat(1000)
      const { client, mock } = yield* connectCached(
        answering(reading, ({ uri }) =>
          Effect.succeed({
            contents: [{ uri, text: uri === "large:" ? page.repeat(20) : page }],
            ttlMs: hour
          })),
        { cache: McpCache.layer({ capacity: "8 KiB" }) }
      )
      const isKept = Effect.fnUntraced(function*(uri: string) {
        const before = yield* asked(mock, "resources/read")
        yield* client.readResource(uri)
        return (yield* asked(mock, "resources/read")) === before
      })
      // Each takes a little more than 1,000 bytes.
      for (const number of [1, 2, 3, 4, 5, 6]) assert.isFalse(yield* isKept(`page:${number}`))
      assert.isTrue(yield* isKept("page:1"))
      for (const number of [7, 8, 9]) assert.isFalse(yield* isKept(`page:${number}`))
      assert.isTrue(yield* isKept("page:1"))
      assert.isTrue(yield* isKept("page:9"))
      assert.isFalse(yield* isKept("page:2"))
      for (let times = 0; times < 2; times++) assert.isFalse(yield* isKept("large:"))
      assert.isTrue(yield* isKept("page:9"))
    }))

  it.effect("is there for declared resources, too", () =>
    Effect.gen(function*() {
      class Library extends McpClient.Service<Library>()("test/Library", {
        resources: { book: McpResource.template("book:{title}", { params: Schema.Struct({ title: Schema.String }) }) }
      }) {}
      const mock = yield* MockTransport.make(library())
      const context = yield* Layer.build(McpCache.layer())
      const { resources } = yield* Library.make().pipe(
        Effect.provideService(McpTransport.McpTransport, mock.transport),
        Effect.provideContext(context)
      )
      const text = (options?: McpClient.ReadOptions) =>
        Effect.map(resources.book({ title: "emma" }, options), ([content]) => content?.text)
      assert.strictEqual(yield* text(), "1")
      assert.strictEqual(yield* text(), "1")
      assert.strictEqual(yield* text({ cache: "refresh" }), "2")
      const { contents: [content] } = yield* resources.book.raw({ title: "emma" }, { cache: "bypass" })
      assert.strictEqual(content?.text, "3")
      assert.strictEqual(yield* text(), "2")
    }))
})

describe("a client with a cache", () => {
  it("takes no wishes for what is never kept", () => {
    expectTypeOf<McpClient.CallOptions>().not.toHaveProperty("cache")
    expectTypeOf<McpClient.ProgressOptions>().not.toHaveProperty("cache")
    expectTypeOf<McpClient.ListOptions>().toHaveProperty("cache")
    expectTypeOf<McpClient.PageOptions>().toHaveProperty("cache")
    expectTypeOf<McpClient.ReadOptions>().toHaveProperty("cache")
  })

  it.effect("leaves nothing behind", () =>
    Effect.gen(function*() {
      const { alive, counting } = census()
      yield* Effect.gen(function*() {
        const { client, mock } = yield* connectCached(generous(tools))
        yield* client.listTools()
        yield* mock.notify("notifications/tools/list_changed")
        yield* client.listTools()
        yield* mock.disconnect()
        yield* client.listTools()
      }).pipe(Effect.scoped, counting)
      yield* settled
      assert.strictEqual(alive(), 0)
    }))

  it.effect("answers a server while it asks, as any other", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(McpCache.layer({ defaultTtl: "1 hour" }))
      const { ask } = yield* Effect.provideContext(asking({ roots: [] }), context)
      assert.deepStrictEqual(yield* ask("roots/list"), { result: { roots: [] } })
      assert.deepStrictEqual(yield* ask("roots/list"), { result: { roots: [] } })
    }))

  it.live("is the only one that loads it", () =>
    Effect.gen(function*() {
      const { stderr, stdout } = yield* runProgram("../../programs/loadsCache.ts")
      assert.strictEqual(stdout, "false\ntrue\n", stderr)
    }))

  it.effect("shares what is kept with other clients of its transport, and with no others", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(McpCache.layer())
      const mocks = [yield* MockTransport.make(library()), yield* MockTransport.make(library())] as const
      const make = (index: 0 | 1) => Effect.provideContext(clientOf(mocks[index].transport), context)
      assert.strictEqual(yield* read(yield* make(0), "a:b"), "1")
      assert.strictEqual(yield* read(yield* make(0), "a:b"), "1")
      assert.strictEqual(yield* asked(mocks[0], "resources/read"), 1)
      assert.strictEqual(yield* asked(mocks[1], "resources/read"), 0)
      yield* read(yield* make(1), "a:b")
      assert.strictEqual(yield* asked(mocks[1], "resources/read"), 1)
    }))
})

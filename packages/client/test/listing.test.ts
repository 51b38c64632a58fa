import type * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError } from "@effect-mcp/client/McpError"
import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { connect, failsWith, settled, start, watchDiagnostics } from "./harness.ts"

const tool = (name: string) => ({ name, inputSchema: { type: "object" } })

/** A server whose list of tools has these pages, each found by its cursor. The first has the cursor `undefined`. */
const paged = (pages: ReadonlyArray<readonly [cursor: string | undefined, page: object]>): MockTransport.Options => ({
  tools: {},
  methods: {
    "tools/list": ({ cursor }) =>
      Effect.succeed(new Map<unknown, object>(pages).get(cursor) ?? { tools: "no such page" })
  }
})

const abc = paged([
  [undefined, { tools: [tool("a"), tool("b")], nextCursor: "2" }],
  ["2", { tools: [], nextCursor: "" }],
  ["", { tools: [tool("c")] }]
])

/** A list that never ends. */
const endless: MockTransport.Options = {
  tools: {},
  methods: {
    "tools/list": ({ cursor }) => Effect.succeed({ tools: [tool("t")], nextCursor: `${String(cursor)}+` })
  }
}

const names = (tools: ReadonlyArray<{ readonly name: string }>) => tools.map(({ name }) => name)

const cursors = Effect.fnUntraced(function*(mock: MockTransport.MockTransport["Service"]) {
  const asked = (yield* mock.messages).filter(({ message }) => message["method"] === "tools/list")
  return asked.map(({ message }) => message["params"])
})

describe("listTools", () => {
  it.effect("reads all pages; an empty cursor is a cursor, an empty page is a page", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(abc)
      assert.deepStrictEqual(names(yield* client.listTools()), ["a", "b", "c"])
      assert.deepStrictEqual(yield* cursors(mock), [undefined, { cursor: "2" }, { cursor: "" }])
    }))

  it.effect("keeps all that the server says of a tool", () =>
    Effect.gen(function*() {
      const described = {
        ...tool("a"),
        title: "A",
        description: "Does a.",
        outputSchema: { type: "object", "x-y": 1 },
        annotations: { readOnlyHint: true, "x-risk": "low" },
        _meta: { version: 2 },
        "x-vendor": [1]
      }
      const { client } = yield* connect(paged([[undefined, { tools: [described] }]]))
      assert.deepStrictEqual(yield* client.listTools(), [described])
    }))

  it.effect("sends the caller's `_meta` with each page", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(abc)
      yield* client.listTools({ meta: { tenant: 7 } })
      const _meta = { tenant: 7 }
      assert.deepStrictEqual(yield* cursors(mock), [{ _meta }, { cursor: "2", _meta }, { cursor: "", _meta }])
    }))

  it.effect("yields nothing, and asks nothing, of a server without tools", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ capabilities: { resources: {} } })
      assert.deepStrictEqual(yield* client.listTools(), [])
      assert.deepStrictEqual(yield* Stream.runCollect(client.toolPages()), [[]])
      assert.deepStrictEqual(yield* client.raw.listTools(), { tools: [] })
      yield* settled
      assert.deepStrictEqual(yield* mock.methods, ["initialize", "notifications/initialized"])
    }))

  it.effect("leaves out a tool whose description is broken, says so, and keeps the others", () =>
    Effect.gen(function*() {
      const broken = [{ name: 7, inputSchema: {} }, { name: "no-schema" }, "text", null, {
        ...tool("odd"),
        outputSchema: "none"
      }]
      const { client } = yield* connect(paged([[undefined, { tools: [tool("a"), ...broken, tool("z")] }]]))
      const diagnostics = yield* watchDiagnostics(client)
      assert.deepStrictEqual(names(yield* client.listTools()), ["a", "z"])
      yield* settled
      assert.deepStrictEqual(diagnostics, broken.map((payload) => ({ _tag: "Invalid", payload })))
    }))

  it.effect("leaves out fields that are `null`, as their types say", () =>
    Effect.gen(function*() {
      const nulls = { description: null, title: null, outputSchema: null, annotations: { title: null }, _meta: null }
      const { client } = yield* connect(paged([[undefined, { tools: [{ ...tool("a"), ...nulls }] }]]))
      const diagnostics = yield* watchDiagnostics(client)
      assert.deepStrictEqual<unknown>(yield* client.listTools(), [{ ...tool("a"), annotations: {} }])
      assert.deepStrictEqual(diagnostics, [])
    }))

  it.effect("ends where the cursor is `null`", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(paged([[undefined, { tools: [tool("a")], nextCursor: null }]]))
      assert.deepStrictEqual(names(yield* client.listTools()), ["a"])
    }))

  it.effect("fails when the list goes round in circles", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(paged([
        [undefined, { tools: [], nextCursor: "1" }],
        ["1", { tools: [], nextCursor: "2" }],
        ["2", { tools: [], nextCursor: "1" }]
      ]))
      const reason = yield* failsWith("ProtocolError")(client.listTools())
      assert.strictEqual(reason.payload, "1")
      assert.strictEqual((yield* cursors(mock)).length, 3)
    }))

  it.effect.each([
    { options: undefined, limit: 250 },
    { options: { maxPages: 3 }, limit: 3 }
  ])("reads at most $limit pages", ({ limit, options }) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(endless)
      const reason = yield* failsWith("LimitError")(client.listTools(options))
      assert.strictEqual(reason.limit, limit)
      assert.include(reason.message, "maxPages")
      assert.strictEqual((yield* cursors(mock)).length, limit)
    }))

  it.effect("reads a list that has just as many pages or items as it may have", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(abc)
      assert.strictEqual((yield* client.listTools({ maxPages: 3, maxItems: 3 })).length, 3)
      assert.strictEqual((yield* failsWith("LimitError")(client.listTools({ maxPages: 2 }))).limit, 2)
    }))

  it.effect.each([
    { options: undefined, limit: 10_000, perPage: 3_000, pages: 4 },
    { options: { maxItems: 2 }, limit: 2, perPage: 1, pages: 3 }
  ])("keeps at most $limit items", ({ limit, options, pages, perPage }) =>
    Effect.gen(function*() {
      const tools = Array.from({ length: perPage }, () => tool("t"))
      const { client, mock } = yield* connect({
        tools: {},
        methods: { "tools/list": ({ cursor }) => Effect.succeed({ tools, nextCursor: `${String(cursor)}+` }) }
      })
      const reason = yield* failsWith("LimitError")(client.listTools(options))
      assert.strictEqual(reason.limit, limit)
      assert.include(reason.message, "maxItems")
      assert.strictEqual((yield* cursors(mock)).length, pages)
    }))

  it.effect.each([
    { what: "null", answer: null },
    { what: "no tools", answer: {} },
    { what: "tools that are no list", answer: { tools: {} } },
    { what: "a cursor that is no string", answer: { tools: [], nextCursor: 2 } }
  ])("fails on an answer that is no list: $what", ({ answer }) =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools: {}, methods: { "tools/list": () => Effect.succeed(answer) } })
      const reason = yield* failsWith("ProtocolError")(client.listTools())
      assert.deepStrictEqual(reason.payload, answer)
      assert.include(reason.message, "tools/list")
    }))

  it.effect("hands on the server's error, with server and method", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(
        { tools: {}, faults: [Fault.fail("tools/list", { code: -32602, message: "bad cursor" })] },
        { name: "shop" }
      )
      const error = yield* Effect.flip(client.listTools())
      assert.strictEqual(error.message, "shop: tools/list: bad cursor (code -32602)")
    }))
})

describe("toolPages", () => {
  it.effect("yields page by page, and asks for a page when it is wanted", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(abc)
      const first = yield* Stream.runCollect(Stream.take(client.toolPages(), 1))
      assert.deepStrictEqual(first.map(names), [["a", "b"]])
      assert.strictEqual((yield* cursors(mock)).length, 1)
      assert.deepStrictEqual((yield* Stream.runCollect(client.toolPages())).map(names), [["a", "b"], [], ["c"]])
    }))

  it.effect("yields what came before the limit", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(endless)
      const pages: Array<ReadonlyArray<string>> = []
      const error = yield* client.toolPages({ maxPages: 3 }).pipe(
        Stream.runForEach((page) => Effect.sync(() => void pages.push(names(page)))),
        Effect.flip
      )
      assert.strictEqual(error.reason._tag, "LimitError")
      assert.strictEqual(error.method, "tools/list")
      assert.deepStrictEqual(pages, [["t"], ["t"]])
    }))
})

describe("raw.listTools", () => {
  it.effect("reads one page, untouched", () =>
    Effect.gen(function*() {
      const page = { tools: [tool("a"), { broken: true }], nextCursor: "2", _meta: { took: 1 }, "x-vendor": 1 }
      const { client, mock } = yield* connect(paged([[undefined, page], ["", { tools: [] }]]))
      assert.deepStrictEqual(yield* client.raw.listTools(), page)
      assert.deepStrictEqual(yield* client.raw.listTools("", { meta: { a: 1 } }), { tools: [] })
      assert.deepStrictEqual(yield* cursors(mock), [undefined, { cursor: "", _meta: { a: 1 } }])
    }))
})

interface Kind {
  readonly what: string
  readonly method: string
  readonly capability: string
  readonly key: string
  readonly good: object
  readonly all: (client: McpClient.McpClient, options?: McpClient.ListOptions) => Effect.Effect<unknown, McpError>
  readonly pages: (client: McpClient.McpClient, options?: McpClient.ListOptions) => Stream.Stream<unknown, McpError>
  readonly page: (
    client: McpClient.McpClient,
    cursor?: string,
    options?: McpClient.RequestOptions
  ) => Effect.Effect<unknown, McpError>
}

const kinds: ReadonlyArray<Kind> = [
  {
    what: "tools",
    method: "tools/list",
    capability: "tools",
    key: "tools",
    good: tool("a"),
    all: (client, options) => client.listTools(options),
    pages: (client, options) => client.toolPages(options),
    page: (client, cursor, options) => client.raw.listTools(cursor, options)
  },
  {
    what: "resources",
    method: "resources/list",
    capability: "resources",
    key: "resources",
    good: { uri: "a:b", name: "b" },
    all: (client, options) => client.listResources(options),
    pages: (client, options) => client.resourcePages(options),
    page: (client, cursor, options) => client.raw.listResources(cursor, options)
  },
  {
    what: "templates of resources",
    method: "resources/templates/list",
    capability: "resources",
    key: "resourceTemplates",
    good: { uriTemplate: "a:{b}", name: "b" },
    all: (client, options) => client.listResourceTemplates(options),
    pages: (client, options) => client.resourceTemplatePages(options),
    page: (client, cursor, options) => client.raw.listResourceTemplates(cursor, options)
  },
  {
    what: "prompts",
    method: "prompts/list",
    capability: "prompts",
    key: "prompts",
    good: { name: "a", arguments: [{ name: "b", required: true }] },
    all: (client, options) => client.listPrompts(options),
    pages: (client, options) => client.promptPages(options),
    page: (client, cursor, options) => client.raw.listPrompts(cursor, options)
  }
]

describe.each(kinds)("a list of $what", ({ all, capability, good, key, method, page, pages }) => {
  /** A list of two pages; the second has something broken in it. */
  const server: MockTransport.Options = {
    capabilities: { [capability]: {} },
    methods: {
      [method]: ({ cursor }) =>
        Effect.succeed(
          cursor === undefined
            ? { [key]: [{ ...good, "x-vendor": 1 }], nextCursor: "2", _meta: { took: 1 } }
            : { [key]: [{ broken: true }, good] }
        )
    }
  }

  it.effect("has all that its pages have but what is broken, which is said", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      const diagnostics = yield* watchDiagnostics(client)
      assert.deepStrictEqual(yield* all(client, { meta: { a: 1 } }), [{ ...good, "x-vendor": 1 }, good])
      yield* settled
      assert.deepStrictEqual(diagnostics, [{ _tag: "Invalid", payload: { broken: true } }])
      const asked = (yield* mock.messages).filter(({ message }) => message["method"] === method)
      assert.deepStrictEqual(asked.map(({ message }) => message["params"]), [
        { _meta: { a: 1 } },
        { cursor: "2", _meta: { a: 1 } }
      ])
    }))

  it.effect("comes page by page", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(pages(client), 1)), [[{ ...good, "x-vendor": 1 }]])
      assert.deepStrictEqual(yield* Stream.runCollect(pages(client)), [[{ ...good, "x-vendor": 1 }], [good]])
      assert.strictEqual((yield* mock.methods).filter((sent) => sent === method).length, 3)
    }))

  it.effect("comes as the protocol has it", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(server)
      assert.deepStrictEqual(yield* page(client), {
        [key]: [{ ...good, "x-vendor": 1 }],
        nextCursor: "2",
        _meta: { took: 1 }
      })
      assert.deepStrictEqual(yield* page(client, "2"), { [key]: [{ broken: true }, good] })
    }))

  it.effect("is empty when the server has none, and nothing is asked", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ capabilities: { logging: {} } })
      assert.deepStrictEqual(yield* all(client), [])
      assert.deepStrictEqual(yield* Stream.runCollect(pages(client)), [[]])
      assert.deepStrictEqual(yield* page(client), { [key]: [] })
      yield* settled
      assert.deepStrictEqual(yield* mock.methods, ["initialize", "notifications/initialized"])
    }))

  it.effect("has limits", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(server)
      assert.strictEqual((yield* failsWith("LimitError")(all(client, { maxPages: 1 }))).limit, 1)
      assert.strictEqual((yield* failsWith("LimitError")(all(client, { maxItems: 1 }))).limit, 1)
    }))

  it.effect("has a deadline for all pages together, and one for each page", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* mock.inject(Fault.delay(method, "6 seconds"))
      const late = yield* start(failsWith("TimeoutError")(all(client, { timeout: "10 seconds" })))
      const inTime = yield* start(Stream.runCollect(pages(client, { timeout: "10 seconds" })))
      yield* TestClock.adjust("6 seconds")
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual((yield* Fiber.join(late)).budget, "list")
      assert.strictEqual((yield* Fiber.join(inTime)).length, 2)
    }))

  it.effect("fails with what the server answers, and where", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ ...server, faults: [Fault.fail(method, { code: 1, message: "no" })] }, {
        name: "shop"
      })
      assert.strictEqual((yield* Effect.flip(all(client))).message, `shop: ${method}: no (code 1)`)
      assert.strictEqual((yield* Effect.flip(page(client))).message, `shop: ${method}: no (code 1)`)
      const stream = yield* Effect.flip(Stream.runDrain(pages(client)))
      assert.strictEqual(stream.message, `shop: ${method}: no (code 1)`)
    }))

  it.effect("refuses what is no list", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ ...server, methods: { [method]: () => Effect.succeed({ [key]: {} }) } })
      assert.include((yield* failsWith("ProtocolError")(all(client))).message, method)
    }))
})

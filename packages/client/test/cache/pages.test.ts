import type * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import { isJsonObject } from "@effect-mcp/client/McpSchema"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { connect, failsWith } from "../harness.ts"
import { connectCached, hour } from "./support.ts"

const tool = (name: string) => ({ name, inputSchema: { type: "object" } })

const minute = 60_000

/** A list of three pages, which are good for different times; with another edition come other cursors. */
const paged = () => {
  const asked: Array<unknown> = []
  const list = { edition: 1, pages: 3 }
  const options: MockTransport.Options = {
    tools: {},
    methods: {
      "tools/list": ({ cursor }) =>
        Effect.suspend(() => {
          asked.push(cursor)
          const { edition, pages } = list
          const [of, page] = typeof cursor === "string" ? cursor.split("/").map(Number) : [edition, 1]
          if (of !== edition || page === undefined) {
            return Effect.fail(new McpError.JsonRpcError({ code: -32602, description: "No such cursor" }))
          }
          return Effect.succeed({
            tools: [tool(`${edition}.${page}`)],
            ttlMs: [minute, hour, 10 * minute][page - 1],
            ...(page < pages ? { nextCursor: `${edition}/${page + 1}` } : {})
          })
        })
    }
  }
  return { asked, list, options }
}

const names = (tools: ReadonlyArray<unknown>) => tools.map((tool) => isJsonObject(tool) ? tool["name"] : tool)

const namesOf = (client: McpClient.McpClient, options?: McpClient.ListOptions) =>
  Effect.map(client.listTools(options), names)

const pagesOf = (client: McpClient.McpClient, options?: McpClient.ListOptions) =>
  Effect.map(Stream.runCollect(client.toolPages(options)), (pages) => pages.flatMap(names))

describe("pages", () => {
  it.effect("are kept one by one: one that is no longer good is asked for by its cursor", () =>
    Effect.gen(function*() {
      const { asked, options } = paged()
      const { client } = yield* connectCached(options)
      const all = ["1.1", "1.2", "1.3"]
      assert.deepStrictEqual(yield* namesOf(client), all)
      assert.deepStrictEqual(yield* pagesOf(client), all)
      assert.deepStrictEqual(asked, [undefined, "1/2", "1/3"])
      yield* TestClock.adjust(minute)
      assert.deepStrictEqual(yield* namesOf(client), all)
      assert.deepStrictEqual(asked.splice(0).slice(3), [undefined])
      yield* TestClock.adjust(9 * minute)
      assert.deepStrictEqual(yield* pagesOf(client), all)
      assert.deepStrictEqual(asked.splice(0), [undefined, "1/3"])
      yield* TestClock.adjust(50 * minute)
      assert.deepStrictEqual(names((yield* client.raw.listTools("1/2")).tools), ["1.2"])
      assert.deepStrictEqual(asked, ["1/2"])
    }))

  it.effect("are told apart: an empty cursor is a cursor", () =>
    Effect.gen(function*() {
      const cursors = new Map<unknown, object>([[undefined, { nextCursor: "" }], ["", { nextCursor: "null" }]])
      const { client } = yield* connectCached({
        tools: {},
        methods: {
          "tools/list": ({ cursor }) =>
            Effect.succeed({ tools: [tool(JSON.stringify(cursor ?? null))], ttlMs: hour, ...cursors.get(cursor) })
        }
      })
      const all = ["null", `""`, `"null"`]
      assert.deepStrictEqual(yield* namesOf(client), all)
      assert.deepStrictEqual(yield* namesOf(client), all)
    }))

  it.effect("are all asked for by who wants none that is kept", () =>
    Effect.gen(function*() {
      const { asked, options } = paged()
      const { client } = yield* connectCached(options)
      for (const cache of ["use", "refresh", "bypass", "use"] as const) yield* namesOf(client, { cache })
      assert.strictEqual(asked.length, 9)
    }))

  it.effect("have the limits of those who ask", () =>
    Effect.gen(function*() {
      const { options } = paged()
      const { client } = yield* connectCached(options)
      yield* client.listTools()
      yield* failsWith("LimitError")(client.listTools({ maxPages: 2 }))
      yield* failsWith("LimitError")(client.listTools({ maxItems: 2 }))
    }))
})

describe("a cursor that the server no longer knows", () => {
  /** The first page, which is kept, leads to a second that has to be asked for. */
  const stranded = Effect.fnUntraced(function*() {
    const { asked, list, options } = paged()
    const { client } = yield* connectCached({
      ...options,
      methods: {
        "tools/list": (params, request) =>
          Effect.map(options.methods!["tools/list"]!(params, request), (page) => ({
            ...(page as object),
            ttlMs: params["cursor"] === undefined ? hour : 0
          }))
      }
    })
    yield* client.listTools()
    list.edition++
    asked.length = 0
    return { asked, client, list }
  })

  it.effect("has the whole list asked for anew, of which nothing old is left", () =>
    Effect.gen(function*() {
      const { asked, client } = yield* stranded()
      assert.deepStrictEqual(yield* namesOf(client), ["2.1", "2.2", "2.3"])
      assert.deepStrictEqual(asked, ["1/2", undefined, "2/2", "2/3"])
    }))

  it.effect("has the list asked for anew, and what was yielded is not yielded again", () =>
    Effect.gen(function*() {
      const { asked, client, list } = yield* stranded()
      assert.deepStrictEqual(yield* pagesOf(client), ["1.1", "2.2", "2.3"])
      assert.deepStrictEqual(asked, ["1/2", undefined, "2/2", "2/3"])
      list.edition++
      list.pages = 1
      assert.deepStrictEqual(yield* pagesOf(client), ["2.1"])
      assert.deepStrictEqual(yield* pagesOf(client), ["3.1"])
    }))

  it.effect("fails who gives it by hand, and the pages that are kept are dropped", () =>
    Effect.gen(function*() {
      const { asked, client } = yield* stranded()
      assert.strictEqual((yield* failsWith("JsonRpcError")(client.raw.listTools("1/2"))).code, -32602)
      assert.deepStrictEqual(names((yield* client.raw.listTools()).tools), ["2.1"])
      assert.deepStrictEqual(asked, ["1/2", undefined])
    }))

  it.effect("is asked for once more, and no more, when the server is at odds with itself", () =>
    Effect.gen(function*() {
      const { asked, options } = paged()
      const server: MockTransport.Options = {
        ...options,
        methods: {
          "tools/list": ({ cursor }) => {
            asked.push(cursor)
            return cursor === undefined
              ? Effect.succeed({ tools: [], nextCursor: "2", ttlMs: hour })
              : Effect.fail(new McpError.JsonRpcError({ code: -32602, description: "No such cursor" }))
          }
        }
      }
      const { client } = yield* connectCached(server)
      assert.strictEqual((yield* failsWith("JsonRpcError")(client.listTools())).code, -32602)
      assert.deepStrictEqual(asked.splice(0), [undefined, "2", undefined, "2"])
      yield* failsWith("JsonRpcError")(Stream.runDrain(client.toolPages()))
      assert.deepStrictEqual(asked.splice(0), [undefined, "2", undefined, "2"])
      for (const cache of ["refresh", "bypass"] as const) {
        yield* failsWith("JsonRpcError")(client.listTools({ cache }))
        assert.deepStrictEqual(asked.splice(0), [undefined, "2"])
      }
      const without = yield* connect(server)
      yield* failsWith("JsonRpcError")(without.client.listTools())
      assert.deepStrictEqual(asked.splice(0), [undefined, "2"])
    }))

  it.effect("is asked for once when it is no cursor that the server does not like", () =>
    Effect.gen(function*() {
      let asked = 0
      const { client } = yield* connectCached({
        tools: {},
        methods: {
          "tools/list": () => {
            asked++
            return Effect.fail(new McpError.JsonRpcError({ code: -32602, description: "No" }))
          }
        }
      })
      yield* failsWith("JsonRpcError")(client.listTools())
      yield* failsWith("JsonRpcError")(Stream.runDrain(client.toolPages()))
      assert.strictEqual(asked, 2)
    }))
})

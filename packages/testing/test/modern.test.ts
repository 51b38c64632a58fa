import type { JsonObject } from "@effect-mcp/client/McpSchema"
import type * as McpTransport from "@effect-mcp/client/McpTransport"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import { connectTo, settled, start } from "./harness.ts"

const META = "io.modelcontextprotocol/"

const meta = {
  [`${META}protocolVersion`]: "2026-07-28",
  [`${META}clientCapabilities`]: {}
}

/** A mocked server of 2026-07-28, and a bare connection to it that surrounds its requests as it has to. */
const connect = Effect.fnUntraced(function*(options?: MockTransport.Options) {
  const mock = yield* MockTransport.make({ protocolVersions: ["2026-07-28"], ...options })
  const { ask: bare, connection } = yield* connectTo(mock.transport)
  const ask = (method: string, params?: JsonObject) => bare(method, { ...params, _meta: meta })
  return { ask, bare, connection, mock }
})

const refusal = <A>(effect: Effect.Effect<A, { readonly reason: McpTransport.Diagnostic | object }>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => {
    assert("code" in reason)
    return reason as { readonly code: number; readonly description: string; readonly data: unknown }
  })

const taken = ({ incoming }: McpTransport.Connection) =>
  Effect.map(
    Effect.andThen(settled, Queue.clear(incoming)),
    (all) => all.flatMap((one) => one._tag === "Notification" ? [[one.method, one.params] as const] : [])
  )

describe("a mock that knows only 2026-07-28", () => {
  it.effect("says what it is", () =>
    Effect.gen(function*() {
      const { ask } = yield* connect({ tools: {}, instructions: "Rhyme.", serverInfo: { name: "poet", version: "2" } })
      assert.deepStrictEqual<unknown>(yield* ask("server/discover"), {
        resultType: "complete",
        supportedVersions: ["2026-07-28"],
        capabilities: { tools: { listChanged: true } },
        instructions: "Rhyme.",
        ttlMs: 0,
        cacheScope: "private",
        _meta: { [`${META}serverInfo`]: { name: "poet", version: "2" } }
      })
    }))

  it.effect("answers as the others, and says that its answers are complete", () =>
    Effect.gen(function*() {
      const { ask } = yield* connect({
        tools: { echo: (args) => Effect.succeed({ structuredContent: args }) },
        resources: { "a:b": () => Effect.succeed("text") },
        methods: { "x/y": () => Effect.succeed({ raw: true }) }
      })
      assert.deepStrictEqual<unknown>(yield* ask("tools/call", { name: "echo", arguments: { a: 1 } }), {
        resultType: "complete",
        content: [],
        structuredContent: { a: 1 }
      })
      assert.deepStrictEqual<unknown>(yield* ask("resources/read", { uri: "a:b" }), {
        resultType: "complete",
        ttlMs: 0,
        cacheScope: "private",
        contents: [{ uri: "a:b", text: "text" }]
      })
      assert.deepStrictEqual(yield* ask("x/y"), { raw: true })
      assert.strictEqual((yield* refusal(ask("resources/read", { uri: "b:c" }))).code, -32602)
    }))

  it.effect("wants each request to say by which version it is", () =>
    Effect.gen(function*() {
      const { bare } = yield* connect({ tools: {} })
      assert.strictEqual((yield* refusal(bare("tools/list"))).code, -32602)
      const half = { [`${META}protocolVersion`]: "2026-07-28" }
      assert.include((yield* refusal(bare("tools/list", { _meta: half }))).description, "clientCapabilities")
      const other = { ...meta, [`${META}protocolVersion`]: "2099-01-01" }
      assert.deepInclude(yield* refusal(bare("tools/list", { _meta: other })), {
        code: -32022,
        data: { supported: ["2026-07-28"], requested: "2099-01-01" }
      })
      assert.deepInclude(yield* refusal(bare("initialize", { protocolVersion: "2025-11-25" })), {
        code: -32022,
        data: { supported: ["2026-07-28"], requested: "2025-11-25" }
      })
    }))

  it.effect.each(["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"])(
    "does not know %s",
    (method) =>
      Effect.gen(function*() {
        const { ask } = yield* connect({ resources: {} })
        assert.strictEqual((yield* refusal(ask(method, { uri: "a:b" }))).code, -32601)
      })
  )

  it.effect("can not ask by itself, and says so", () =>
    Effect.gen(function*() {
      const { ask, mock } = yield* connect({ tools: {} })
      yield* ask("tools/list")
      const exit = yield* Effect.exit(mock.request("roots/list"))
      assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "input")
    }))
})

describe("a mock that knows both eras", () => {
  it.effect("answers each request by its own", () =>
    Effect.gen(function*() {
      const { ask, bare } = yield* connect({ protocolVersions: ["2026-07-28", "2025-06-18"], tools: {} })
      assert.deepInclude(yield* ask("server/discover"), { supportedVersions: ["2026-07-28", "2025-06-18"] })
      assert.deepInclude(yield* bare("initialize", { protocolVersion: "2025-11-25" }), {
        protocolVersion: "2025-06-18"
      })
      assert.deepStrictEqual<unknown>(yield* bare("tools/list"), { tools: [] })
      assert.deepInclude(yield* ask("tools/list"), { resultType: "complete" })
    }))
})

describe("input", () => {
  const questions = { where: { method: "roots/list" }, who: { method: "elicitation/create", params: { a: 1 } } }
  const tools: MockTransport.Options["tools"] = {
    ask: (_, { input, progress }) =>
      Effect.gen(function*() {
        const first = yield* input(questions)
        yield* progress({ progress: 1 })
        const second = yield* input({ again: { method: "roots/list" } })
        return { structuredContent: { first, second } }
      })
  }

  it.effect("is a round of 2026-07-28, after which the handler goes on", () =>
    Effect.gen(function*() {
      const { ask, bare, connection } = yield* connect({ tools })
      const call = (rest?: JsonObject) => ask("tools/call", { name: "ask", ...rest })
      const one = yield* call()
      assert.deepStrictEqual<unknown>(one, {
        resultType: "input_required",
        inputRequests: questions,
        requestState: "state 1"
      })
      const answers = { where: { roots: [] }, who: { action: "decline" } }
      const token = { ...meta, progressToken: "t" }
      const two = yield* bare("tools/call", {
        name: "ask",
        inputResponses: answers,
        requestState: "state 1",
        _meta: token
      })
      assert.deepInclude(two, { resultType: "input_required", requestState: "state 2" })
      assert.deepStrictEqual(yield* taken(connection), [
        ["notifications/progress", { progressToken: "t", progress: 1 }]
      ])
      const three = yield* call({ inputResponses: { again: {} }, requestState: "state 2" })
      assert.deepNestedPropertyVal(three, "structuredContent", { first: answers, second: { again: {} } })
    }))

  it.effect("keeps apart what is asked at the same time", () =>
    Effect.gen(function*() {
      const { ask } = yield* connect({
        tools: { ask: (args, { input }) => Effect.as(input(questions), { structuredContent: args }) }
      })
      const call = (n: number, rest?: JsonObject) => ask("tools/call", { name: "ask", arguments: { n }, ...rest })
      const rounds = yield* Effect.forEach([1, 2, 3], (n) => call(n), { concurrency: "unbounded" })
      const states = rounds.map((round) => (round as JsonObject)["requestState"])
      for (const [index, requestState] of states.entries()) {
        const done = yield* call(0, { inputResponses: {}, requestState })
        assert.deepNestedPropertyVal(done, "structuredContent", { n: index + 1 })
      }
    }))

  it.effect("is requests of the server to any other client", () =>
    Effect.gen(function*() {
      const { bare, connection } = yield* connect({ protocolVersions: ["2025-11-25"], tools })
      const calling = yield* start(bare("tools/call", { name: "ask", arguments: {} }))
      const answer = (result: JsonObject) =>
        Effect.flatMap(Queue.take(connection.incoming), (incoming) => {
          assert(incoming._tag === "Request")
          return connection.send({ jsonrpc: "2.0", id: incoming.id, result })
        })
      yield* answer({ roots: [] })
      yield* answer({ action: "decline" })
      yield* settled
      yield* Queue.take(connection.incoming)
      yield* answer({ roots: [{ uri: "file:///a" }] })
      assert.deepNestedPropertyVal(yield* Fiber.join(calling), "structuredContent", {
        first: { where: { roots: [] }, who: { action: "decline" } },
        second: { again: { roots: [{ uri: "file:///a" }] } }
      })
    }))

  it.effect("that nobody gives any more ends with the request that waits for it, or with the connection", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const mock = yield* MockTransport.make({
        protocolVersions: ["2026-07-28"],
        tools: {
          ask: (_, { input }) =>
            Effect.andThen(input(questions), Effect.never).pipe(
              Effect.onInterrupt(() => Effect.sync(() => void log.push("interrupted")))
            )
        }
      })
      yield* Effect.scoped(Effect.gen(function*() {
        const { ask } = yield* connectTo(mock.transport)
        const call = (rest?: JsonObject) => ask("tools/call", { name: "ask", _meta: meta, ...rest })
        yield* call()
        const second = yield* start(call({ requestState: "state 1" }))
        yield* Fiber.interrupt(second)
        yield* settled
        assert.deepStrictEqual(log, ["interrupted"])
        yield* call()
      }))
      yield* settled
      assert.deepStrictEqual(log, ["interrupted", "interrupted"])
      assert.strictEqual(yield* mock.answering, 0)
    }))
})

describe("changes", () => {
  const listens = (
    ask: (method: string, params: JsonObject) => Effect.Effect<unknown, unknown>,
    notifications: JsonObject
  ) => start(ask("subscriptions/listen", { notifications }))

  it.effect("are told to those who listen, by what was agreed to", () =>
    Effect.gen(function*() {
      const { ask, connection, mock } = yield* connect({
        capabilities: { tools: { listChanged: true }, resources: { subscribe: true } }
      })
      yield* listens(ask, { toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: ["a:b"] })
      yield* listens(ask, { resourceSubscriptions: ["a:b/c", "a:b/d"] })
      const subscribed = (id: number, params?: JsonObject) => ({ ...params, _meta: { [`${META}subscriptionId`]: id } })
      const acknowledged = "notifications/subscriptions/acknowledged"
      assert.deepStrictEqual<unknown>(yield* taken(connection), [
        [acknowledged, subscribed(0, { notifications: { toolsListChanged: true, resourceSubscriptions: ["a:b"] } })],
        [acknowledged, subscribed(1, { notifications: { resourceSubscriptions: ["a:b/c", "a:b/d"] } })]
      ])
      assert.deepStrictEqual(yield* mock.subscriptions, ["a:b", "a:b/c", "a:b/d"])

      yield* mock.notify("notifications/tools/list_changed")
      yield* mock.notify("notifications/prompts/list_changed")
      yield* mock.updated("a:b/c")
      yield* mock.updated("a:x")
      yield* mock.notify("x/y", { a: 1 })
      const updated = "notifications/resources/updated"
      assert.deepStrictEqual<unknown>(yield* taken(connection), [
        ["notifications/tools/list_changed", subscribed(0)],
        [updated, subscribed(0, { uri: "a:b/c" })],
        [updated, subscribed(1, { uri: "a:b/c" })],
        ["x/y", { a: 1 }]
      ])
    }))

  it.effect("are told no more when nobody listens any more", () =>
    Effect.gen(function*() {
      const { ask, connection, mock } = yield* connect({ tools: {}, resources: {} })
      const listening = yield* listens(ask, { toolsListChanged: true, resourceSubscriptions: ["a:b"] })
      assert.strictEqual(yield* mock.answering, 1)
      yield* Fiber.interrupt(listening)
      yield* taken(connection)
      yield* mock.notify("notifications/tools/list_changed")
      yield* mock.updated("a:b")
      assert.deepStrictEqual(yield* taken(connection), [])
      assert.deepStrictEqual(yield* mock.subscriptions, [])
      assert.strictEqual(yield* mock.answering, 0)
    }))
})

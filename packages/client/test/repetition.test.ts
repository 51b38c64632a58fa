import type * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as McpTool from "@effect-mcp/client/McpTool"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as Fault from "@effect-mcp/testing/Fault"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { clientOf, connect, failsWith, settled, start } from "./harness.ts"

const server: MockTransport.Options = {
  tools: {
    plain: () => Effect.succeed({}),
    reader: () => Effect.succeed({}),
    setter: () => Effect.succeed({}),
    breaker: () => Effect.succeed({})
  },
  methods: {
    "tools/list": () =>
      Effect.succeed({
        tools: [
          { name: "plain", inputSchema: {} },
          { name: "reader", inputSchema: {}, annotations: { readOnlyHint: true } },
          { name: "setter", inputSchema: {}, annotations: { idempotentHint: true, readOnlyHint: false } },
          { name: "breaker", inputSchema: {}, annotations: { idempotentHint: false, readOnlyHint: false } }
        ]
      }),
    "x/any": () => Effect.succeed({ done: true })
  },
  resources: { "a:b": () => Effect.succeed("text") },
  prompts: { greet: () => Effect.succeed("Hello") },
  completions: () => Effect.succeed(["value"]),
  capabilities: { tools: {}, resources: {}, prompts: {}, completions: {}, logging: {} }
}

const countOf = (mock: MockTransport.MockTransport["Service"], method: string) =>
  Effect.map(mock.methods, (methods) => methods.filter((sent) => sent === method).length)

/** Runs an operation over sessions of which the first so many are lost under it, and counts how often it was sent. */
const losing = Effect.fnUntraced(function*<A, E>(
  losses: number,
  method: string,
  operation: (client: McpClient.McpClient) => Effect.Effect<A, E>,
  options?: McpClient.Options,
  prepare: (client: McpClient.McpClient) => Effect.Effect<unknown, McpError.McpError> = () => Effect.void
) {
  const { client, mock } = yield* connect(server, options)
  yield* prepare(client)
  yield* mock.inject(Fault.disconnect(method, losses))
  const running = yield* start(Effect.exit(operation(client)))
  yield* TestClock.adjust("1 minute")
  const exit = yield* Fiber.join(running)
  return { exit, sent: yield* countOf(mock, method) }
})

const safe: ReadonlyArray<readonly [method: string, (client: McpClient.McpClient) => Effect.Effect<unknown, unknown>]> =
  [
    ["tools/list", (client) => client.listTools()],
    ["tools/list", (client) => client.raw.listTools()],
    ["resources/list", (client) => client.listResources()],
    ["resources/templates/list", (client) => client.listResourceTemplates()],
    ["prompts/list", (client) => client.listPrompts()],
    ["resources/read", (client) => client.readResource("a:b")],
    ["resources/read", (client) => client.raw.readResource("a:b")],
    ["prompts/get", (client) => client.getPrompt("greet")],
    [
      "completion/complete",
      (client) => client.complete({ ref: { type: "ref/prompt", name: "greet" }, argument: { name: "a", value: "" } })
    ],
    ["ping", (client) => client.ping()],
    ["logging/setLevel", (client) => client.setLogLevel("info")],
    ["tools/call", (client) => client.callTool("plain", {}, { idempotent: true })],
    ["tools/call", (client) => client.call(McpTool.make("plain"), {}, { idempotent: true })],
    ["x/any", (client) => client.request("x/any", {}, { idempotent: true })]
  ]

const unsafe: typeof safe = [
  ["tools/call", (client) => client.callTool("plain")],
  ["tools/call", (client) => client.callTool("reader")],
  ["tools/call", (client) => client.callTool("plain", {}, { idempotent: false })],
  ["x/any", (client) => client.request("x/any")]
]

describe("a request that the loss of a session cut off", () => {
  it.effect.each(safe)(
    "is asked again in the next when that is safe: %s",
    ([method, operation]) =>
      Effect.gen(function*() {
        const { exit, sent } = yield* losing(2, method, operation)
        assert.strictEqual(exit._tag, "Success")
        assert.strictEqual(sent, 3)
      })
  )

  it.effect.each(safe)("is asked again twice at most: %s", ([method, operation]) =>
    Effect.gen(function*() {
      const { exit, sent } = yield* losing(9, method, operation)
      assert.strictEqual(exit._tag, "Failure")
      assert.strictEqual(sent, 3)
    }))

  it.effect.each(unsafe)(
    "is not asked again when it may have been carried out: %s",
    ([method, operation]) =>
      Effect.gen(function*() {
        const { exit, sent } = yield* losing(1, method, operation)
        assert.strictEqual(exit._tag, "Failure")
        assert.strictEqual(sent, 1)
      })
  )

  it.effect("fails in the end with why the last session was lost", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server, { name: "shop" })
      yield* mock.inject(Fault.disconnect("ping"))
      const pinging = yield* start(Effect.flip(client.ping()))
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(pinging)
      assert.deepStrictEqual([error.server, error.method, error.reason._tag], ["shop", "ping", "ClosedError"])
    }))

  it.effect("is not asked again after other errors", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* mock.inject(Fault.fail("ping", { code: -32603, message: "no" }, 1))
      yield* failsWith("JsonRpcError")(client.ping())
      yield* mock.inject(Fault.drop("ping", 1))
      const late = yield* start(failsWith("TimeoutError")(client.ping({ timeout: "1 second" })))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
      assert.strictEqual(yield* countOf(mock, "ping"), 2)
    }))

  it.effect("is not asked again when it was this side that closed the session", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* mock.inject(Fault.drop("ping"))
      const pinging = yield* start(failsWith("ClosedError")(client.ping()))
      yield* client.close
      assert.strictEqual((yield* Fiber.join(pinging)).by, "client")
      assert.strictEqual(yield* mock.connections, 1)
      assert.strictEqual(yield* countOf(mock, "ping"), 1)
    }))

  it.effect("has its deadline anew", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(server)
      yield* mock.inject(Fault.delay("ping", "8 seconds"))
      const pinging = yield* start(client.ping({ timeout: "10 seconds" }))
      yield* TestClock.adjust("7 seconds")
      yield* mock.disconnect()
      yield* settled
      yield* TestClock.adjust("8 seconds")
      yield* Fiber.join(pinging)
    }))

  it.effect("reports progress of each time", () =>
    Effect.gen(function*() {
      const seen: Array<number> = []
      let round = 0
      const { client, mock } = yield* connect({
        resources: {
          "a:b": (_, { progress }) => {
            const step = ++round
            return Effect.andThen(progress({ progress: step }), step === 1 ? Effect.never : Effect.succeed("text"))
          }
        }
      })
      const reading = yield* start(client.readResource("a:b", {
        onProgress: ({ progress }) => Effect.sync(() => void seen.push(progress))
      }))
      yield* mock.disconnect()
      yield* Fiber.join(reading)
      assert.deepStrictEqual(seen, [1, 2])
    }))
})

describe("a request that the lost session never took", () => {
  /** Connections that close under the first so many requests before these leave. */
  const refusing = Effect.fnUntraced(function*(refusals: number) {
    const mock = yield* MockTransport.make(server)
    let left = refusals
    const client = yield* clientOf(McpTransport.make({
      label: "refusing",
      connect: Effect.map(mock.transport.connect, (connection): McpTransport.Connection => ({
        ...connection,
        exchange: (request, options) => {
          if (request.method === "initialize" || left === 0) return connection.exchange(request, options)
          left--
          return Effect.andThen(
            mock.disconnect(),
            Effect.fail(McpError.make(
              new McpError.ClosedError({ description: "The session has ended", by: "server", requestSent: false })
            ))
          )
        }
      }))
    }))
    return { client, mock }
  })

  it.effect.each([...unsafe, ...safe])(
    "is asked in the next, whatever it is: %s",
    ([method, operation]) =>
      Effect.gen(function*() {
        const { client, mock } = yield* refusing(2)
        const running = yield* start(operation(client))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(running)
        assert.strictEqual(yield* countOf(mock, method), 1)
        assert.strictEqual(yield* mock.connections, 3)
      })
  )

  it.effect("is asked again twice at most", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* refusing(9)
      const running = yield* start(failsWith("ClosedError")(client.callTool("plain")))
      yield* TestClock.adjust("1 minute")
      assert.isFalse((yield* Fiber.join(running)).requestSent)
      assert.strictEqual(yield* mock.connections, 3)
    }))
})

describe("a session that can not be opened", () => {
  it.effect("is not tried more often for a request that is safe", () =>
    Effect.gen(function*() {
      let attempts = 0
      const closed = McpError.make(
        new McpError.ClosedError({ description: "Busy", by: "server", requestSent: false })
      )
      const transport = McpTransport.make({
        label: "busy",
        connect: Effect.suspend(() => {
          attempts++
          return Effect.fail(closed)
        })
      })
      const client = yield* clientOf(transport, { lazy: true })
      const list = client.listTools()
      yield* failsWith("ClosedError")(list)
      assert.strictEqual(attempts, 1)
      yield* failsWith("ClosedError")(list)
      assert.strictEqual(attempts, 2)
    }))
})

describe("what the server says of its tools", () => {
  const trusting = (name: string, options: McpClient.Options = { trustAnnotations: true }) =>
    losing(
      1,
      "tools/call",
      (client) => client.callTool(name),
      options,
      (client) => client.listTools()
    )

  it.effect.each(["reader", "setter"])(
    "decides what is repeated, if it is trusted: %s",
    (name) =>
      Effect.gen(function*() {
        const { exit, sent } = yield* trusting(name)
        assert.strictEqual(exit._tag, "Success")
        assert.strictEqual(sent, 2)
      })
  )

  it.effect.each(["plain", "breaker"])("may be that a repetition does harm: %s", (name) =>
    Effect.gen(function*() {
      const { sent } = yield* trusting(name)
      assert.strictEqual(sent, 1)
    }))

  it.effect("decides nothing if it is not trusted", () =>
    Effect.gen(function*() {
      const { sent } = yield* trusting("reader", {})
      assert.strictEqual(sent, 1)
    }))

  it.effect("is unknown before the tools were listed", () =>
    Effect.gen(function*() {
      const { sent } = yield* losing(1, "tools/call", (client) => client.callTool("reader"), {
        trustAnnotations: true
      })
      assert.strictEqual(sent, 1)
    }))

  it.effect("counts less than what the call says", () =>
    Effect.gen(function*() {
      const { sent } = yield* losing(
        1,
        "tools/call",
        (client) => client.callTool("reader", {}, { idempotent: false }),
        { trustAnnotations: true },
        (client) => client.listTools()
      )
      assert.strictEqual(sent, 1)
    }))

  it.effect("is what it said last, page for page", () =>
    Effect.gen(function*() {
      const tool = (name: string, readOnlyHint: boolean): JsonObject => ({
        name,
        inputSchema: {},
        annotations: { readOnlyHint }
      })
      let lists = 0
      const { client, mock } = yield* connect({
        ...server,
        methods: {
          "tools/list": ({ cursor }) =>
            Effect.sync(() => {
              if (cursor === undefined) {
                return ++lists === 1
                  ? { tools: [tool("plain", true), tool("setter", true)], nextCursor: "2" }
                  : { tools: [tool("plain", false)], nextCursor: "2" }
              }
              return { tools: [tool("reader", true)] }
            })
        }
      }, { trustAnnotations: true })
      const sentWhenLost = Effect.fnUntraced(function*(name: string) {
        const before = yield* countOf(mock, "tools/call")
        yield* mock.inject(Fault.disconnect("tools/call", 1))
        const call = yield* start(Effect.ignore(client.callTool(name)))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(call)
        return (yield* countOf(mock, "tools/call")) - before
      })
      yield* client.listTools()
      assert.strictEqual(yield* sentWhenLost("plain"), 2)
      assert.strictEqual(yield* sentWhenLost("reader"), 2)
      assert.strictEqual(yield* sentWhenLost("setter"), 2)
      yield* client.listTools()
      assert.strictEqual(yield* sentWhenLost("plain"), 1)
      assert.strictEqual(yield* sentWhenLost("reader"), 2)
      // It is not in the list any more.
      assert.strictEqual(yield* sentWhenLost("setter"), 1)
    }))
})

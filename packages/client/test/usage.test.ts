import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpTool from "@effect-mcp/client/McpTool"
import type * as McpTransport from "@effect-mcp/client/McpTransport"
import * as McpServerTransport from "@effect-mcp/testing/McpServerTransport"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import { McpProtocol, McpServer, Tool, Toolkit } from "effect/ai"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { failsWith } from "./harness.ts"

const Pair = Schema.Struct({ a: Schema.Number, b: Schema.Number })
const Sum = Schema.Struct({ sum: Schema.Number })

const toolkit = Toolkit.make(
  Tool.make("add", { description: "Adds.", parameters: Pair, success: Sum }),
  Tool.make("boom", { parameters: Tool.EmptyParams, success: Schema.String, failure: Schema.String })
)

const real = McpServerTransport.layer({
  server: McpServer.layerStdio({
    name: "calculator",
    version: "1.0.0",
    protocols: [McpProtocol.v2025_11_25],
    registrations: McpServer.toolkit(toolkit).pipe(Layer.provide(toolkit.toLayer({
      add: ({ a, b }) => Effect.succeed({ sum: a + b }),
      boom: () => Effect.fail("kaput")
    })))
  })
})

const mocked = MockTransport.layer({
  serverInfo: { name: "calculator", version: "1.0.0" },
  tools: {
    add: {
      description: "Adds.",
      handler: ({ a, b }) => Effect.succeed({ structuredContent: { sum: Number(a) + Number(b) } })
    },
    boom: () => Effect.succeed({ isError: true, content: [{ type: "text", text: "kaput" }] })
  }
})

class Calculator extends McpClient.Service<Calculator>()("test/Calculator", {
  tools: { add: McpTool.make("add", { input: Pair, output: Sum }), boom: McpTool.make("boom") }
}) {}

const servers: ReadonlyArray<readonly [string, Layer.Layer<McpTransport.McpTransport>]> = [
  ["a mock", mocked],
  ["an McpServer in the same process", real]
]

describe.each(servers)("%s", (_, transport) => {
  const live = Calculator.layer({ name: "calc" }).pipe(Layer.provide(transport))

  it.effect("says who it is", () =>
    Effect.gen(function*() {
      const { capabilities, protocolVersion, serverInfo } = yield* (yield* Calculator).session
      assert.strictEqual(serverInfo.name, "calculator")
      assert.strictEqual(protocolVersion, "2025-11-25")
      assert.isDefined(capabilities.tools)
    }).pipe(Effect.provide(live)))

  it.effect("lists its tools", () =>
    Effect.gen(function*() {
      const tools = yield* (yield* Calculator).listTools()
      assert.deepStrictEqual(tools.map(({ name }) => name), ["add", "boom"])
      assert.strictEqual(tools[0]?.description, "Adds.")
      assert.strictEqual(tools[0]?.inputSchema["type"], "object")
    }).pipe(Effect.provide(live)))

  it.effect("is called, with types", () =>
    Effect.gen(function*() {
      const { tools } = yield* Calculator
      assert.deepStrictEqual(yield* tools.add({ a: 1, b: 2 }), { sum: 3 })
      assert.deepStrictEqual(yield* Stream.runCollect(tools.add.stream({ a: 2, b: 2 })), [
        { _tag: "Result", value: { sum: 4 } }
      ])
      const result = yield* tools.add.raw({ a: 3, b: 3 })
      assert.deepStrictEqual(result.structuredContent, { sum: 6 })
    }).pipe(Effect.provide(live)))

  it.effect("is called by many at a time", () =>
    Effect.gen(function*() {
      const { tools } = yield* Calculator
      const numbers = Array.from({ length: 100 }, (_, n) => n)
      const sums = yield* Effect.forEach(numbers, (n) => tools.add({ a: n, b: 1 }), { concurrency: 32 })
      assert.deepStrictEqual(sums.map(({ sum }) => sum), numbers.map((n) => n + 1))
    }).pipe(Effect.provide(live)))

  it.effect("reports the failure of a tool", () =>
    Effect.gen(function*() {
      const { tools } = yield* Calculator
      const error = yield* Effect.flip(tools.boom())
      assert.strictEqual(error._tag, "ToolError")
      assert.include(error.message, "kaput")
      assert.strictEqual((yield* tools.boom.raw()).isError, true)
    }).pipe(Effect.provide(live)))

  it.effect("does not know every tool", () =>
    Effect.gen(function*() {
      const reason = yield* failsWith("JsonRpcError")((yield* Calculator).callTool("nope"))
      assert.strictEqual(reason.code, -32602)
    }).pipe(Effect.provide(live)))

  it.effect("is not bothered with arguments that can not be written as JSON", () =>
    Effect.gen(function*() {
      const client = yield* Calculator
      yield* failsWith("ValidationError")(client.callTool("add", { a: 1n, b: 2n }))
      assert.strictEqual((yield* client.state)._tag, "Ready")
      assert.deepStrictEqual(yield* client.tools.add({ a: 1, b: 1 }), { sum: 2 })
    }).pipe(Effect.provide(live)))

  it.effect("can be left and come back to", () =>
    Effect.gen(function*() {
      const { close, reconnect, tools } = yield* Calculator
      yield* close
      assert.deepStrictEqual(yield* tools.add({ a: 1, b: 1 }), { sum: 2 })
      yield* reconnect
      assert.deepStrictEqual(yield* tools.add({ a: 2, b: 1 }), { sum: 3 })
    }).pipe(Effect.provide(live)))
})

describe("from plain code", () => {
  const add = Effect.flatMap(Calculator, ({ tools }) => tools.add({ a: 1, b: 2 }))

  it.each(servers)("Effect.runPromise runs a program: %s", async (_, transport) => {
    const live = Calculator.layer().pipe(Layer.provide(transport))
    assert.deepStrictEqual(await Effect.runPromise(Effect.provide(add, live)), { sum: 3 })
  })

  it.each(servers)("a ManagedRuntime keeps the session between calls: %s", async (_, transport) => {
    const states: Array<string> = []
    const runtime = ManagedRuntime.make(Calculator.layer().pipe(Layer.provide(transport)))
    const client = await runtime.runPromise(Calculator)
    const watching = Effect.runPromise(
      Stream.runForEach(client.stateChanges, ({ _tag }) => Effect.sync(() => void states.push(_tag)))
    )
    assert.deepStrictEqual(await runtime.runPromise(add), { sum: 3 })
    assert.deepStrictEqual(await Effect.runPromise(client.tools.add({ a: 2, b: 2 })), { sum: 4 })
    await runtime.dispose()
    await watching
    assert.deepStrictEqual(states, ["Ready", "Closed"])
    await Effect.runPromise(failsWith("ClosedError")(client.tools.add({ a: 1, b: 1 })))
  })

  it("errors arrive as values, and as rejections", async () => {
    const live = Calculator.layer({ name: "calc" }).pipe(Layer.provide(mocked))
    const boom = Effect.provide(Effect.flatMap(Calculator, ({ tools }) => tools.boom()), live)
    const exit = await Effect.runPromiseExit(boom)
    assert.isTrue(Exit.isFailure(exit) && Cause.hasFails(exit.cause))
    const rejection: unknown = await Effect.runPromise(boom).catch((error: unknown) => error)
    assert.instanceOf(rejection, Error)
    assert.include(rejection.message, "calc: boom: kaput")
  })

  it("a signal cancels the call, and the server is told", async () => {
    const controller = new AbortController()
    const mocked = MockTransport.layer({ tools: { hang: () => Effect.never } })
    await using runtime = ManagedRuntime.make(McpClient.layer().pipe(Layer.provideMerge(mocked)))
    const mock = await runtime.runPromise(MockTransport.MockTransport)
    const hang = Effect.flatMap(McpClient.McpClient, (client) => client.callTool("hang"))
    const running = runtime.runPromiseExit(hang, { signal: controller.signal })
    await Effect.runPromise(Effect.repeat(mock.answering, { while: (count) => count === 0 }))
    controller.abort()
    assert.isTrue(Exit.hasInterrupts(await running))
    await Effect.runPromise(Effect.repeat(mock.answering, { while: (count) => count > 0 }))
    assert.strictEqual((await Effect.runPromise(mock.methods)).at(-1), "notifications/cancelled")
  })
})

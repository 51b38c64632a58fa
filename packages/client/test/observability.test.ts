import * as McpError from "@effect-mcp/client/McpError"
import * as McpTool from "@effect-mcp/client/McpTool"
import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Tracer from "effect/Tracer"
import { connect, settled, start } from "./harness.ts"

const tools = {
  noop: () => Effect.succeed({}),
  fails: () => Effect.succeed({ isError: true }),
  hang: () => Effect.never
} satisfies MockTransport.Options["tools"]

/** Collects the spans of an effect. */
const tracing = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return { spans, traced: Effect.provideService(Tracer.Tracer, tracer) }
}

const attributes = (span: Tracer.NativeSpan | undefined) => Object.fromEntries(span?.attributes ?? [])

/** The span in which a step of progress is handled, which is where a call of the handler's would appear. */
const spanInside = Effect.fnUntraced(function*() {
  const { client } = yield* connect({
    tools: { step: (_, request) => Effect.as(request.progress({ progress: 1 }), {}) }
  })
  let name: string | undefined
  const call = client.callTool("step", {}, {
    onProgress: () =>
      Effect.map(Effect.option(Effect.currentSpan), (span) => {
        name = Option.getOrUndefined(span)?.name
      })
  })
  return { call, name: () => name }
})

describe("spans", () => {
  it.effect("are made for each request, with what was asked of whom", () =>
    Effect.gen(function*() {
      const { spans, traced } = tracing()
      const { client } = yield* connect({ tools }, { name: "shop" })
      yield* client.callTool("noop").pipe(traced)
      yield* client.listTools().pipe(traced)
      assert.deepStrictEqual(spans.map(({ kind, name }) => [kind, name]), [
        ["client", "tools/call noop"],
        ["client", "tools/list"]
      ])
      const [call, list] = spans
      assert.deepInclude(attributes(call), {
        "mcp.method.name": "tools/call",
        "gen_ai.tool.name": "noop",
        "gen_ai.operation.name": "execute_tool",
        "mcp.server.name": "shop"
      })
      assert.deepInclude(attributes(list), { "mcp.method.name": "tools/list", "mcp.server.name": "shop" })
      assert.notProperty(attributes(list), "gen_ai.tool.name")
      assert.notProperty(attributes(call), "error.type")
      assert.isTrue(call?.status._tag === "Ended" && call.status.exit._tag === "Success")
    }))

  it.effect("name prompts, and resources only in their attributes: there may be any number of those", () =>
    Effect.gen(function*() {
      const { spans, traced } = tracing()
      const { client } = yield* connect({
        resources: { "a:b": () => Effect.succeed("text") },
        prompts: { greet: () => Effect.succeed("Hello") }
      })
      yield* traced(client.readResource("a:b"))
      yield* traced(client.getPrompt("greet"))
      yield* traced(client.ping())
      assert.deepStrictEqual(spans.map(({ kind, name }) => [kind, name]), [
        ["client", "resources/read"],
        ["client", "prompts/get greet"],
        ["client", "ping"]
      ])
      assert.deepInclude(attributes(spans[0]), { "mcp.resource.uri": "a:b" })
      assert.deepInclude(attributes(spans[1]), { "gen_ai.prompt.name": "greet" })
      for (const span of spans) assert.notProperty(attributes(span), "gen_ai.operation.name")
    }))

  it.effect("are made for each time that a request is sent", () =>
    Effect.gen(function*() {
      const { spans, traced } = tracing()
      const { client } = yield* connect({ faults: [Fault.disconnect("ping", 1)] })
      yield* traced(client.ping())
      assert.deepStrictEqual(spans.map((span) => attributes(span)["error.type"]), ["ClosedError", undefined])
    }))

  it.effect("are made for each page of a list", () =>
    Effect.gen(function*() {
      const { spans, traced } = tracing()
      const { client } = yield* connect({
        tools: {},
        methods: {
          "tools/list": ({ cursor }) =>
            Effect.succeed(cursor === undefined ? { tools: [], nextCursor: "2" } : { tools: [] })
        }
      })
      yield* traced(client.listTools())
      assert.deepStrictEqual(spans.map(({ name }) => name), ["tools/list", "tools/list"])
    }))

  it.effect("are children of the caller's", () =>
    Effect.gen(function*() {
      const { spans, traced } = tracing()
      const { client } = yield* connect({ tools })
      yield* client.callTool("noop").pipe(Effect.withSpan("caller"), traced)
      const [caller, call] = spans
      assert.strictEqual(caller?.name, "caller")
      assert.strictEqual(Option.getOrUndefined(call?.parent ?? Option.none())?.spanId, caller?.spanId)
    }))

  it.effect("surround what runs for the call", () =>
    Effect.gen(function*() {
      const { traced } = tracing()
      const { call, name } = yield* spanInside()
      yield* traced(call)
      assert.strictEqual(name(), "tools/call step")
    }))

  it.effect("are not made when nobody traces", () =>
    Effect.gen(function*() {
      const { call, name } = yield* spanInside()
      yield* call
      assert.isUndefined(name())
    }))

  it.effect("are not made when tracing is switched off", () =>
    Effect.gen(function*() {
      const { spans, traced } = tracing()
      const { client } = yield* connect({ tools })
      yield* client.callTool("noop").pipe(Effect.provideService(References.TracerEnabled, false), traced)
      assert.deepStrictEqual(spans, [])
    }))

  it.effect("are made for calls that the caller does not even name", () =>
    Effect.gen(function*() {
      const { spans, traced } = tracing()
      const { client } = yield* connect({ tools })
      yield* client.call(McpTool.make("noop"), {}).pipe(traced)
      yield* client.raw.callTool("noop").pipe(traced)
      assert.deepStrictEqual(spans.map(({ name }) => name), ["tools/call noop", "tools/call noop"])
    }))

  it.effect("say what kind of error it was", () =>
    Effect.gen(function*() {
      const { spans, traced } = tracing()
      const { client } = yield* connect({
        tools,
        faults: [Fault.fail("tools/list", { code: -32603, message: "oops" })]
      })
      const typed = McpTool.make("noop", { output: Schema.Struct({ n: Schema.Number }) })
      yield* Effect.ignore(traced(client.callTool("fails")))
      yield* Effect.ignore(traced(client.listTools()))
      yield* Effect.ignore(traced(client.call(typed, {})))
      const late = yield* start(Effect.ignore(traced(client.callTool("hang"))))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(late)
      yield* Fiber.interrupt(yield* start(traced(client.callTool("hang"))))
      assert.deepStrictEqual(spans.map((span) => attributes(span)["error.type"]), [
        "tool_error",
        "-32603",
        "ValidationError",
        "TimeoutError",
        "cancelled"
      ])
      for (const { status } of spans) assert.isTrue(status._tag === "Ended" && status.exit._tag === "Failure")
    }))
})

describe("the metric mcp.client.operation.duration", () => {
  const measured = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
    const registry: Metric.MetricRegistry = new Map()
    yield* Effect.exit(Effect.provideService(effect, Metric.MetricRegistry, registry))
    const snapshots = yield* Effect.provideService(Metric.snapshot, Metric.MetricRegistry, registry)
    return snapshots.flatMap((snapshot) =>
      snapshot.id === "mcp.client.operation.duration" && snapshot.type === "Histogram"
        ? [{ attributes: snapshot.attributes, count: snapshot.state.count }]
        : []
    )
  })

  it.effect("counts requests by method", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools })
      const call = client.callTool("noop")
      assert.deepStrictEqual(yield* measured(Effect.all([call, client.listTools(), call])), [
        { attributes: { "mcp.method.name": "tools/call" }, count: 2 },
        { attributes: { "mcp.method.name": "tools/list" }, count: 1 }
      ])
    }))

  it.effect("counts what goes on in the background, too", () =>
    Effect.gen(function*() {
      const subscribing = Effect.gen(function*() {
        const { client } = yield* connect({ resources: {} })
        yield* Stream.runDrain(Stream.take(client.subscribe("a:b"), 1))
        yield* settled
      })
      assert.deepStrictEqual(yield* measured(subscribing), [
        { attributes: { "mcp.method.name": "resources/subscribe" }, count: 1 },
        { attributes: { "mcp.method.name": "resources/unsubscribe" }, count: 1 }
      ])
    }))

  it.effect("tells requests that failed from others", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({ tools })
      const effect = Effect.all([
        Effect.ignore(client.callTool("fails")),
        Effect.ignore(client.callTool("no such tool")),
        client.callTool("noop")
      ])
      assert.deepStrictEqual(yield* measured(effect), [
        { attributes: { "mcp.method.name": "tools/call", "error.type": "tool_error" }, count: 1 },
        { attributes: { "mcp.method.name": "tools/call", "error.type": "-32602" }, count: 1 },
        { attributes: { "mcp.method.name": "tools/call" }, count: 1 }
      ])
    }))

  it.effect("does not grow with what the server makes up", () =>
    Effect.gen(function*() {
      let code = 0
      const { client } = yield* connect({
        tools: { bad: () => Effect.fail(new McpError.JsonRpcError({ code: code++, description: "made up" })) }
      })
      const calls = Effect.forEach(Array.from({ length: 50 }), () => Effect.ignore(client.callTool("bad")))
      assert.deepStrictEqual(yield* measured(calls), [
        { attributes: { "mcp.method.name": "tools/call", "error.type": "JsonRpcError" }, count: 50 }
      ])
    }))

  it.effect("is in seconds, so no more of them than passed", () =>
    Effect.gen(function*() {
      const registry: Metric.MetricRegistry = new Map()
      const { client } = yield* connect({ tools })
      const began = performance.now()
      yield* Effect.provideService(client.callTool("noop"), Metric.MetricRegistry, registry)
      const passed = (performance.now() - began) / 1_000
      const [snapshot] = yield* Effect.provideService(Metric.snapshot, Metric.MetricRegistry, registry)
      if (snapshot?.type !== "Histogram") return assert.fail("no histogram")
      assert.isAbove(snapshot.state.max, 0)
      assert.isAtMost(snapshot.state.max, passed)
    }))
})

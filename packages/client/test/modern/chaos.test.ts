import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import * as Fault from "@effect-mcp/testing/Fault"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { elicitation, form } from "../asking.ts"
import { census, settled } from "../harness.ts"
import { connect, type Mock, protocolVersions, sent, SUBSCRIPTION_ID } from "./support.ts"

const LISTEN = "subscriptions/listen"

const server: MockTransport.Options = {
  tools: {
    quick: () => Effect.succeed({}),
    hang: () => Effect.never,
    ask: (_, { input }) =>
      Effect.as(input({ q: { method: elicitation, params: form() }, r: { method: "roots/list" } }), {}),
    wait: (_, { message }) =>
      Effect.succeed(
        message.params?.["requestState"] === "s" ? {} : { resultType: "input_required", requestState: "s" }
      ),
    nonsense: () => Effect.succeed({ resultType: "input_required", inputRequests: 7 })
  },
  resources: { "a:1": () => Effect.succeed(""), "a:2": () => Effect.succeed("") }
}

const Step = Schema.Literals([
  "quick",
  "hang",
  "ask",
  "wait",
  "nonsense",
  "list",
  "interrupt the oldest",
  "interrupt the newest",
  "subscribe to one",
  "subscribe to the other",
  "leave",
  "change",
  "end the listening",
  "cancel the listening",
  "refuse to listen",
  "do not agree",
  "do not discover",
  "discover slowly",
  "fail to discover",
  "hang up",
  "hang up soon",
  "garble",
  "close",
  "reconnect",
  "wait a little",
  "wait a minute",
  "let things run"
])

const latestListen = (mock: Mock) => Effect.map(sent(mock, LISTEN), (messages) => messages.at(-1)?.["id"] ?? 0)

describe("whatever happens, in whatever order", () => {
  it.effect.prop(
    "every call and subscription comes to an end or goes on, the client heals, and nothing is left",
    {
      protocol: Schema.Literals(["auto", "modern"]),
      lazy: Schema.Boolean,
      steps: Schema.Array(Step).check(Schema.isMaxLength(40))
    },
    ({ lazy, protocol, steps }) =>
      Effect.gen(function*() {
        const { alive, counting } = census()
        const scope = yield* Scope.make()
        const { client, mock } = yield* connect({ ...server, protocolVersions }, {
          protocol,
          lazy,
          idleTimeToLive: "10 seconds",
          handlers: {
            roots: [],
            elicitation: { form: () => Effect.delay(Effect.succeed(McpHandlers.decline), "20 seconds") }
          }
        }).pipe(Scope.provide(scope), counting)
        const running: Array<Fiber.Fiber<unknown, unknown>> = []
        const following: Array<Fiber.Fiber<unknown, unknown>> = []
        const fork = (effect: Effect.Effect<unknown, unknown>, fibers = running) =>
          Effect.map(Effect.forkChild(effect, { startImmediately: true }), (fiber) => {
            fibers.push(fiber)
          })
        const interrupt = (fiber: Fiber.Fiber<unknown, unknown> | undefined) =>
          fiber === undefined ? Effect.void : fork(Fiber.interrupt(fiber))
        const tell = (message: (id: unknown) => unknown) =>
          Effect.flatMap(mock.open, (open) =>
            open === 0 ? Effect.void : Effect.flatMap(latestListen(mock), (id) => mock.send(message(id))))
        const take = (step: typeof Step.Type): Effect.Effect<unknown> => {
          switch (step) {
            case "quick":
            case "hang":
            case "ask":
            case "wait":
            case "nonsense":
              return fork(client.callTool(step, {}, {
                onProgress: () =>
                  Effect.void
              }))
            case "list":
              return fork(client.listTools())
            case "interrupt the oldest":
              return interrupt(running.find((fiber) => fiber.pollUnsafe() === undefined))
            case "interrupt the newest":
              return interrupt(running.findLast((fiber) => fiber.pollUnsafe() === undefined))
            case "subscribe to one":
              return fork(Stream.runDrain(client.subscribe("a:1")), following)
            case "subscribe to the other":
              return fork(Stream.runDrain(client.subscribe("a:2")), following)
            case "leave":
              return interrupt(following.find((fiber) => fiber.pollUnsafe() === undefined))
            case "change":
              return mock.updated("a:1")
            case "end the listening":
              return tell((id) => ({
                jsonrpc: "2.0",
                id,
                result: { resultType: "complete", _meta: { [SUBSCRIPTION_ID]: id } }
              }))
            case "cancel the listening":
              return tell((requestId) => ({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId } }))
            case "refuse to listen":
              return mock.inject(Fault.fail(LISTEN, { code: -32602, message: "no" }, 1))
            case "do not agree":
              return mock.inject(Fault.garble(LISTEN, { jsonrpc: "2.0", method: "x/y" }, 1))
            case "do not discover":
              return mock.inject(Fault.disconnect("server/discover", 1))
            case "discover slowly":
              return mock.inject(Fault.delay("server/discover", "7 seconds", 1))
            case "fail to discover":
              return mock.inject(Fault.fail("server/discover", { code: -32603, message: "busy" }, 1))
            case "hang up":
              return mock.disconnect()
            case "hang up soon":
              return mock.inject(Fault.disconnect(() => true, 1))
            case "garble":
              return mock.inject(Fault.garble("tools/call", { id: 1 }, 1))
            case "close":
              return fork(client.close)
            case "reconnect":
              return fork(client.reconnect)
            case "wait a little":
              return TestClock.adjust("500 millis")
            case "wait a minute":
              return TestClock.adjust("1 minute")
            case "let things run":
              return settled
          }
        }

        yield* counting(Effect.forEach(steps, take, { discard: true }))
        yield* settled
        yield* TestClock.adjust("2 hours")
        for (const fiber of running) assert.isDefined(fiber.pollUnsafe())
        for (const fiber of [...running, ...following]) {
          const exit = fiber.pollUnsafe()
          assert.isFalse(exit !== undefined && Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        }

        // Of the faults that are left, each call can use up one.
        const within = (effect: Effect.Effect<unknown, unknown>) =>
          Effect.forkChild(Effect.retry(effect, { times: 2 * steps.length }), { startImmediately: true }).pipe(
            Effect.tap(() => settled),
            Effect.tap(() => TestClock.adjust("2 hours")),
            Effect.flatMap(Fiber.join),
            counting
          )
        yield* within(client.callTool("quick"))
        const versions: Array<string> = []
        yield* within(Effect.map(client.session, ({ protocolVersion }) => versions.push(protocolVersion)))
        assert.deepStrictEqual(versions, ["2026-07-28"])
        yield* within(Stream.runHead(client.subscribe("a:1")))
        for (const fiber of following) yield* Fiber.interrupt(fiber)
        yield* settled
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* mock.open, lazy ? 0 : 1)

        yield* Scope.close(scope, Exit.void)
        yield* settled
        assert.strictEqual(yield* mock.open, 0)
        assert.strictEqual(yield* mock.answering, 0)
        assert.strictEqual(alive(), 0)
      }).pipe(Effect.provide(Logger.layer([]))),
    { arbitrary: { runs: 120, size: 40 } }
  )
})

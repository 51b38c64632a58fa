import * as McpError from "@effect-mcp/client/McpError"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { failsWith } from "../harness.ts"
import {
  type Call,
  callText,
  connect,
  httpClients,
  leavesNothing,
  progress,
  type Script,
  serve,
  text,
  until
} from "./support.ts"

const cancelled = (calls: ReadonlyArray<Pick<Call, "message">>) => calls.map(({ message }) => message["params"])

/** How far the server comes with its answer before it hangs. */
const stages: ReadonlyArray<readonly [stage: string, hang: (call: Call) => void]> = [
  ["nothing of the answer", () => {}],
  ["the headers", (call) => void call.begin({ "content-type": "application/json" })],
  ["half of the answer", (call) => {
    const answer = JSON.stringify(call.result(text("half")))
    call.begin({ "content-type": "application/json", "content-length": answer.length }).write(answer.slice(0, 20))
  }],
  ["an empty stream", (call) => void call.stream()],
  ["a stream with progress", (call) => call.stream().send(progress(call, 1), { id: "1" })],
  ["half of an event", (call) => call.stream().write("id: 1\ndata: {")],
  ["half of a refusal", (call) => call.begin({ "content-length": 1000 }, 500).write("bec")],
  ["a type that is none", (call) => call.begin({ "content-type": "text/html" }).write("<h1>")]
]

const hanging = (hang: (call: Call) => void) => {
  const calls: Array<Call> = []
  const script: Script = {
    "tools/call": (call) => {
      if (call.tool === "echo") return call.answer(text("echo"))
      calls.push(call)
      hang(call)
    }
  }
  return { calls, script }
}

describe.each(Object.keys(httpClients) as ReadonlyArray<keyof typeof httpClients>)("over %s", (over) => {
  describe.each(stages)("a call of which there is %s", (_, hang) => {
    it.live("lets go of its connection when it is interrupted, and the server is told", () =>
      Effect.gen(function*() {
        const { calls, script } = hanging(hang)
        const server = yield* serve(script)
        const client = yield* connect(server, { over })
        const calling = yield* Effect.forkScoped(callText(client, "hang"), { startImmediately: true })
        yield* server.received("tools/call")
        yield* Fiber.interrupt(calling)
        yield* until(() => calls.every((call) => call.isOver()))
        yield* server.received("notifications/cancelled")
        assert.deepStrictEqual(cancelled(server.of("notifications/cancelled")), [
          { requestId: calls[0]?.id, reason: "interrupted" }
        ])
        assert.strictEqual(yield* callText(client, "echo"), "echo")
        assert.strictEqual(server.of("initialize").length, 1)
      }).pipe(leavesNothing))

    it.effect("lets go of its connection when its time is over, and the server is told", () =>
      Effect.gen(function*() {
        const { calls, script } = hanging(hang)
        const server = yield* serve(script)
        const client = yield* connect(server, { over })
        const calling = yield* Effect.forkScoped(
          failsWith("TimeoutError")(callText(client, "hang", { timeout: "3 seconds" })),
          { startImmediately: true }
        )
        yield* server.received("tools/call")
        yield* TestClock.adjust("3 seconds")
        const reason = yield* Fiber.join(calling)
        assert.deepStrictEqual([reason.budget, reason.millis], ["call", 3000])
        yield* until(() => calls.every((call) => call.isOver()))
        yield* server.received("notifications/cancelled")
        assert.deepStrictEqual(cancelled(server.of("notifications/cancelled")), [
          { requestId: calls[0]?.id, reason: "timeout" }
        ])
      }).pipe(leavesNothing))

    it.live("fails when the client is closed, and lets go of its connection", () =>
      Effect.gen(function*() {
        const { calls, script } = hanging(hang)
        const server = yield* serve(script)
        const client = yield* connect(server, { over })
        const calling = yield* Effect.forkScoped(failsWith("ClosedError")(callText(client, "hang")), {
          startImmediately: true
        })
        yield* server.received("tools/call")
        yield* client.close
        const { by, requestSent } = yield* Fiber.join(calling)
        assert.deepStrictEqual([by, requestSent], ["client", true])
        yield* until(() => calls.every((call) => call.isOver()))
      }).pipe(leavesNothing))
  })
})

describe("connecting", () => {
  it.live("is given up when nobody waits any more, and initialize is not cancelled", () =>
    Effect.gen(function*() {
      const calls: Array<Call> = []
      const server = yield* serve({ initialize: (call) => void calls.push(call) })
      const client = yield* connect(server, { client: { lazy: true } })
      const calling = yield* Effect.forkScoped(callText(client, "echo"), { startImmediately: true })
      yield* server.received("initialize")
      yield* Fiber.interrupt(calling)
      yield* until(() => calls.every((call) => call.isOver()))
      assert.deepStrictEqual(server.requests.map(({ kind }) => kind), ["initialize"])
    }).pipe(leavesNothing))

  it.effect("fails when its time is over, whatever hangs", () =>
    Effect.gen(function*() {
      const scripts: ReadonlyArray<readonly [kind: string, script: Script]> = [
        ["initialize", { initialize: () => {} }],
        ["initialize", { initialize: (call) => void call.begin({ "content-type": "application/json" }) }],
        ["initialize", { initialize: (call) => void call.stream() }],
        ["initialize", { initialize: (call) => void call.begin({}, 500) }],
        ["notifications/initialized", { "notifications/initialized": () => {} }],
        ["notifications/initialized", { "notifications/initialized": (call) => void call.begin({}, 500) }]
      ]
      for (const [kind, script] of scripts) {
        const server = yield* serve(script)
        const failing = yield* Effect.forkScoped(
          failsWith("TimeoutError")(connect(server, { client: { timeouts: { connect: "5 seconds" } } })),
          { startImmediately: true }
        )
        yield* server.received(kind)
        yield* TestClock.adjust("5 seconds")
        const reason = yield* Fiber.join(failing)
        assert.deepStrictEqual([reason.budget, reason.millis], ["connect", 5000])
      }
    }).pipe(leavesNothing))
})

describe("many calls", () => {
  it.live("of which many are interrupted leave nothing open", () =>
    Effect.gen(function*() {
      const open = new Map<number | string, Call>()
      const server = yield* serve({
        "tools/call": (call) => {
          const index = Number(call.tool)
          if (index % 3 === 0) return call.answer(text(call.tool))
          open.set(call.id, call)
          if (index % 3 === 1) call.stream()
        },
        "notifications/cancelled": (call) => {
          const { requestId } = call.message["params"] as { readonly requestId: number }
          open.delete(requestId)
          call.reply(202)
        }
      })
      const client = yield* connect(server)
      const fibers = yield* Effect.forEach(Array.from({ length: 300 }, (_, index) => String(index)), (tool) =>
        Effect.forkScoped(Effect.exit(callText(client, tool)), { startImmediately: true }))
      yield* server.received("tools/call", 200)
      for (const fiber of fibers) {
        fiber.interruptUnsafe()
      }
      yield* Fiber.awaitAll(fibers)
      yield* until(() =>
        open.size === 0
      )
      assert.isFalse(McpError.isMcpError(yield* Effect.exit(callText(client, "0"))))
    }).pipe(leavesNothing), 60_000)
})

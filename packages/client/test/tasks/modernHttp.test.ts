import type { JsonObject } from "@effect-mcp/client/McpSchema"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { failsWith, start } from "../harness.ts"
import { discoverResult, type Script, Sleeps } from "../http/support.ts"
import { connect, error, leavesNothing, serve, text } from "../modern/http.ts"

const taskOf = (taskId: string, rest?: JsonObject): JsonObject => ({
  resultType: "complete",
  taskId,
  status: "working",
  createdAt: "2026-08-01T10:30:00Z",
  lastUpdatedAt: "2026-08-01T10:30:00Z",
  ttlMs: null,
  pollIntervalMs: 7000,
  ...rest
})

/** A server that makes a task of each call. */
const tasking = (taskId: string, script: Script): Script => ({
  "server/discover": (call) => call.answer(discoverResult()),
  "tools/call": (call) => call.answer(taskOf(taskId, { resultType: "task" })),
  "tasks/get": (call) => call.answer(taskOf(taskId)),
  "tasks/update": (call) => call.answer({ resultType: "complete" }),
  "tasks/cancel": (call) => call.answer({ resultType: "complete" }),
  ...script
})

describe("a task over HTTP", () => {
  it.live.each<readonly [string, string]>([
    ["786512e2", "786512e2"],
    ["täsk\n", `=?base64?${Buffer.from("täsk\n").toString("base64")}?=`]
  ])("is what requests are about, also for those between: %j", ([taskId, name]) =>
    Effect.gen(function*() {
      const server = yield* serve(tasking(taskId, {}))
      const client = yield* connect(server)
      const task = yield* client.startTool("bake", {}, { input: "manual" })
      yield* task.status
      yield* task.answer({ a: { action: "decline" } })
      yield* task.cancel
      for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
        const [request] = server.of(method)
        assert.deepStrictEqual(
          [request?.headers["mcp-method"], request?.headers["mcp-name"], request?.headers["mcp-protocol-version"]],
          [method, name, "2026-07-28"]
        )
      }
      assert.strictEqual(server.of("tools/call")[0]?.headers["mcp-name"], "bake")
    }).pipe(leavesNothing))

  it.effect.each<readonly [number, number, unknown]>([
    [503, 4, undefined],
    [429, 4, "slow down"],
    [500, 4, error(-32603)],
    [503, 5, undefined],
    [404, 1, undefined],
    [400, 1, error(-32600)]
  ])(
    "is asked for again when the server answers %d, up to four times in a row: %d",
    ([status, times, body]) =>
      Effect.gen(function*() {
        let failures = 0
        const server = yield* serve(tasking("a", {
          "tasks/get": (call) =>
            failures++ < times
              ? call.reply(status, body)
              : call.answer(taskOf("a", { status: "completed", result: text("baked") }))
        }))
        const client = yield* connect(server)
        const task = yield* client.startTool("bake")
        const waiting = yield* start(task.await)
        const goesOn = times < 5 && (status >= 500 || status === 429)
        const sleeps = yield* Sleeps
        for (let n = 1; n <= (goesOn ? times + 1 : times); n++) {
          // The server is asked when it is due, and not before.
          yield* TestClock.adjust(yield* sleeps.until((millis) => millis >= 7000 && millis <= 7700))
          yield* server.received("tasks/get", n)
        }
        if (goesOn) assert.deepStrictEqual<unknown>((yield* Fiber.join(waiting)).content, text("baked")["content"])
        else yield* Effect.flip(Fiber.join(waiting))
        assert.strictEqual(server.of("tasks/get").length, goesOn ? times + 1 : times)
      }).pipe(leavesNothing)
  )

  it.effect("is lost when a server that was restarted does not know it", () =>
    Effect.gen(function*() {
      const server = yield* serve(tasking("a", {
        "tasks/get": (call) => call.reply(400, error(-32602))
      }))
      const client = yield* connect(server)
      const task = yield* client.startTool("bake")
      yield* server.stop
      yield* server.restart
      const { expired, taskId } = yield* failsWith("TaskLostError")(task.status)
      assert.deepStrictEqual([taskId, expired], ["a", false])
    }).pipe(leavesNothing))
})

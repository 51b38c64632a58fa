import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { start } from "./harness.ts"

const connect = Effect.fnUntraced(function*(
  protocol: "legacy" | "modern",
  tools: MockTransport.Options["tools"],
  options?: McpClient.Options
) {
  const mock = yield* MockTransport.make({
    tools,
    protocolVersions: protocol === "modern" ? ["2026-07-28"] : ["2025-11-25"]
  })
  const client = yield* Effect.provideService(
    McpClient.make({ protocol, ...options }),
    McpTransport.McpTransport,
    mock.transport
  )
  return { client, mock }
})

const text = (text: string) => ({ content: [{ type: "text" as const, text }] })

describe.each(["legacy", "modern"] as const)("a mocked tool that runs as a task: %s", (protocol) => {
  it.effect("says how it gets on, and ends with its answer", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(protocol, {
        count: {
          execution: { taskSupport: "optional" },
          handler: (_, { status }) =>
            Effect.gen(function*() {
              for (const word of ["one", "two"]) {
                yield* Effect.sleep("1 minute")
                yield* status(word)
              }
              yield* Effect.sleep("1 minute")
              return text("three")
            })
        }
      })
      const task = yield* client.startTool("count", {})
      assert.isFalse(task.ranImmediately)
      const changes = yield* Effect.forkChild(Stream.runCollect(task.changes), { startImmediately: true })
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(
        (yield* Fiber.join(changes)).map(({ status, statusMessage }) => [status, statusMessage]),
        [["working", undefined], ["working", "one"], ["working", "two"], ["completed", "two"]]
      )
      assert.deepStrictEqual((yield* task.await).content, text("three").content)
      assert.deepStrictEqual((yield* Stream.runCollect(client.listTasks())).map(({ taskId }) => taskId), [task.id])
    }))

  it.effect("asks for input, several questions at once, and again", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const question = (message: string) => ({
        method: "elicitation/create",
        params: { message, requestedSchema: { type: "object", properties: { n: { type: "integer" } } } }
      })
      const { client } = yield* connect(protocol, {
        add: {
          execution: { taskSupport: "required" },
          handler: (_, { input }) =>
            Effect.gen(function*() {
              const first = yield* input({ a: question("a?"), b: question("b?") })
              const second = yield* input({ a: question("again?") })
              return { structuredContent: { first, second } }
            })
        }
      }, {
        handlers: {
          elicitation: {
            form: ({ message }) => Effect.sync(() => McpHandlers.accept({ n: asked.push(message) }))
          }
        }
      })
      const call = yield* start(client.callTool("add"))
      yield* TestClock.adjust("10 seconds")
      const { structuredContent } = yield* Fiber.join(call)
      assert.deepStrictEqual(asked, ["a?", "b?", "again?"])
      const answer = { action: "accept" }
      assert.containSubset(structuredContent, {
        first: { a: { ...answer, content: { n: 1 } }, b: { ...answer, content: { n: 2 } } },
        second: { a: { ...answer, content: { n: 3 } } }
      })
    }))

  it.effect("is cancelled, and interrupted", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const { client } = yield* connect(protocol, {
        hang: {
          execution: { taskSupport: "optional" },
          handler: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
        }
      })
      const task = yield* client.startTool("hang", {})
      yield* task.cancel
      yield* Deferred.await(interrupted)
      assert.strictEqual((yield* task.status).status, "cancelled")
    }))

  it.effect("outlives its connection", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(protocol, {
        wait: {
          execution: { taskSupport: "optional" },
          handler: () => Effect.delay(Effect.succeed(text("done")), "1 minute")
        }
      })
      const task = yield* client.startTool("wait", {})
      const ended = yield* Effect.forkChild(task.await, { startImmediately: true })
      yield* mock.disconnect()
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual((yield* Fiber.join(ended)).content, text("done").content)
      assert.strictEqual(yield* mock.connections, 2)
    }))

  it.effect("is forgotten after its time to live, if it has one", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(protocol, {
        hang: { execution: { taskSupport: "optional" }, handler: () => Effect.never }
      })
      const task = yield* client.startTool("hang", {}, { ttl: "1 minute" })
      yield* TestClock.adjust("61 seconds")
      const known = yield* Effect.exit(task.status)
      assert.strictEqual(known._tag, protocol === "legacy" ? "Failure" : "Success")
    }))

  it.effect("fails as its handler does", () =>
    Effect.gen(function*() {
      const { client } = yield* connect(protocol, {
        bad: {
          execution: { taskSupport: "optional" },
          handler: () => Effect.succeed({ ...text("No luck"), isError: true })
        }
      })
      const task = yield* client.startTool("bad", {})
      const failed = yield* Effect.forkChild(Effect.flip(task.await), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.include((yield* Fiber.join(failed)).message, "No luck")
      assert.strictEqual((yield* task.status).status, protocol === "legacy" ? "failed" : "completed")
    }))
})

describe("a mocked tool that runs as nothing but a task", () => {
  it.effect("refuses clients of 2026-07-28 that know none", () =>
    Effect.gen(function*() {
      const { client } = yield* connect("modern", {
        research: { execution: { taskSupport: "required" }, handler: () => Effect.succeed(text("done")) }
      }, { tasks: false })
      const error = yield* Effect.flip(client.callTool("research"))
      assert.containSubset(error, { reason: { _tag: "JsonRpcError", code: -32021 } })
    }))
})

import type * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import * as McpTask from "@effect-mcp/client/McpTask"
import * as McpTool from "@effect-mcp/client/McpTool"
import * as Fault from "@effect-mcp/testing/Fault"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Workflow from "effect/workflow/Workflow"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import { clientOf, eras, reasonOf, settled, turn } from "../harness.ts"
import { connect, FIRST, type Server } from "./support.ts"

const research = McpTool.make("required", {
  input: Schema.Struct({ topic: Schema.String }),
  output: Schema.Struct({ at: Schema.Date })
})

const Report = Workflow.make("Report", {
  payload: { topic: Schema.String },
  success: research.output,
  error: Schema.Union([McpError.McpError, McpError.ToolError]),
  idempotencyKey: ({ topic }) => topic
})

/** A process: it runs workflows with a client of its own, until its scope is closed. */
const processWith = Effect.fnUntraced(function*(
  client: McpClient.McpClient,
  memory: { client: McpClient.McpClient },
  options?: McpClient.ResumeOptions
) {
  memory.client = client
  const scope = yield* Scope.make()
  const workflows = Report.toLayer(({ topic }) =>
    Effect.suspend(() =>
      McpTask.durable({
        name: "research",
        success: research.output,
        start: Effect.suspend(() => memory.client.startTool(research, { topic })),
        resume: (saved) => memory.client.resumeTool(research, JSON.parse(JSON.stringify(saved)), options)
      })
    )
  )
  yield* Layer.buildWithScope(workflows, scope)
  return scope
})

/** What the engine keeps outlives a process. */
const withEngine = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(WorkflowEngine.layerMemory)
    return yield* Effect.provideService(
      effect,
      WorkflowEngine.WorkflowEngine,
      Context.get(context, WorkflowEngine.WorkflowEngine)
    )
  })

/** Lets a workflow get as far as its task. What runs it is loaded when it is needed. */
const started = (server: Server) =>
  Effect.repeat(Effect.andThen(turn, settled), { until: () => server.tasks.has(FIRST) }).pipe(
    Effect.andThen(Effect.andThen(turn, settled))
  )

const at = new Date(86_400_000)

describe.each(eras)("a durable task: %s", (era) => {
  it.effect("yields what the tool does, and keeps it", () =>
    withEngine(Effect.gen(function*() {
      const { client, server } = yield* connect(era)
      yield* processWith(client, { client })
      const running = yield* Effect.forkChild(Report.execute({ topic: "owls" }))
      yield* started(server)
      yield* server.set(FIRST, { status: "completed", result: { content: [], structuredContent: { at: at.toJSON() } } })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(running), { at })
      const asked = server.log.length
      assert.deepStrictEqual(yield* Report.execute({ topic: "owls" }), { at })
      assert.strictEqual(server.log.length, asked)
      assert.deepStrictEqual(server.of("tools/call").map(({ arguments: input }) => input), [{ topic: "owls" }])
    })))

  it.effect("outlives the process that started it", () =>
    withEngine(Effect.gen(function*() {
      const { client, mock, server } = yield* connect(era)
      const memory = { client }
      const first = yield* processWith(client, memory)
      const running = yield* Effect.forkChild(Effect.exit(Report.execute({ topic: "owls" })))
      yield* started(server)
      yield* Scope.close(first, Exit.void)
      yield* client.close
      yield* Fiber.interrupt(running)
      yield* server.set(FIRST, { status: "completed", result: { content: [], structuredContent: { at: at.toJSON() } } })
      yield* TestClock.adjust("1 minute")

      yield* processWith(yield* clientOf(mock.transport, { protocol: era }), memory)
      yield* Report.resume(yield* Report.executionId({ topic: "owls" }))
      const resumed = yield* Effect.forkChild(Report.execute({ topic: "owls" }))
      yield* Effect.andThen(turn, settled)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(resumed), { at })
      assert.strictEqual(server.of("tools/call").length, 1)
      assert.deepStrictEqual(server.of("tasks/cancel"), [])
    })))

  it.effect("fails as the tool does, and keeps that", () =>
    withEngine(Effect.gen(function*() {
      const { client, server } = yield* connect(era)
      yield* processWith(client, { client })
      const running = yield* Effect.forkChild(Effect.flip(Report.execute({ topic: "owls" })))
      yield* started(server)
      const content = [{ type: "text" as const, text: "No owls" }]
      yield* server.set(FIRST, { status: "completed", result: { content, isError: true } })
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(running)
      assert(McpError.isToolError(error))
      assert.include(error.message, "No owls")
      const again = yield* Effect.flip(Report.execute({ topic: "owls" }))
      assert(McpError.isToolError(again))
      assert.deepInclude(again.result, { content, isError: true })
    })))

  it.effect("fails when it is cancelled", () =>
    withEngine(Effect.gen(function*() {
      const { client, server } = yield* connect(era)
      yield* processWith(client, { client })
      const running = yield* Effect.forkChild(Effect.flip(Report.execute({ topic: "owls" })))
      yield* started(server)
      yield* server.set(FIRST, { status: "cancelled", statusMessage: "By hand" })
      yield* TestClock.adjust("1 second")
      const reason = reasonOf("TaskEndedError", yield* Fiber.join(running))
      assert.deepInclude(reason, { taskId: FIRST, status: "cancelled", statusMessage: "By hand" })
    })))

  it.effect.each<McpClient.ResumeOptions>([{ timeout: "1 hour" }, { totalTimeout: "1 hour" }])(
    "waits for no longer than it shall: %j",
    (options) =>
      withEngine(Effect.gen(function*() {
        const { client, server } = yield* connect(era, { task: { pollInterval: 60_000 } })
        yield* processWith(client, { client }, options)
        const running = yield* Effect.forkChild(Effect.flip(Report.execute({ topic: "owls" })))
        yield* started(server)
        yield* TestClock.adjust("61 minutes")
        assert.strictEqual(reasonOf("TimeoutError", yield* Fiber.join(running)).millis, 3_600_000)
      }))
  )

  it.effect("is lost when the server is out of reach for longer than it has to live", () =>
    withEngine(Effect.gen(function*() {
      const { client, mock, server } = yield* connect(era, { task: { ttl: 600_000 } })
      yield* processWith(client, { client })
      const running = yield* Effect.forkChild(Effect.flip(Report.execute({ topic: "owls" })))
      yield* started(server)
      yield* mock.inject(Fault.disconnect("tasks/get"))
      yield* TestClock.adjust("9 minutes")
      assert.isUndefined(running.pollUnsafe())
      yield* TestClock.adjust("10 minutes")
      const reason = reasonOf("TaskLostError", yield* Fiber.join(running))
      assert.deepInclude(reason, { taskId: FIRST, expired: true })
    })))

  it.effect("awaits a server that is out of reach", () =>
    withEngine(Effect.gen(function*() {
      const { client, mock, server } = yield* connect(era)
      yield* processWith(client, { client })
      const running = yield* Effect.forkChild(Report.execute({ topic: "owls" }))
      yield* started(server)
      // More often than any other wait would put up with.
      yield* mock.inject(Fault.disconnect("tasks/get", 40))
      yield* TestClock.adjust("10 minutes")
      yield* server.set(FIRST, { status: "completed", result: { content: [], structuredContent: { at: at.toJSON() } } })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(running), { at })
    })))
})

/** Tasks of a server that nobody here wrote, as tests. It runs in a process of its own, and each task takes four seconds. */
import * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError } from "@effect-mcp/client/McpError"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { CallToolResult } from "@effect-mcp/client/McpSchema"
import type * as McpTransport from "@effect-mcp/client/McpTransport"
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { failsWith } from "../harness.ts"

const tool = "simulate-research-query"

const stages = ["Gathering sources...", "Analyzing content...", "Synthesizing findings...", "Generating report..."]

/** A server learns from the client's own handlers whether it may ask at all. */
const client = McpClient.layer({ handlers: { elicitation: { form: () => Effect.succeed(McpHandlers.decline) } } })

const answering = (interpretation: string, asked: Array<string> = []): McpHandlers.CallHandlers => ({
  elicitation: {
    form: ({ fields }) =>
      Effect.sync(() => {
        asked.push(...fields.map(({ _tag, name }) => `${_tag} ${name}`))
        return McpHandlers.accept({ interpretation })
      })
  }
})

const titleOf = ({ content: [block] }: CallToolResult) =>
  block?.type === "text" ? block.text.split("\n", 1)[0] : undefined

export const runsTasks = (name: string, transport: Layer.Layer<McpTransport.McpTransport, McpError>): void => {
  describe(name, () => {
    const live = client.pipe(Layer.provide([transport, Logger.layer([])]))
    layer(live, { excludeTestServices: true, timeout: "20 seconds" })((it) => {
      it.effect("shows the stages of a task, and yields what came of it", () =>
        Effect.gen(function*() {
          const { resumeTool, startTool } = yield* McpClient.McpClient
          const task = yield* startTool(tool, { topic: "tea" })
          assert.isFalse(task.ranImmediately)
          assert.deepStrictEqual(yield* task.result, Option.none())
          const [result, states] = yield* Effect.all([task.await, Stream.runCollect(task.changes)], {
            concurrency: "unbounded"
          })
          assert.strictEqual(titleOf(result), "# Research Report: tea")
          assert.deepStrictEqual(yield* task.result, Option.some(result))
          const seen = states.flatMap(({ status, statusMessage }) => status === "working" ? [statusMessage] : [])
          // On a busy machine, a stage may be over before it is seen.
          assert.deepStrictEqual(seen, stages.filter((stage) => seen.includes(stage)))
          assert.isNotEmpty(seen)
          assert.strictEqual(states.at(-1)?.status, "completed")
          const resumed = yield* resumeTool(tool, JSON.parse(JSON.stringify(task)))
          assert.deepStrictEqual(yield* resumed.await, result)
        }))

      it.effect("asks those who started the tasks, each its own", () =>
        Effect.gen(function*() {
          const { startTool } = yield* McpClient.McpClient
          const research = Effect.fnUntraced(function*(topic: string, interpretation: string) {
            const asked: Array<string> = []
            const task = yield* startTool(tool, { topic, ambiguous: true }, {
              handlers: answering(interpretation, asked)
            })
            const [result, states] = yield* Effect.all([task.await, Stream.runCollect(task.changes)], {
              concurrency: "unbounded"
            })
            assert.deepStrictEqual(asked, ["Choice interpretation"])
            assert.include(states.map(({ status }) => status), "input_required")
            return titleOf(result)
          })
          const titles = yield* Effect.all([research("python", "snake"), research("tea", "historical")], {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(titles, ["# Research Report: python (snake)", "# Research Report: tea (historical)"])
        }))

      it.effect("runs a call as a task if the tool runs as nothing else", () =>
        Effect.gen(function*() {
          const { callTool } = yield* McpClient.McpClient
          const [plain, ambiguous] = yield* Effect.all([
            callTool(tool, { topic: "tea" }),
            callTool(tool, { topic: "python", ambiguous: true }, { handlers: answering("comedy") })
          ], { concurrency: "unbounded" })
          assert.strictEqual(titleOf(plain), "# Research Report: tea")
          assert.strictEqual(titleOf(ambiguous), "# Research Report: python (comedy)")
        }))

      it.effect("lists its tasks, and cancels one that runs", () =>
        Effect.gen(function*() {
          const { listTasks, startTool } = yield* McpClient.McpClient
          const task = yield* startTool(tool, { topic: "coffee" })
          const listed = Effect.map(
            Stream.runCollect(listTasks()),
            (states) => states.find(({ taskId }) => taskId === task.id)?.status
          )
          assert.strictEqual(yield* listed, "working")
          yield* task.cancel
          assert.strictEqual(yield* listed, "cancelled")
          assert.strictEqual((yield* task.wait()).status, "cancelled")
          const { status, taskId } = yield* failsWith("TaskEndedError")(task.await)
          assert.deepStrictEqual([taskId, status], [task.id, "cancelled"])
        }))
    })
  })
}

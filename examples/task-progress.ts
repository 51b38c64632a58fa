/**
 * A task with a progress bar, for a server that takes its time, and may ask the user meanwhile.
 *
 *     node examples/task-progress.ts [TOPIC] [--ambiguous]
 *
 * Without a terminal, each change is a line, and of what the user may choose from, the first is taken.
 */
import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type * as McpTask from "@effect-mcp/client/McpTask"
import * as McpTool from "@effect-mcp/client/McpTool"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Prompt from "effect/cli/Prompt"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { parseArgs } from "node:util"

class Everything extends McpClient.Service<Everything>()("examples/Everything", {
  tools: {
    research: McpTool.make("simulate-research-query", {
      input: Schema.Struct({ topic: Schema.String, ambiguous: Schema.Boolean })
    })
  }
}) {}

const { positionals: [topic = "otters"], values: { ambiguous } } = parseArgs({
  allowPositionals: true,
  options: { ambiguous: { type: "boolean", default: false } }
})

const isTerminal = process.stdin.isTTY && process.stdout.isTTY

const program = Effect.gen(function*() {
  const everything = yield* Everything
  const task = yield* everything.tools.research.start({ topic, ambiguous }, { onInterrupt: "cancel" })
  const [{ content }] = yield* Effect.all([
    task.await,
    Stream.runForEach(task.changes, isTerminal ? draw : print)
  ], { concurrency: "unbounded" })
  for (const block of content) if (block.type === "text") yield* Console.log(`\n${block.text}`)
})

// -----------------------------------------------------------------------------
// Showing what happens
// -----------------------------------------------------------------------------

const STAGES = ["Gathering sources", "Analyzing content", "Synthesizing findings", "Generating report"]
const WIDTH = 24

const print = ({ status, statusMessage = "" }: McpTask.State) => Console.log(`${status}: ${plain(statusMessage)}`)

/** How many stages are done. */
let done = 0

/** Draws the bar over the one before. */
const draw = ({ status, statusMessage = "" }: McpTask.State) =>
  Effect.sync(() => {
    // The question has the terminal to itself.
    if (status === "input_required") return
    const stage = STAGES.findIndex((stage) => statusMessage.startsWith(stage))
    done = status === "completed" ? STAGES.length : Math.max(done, stage)
    const bar = "█".repeat(WIDTH * done / STAGES.length).padEnd(WIDTH, "░")
    const rest = status === "working" ? plain(statusMessage) : `${status}\n`
    process.stdout.write(`\r\u001b[K${bar} ${rest}`)
  })

/** A server's text may hold codes that command a terminal. */
const plain = (text: string): string => text.replaceAll(/\p{Cc}+/gu, " ")

// -----------------------------------------------------------------------------
// Asking the user
// -----------------------------------------------------------------------------

/** Lets the user choose. The example `elicitation-form.ts` asks for all that a form may have. */
const clarify = Effect.fnUntraced(function*({ fields, message, server }: McpHandlers.FormRequest) {
  if (isTerminal) yield* Console.log(`\n\nThe server "${server}" asks: ${plain(message)}\n`)
  const content: Record<string, McpHandlers.FieldValue> = {}
  for (const field of fields) {
    if (field._tag !== "Choice") continue
    const [first] = field.options
    const choices = field.options.map(({ label, value }) => ({ title: plain(label), value }))
    const value = isTerminal ? yield* Prompt.Select({ message: plain(field.label), choices }) : first?.value
    if (value !== undefined) content[field.name] = value
  }
  return McpHandlers.accept(content)
}, Effect.catchTag("QuitError", () => Effect.succeed(McpHandlers.cancel)))

// -----------------------------------------------------------------------------
// Running it
// -----------------------------------------------------------------------------

const EverythingLive = Everything.layer({
  name: "everything",
  handlers: { elicitation: { form: clarify } }
}).pipe(
  Layer.provide(StdioTransport.layer({ command: "mcp-server-everything" })),
  Layer.provide([NodeMcp.layer, NodeTerminal.layer])
)

program.pipe(Effect.provide(EverythingLive), NodeRuntime.runMain)

/**
 * A form in a terminal, for a server that asks the user while it carries out a call.
 *
 *     node examples/elicitation-form.ts [--answers FILE]
 *
 * Without a terminal, a file gives the answers as JSON: the values of fields by their names, or `"decline"`, or
 * `"cancel"`.
 */
import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Prompt from "effect/cli/Prompt"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { FileSystem } from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { parseArgs } from "node:util"

type Value = McpHandlers.FieldValue | undefined

const { values: { answers } } = parseArgs({ options: { answers: { type: "string" } } })

// -----------------------------------------------------------------------------
// Asking in the terminal
// -----------------------------------------------------------------------------

const inTerminal = Effect.fnUntraced(function*(request: McpHandlers.FormRequest) {
  yield* Console.log(`\nThe server "${request.server}" asks: ${plain(request.message)}\n`)
  const agrees = yield* Prompt.Confirm({ message: "Do you want to answer?", initial: true })
  if (!agrees) return McpHandlers.decline
  const content: Record<string, McpHandlers.FieldValue> = {}
  for (const field of request.fields) {
    const value = yield* ask(field, request)
    if (value !== undefined) content[field.name] = value
  }
  return McpHandlers.accept(content)
}, Effect.catchTag("QuitError", () => Effect.succeed(McpHandlers.cancel)))

/** Asks for one field. What yields nothing is left out of the form. */
const ask = (field: McpHandlers.Field, request: McpHandlers.FormRequest): Prompt.Prompt<Value> => {
  const { description, label, required } = field
  const message = plain(
    `${label}${required ? "" : " (optional)"}${description === undefined ? "" : `: ${description}`}`
  )
  switch (field._tag) {
    case "Text":
      return Prompt.map(
        Prompt.String({
          message,
          ...(field.default === undefined ? {} : { default: field.default }),
          validate: (text) => {
            const problem = problemOf(field, text === "" ? undefined : text, request)
            return problem === undefined ? Effect.succeed(text) : Effect.fail(problem)
          }
        }),
        (text) => text === "" ? undefined : text
      )
    case "Number": {
      const options = {
        message,
        ...(field.default === undefined ? {} : { default: field.default }),
        ...(field.minimum === undefined ? {} : { min: field.minimum }),
        ...(field.maximum === undefined ? {} : { max: field.maximum })
      }
      return field.integer ? Prompt.Int(options) : Prompt.Number(options)
    }
    case "Boolean":
      return Prompt.Toggle({ message, initial: field.default ?? false, active: "yes", inactive: "no" })
    case "Choice": {
      const { default: usual } = field
      const choices = field.options.map(({ label, value }) => ({
        title: plain(label),
        value,
        selected: value === usual
      }))
      return Prompt.Select({ message, choices })
    }
    case "Choices":
      return Prompt.MultiSelect({
        message,
        choices: field.options.map(({ label, value }) => ({
          title: plain(label),
          value,
          selected: field.default?.includes(value) === true
        })),
        ...(field.minItems === undefined ? {} : { min: field.minItems }),
        ...(field.maxItems === undefined ? {} : { max: field.maxItems })
      })
    case "Unknown":
      return Prompt.succeed(undefined)
  }
}

/** A server's text may hold codes that command a terminal. */
const plain = (text: string): string => text.replaceAll(/\p{Cc}+/gu, " ")

/** What the form says is wrong with a value of a field. */
const problemOf = (
  { name }: McpHandlers.Field,
  value: Value,
  { schema }: McpHandlers.FormRequest
): string | undefined => {
  const result = Schema.toStandardSchemaV1(schema)["~standard"].validate(value === undefined ? {} : { [name]: value })
  return "issues" in result ? result.issues?.find(({ path }) => path?.[0] === name)?.message : undefined
}

// -----------------------------------------------------------------------------
// Reading from a file
// -----------------------------------------------------------------------------

const Answers = Schema.Union([
  Schema.Literals(["decline", "cancel"]),
  Schema.Record(
    Schema.String,
    Schema.Union([Schema.String, Schema.Number, Schema.Boolean, Schema.Array(Schema.String)])
  )
])

const fromFile = (path: string) =>
  FileSystem.pipe(
    Effect.flatMap((fs) => fs.readFileString(path)),
    Effect.flatMap(Schema.decodeUnknownEffect(Schema.fromJsonString(Answers))),
    Effect.map((answers) =>
      answers === "decline"
        ? McpHandlers.decline
        : answers === "cancel"
        ? McpHandlers.cancel
        : McpHandlers.accept(answers)
    )
  )

// -----------------------------------------------------------------------------
// The program
// -----------------------------------------------------------------------------

const program = Effect.gen(function*() {
  const client = yield* McpClient.McpClient
  const { content } = yield* client.callTool("trigger-elicitation-request")
  for (const block of content) if (block.type === "text") yield* Console.log(block.text)
})

const EverythingLive = McpClient.layer({
  name: "everything",
  handlers: { elicitation: { form: (request) => answers === undefined ? inTerminal(request) : fromFile(answers) } }
}).pipe(
  Layer.provide(StdioTransport.layer({ command: "mcp-server-everything" })),
  Layer.provide([NodeMcp.layer, NodeTerminal.layer])
)

if (answers === undefined && !process.stdin.isTTY) {
  console.error("There is no terminal to ask in: give --answers FILE")
  process.exitCode = 1
} else program.pipe(Effect.provide(EverythingLive), NodeRuntime.runMain)

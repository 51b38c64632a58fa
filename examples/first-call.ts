/**
 * The main job: connect to a server that somebody else wrote, and call its tools with types.
 *
 * Run it with `pnpm start`.
 */
import * as McpClient from "@effect-mcp/client/McpClient"
import type { Tool } from "@effect-mcp/client/McpSchema"
import * as McpTool from "@effect-mcp/client/McpTool"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

class Everything extends McpClient.Service<Everything>()("examples/Everything", {
  tools: {
    sum: McpTool.make("get-sum", {
      input: Schema.Struct({ a: Schema.Number, b: Schema.Number })
    }),
    weather: McpTool.make("get-structured-content", {
      input: Schema.Struct({ location: Schema.Literals(["New York", "Chicago", "Los Angeles"]) }),
      output: Schema.Struct({ temperature: Schema.Number, conditions: Schema.String, humidity: Schema.Number })
    }),
    work: McpTool.make("trigger-long-running-operation", {
      input: Schema.Struct({ duration: Schema.Number, steps: Schema.Number })
    }),
    // The server's own description of this tool says something else: see what happens below.
    wrongWeather: McpTool.make("get-structured-content", {
      input: Schema.Struct({ location: Schema.String }),
      output: Schema.Struct({ fahrenheit: Schema.Number })
    })
  }
}) {}

const program = Effect.gen(function*() {
  const everything = yield* Everything

  const { protocolVersion, serverInfo } = yield* everything.session
  yield* Console.log(`Connected to ${serverInfo.name} ${serverInfo.version}, protocol ${protocolVersion}\n`)

  yield* Console.log("Tools")
  for (const tool of yield* everything.listTools()) yield* Console.log(`  ${signature(tool)}`)

  yield* Console.log("\nA typed call")
  const { content: [block] } = yield* everything.tools.sum({ a: 2, b: 40 })
  yield* Console.log(`  get-sum: ${block?.type === "text" ? block.text : "no text"}`)

  yield* Console.log("\nStructured output, decoded")
  const { conditions, temperature } = yield* everything.tools.weather({ location: "Chicago" })
  yield* Console.log(`  Chicago: ${conditions}, ${temperature} degrees`)

  yield* Console.log("\nProgress while a call runs")
  yield* everything.tools.work.stream({ duration: 1, steps: 4 }).pipe(
    Stream.runForEach((event) =>
      Console.log(
        event._tag === "Progress"
          ? `  step ${event.progress.progress} of ${event.progress.total ?? "?"}`
          : `  done: ${event.value.content.length} block of content`
      )
    )
  )

  yield* Console.log("\nErrors, by tag")
  yield* everything.callTool("no-such-tool").pipe(
    Effect.catchTag("ToolError", (error) => Console.log(`  ToolError: ${error.message}`))
  )
  yield* everything.tools.wrongWeather({ location: "Chicago" }).pipe(
    Effect.catchReason("McpError", "ValidationError", (error) => Console.log(`  ValidationError: ${error.message}`))
  )
})

const signature = ({ inputSchema, name }: Tool): string => {
  const properties = Object.keys(Object(inputSchema["properties"]))
  const required = new Set(Array.isArray(inputSchema["required"]) ? inputSchema["required"] : [])
  return `${name}(${properties.map((key) => required.has(key) ? key : `${key}?`).join(", ")})`
}

const EverythingLive = Everything.layer({ name: "everything" }).pipe(
  Layer.provide(StdioTransport.layer({ command: "mcp-server-everything" })),
  Layer.provide(NodeMcp.layer)
)

await Effect.runPromise(program.pipe(Effect.provide(EverythingLive)))

/** `@effect-mcp/client`: tools are declared with schemas, so a typed call needs no list. */
import * as HttpTransport from "@effect-mcp/client/HttpTransport"
import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpTool from "@effect-mcp/client/McpTool"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as MemoryTransport from "@effect-mcp/client/MemoryTransport"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { DOCUMENT_TOOL, FORECAST_TOOL, type Responder } from "../fixture.ts"
import { type EffectSession, ForecastSchema, fromEffect, provideToSession } from "./effects.ts"
import { answer } from "./promises.ts"

class Bench extends McpClient.Service<Bench>()("@effect-mcp/bench/Bench", {
  tools: {
    forecast: McpTool.make(FORECAST_TOOL, {
      input: Schema.Struct({ city: Schema.String }),
      output: ForecastSchema
    }),
    document: McpTool.make(DOCUMENT_TOOL, { input: Schema.Struct({ bytes: Schema.Number }) })
  }
}) {}

const make = Effect.fnUntraced(function*<E, R>(
  transport: Effect.Effect<McpTransport.McpTransport, E, R>
): Effect.fn.Return<EffectSession, unknown, Scope.Scope | R> {
  const client = yield* Bench.make({ clientInfo: { name: "bench", version: "1.0.0" } }).pipe(
    Effect.provideServiceEffect(McpTransport.McpTransport, transport)
  )
  return {
    listTools: Effect.map(client.listTools(), (tools) => tools.length),
    call: (city) => client.tools.forecast({ city }),
    document: (bytes) =>
      Effect.map(client.tools.document({ bytes }), ({ content }) => {
        const [block] = content
        return block !== undefined && "text" in block && typeof block.text === "string" ? block.text.length : 0
      })
  }
})

const memory = (respond: Responder) =>
  MemoryTransport.make({
    label: "bench",
    serve: (peer) =>
      Effect.forever(Effect.flatMap(Queue.take(peer.received), (message) => {
        const response = answer(respond, message)
        return response === undefined ? Effect.void : peer.send(response)
      }))
  })

export const contender = fromEffect({
  stdio: ({ args, command }) =>
    make(StdioTransport.make({ command, args, stderr: "inherit" })).pipe(provideToSession(NodeMcp.layer)),
  http: (url) => make(HttpTransport.make({ url })).pipe(provideToSession(NodeMcp.layer)),
  memory: (respond) => make(memory(respond))
})

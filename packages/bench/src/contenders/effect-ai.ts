/** `effect/ai` McpClient: `callTool` decodes with a schema. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as McpClient from "effect/ai/McpClient"
import * as McpProtocol from "effect/ai/McpProtocol"
import type * as McpSchema from "effect/ai/McpSchema"
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import type * as Scope from "effect/Scope"
import { DOCUMENT_TOOL, FORECAST_TOOL, type Responder } from "../fixture.ts"
import { MAX_MESSAGE_BYTES } from "../limits.ts"
import { type EffectSession, ForecastSchema, fromEffect, provideToSession } from "./effects.ts"
import { answer } from "./promises.ts"

const protocol = McpProtocol.v2025_11_25

const make = Effect.fnUntraced(function*<E, R>(
  transport: Effect.Effect<McpClient.Transport, E, R>
): Effect.fn.Return<EffectSession, unknown, Scope.Scope | R> {
  const client = yield* McpClient.make({ name: "bench", version: "1.0.0" }).pipe(
    Effect.provideServiceEffect(McpClient.Transport, transport)
  )
  let tools = new Map<string, McpSchema.Tool>()
  const tool = (name: string) => {
    const found = tools.get(name)
    return found === undefined ? Effect.die(new Error("tools are not listed yet")) : Effect.succeed(found)
  }
  return {
    listTools: Effect.map(client.listTools(), (list) => {
      tools = new Map(list.map((tool) => [tool.name, tool]))
      return list.length
    }),
    call: (city) =>
      Effect.flatMap(
        tool(FORECAST_TOOL),
        (tool) => client.callTool({ tool, arguments: { city }, schema: ForecastSchema })
      ),
    document: (bytes) =>
      tool(DOCUMENT_TOOL).pipe(
        Effect.flatMap((tool) => client.callTool({ tool, arguments: { bytes } })),
        Effect.map(({ content }) => content[0]?.type === "text" ? content[0].text.length : 0)
      )
  }
})

const memory = (respond: Responder): McpClient.Transport => ({
  "~effect/ai/McpClient/Transport": "~effect/ai/McpClient/Transport",
  protocol,
  isCallable: () => true,
  notify: () => Effect.void,
  request: (message) =>
    Effect.callback<McpSchema.JsonRpcResponse>((resume) =>
      queueMicrotask(() => resume(Effect.succeed(answer(respond, message) as McpSchema.JsonRpcResponse)))
    )
})

export const contender = fromEffect({
  stdio: ({ args, command }) =>
    make(McpClient.stdio({
      command: ChildProcess.make(command, args, { extendEnv: true, stderr: "inherit" }),
      protocol,
      maxMessageBytes: MAX_MESSAGE_BYTES
    })).pipe(provideToSession(NodeServices.layer)),
  http: (url) => make(McpClient.http({ url, protocol })).pipe(provideToSession(NodeHttpClient.layerUndici)),
  memory: (respond) => make(Effect.succeed(memory(respond)))
})

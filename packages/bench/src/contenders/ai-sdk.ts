/** `@ai-sdk/mcp`: typed output comes from the schemas that `tools` is given. */
import { createMCPClient, type JSONRPCMessage, type MCPClientConfig, type MCPTransport } from "@ai-sdk/mcp"
import { StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio"
import { z } from "zod"
import type { Contender, Session } from "../contender.ts"
import { DOCUMENT_TOOL, type Forecast, type Responder } from "../fixture.ts"
import { answer, load, openAll } from "./promises.ts"

const schemas = {
  get_forecast: {
    inputSchema: z.object({ city: z.string() }),
    outputSchema: z.object({
      city: z.string(),
      celsius: z.number(),
      humidity: z.number(),
      conditions: z.string()
    })
  }
}

const connect = async (transport: MCPClientConfig["transport"]): Promise<Session> => {
  const client = await createMCPClient({ transport, clientName: "bench", version: "1.0.0" })
  let forecast: ((input: { city: string }) => unknown) | undefined
  const call: Session["call"] = async (city) => {
    if (forecast === undefined) throw new Error("tools are not listed yet")
    return await forecast({ city }) as Forecast
  }
  return {
    call,
    load: load(call),
    listTools: async () => {
      const definitions = await client.listTools()
      forecast = client.toolsFromDefinitions(definitions, { schemas }).get_forecast.execute
      return definitions.tools.length
    },
    document: async (bytes) => {
      const result = await client.callTool({ name: DOCUMENT_TOOL, arguments: { bytes } })
      const content = z.array(z.object({ text: z.string() })).parse(result["content"])
      return content[0]?.text.length ?? 0
    },
    close: () => client.close()
  }
}

const memory = (respond: Responder): MCPTransport => {
  const transport: MCPTransport = {
    start: async () => {},
    send: async (message) =>
      queueMicrotask(() => {
        const response = answer(respond, message)
        if (response !== undefined) transport.onmessage?.(response as JSONRPCMessage)
      }),
    close: async () => transport.onclose?.()
  }
  return transport
}

export const contender: Contender = {
  stdio: ({ args, command }) => connect(new StdioMCPTransport({ command, args: [...args] })),
  http: (url) => connect({ type: "http", url }),
  memory: ({ count, respond }) => openAll(count, () => connect(memory(respond)))
}

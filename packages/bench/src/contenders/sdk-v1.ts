/** `@modelcontextprotocol/sdk`: listed tools are checked against their output schema by ajv. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import type { CallToolResult, JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import type { Contender, Session } from "../contender.ts"
import { DOCUMENT_TOOL, type Forecast, FORECAST_TOOL } from "../fixture.ts"
import { MAX_MESSAGE_BYTES } from "../limits.ts"
import { answer, load, openAll } from "./promises.ts"

const connect = async (transport: Transport): Promise<Session> => {
  const client = new Client({ name: "bench", version: "1.0.0" })
  await client.connect(transport)
  // The client has validated it against the tool's schema, which TypeScript can not know.
  const call: Session["call"] = async (city) =>
    (await client.callTool({ name: FORECAST_TOOL, arguments: { city } })).structuredContent as unknown as Forecast
  return {
    call,
    load: load(call),
    listTools: async () => (await client.listTools()).tools.length,
    document: async (bytes) => {
      const { content } = await client.callTool({ name: DOCUMENT_TOOL, arguments: { bytes } }) as CallToolResult
      return content[0]?.type === "text" ? content[0].text.length : 0
    },
    close: () => client.close()
  }
}

export const contender: Contender = {
  stdio: ({ args, command }) =>
    connect(new StdioClientTransport({ command, args: [...args], maxBufferSize: MAX_MESSAGE_BYTES })),
  http: (url) => connect(new StreamableHTTPClientTransport(new URL(url))),
  memory: ({ count, respond }) =>
    openAll(count, () => {
      const [client, server] = InMemoryTransport.createLinkedPair()
      // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a transport is no event target
      server.onmessage = (message) => {
        const response = answer(respond, message)
        if (response !== undefined) void server.send(response as JSONRPCMessage)
      }
      return connect(client)
    })
}

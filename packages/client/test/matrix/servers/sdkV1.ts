/** A server of the first line of the official SDK. As a program, it talks on its standard streams. */
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import { randomUUID } from "node:crypto"
import type { RequestListener } from "node:http"
import * as Tools from "./tools.ts"

const connect = async (tools: Tools.Tools, transport: unknown): Promise<void> => {
  const server = new Server(Tools.serverInfo, { capabilities: { tools: {} } })
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: Tools.list }))
  server.setRequestHandler(CallToolRequestSchema, ({ params }, { sendNotification, signal }) => {
    const progressToken = params._meta?.progressToken
    return tools.call(params.name, params.arguments ?? {}, {
      signal,
      progress: async (progress) => {
        if (progressToken === undefined) return
        await sendNotification({ method: "notifications/progress", params: { progressToken, progress } })
      }
    })
  })
  // The SDK's own transports do not fit its interface when optional properties are exact.
  await server.connect(transport as Transport)
}

/** Answers at any path. */
export const streamableHttp = (options: { readonly enableJsonResponse: boolean }): RequestListener => {
  const tools = Tools.make()
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  return async (request, response) => {
    const id = request.headers["mcp-session-id"]
    const known = typeof id === "string" ? sessions.get(id) : undefined
    if (known !== undefined) return known.handleRequest(request, response)
    if (id !== undefined) return void response.writeHead(404).end()
    const transport = new StreamableHTTPServerTransport({
      ...options,
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id)
    })
    await connect(tools, transport)
    return transport.handleRequest(request, response)
  }
}

/** Answers a GET with the stream of a new session. */
export const events = (): RequestListener => {
  const tools = Tools.make()
  const sessions = new Map<string, SSEServerTransport>()
  return async (request, response) => {
    if (request.method === "GET") {
      const transport = new SSEServerTransport("/messages", response)
      sessions.set(transport.sessionId, transport)
      return connect(tools, transport)
    }
    const id = new URL(request.url ?? "", "http://localhost").searchParams.get("sessionId") ?? ""
    const session = sessions.get(id)
    if (session === undefined) return void response.writeHead(404).end()
    return session.handlePostMessage(request, response)
  }
}

if (import.meta.main) await connect(Tools.make(), new StdioServerTransport())

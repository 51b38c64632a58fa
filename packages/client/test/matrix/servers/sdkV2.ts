/**
 * A server of the second line of the official SDK. As a program, it talks on its standard streams: as one of the legacy
 * era, or by an argument as one of `both`, or only of the `modern` one.
 */
import { NodeStreamableHTTPServerTransport, toNodeHandler } from "@modelcontextprotocol/node"
import { createMcpHandler, Server } from "@modelcontextprotocol/server"
import { serveStdio, type StdioServerHandle, StdioServerTransport } from "@modelcontextprotocol/server/stdio"
import { randomUUID } from "node:crypto"
import type { RequestListener } from "node:http"
import * as Tools from "./tools.ts"

const make = (tools: Tools.Tools): Server => {
  const server = new Server(Tools.serverInfo, { capabilities: { tools: {} } })
  server.setRequestHandler("tools/list", () => ({ tools: Tools.list }))
  server.setRequestHandler("tools/call", ({ params }, { mcpReq }) => {
    const progressToken = params._meta?.progressToken
    return tools.call(params.name, params.arguments ?? {}, {
      signal: mcpReq.signal,
      progress: async (progress) => {
        if (progressToken === undefined) return
        await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress } })
      }
    })
  })
  return server
}

/** Answers at any path. */
export const streamableHttp = (options: { readonly enableJsonResponse: boolean }): RequestListener => {
  const tools = Tools.make()
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>()
  return async (request, response) => {
    const id = request.headers["mcp-session-id"]
    const known = typeof id === "string" ? sessions.get(id) : undefined
    if (known !== undefined) return known.handleRequest(request, response)
    if (id !== undefined) return void response.writeHead(404).end()
    const transport = new NodeStreamableHTTPServerTransport({
      ...options,
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id)
    })
    await make(tools).connect(transport)
    return transport.handleRequest(request, response)
  }
}

/** Answers each request by a server of its own, without sessions. */
export const stateless = (): RequestListener => {
  const tools = Tools.make()
  const handler = toNodeHandler(createMcpHandler(() => make(tools)))
  // What a server receives has a method and a URL, which the SDK's type wants to be said.
  return (request, response) => void handler(request as Parameters<typeof handler>[0], response)
}

const talk = (eras: string | undefined): Promise<void> | StdioServerHandle => {
  const tools = Tools.make()
  return eras === undefined
    ? make(tools).connect(new StdioServerTransport())
    : serveStdio(() => make(tools), { legacy: eras === "both" ? "serve" : "reject" })
}

if (import.meta.main) await talk(process.argv[2])

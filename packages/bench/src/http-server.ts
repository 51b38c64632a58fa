/**
 * A Streamable HTTP server without any library: `node http-server.ts <HttpServerOptions as JSON>`. It prints its port
 * and ends with its standard input.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
 */
import { randomUUID } from "node:crypto"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { type Incoming, makeResponder, type ResponderOptions } from "./fixture.ts"

export interface HttpServerOptions extends ResponderOptions {
  readonly replies: "json" | "sse"
}

const { replies, ...options } = JSON.parse(process.argv[2] ?? `{"replies":"json"}`) as HttpServerOptions
const respond = makeResponder(options)
const sessionId = randomUUID()

const reply = (response: ServerResponse, { id, method }: Incoming, member: string) => {
  const body = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},${member}}`
  if (method === "initialize") response.setHeader("mcp-session-id", sessionId)
  if (replies === "sse") {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" })
    response.end(`event: message\ndata: ${body}\n\n`)
  } else {
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) })
    response.end(body)
  }
}

const server = createServer((request, response) => {
  if (request.method !== "POST") {
    // There is nothing to listen to, and every session may end.
    response.writeHead(request.method === "DELETE" ? 200 : 405, { allow: "POST, DELETE" }).end()
    return
  }
  let body = ""
  request.setEncoding("utf8")
  request.on("data", (chunk: string) => body += chunk)
  request.on("end", () => {
    const message = JSON.parse(body) as Incoming
    if (message.method !== "initialize" && request.headers["mcp-session-id"] !== sessionId) {
      response.writeHead(400).end()
      return
    }
    const member = respond(message)
    if (member === undefined) response.writeHead(202).end()
    else reply(response, message, member)
  })
})
// Longer than a contender waits for its turn, so that no slice begins with connecting anew.
server.keepAliveTimeout = 120_000
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port))

process.stdin.on("end", () => process.exit(0)).resume()

/** What the tests with real HTTP servers share. */
import * as HttpTransport from "@effect-mcp/client/HttpTransport"
import type * as McpClient from "@effect-mcp/client/McpClient"
import type * as McpError from "@effect-mcp/client/McpError"
import { isJsonObject, type JsonObject } from "@effect-mcp/client/McpSchema"
import type * as McpTransport from "@effect-mcp/client/McpTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse
} from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { census, clientOf } from "../harness.ts"

// ---------------------------------------------------------------------------
// Waiting
// ---------------------------------------------------------------------------

/** How long to wait for what has to happen, in real milliseconds. */
const PATIENCE = 10_000

/** Waits until something is so, whatever the test's clock says. What never comes fails the test. */
export const until = (condition: () => boolean, what: () => string = () => String(condition)): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const begin = performance.now()
    const check = (): void => {
      if (condition()) return resume(Effect.void)
      if (performance.now() - begin > PATIENCE) return resume(Effect.die(new Error(`never came: ${what()}`)))
      timer = setTimeout(check, 2)
    }
    let timer: NodeJS.Timeout | undefined
    check()
    return Effect.sync(() => clearTimeout(timer))
  })

/** Who sleeps on the test's clock. */
export class Sleeps extends Context.Service<Sleeps, {
  /** Waits until somebody sleeps for so long, and yields how long it is. */
  readonly until: (isIt: (millis: number) => boolean) => Effect.Effect<number>
}>()("test/Sleeps") {}

/** Runs a test, after which no fiber may be left. */
export const leavesNothing = <A, E>(
  test: Effect.Effect<A, E, Scope.Scope | Sleeps>
): Effect.Effect<A, E> =>
  Effect.gen(function*() {
    const { alive, counting } = census()
    const sleeping = new Set<{ readonly millis: number }>()
    const clock = yield* Clock.Clock
    // A clock has private parts, and the one of a test is more than a clock.
    const watched: Clock.Clock = Object.assign(Object.create(clock) as Clock.Clock, {
      sleep: (duration: Duration.Duration) =>
        Effect.suspend(() => {
          const sleep = { millis: Duration.toMillis(duration) }
          sleeping.add(sleep)
          return Effect.ensuring(clock.sleep(duration), Effect.sync(() => sleeping.delete(sleep)))
        })
    })
    const sleeps = Sleeps.of({
      until: (isIt) =>
        Effect.suspend(() => {
          const all = () => Array.from(sleeping, ({ millis }) => millis)
          const found = () => all().find(isIt)
          return Effect.map(
            until(() => found() !== undefined, () => `a sleep; there are ${all().join(", ")}`),
            () => found() ?? Number.NaN
          )
        })
    })
    const result = yield* Effect.scoped(test).pipe(
      Effect.provideService(Sleeps, sleeps),
      Effect.provideService(Clock.Clock, watched),
      counting
    )
    yield* until(() => alive() === 0, () => `the end of ${alive()} fibers`)
    return result
  })

// ---------------------------------------------------------------------------
// The server
// ---------------------------------------------------------------------------

/** A request as it came. */
export interface Recorded {
  /** The method of the message; of one without, `response`; of a request without message, the method of HTTP. */
  readonly kind: string
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly message: JsonObject
}

/** A request that wants an answer. */
export interface Call extends Recorded {
  readonly id: number | string
  /** The name of the tool, if one is called. */
  readonly tool: string
  /** What answers this request with a result. */
  readonly result: (result: unknown) => JsonObject
  /** Sends a result as JSON. */
  readonly answer: (result: unknown, headers?: OutgoingHttpHeaders) => void
  /** Sends anything: a string as it is, and the rest as JSON. */
  readonly reply: (status: number, body?: unknown, headers?: OutgoingHttpHeaders) => void
  /** Begins an answer. */
  readonly begin: (headers: OutgoingHttpHeaders, status?: number) => Pick<Events, "cut" | "end" | "write">
  /** Sends a body byte by byte, each in a packet of its own. */
  readonly drip: (type: string, text: string) => void
  /** Begins a stream of events. */
  readonly stream: (headers?: OutgoingHttpHeaders) => Events
  /** Breaks the connection, when what was written has gone out. */
  readonly cut: () => void
  /** Whether the client has gone away, or the answer has gone out. */
  readonly isOver: () => boolean
}

export interface Fields {
  readonly id?: string
  readonly event?: string
  readonly retry?: number
}

export interface Events {
  readonly write: (chunk: string | Uint8Array) => void
  /** Sends an event with a message. */
  readonly send: (message: unknown, fields?: Fields) => void
  readonly end: () => void
  readonly cut: () => void
}

/** What answers requests, by their kind. */
export type Script = Readonly<Record<string, (call: Call) => void>>

export interface Server {
  readonly origin: string
  readonly url: string
  /** What came so far. */
  readonly requests: ReadonlyArray<Recorded>
  /** What came so far of a kind. */
  readonly of: (kind: string) => ReadonlyArray<Recorded>
  /** Waits until so many requests of a kind have come. */
  readonly received: (kind: string, count?: number) => Effect.Effect<void>
  readonly sockets: () => number
  /** Waits until there is no connection but such as could carry the next request. */
  readonly quiet: Effect.Effect<void>
  /** Ends the server with all connections, and lets the clients notice. */
  readonly stop: Effect.Effect<void>
  /** Listens again where it did. */
  readonly restart: Effect.Effect<void>
}

export const initializeResult = (protocolVersion = "2025-11-25"): JsonObject => ({
  protocolVersion,
  capabilities: { tools: {} },
  serverInfo: { name: "scripted", version: "1.0.0" }
})

/** How a server of 2026-07-28 says what it is. */
export const discoverResult = (rest?: JsonObject): JsonObject => ({
  resultType: "complete",
  supportedVersions: ["2026-07-28"],
  capabilities: { tools: {} },
  ttlMs: 0,
  cacheScope: "private",
  _meta: { "io.modelcontextprotocol/serverInfo": { name: "scripted", version: "1.0.0" } },
  ...rest
})

/** The answer to the call of a tool. */
export const text = (text: string): JsonObject => ({ content: [{ type: "text", text }] })

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** How an event looks on the wire. */
export const eventText = (data: string, { event, id, retry }: Fields = {}): string =>
  [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(event === undefined ? [] : [`event: ${event}`]),
    ...(retry === undefined ? [] : [`retry: ${retry}`]),
    `data: ${data}`,
    "\n"
  ].join("\n")

/** The event that says where a stream stands, and carries no message. */
export const priming = (id: string, retry?: number): string =>
  eventText("", { id, ...(retry === undefined ? {} : { retry }) })

/** Progress of a request that asked for it. */
export const progress = ({ message }: Recorded, progress: number): JsonObject => {
  const params = isJsonObject(message["params"]) ? message["params"] : {}
  const meta = isJsonObject(params["_meta"]) ? params["_meta"] : {}
  return {
    jsonrpc: "2.0",
    method: "notifications/progress",
    params: { progressToken: meta["progressToken"], progress }
  }
}

/** A server on this machine that opens sessions and echoes the names of tools, unless its script says otherwise. */
export const serve: (script?: Script) => Effect.Effect<Server, never, Scope.Scope> = Effect.fnUntraced(
  function*(script: Script = {}) {
    const requests: Array<Recorded> = []
    const sockets = new Set<Socket>()
    const busy = new Set<Socket>()
    let sessions = 0
    const usual: Script = {
      initialize: (call) => call.answer(initializeResult(), { "mcp-session-id": `session-${++sessions}` }),
      "tools/call": (call) => call.answer(text(call.tool)),
      "tools/list": (call) => call.answer({ tools: [{ name: "echo", inputSchema: { type: "object" } }] }),
      GET: (call) => call.reply(405),
      DELETE: (call) => call.reply(200)
    }
    const http = createServer((request, response) => {
      const { socket } = request
      busy.add(socket)
      response.on("close", () => busy.delete(socket))
      let body = ""
      request.setEncoding("utf8").on("data", (text: string) => body += text).on("end", () => {
        const call = callOf(request, response, body)
        requests.push(call)
        const handler = script[call.kind] ?? usual[call.kind]
        if (handler !== undefined) handler(call)
        else call.reply("id" in call.message && call.kind !== "response" ? 500 : 202)
      })
    })
    http.on("connection", (socket) => {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    const listen = (port: number) =>
      Effect.callback<void>((resume) => void http.listen(port, "127.0.0.1", () => resume(Effect.void)))
    const stop = Effect.callback<void>((resume) => {
      // The other ends of the connections are in this process, too, and learn of it in the next turns.
      http.close(() => setImmediate(() => setImmediate(() => resume(Effect.void))))
      http.closeAllConnections()
    })
    yield* Effect.acquireRelease(listen(0), () => stop)
    const { port } = http.address() as AddressInfo
    const origin = `http://127.0.0.1:${port}`
    const of = (kind: string) => requests.filter((request) => request.kind === kind)
    return {
      origin,
      url: `${origin}/mcp`,
      requests,
      of,
      received: (kind, count = 1) =>
        until(() => of(kind).length >= count, () => `${kind} ${count} times, instead of ${of(kind).length}`),
      sockets: () => sockets.size,
      quiet: until(() => {
        for (const socket of sockets) if (!busy.has(socket)) socket.destroy()
        return sockets.size === 0
      }, () => `the end of ${busy.size} requests`),
      stop,
      restart: listen(port)
    }
  }
)

const callOf = (request: IncomingMessage, response: ServerResponse, body: string): Call => {
  const parsed: unknown = body === "" ? {} : JSON.parse(body)
  const message = isJsonObject(parsed) ? parsed : {}
  const { id, method, params } = message
  const result = (result: unknown): JsonObject => ({ jsonrpc: "2.0", id, result })
  const cut = (): void => response.socket?.destroySoon()
  const reply: Call["reply"] = (status, body = "", headers = {}) => {
    const text = typeof body === "string" ? body : JSON.stringify(body)
    response.writeHead(status, {
      ...(text === "" ? {} : { "content-type": typeof body === "string" ? "text/plain" : "application/json" }),
      ...headers
    })
    response.end(text)
  }
  const begin: Call["begin"] = (headers, status = 200) => {
    response.writeHead(status, headers)
    response.flushHeaders()
    return { write: (chunk) => void response.write(chunk), end: () => void response.end(), cut }
  }
  return {
    kind: typeof method === "string" ? method : body === "" ? request.method ?? "" : "response",
    method: request.method ?? "",
    path: request.url ?? "",
    headers: request.headers,
    body,
    message,
    id: typeof id === "number" || typeof id === "string" ? id : -1,
    tool: isJsonObject(params) ? String(params["name"]) : "",
    result,
    answer: (value, headers) => reply(200, result(value), headers),
    reply,
    begin,
    drip: (type, text) => {
      const { end, write } = begin({ "content-type": type })
      const next = ([byte, ...rest]: ReadonlyArray<number>): void => {
        if (byte === undefined) return end()
        write(Uint8Array.of(byte))
        setImmediate(() => next(rest))
      }
      next(Array.from(bytesOf(text)))
    },
    stream: (headers) => {
      const events = begin({ "content-type": "text/event-stream", ...headers })
      return {
        ...events,
        send: (message, fields) => events.write(eventText(JSON.stringify(message), fields))
      }
    },
    cut,
    isOver: () => response.closed
  }
}

// ---------------------------------------------------------------------------
// Connecting
// ---------------------------------------------------------------------------

/** The HTTP clients that people use. */
export const httpClients: Readonly<Record<"fetch" | "pooled", Layer.Layer<HttpClient.HttpClient>>> = {
  pooled: NodeMcp.layer,
  fetch: FetchHttpClient.layer
}

export interface ConnectOptions extends Partial<HttpTransport.Options> {
  readonly over?: keyof typeof httpClients
  readonly make?: typeof HttpTransport.make
  readonly client?: McpClient.Options
}

/**
 * Makes a transport to a server. When the scope closes, no request may be left open: what is, fails the test, before the
 * HTTP client would end it.
 */
export const transportTo: (
  server: Server,
  options?: ConnectOptions
) => Effect.Effect<McpTransport.McpTransport, McpError.McpError, Scope.Scope> = Effect.fnUntraced(
  function*(server, { client: _, make = HttpTransport.make, over = "pooled", ...options } = {}) {
    const http = yield* Layer.build(httpClients[over])
    yield* Effect.addFinalizer(() => server.quiet)
    return yield* Effect.provide(make({ url: server.url, ...options }), http)
  }
)

/** Connects to a server. */
export const connect = (server: Server, options?: ConnectOptions) =>
  Effect.flatMap(transportTo(server, options), (transport) => clientOf(transport, options?.client))

/** Calls a tool and yields the text of its answer. */
export const callText = (client: McpClient.McpClient, tool: string, options?: McpClient.CallOptions) =>
  Effect.map(client.callTool(tool, {}, options), ({ content: [block] }) => {
    assert(block?.type === "text")
    return block.text
  })

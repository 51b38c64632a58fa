/** What the tests of handlers share. */
import * as McpClient from "@effect-mcp/client/McpClient"
import type * as McpError from "@effect-mcp/client/McpError"
import type * as McpHandlers from "@effect-mcp/client/McpHandlers"
import * as McpProtocol from "@effect-mcp/client/McpProtocol"
import { isJsonObject, type JsonObject } from "@effect-mcp/client/McpSchema"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"

/** What a server is told when it asks. */
export type Answer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } }

export const internalError: Answer = { error: { code: -32603, message: "Internal error" } }

/** A client, and a server that asks it while it carries out a call: by default one of the legacy era. */
export const asking = Effect.fnUntraced(function*<R = never>(
  handlers: McpHandlers.Handlers<R>,
  options?: Omit<McpClient.Options<R>, "handlers">,
  server?: MockTransport.Options
) {
  const mock = yield* MockTransport.make({
    ...(options?.protocol === "modern" ? { protocolVersions: McpProtocol.modernVersions } : {}),
    ...server,
    tools: {
      ask: ({ method, params }, { input }) =>
        // What a server asks may be anything.
        input({ question: { method: String(method), params: params as JsonObject } }).pipe(
          Effect.map(({ question }) => question),
          told,
          Effect.map((answer) => ({ structuredContent: answer }))
        ),
      ...server?.tools
    }
  })
  const client = yield* Effect.provideService(
    McpClient.make({ protocol: "legacy", ...options, handlers }),
    McpTransport.McpTransport,
    mock.transport
  )
  return {
    client,
    mock,
    /** The server asks without a call. */
    question: (method: string, params: unknown) => told(mock.request(method, params as JsonObject)),
    /** The server asks because of a call, which ends with what it was told. */
    ask: <R2 = never>(method: string, params?: JsonObject, options?: McpClient.CallOptions<R2>) =>
      Effect.map(
        client.callTool("ask", { method, params: params ?? {} }, options),
        ({ structuredContent }) => structuredContent
      ),
    /** The capabilities that the client declared. */
    capabilities: Effect.map(mock.messages, (messages) => {
      const params = messages.find(({ from }) => from === "client")?.message["params"]
      if (!isJsonObject(params)) return undefined
      const { _meta: meta, capabilities } = params
      return isJsonObject(meta) ? meta["io.modelcontextprotocol/clientCapabilities"] : capabilities
    })
  }
})

const told = (asked: Effect.Effect<unknown, McpError.JsonRpcError>): Effect.Effect<Answer> =>
  asked.pipe(
    Effect.map((result) => ({ result })),
    Effect.catch(({ code, data, description }) =>
      Effect.succeed({ error: { code, message: description, ...(data === undefined ? {} : { data }) } })
    )
  )

/** What is logged by an effect, and all that it starts. */
export const logging = () => {
  const log: Array<{
    readonly level: string
    readonly message: unknown
    readonly annotations: Readonly<Record<string, unknown>>
    /** As it is printed. */
    readonly cause: string
  }> = []
  const logger = Logger.make<unknown, void>((entry) => {
    const { annotations, level, message } = Logger.formatStructured.log(entry)
    log.push({ level, message, annotations, cause: Cause.pretty(entry.cause) })
  })
  return { log, logged: Effect.provideService(Logger.CurrentLoggers, new Set([logger])) }
}

export const sampling = "sampling/createMessage"
export const elicitation = "elicitation/create"

/** What a server asks a language model. */
export const message = (text: string, params?: JsonObject): JsonObject => ({
  messages: [{ role: "user", content: { type: "text", text } }],
  maxTokens: 100,
  ...params
})

/** What a server asks the user. */
export const form = (properties: JsonObject = {}, required: ReadonlyArray<string> = []): JsonObject => ({
  message: "Please",
  requestedSchema: { type: "object", properties, required }
})

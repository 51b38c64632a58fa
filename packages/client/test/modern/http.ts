/** What the tests with real HTTP servers of the era of 2026-07-28 share. */
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as http from "../http/support.ts"
import { SUBSCRIPTION_ID } from "./support.ts"

export { type Call, callText, leavesNothing, text, until } from "../http/support.ts"

/** A server that echoes the names of tools, and answers no method that its script does not name. */
export const serve = (script: http.Script = {}) =>
  http.serve({ "server/discover": (call) => call.answer(http.discoverResult()), ...script })

export const connect = (server: http.Server, options?: http.ConnectOptions) =>
  http.connect(server, { ...options, client: { protocol: "modern", ...options?.client } })

export const error = (code: number, data?: unknown): JsonObject => ({
  jsonrpc: "2.0",
  id: null,
  error: { code, message: "no", data }
})

/** What a server says first to those who listen. */
export const acknowledgement = ({ id, message: { params } }: http.Call): JsonObject => ({
  jsonrpc: "2.0",
  method: "notifications/subscriptions/acknowledged",
  params: {
    _meta: { [SUBSCRIPTION_ID]: id },
    notifications: (params as JsonObject)["notifications"]
  }
})

export const notification = (method: string, { id }: Pick<http.Call, "id">, params?: JsonObject): JsonObject => ({
  jsonrpc: "2.0",
  method,
  params: { ...params, _meta: { [SUBSCRIPTION_ID]: id } }
})

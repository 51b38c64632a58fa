/** What the tests of the era of 2026-07-28 share. */
import type * as McpClient from "@effect-mcp/client/McpClient"
import * as McpProtocol from "@effect-mcp/client/McpProtocol"
import { isJsonObject, type JsonObject } from "@effect-mcp/client/McpSchema"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import * as Effect from "effect/Effect"
import { clientOf, settled } from "../harness.ts"

export type Mock = MockTransport.MockTransport["Service"]

export const protocolVersions = McpProtocol.modernVersions

export const META = "io.modelcontextprotocol/"
export const SUBSCRIPTION_ID = `${META}subscriptionId`

/** What a client declares by itself. */
export const extensions = { "io.modelcontextprotocol/tasks": {} }

/** A client of a server on a pipe that speaks only this era. */
export const connect = Effect.fnUntraced(function*(server?: MockTransport.Options, options?: McpClient.Options) {
  const mock = yield* MockTransport.make({ protocolVersions, ...server })
  const client = yield* clientOf(mock.transport, { protocol: "modern", ...options })
  yield* settled
  return { client, mock }
})

export const objectOf = (value: unknown): JsonObject => isJsonObject(value) ? value : {}

export const metaOf = (message: JsonObject): JsonObject => objectOf(objectOf(message["params"])["_meta"])

/** The messages that a client sent so far, of a method if one is given. */
export const sent = (mock: Mock, method?: string) =>
  Effect.map(
    mock.messages,
    (messages) =>
      messages.flatMap(({ from, message }) =>
        from === "client" && (method === undefined || message["method"] === method) ? [message] : []
      )
  )

/** The parameters of what a client sent of a method, without what surrounds them. */
export const paramsOf = (mock: Mock, method: string) =>
  Effect.map(sent(mock, method), (messages) =>
    messages.map(({ params }) => {
      const { _meta, ...rest } = objectOf(params)
      return rest
    }))

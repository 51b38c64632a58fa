/** What a mock says as a server of the era in which each request stands for itself. */
import * as McpError from "@effect-mcp/client/McpError"
import * as McpProtocol from "@effect-mcp/client/McpProtocol"
import { isJsonObject, type JsonObject, type JsonRpcRequest, type RequestId } from "@effect-mcp/client/McpSchema"
import * as Effect from "effect/Effect"
import type { MethodHandler, Options } from "../MockTransport.ts"
import { answerTo as answerAsLegacy, capabilitiesOf, methodNotFound, serverInfoOf, versionsOf } from "./answers.ts"
import { EXTENSION, hasTasks } from "./tasks.ts"

const META = "io.modelcontextprotocol/"
const PROTOCOL_VERSION = `${META}protocolVersion`
const SUBSCRIPTION_ID = `${META}subscriptionId`

/** What the listens of a connection want to hear of, by their ids. */
export type Listens = Map<RequestId, JsonObject>

/** Whether a mock takes a request for one of this era. */
export const isModern = (options: Options, { params }: JsonRpcRequest): boolean => {
  const versions = versionsOf(options)
  return versions.some(McpProtocol.isModernVersion) &&
    (metaOf(params)[PROTOCOL_VERSION] !== undefined || !versions.some(McpProtocol.isLegacyVersion))
}

const metaOf = (params: JsonObject | undefined): JsonObject => isJsonObject(params?.["_meta"]) ? params["_meta"] : {}

/**
 * What is wrong with what surrounds a request.
 *
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/index#meta
 */
export const faultOf = (options: Options, { method, params }: JsonRpcRequest): McpError.JsonRpcError | undefined => {
  const supported = versionsOf(options)
  const meta = metaOf(params)
  const requested = method === "initialize" ? params?.["protocolVersion"] : meta[PROTOCOL_VERSION]
  if (typeof requested === "string" && (method === "initialize" || !supported.includes(requested))) {
    const description = "Unsupported protocol version"
    return new McpError.JsonRpcError({ code: -32022, description, data: { supported, requested } })
  }
  const missing = [PROTOCOL_VERSION, `${META}clientCapabilities`].find((key) => meta[key] === undefined)
  if (missing === undefined) return undefined
  return new McpError.JsonRpcError({ code: -32602, description: `Missing in _meta: ${missing}` })
}

/** What a mock answers to a method that its options do not answer themselves. */
export const answerTo = (
  options: Options,
  listens: Listens,
  send: (message: JsonObject) => Effect.Effect<void>,
  method: string
): MethodHandler => {
  switch (method) {
    case "server/discover":
      return () => Effect.succeed(complete(method, discoverResult(options)))
    case "subscriptions/listen":
      return listen(options, listens, send)
    case "initialize":
    case "ping":
    case "logging/setLevel":
    case "resources/subscribe":
    case "resources/unsubscribe":
      return methodNotFound(method)
    default: {
      const answer = answerAsLegacy(options, new Set(), method)
      return (params, request) =>
        answer(params, request).pipe(
          Effect.map((result) => complete(method, result)),
          Effect.mapError((error) => {
            const { code, data, description } = error
            return code === -32002 ? new McpError.JsonRpcError({ code: -32602, description, data }) : error
          })
        )
    }
  }
}

const discoverResult = (options: Options): JsonObject => ({
  supportedVersions: versionsOf(options),
  capabilities: capabilitiesOf(options, true),
  ...(options.instructions === undefined ? {} : { instructions: options.instructions }),
  _meta: { [`${META}serverInfo`]: serverInfoOf(options) }
})

/** https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching */
const cacheable = new Set([
  "server/discover",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/read"
])

const complete = (method: string, result: unknown): unknown =>
  isJsonObject(result)
    ? { resultType: "complete", ...(cacheable.has(method) ? { ttlMs: 0, cacheScope: "private" } : {}), ...result }
    : result

// -----------------------------------------------------------------------------
// Changes
// -----------------------------------------------------------------------------

/** Which part of a filter lets a notification pass. */
const filters = new Map([
  ["notifications/tools/list_changed", "toolsListChanged"],
  ["notifications/prompts/list_changed", "promptsListChanged"],
  ["notifications/resources/list_changed", "resourcesListChanged"],
  ["notifications/resources/updated", "resourceSubscriptions"]
])

/** Answers when the client does not want to listen any more, which is never. */
const listen =
  (options: Options, listens: Listens, send: (message: JsonObject) => Effect.Effect<void>): MethodHandler =>
  ({ notifications }, { message: { id } }) =>
    Effect.gen(function*() {
      const filter = honoured(options, isJsonObject(notifications) ? notifications : {})
      yield* Effect.acquireRelease(
        Effect.sync(() => listens.set(id, filter)),
        () => Effect.sync(() => listens.delete(id))
      )
      yield* send(notificationTo(id, "notifications/subscriptions/acknowledged", { notifications: filter }))
      return yield* Effect.never
    })

const honoured = (options: Options, wanted: JsonObject): JsonObject => {
  const capabilities = capabilitiesOf(options)
  const has = (capability: string, key: string) => {
    const settings = capabilities[capability]
    return isJsonObject(settings) && settings[key] === true
  }
  const offered: JsonObject = {
    toolsListChanged: has("tools", "listChanged"),
    promptsListChanged: has("prompts", "listChanged"),
    resourcesListChanged: has("resources", "listChanged"),
    resourceSubscriptions: has("resources", "subscribe"),
    taskIds: hasTasks(options)
  }
  return Object.fromEntries(Object.entries(wanted).filter(([key]) => offered[key] === true))
}

/** The URIs that a connection's listens want to hear of. */
export const subscribedBy = (listens: Listens): ReadonlySet<string> =>
  new Set(Array.from(listens.values()).flatMap(urisOf))

export const urisOf = ({ resourceSubscriptions: uris }: JsonObject): ReadonlyArray<string> =>
  Array.isArray(uris) ? uris.map(String) : []

/** What a notification looks like to those who listen for it; to all as it is if nobody can listen for such a one. */
export const notificationsOf = (listens: Listens, method: string, params?: JsonObject): ReadonlyArray<JsonObject> => {
  const key = filters.get(method)
  return key === undefined
    ? [{ jsonrpc: "2.0", method, params }]
    : Array.from(listens).flatMap(([id, filter]) => key in filter ? [notificationTo(id, method, params)] : [])
}

/** What those hear who listen for the changes of a task. */
export const notificationsAbout = (listens: Listens, taskId: string, params: JsonObject): ReadonlyArray<JsonObject> =>
  Array.from(listens).flatMap(([id, { taskIds }]) =>
    Array.isArray(taskIds) && taskIds.includes(taskId) ? [notificationTo(id, "notifications/tasks", params)] : []
  )

/** What a client says about tasks in a request, if it knows them. */
export const knowsTasks = ({ params }: JsonRpcRequest): JsonObject | undefined => {
  const capabilities = metaOf(params)[`${META}clientCapabilities`]
  const extensions = isJsonObject(capabilities) ? capabilities["extensions"] : undefined
  const settings = isJsonObject(extensions) ? extensions[EXTENSION] : undefined
  return isJsonObject(settings) ? settings : undefined
}

export const notificationTo = (id: RequestId, method: string, params: JsonObject = {}): JsonObject => ({
  jsonrpc: "2.0",
  method,
  params: { ...params, _meta: { ...metaOf(params), [SUBSCRIPTION_ID]: id } }
})

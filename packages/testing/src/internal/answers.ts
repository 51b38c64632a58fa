import * as McpError from "@effect-mcp/client/McpError"
import * as McpProtocol from "@effect-mcp/client/McpProtocol"
import { type Implementation, isJsonObject, type JsonObject } from "@effect-mcp/client/McpSchema"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import type * as Scope from "effect/Scope"
import type { MethodHandler, Options, Prompt, Request, Resource, Tool } from "../MockTransport.ts"
import { EXTENSION, hasTasks } from "./tasks.ts"

/** What a mock answers to a method that its options do not answer themselves. */
export const answerTo = (options: Options, subscribed: Set<string>, method: string): MethodHandler => {
  switch (method) {
    case "initialize":
      return (params) => Effect.succeed(initializeResult(options, params))
    case "ping":
    case "logging/setLevel":
      return () => Effect.succeed({})
    case "tools/list":
      return () => Effect.succeed({ tools: Object.entries(options.tools ?? {}).map(describeTool) })
    case "tools/call":
      return callTool(options)
    case "resources/list":
      return () => Effect.succeed({ resources: Object.entries(options.resources ?? {}).map(describe("uri")) })
    case "resources/templates/list":
      return () =>
        Effect.succeed({
          resourceTemplates: Object.entries(options.resourceTemplates ?? {}).map(describe("uriTemplate"))
        })
    case "resources/read":
      return readResource(options)
    case "resources/subscribe":
      return ({ uri }) => Effect.sync(() => (subscribed.add(String(uri)), {}))
    case "resources/unsubscribe":
      return ({ uri }) => Effect.sync(() => (subscribed.delete(String(uri)), {}))
    case "prompts/list":
      return () => Effect.succeed({ prompts: Object.entries(options.prompts ?? {}).map(describe("name")) })
    case "prompts/get":
      return getPrompt(options)
    case "completion/complete":
      return options.completions === undefined ? methodNotFound(method) : complete(options.completions)
    default:
      return methodNotFound(method)
  }
}

const refuse = (code: number, description: string, data?: unknown): Effect.Effect<never, McpError.JsonRpcError> =>
  Effect.fail(new McpError.JsonRpcError({ code, description, data }))

export const methodNotFound = (method: string): MethodHandler => () => refuse(-32601, `Method not found: ${method}`)

const initializeResult = (options: Options, params: JsonObject): JsonObject => {
  const versions = versionsOf(options).filter((version) => !McpProtocol.isModernVersion(version))
  return {
    protocolVersion: versions.find((version) => version === params["protocolVersion"]) ?? versions[0],
    capabilities: capabilitiesOf(options),
    serverInfo: serverInfoOf(options),
    ...(options.instructions === undefined ? {} : { instructions: options.instructions })
  }
}

export const versionsOf = ({ protocolVersions = McpProtocol.legacyVersions }: Options): ReadonlyArray<string> =>
  protocolVersions

export const serverInfoOf = ({ serverInfo = { name: "mock", version: "1.0.0" } }: Options): Implementation => serverInfo

export const capabilitiesOf = (
  options: Options,
  isModern = false
): JsonObject => {
  const { capabilities, completions, prompts, resourceTemplates, resources, tools } = options
  return capabilities ?? {
    ...(tools === undefined ? {} : { tools: { listChanged: true } }),
    ...(resources === undefined && resourceTemplates === undefined
      ? {}
      : { resources: { listChanged: true, subscribe: true } }),
    ...(prompts === undefined ? {} : { prompts: { listChanged: true } }),
    ...(completions === undefined ? {} : { completions: {} }),
    ...(!hasTasks(options)
      ? {}
      : isModern
      ? { extensions: { [EXTENSION]: {} } }
      : { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } })
  }
}

const own = <A>(record: Readonly<Record<string, A>> | undefined, key: string): A | undefined =>
  record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined

const argumentsOf = (params: JsonObject): JsonObject => isJsonObject(params["arguments"]) ? params["arguments"] : {}

const describeTool = ([name, tool]: [string, Tool]): JsonObject => {
  if (typeof tool === "function") return { name, inputSchema: { type: "object" } }
  const { handler: _, inputSchema = { type: "object" }, ...description } = tool
  return { name, inputSchema, ...description }
}

const describe = (key: string) => ([id, thing]: [string, Resource | Prompt]): JsonObject => {
  if (typeof thing === "function") return { [key]: id, name: id }
  const { handler: _, ...description } = thing
  return { [key]: id, name: id, ...description }
}

export const callTool =
  (options: Options) =>
  (params: JsonObject, request: Request): Effect.Effect<JsonObject, McpError.JsonRpcError, Scope.Scope> => {
    const name = String(params["name"])
    const tool = own(options.tools, name)
    if (tool === undefined) return refuse(-32602, `Unknown tool: ${name}`)
    const handler = typeof tool === "function" ? tool : tool.handler
    return Effect.map(handler(argumentsOf(params), request), (result) => ({ content: [], ...result }))
  }

const readResource = (options: Options): MethodHandler => (params, request) => {
  const uri = String(params["uri"])
  const resource = own(options.resources, uri) ??
    Object.entries(options.resourceTemplates ?? {}).find(([template]) => fits(template, uri))?.[1]
  if (resource === undefined) return refuse(-32002, "Resource not found", { uri })
  const { handler, mimeType } = typeof resource === "function"
    ? { handler: resource, mimeType: undefined }
    : resource
  const content = mimeType === undefined ? { uri } : { uri, mimeType }
  return Effect.map(handler(uri, request), (answer) =>
    typeof answer === "string"
      ? { contents: [{ ...content, text: answer }] }
      : answer instanceof Uint8Array
      ? { contents: [{ ...content, blob: Base64.encode(answer) }] }
      : answer)
}

/** For a mock, a variable stands for anything. */
const fits = (template: string, uri: string): boolean => {
  const literals = template.split(/\{[^}]*\}/).map((literal) => literal.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
  return new RegExp(`^${literals.join(".*")}$`, "s").test(uri)
}

const getPrompt = (options: Options): MethodHandler => (params, request) => {
  const name = String(params["name"])
  const prompt = own(options.prompts, name)
  if (prompt === undefined) return refuse(-32602, `Unknown prompt: ${name}`)
  const handler = typeof prompt === "function" ? prompt : prompt.handler
  return Effect.map(handler(argumentsOf(params), request), (answer) =>
    typeof answer === "string"
      ? { messages: [{ role: "user", content: { type: "text", text: answer } }] }
      : answer)
}

const complete = (completions: NonNullable<Options["completions"]>): MethodHandler => (params, request) =>
  Effect.map(completions(params, request), (values) => ({ completion: { values } }))

import type { McpExtension } from "../../McpExtension.ts"
import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import type { Diagnostic } from "../../McpTransport.ts"
import { headerValue } from "../transport/headerValue.ts"
import * as ParamHeaders from "./paramHeaders.ts"

type Headers = Readonly<Record<string, string>>

/** The parameter by which those between client and server tell requests of a method apart. */
const NAMES: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId"
}

/** https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#standard-request-headers */
export const headersOf = (
  version: string,
  method: string,
  params: JsonObject,
  rules: ReadonlyArray<ParamHeaders.ParamHeader>,
  extensions: ReadonlyArray<McpExtension>
): Headers => {
  const key = NAMES[method] ?? extensions.find(({ names = {} }) => Object.hasOwn(names, method))?.names?.[method]
  const name = key === undefined ? undefined : params[key]
  return {
    ...(method === "tools/call" && rules.length > 0 ? ParamHeaders.write(rules, params["arguments"]) : {}),
    ...(typeof name === "string" ? { "mcp-name": headerValue(name) } : {}),
    "mcp-protocol-version": version,
    "mcp-method": method
  }
}

/** Which arguments of which tools go out as headers, as the server last listed them. */
export interface ToolHeaders {
  readonly of: (tool: unknown) => ReadonlyArray<ParamHeaders.ParamHeader>
  /** Remembers the tools of a page, and leaves out those that can not be called. */
  readonly keep: (listed: unknown) => unknown
}

export const makeToolHeaders = (onDiagnostic: (diagnostic: Diagnostic) => void): ToolHeaders => {
  const known = new Map<unknown, ReadonlyArray<ParamHeaders.ParamHeader>>()
  return {
    of: (tool) => known.get(tool) ?? [],
    keep(listed) {
      if (!isJsonObject(listed) || !Array.isArray(listed["tools"])) return listed
      const tools = listed["tools"].filter((tool: unknown) => {
        if (!isJsonObject(tool)) return true
        const headers = ParamHeaders.read(tool["inputSchema"])
        if ("fault" in headers) {
          known.delete(tool["name"])
          const name = typeof tool["name"] === "string" ? tool["name"] : JSON.stringify(tool["name"])
          onDiagnostic({ _tag: "InvalidTool", name: name ?? "", description: headers.fault })
          return false
        }
        known.set(tool["name"], headers)
        return true
      })
      return { ...listed, tools }
    }
  }
}

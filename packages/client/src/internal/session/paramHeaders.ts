import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import { headerValue } from "../transport/headerValue.ts"

/**
 * Arguments of tools that also go out as headers, so that what stands between client and server can see them.
 *
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#custom-headers-from-tool-parameters
 */
export interface ParamHeader {
  readonly header: string
  /** The property of the arguments. */
  readonly path: ReadonlyArray<string>
}

const KEY = "x-mcp-header"

/** https://www.rfc-editor.org/rfc/rfc9110#name-tokens */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** How deep a schema is searched. What is deeper has no headers. */
const MAX_DEPTH = 64

/** The headers that a tool's input schema asks for, or what is wrong with them. */
export const read = (inputSchema: unknown): ReadonlyArray<ParamHeader> | { readonly fault: string } => {
  const headers: Array<ParamHeader> = []
  const names = new Set<string>()
  let fault: string | undefined

  const visit = (schema: unknown, path: ReadonlyArray<string> | undefined, depth: number): void => {
    if (fault !== undefined || typeof schema !== "object" || schema === null || depth > MAX_DEPTH) return
    if (Array.isArray(schema)) return schema.forEach((one) => visit(one, undefined, depth + 1))
    if (!isJsonObject(schema)) return
    if (path !== undefined && path.length > 0 || path === undefined) fault = annotate(schema, path)
    for (const [key, value] of Object.entries(schema)) {
      // Only properties lead from the whole of the arguments to one of them.
      if (key === "properties" && isJsonObject(value)) {
        for (const [name, property] of Object.entries(value)) {
          visit(property, path === undefined ? undefined : [...path, name], depth + 1)
        }
      } else if (key !== KEY && !isData.has(key)) visit(value, undefined, depth + 1)
    }
  }

  const annotate = (schema: JsonObject, path: ReadonlyArray<string> | undefined): string | undefined => {
    if (!Object.hasOwn(schema, KEY)) return undefined
    const name = schema[KEY]
    if (typeof name !== "string" || !token.test(name)) return `${KEY} ${JSON.stringify(name)} is no name of a header`
    if (path === undefined) return `${KEY} "${name}" is not at a property of the arguments`
    if (names.has(name.toLowerCase())) return `${KEY} "${name}" comes twice`
    const { type } = schema
    if (type !== "string" && type !== "integer" && type !== "boolean") {
      return `${KEY} "${name}" is at a property of type ${JSON.stringify(type)}`
    }
    names.add(name.toLowerCase())
    headers.push({ header: `mcp-param-${name.toLowerCase()}`, path })
    return undefined
  }

  if (isJsonObject(inputSchema) && Object.hasOwn(inputSchema, KEY)) fault = `${KEY} is at the arguments as a whole`
  visit(inputSchema, [], 0)
  return fault === undefined ? headers : { fault }
}

/** Keywords that hold values, not schemas. */
const isData = new Set(["const", "default", "enum", "examples"])

/** The headers of a call with these arguments. */
export const write = (rules: ReadonlyArray<ParamHeader>, args: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(rules.flatMap(({ header, path }) => {
    const value = path.reduce<unknown>(
      (value, key) => isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined,
      args
    )
    return typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value)
      ? [[header, headerValue(String(value))]]
      : []
  }))

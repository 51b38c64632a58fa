/** Tells whether a message of a client is what the protocol allows, by its own JSON Schemas. */
import { isJsonObject, type JsonObject } from "@effect-mcp/client/McpSchema"
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/server/validators/ajv"
import { readFileSync } from "node:fs"
import { join } from "node:path"

type Validate = (value: unknown) => string | undefined

/** The definitions of a revision, each of which is compiled when it is first needed. */
const revision = (version: string) => {
  const schema = JSON.parse(readFileSync(join(import.meta.dirname, `${version}.json`), "utf8"))
  const key = "$defs" in schema ? "$defs" : "definitions"
  const definitions: Readonly<Record<string, JsonObject>> = schema[key]
  const compiled = new Map<string, Validate>()

  const definition = (name: string): Validate => {
    const known = compiled.get(name)
    if (known !== undefined) return known
    const validate = new AjvJsonSchemaValidator().getValidator({ ...schema, $ref: `#/${key}/${name}` })
    const validator: Validate = (value) => {
      const { errorMessage, valid } = validate(value)
      return valid ? undefined : `${name}: ${errorMessage}`
    }
    compiled.set(name, validator)
    return validator
  }

  /** The definition of a method, among those of a choice. */
  const ofMethod = (choice: string, method: unknown): string | undefined => {
    const { anyOf = [definitions[choice]] } = definitions[choice] as { readonly anyOf?: ReadonlyArray<JsonObject> }
    const names = anyOf.map((one) => typeof one?.["$ref"] === "string" ? one["$ref"].split("/").at(-1) ?? "" : choice)
    return names.find((name) => {
      const properties = definitions[name]?.["properties"]
      const { method: own } = isJsonObject(properties) ? properties : {}
      return isJsonObject(own) && own["const"] === method
    })
  }

  return { definition, ofMethod, has: (name: string) => name in definitions }
}

const revisions = new Map<string, ReturnType<typeof revision>>()

/** Stands for any method whose request wants to run as a task. */
export const AS_TASK = "as a task"

const results: Readonly<Record<string, string>> = {
  "roots/list": "ListRootsResult",
  "sampling/createMessage": "CreateMessageResult",
  "elicitation/create": "ElicitResult",
  "tasks/get": "GetTaskResult",
  "tasks/result": "GetTaskPayloadResult",
  "tasks/list": "ListTasksResult",
  "tasks/cancel": "CancelTaskResult",
  [AS_TASK]: "CreateTaskResult"
}

/**
 * What is wrong with a message of a client, if anything is. Of an answer, `asked` is the method that it answers. Methods
 * that the revision does not know are wrong, unless they are named in `known`.
 */
export const faultOf = (
  version: string,
  message: JsonObject,
  { asked = "", known = [] }: { readonly asked?: string; readonly known?: ReadonlyArray<string> } = {}
): string | undefined => {
  const { definition, has, ofMethod } = revisions.get(version) ?? revision(version)
  const { id, method } = message
  if (typeof method === "string") {
    const isRequest = id !== undefined
    const name = ofMethod(isRequest ? "ClientRequest" : "ClientNotification", method)
    if (name === undefined && !known.includes(method)) return `${version} has no ${method} that a client may send`
    return definition(isRequest ? "JSONRPCRequest" : "JSONRPCNotification")(message) ??
      (name === undefined ? undefined : definition(name)(message))
  }
  // Since each request stands for itself, a client answers nothing.
  if (!has("InitializeRequest")) return `${version} has no answers of clients`
  if ("error" in message) return definition(has("JSONRPCError") ? "JSONRPCError" : "JSONRPCErrorResponse")(message)
  const result = results[asked]
  return definition(has("JSONRPCResultResponse") ? "JSONRPCResultResponse" : "JSONRPCResponse")(message) ??
    (result === undefined ? undefined : definition(result)(message["result"]))
}

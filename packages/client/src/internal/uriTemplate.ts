import * as Effect from "effect/Effect"
import { parseTemplate } from "url-template"
import * as McpError from "../McpError.ts"
import { isJsonObject, type JsonObject } from "../McpSchema.ts"
import { toValidationError } from "./validation.ts"

/** The grammar of https://www.rfc-editor.org/rfc/rfc6570#section-2: the library takes anything. */
const WELL_FORMED = (() => {
  const character = "(?:\\w|%[0-9A-Fa-f]{2})"
  const variable = `${character}+(?:\\.${character}+)*(?::[1-9]\\d{0,3}|\\*)?`
  return new RegExp(`^(?:[^{}]|\\{[+#./;?&]?${variable}(?:,${variable})*\\})*$`)
})()

/** Puts values into a URI template. Lists and maps are spread as the template says. */
export const expand = (template: string, values: JsonObject): Effect.Effect<string, McpError.McpError> =>
  Effect.suspend(() => {
    if (!WELL_FORMED.test(template)) {
      const description = `${template} is no URI template, see RFC 6570`
      return Effect.fail(McpError.make(new McpError.ConfigurationError({ description })))
    }
    try {
      // Without a prototype: a variable may be called `constructor`.
      const variables = Object.assign(Object.create(null), toVariables(values))
      return Effect.succeed(parseTemplate(template).expand(variables))
    } catch (cause) {
      const message = `can not be written in a URI: ${String(cause)}`
      return Effect.fail(
        toValidationError("input", { kind: "resource", name: template }, values, [{ path: [], message }])
      )
    }
  })

type Variable = string | Array<string> | Record<string, string>

const toVariables = (values: JsonObject): Record<string, Variable> =>
  mapValues(
    values,
    (value) => Array.isArray(value) ? value.map(toText) : isJsonObject(value) ? mapValues(value, toText) : toText(value)
  )

const toText = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value)

/** What is `null` is not there. */
const mapValues = <A>(values: JsonObject, f: (value: unknown) => A): Record<string, A> =>
  Object.fromEntries(Object.entries(values).flatMap(([key, value]) => value === null ? [] : [[key, f(value)]]))

import * as SchemaIssue from "effect/SchemaIssue"
import * as McpError from "../McpError.ts"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** Says where a value does not fit its schema, and what stands there. */
export const toValidationError = (
  side: "input" | "output",
  kind: McpError.ValidationError["kind"],
  name: string,
  value: unknown,
  issue: SchemaIssue.Issue
): McpError.McpError => {
  const issues = format(issue).issues.map(({ message, path = [] }) => ({
    message,
    path: path.map((segment) => {
      const key = typeof segment === "object" ? segment.key : segment
      return typeof key === "number" ? key : String(key)
    })
  }))
  const path = issues[0]?.path ?? []
  return McpError.make(new McpError.ValidationError({ side, kind, name, path, value: valueAt(value, path), issues }))
}

const valueAt = (value: unknown, path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>(
    (inner, key) => typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined,
    value
  )

import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as McpError from "../McpError.ts"

type Path = ReadonlyArray<string | number>

interface PathIssue {
  readonly path: Path
  readonly message: string
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** What a value belongs to. */
export interface Subject {
  readonly kind: McpError.ValidationError["kind"]
  readonly name: string
}

/** Says where a value does not fit its schema, and what stands there. */
export const toValidationError = (
  side: "input" | "output",
  { kind, name }: Subject,
  value: unknown,
  issues: ReadonlyArray<PathIssue>
): McpError.McpError => {
  const path = issues[0]?.path ?? []
  return McpError.make(new McpError.ValidationError({ side, kind, name, path, value: valueAt(value, path), issues }))
}

export const issuesOf = (issue: SchemaIssue.Issue): ReadonlyArray<PathIssue> =>
  format(issue).issues.map(({ message, path = [] }) => ({
    message,
    path: path.map((segment) => {
      const key = typeof segment === "object" ? segment.key : segment
      return typeof key === "number" ? key : String(key)
    })
  }))

/**
 * The issues of a value that was decoded from JSON, in the words of the schema that the user wrote: the JSON form of a
 * number, for one, also allows for the words that stand for infinity.
 */
export const jsonIssuesOf = (
  issue: SchemaIssue.Issue,
  schema: Schema.Constraint,
  value: unknown
): ReadonlyArray<PathIssue> => {
  const plain = Schema.decodeUnknownEffect(schema, { errors: "all" })(value)
  // A schema that needs services, or time, says nothing here.
  const [reason] = Exit.isExit(plain) && Exit.isFailure(plain) ? plain.cause.reasons : []
  const plainIssues = reason?._tag === "Fail" && Schema.isSchemaError(reason.error) ? issuesOf(reason.error.issue) : []
  return issuesOf(issue).map((jsonIssue) =>
    plainIssues.find(({ path }) => path.join("\0") === jsonIssue.path.join("\0")) ?? jsonIssue
  )
}

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (inner, key) => typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined,
    value
  )

import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"

/** A value with fields that its schema does not name. */
export type Open<A> = A & { readonly [key: string]: unknown }

export const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * Every message is checked, so a value that fits must cost little: plain functions say yes. Only what they turn down is
 * looked at again: many servers write `null` for a field that they leave out, which `repair` leaves out, too; and if
 * that was not it, the schema says what is wrong.
 */
export interface Check {
  readonly fits: (value: unknown) => boolean
  readonly repair: (value: unknown) => unknown
}

export const checkBy = (fits: Check["fits"], repair: Check["repair"] = identity): Check => ({ fits, repair })

/** By the parser of a declaration, which stays the same when a field makes the declaration optional. */
const checks = new WeakMap<object, Check>()

export const checkOf = (ast: SchemaAST.AST): Check => {
  if (ast.checks === undefined) {
    switch (ast._tag) {
      case "String":
        return checkBy((value) => typeof value === "string")
      case "Boolean":
        return checkBy((value) => typeof value === "boolean")
      case "Number":
        return checkBy((value) => typeof value === "number")
      case "Unknown":
        return checkBy(() => true)
      case "Literal":
        return checkBy((value) => value === ast.literal)
      case "Arrays": {
        const [item] = ast.rest
        if (item === undefined || ast.elements.length > 0) break
        const { fits, repair } = checkOf(item)
        return checkBy(
          (value) => Array.isArray(value) && value.every(fits),
          (value) => Array.isArray(value) ? value.map(repair) : value
        )
      }
      case "Declaration": {
        const check = checks.get(ast.run)
        if (check !== undefined) return check
      }
    }
  }
  return checkBy(Schema.is(Schema.make(ast)))
}

/** Checks a value and hands back that very value, where a plain struct would build a new one of the fields it names. */
export const keep = <A>(
  check: Check,
  explain: (value: unknown) => Exit.Exit<unknown, SchemaIssue.Issue> | undefined,
  expected: string
): Schema.Codec<A> => {
  const schema = Schema.declareConstructor<A>()([], () => (value, ast, options) => {
    // The casts follow from the check: `A` is what it checks.
    if (check.fits(value)) return Exit.succeed(value as A)
    const repaired = check.repair(value)
    if (check.fits(repaired)) return Exit.succeed(repaired as A)
    const exit = explain(repaired)
    return exit === undefined || Exit.isSuccess(exit)
      ? Exit.fail(new SchemaIssue.InvalidType(ast, value, options))
      : Exit.failCause(exit.cause)
  }, { expected })
  checks.set(schema.ast.run, check)
  return schema
}

/** Schema of an object with these fields, and any others. */
export const open = <const Fields extends Schema.Struct.Fields>(
  fields: Fields & { readonly [K in keyof Fields]: Schema.Codec<unknown> }
): Schema.Codec<Open<Schema.Struct<Fields>["Type"]>> => {
  const all = Object.entries<Schema.Constraint>(fields).map(([key, { ast }]) => ({
    key,
    optional: SchemaAST.isOptional(ast),
    ...checkOf(ast)
  }))
  const fits: Check["fits"] = (value) => {
    if (!isObject(value)) return false
    for (const { fits, key, optional } of all) {
      const field = value[key]
      if (!(field === undefined && optional && !(key in value)) && !fits(field)) return false
    }
    return true
  }
  const repair: Check["repair"] = (value) => {
    if (!isObject(value)) return value
    const repaired: Record<string, unknown> = { ...value }
    for (const { fits, key, optional, repair } of all) {
      if (!(key in value) || fits(value[key])) continue
      if (optional && value[key] === null) delete repaired[key]
      else repaired[key] = repair(value[key])
    }
    return repaired
  }
  return keep(checkBy(fits, repair), SchemaParser.decodeUnknownExit(Schema.Struct(fields)), "object")
}

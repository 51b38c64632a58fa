import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as McpError from "../../McpError.ts"
import type { Root, Roots } from "../../McpHandlers.ts"
import type { JsonObject } from "../../McpSchema.ts"

type List = ReadonlyArray<Root>

/** https://modelcontextprotocol.io/specification/2025-11-25/client/roots */
export const listRoots = <R>(roots: Roots<R>): Effect.Effect<JsonObject, unknown, R> =>
  Effect.flatMap(current(roots), (list) => Effect.map(check(list), () => ({ roots: list.map(toWire) })))

const current = <R>(roots: Roots<R>): Effect.Effect<List, unknown, R> => {
  if (isReference(roots)) return SubscriptionRef.get(roots)
  return Effect.isEffect(roots) ? roots : Effect.succeed(roots)
}

/** Of what may be given as roots, only lists of roots are referred to. */
export const isReference = <R>(roots: Roots<R>): roots is SubscriptionRef.SubscriptionRef<List> =>
  SubscriptionRef.isSubscriptionRef(roots)

/** Only files can be roots. A list that is written down is checked when it is declared. */
export const checkDeclared = <R>(roots: Roots<R>): Effect.Effect<void, McpError.McpError> =>
  isReference(roots) || Effect.isEffect(roots) ? Effect.void : check(roots)

const check = (roots: List): Effect.Effect<void, McpError.McpError> => {
  const bad = roots.find(({ uri }) => !URL.canParse(String(uri)) || new URL(uri).protocol !== "file:")
  if (bad === undefined) return Effect.void
  const description = `A root is a file: URI, not ${JSON.stringify(String(bad.uri))}`
  return Effect.fail(McpError.make(new McpError.ConfigurationError({ description })))
}

const toWire = ({ name, uri }: Root): JsonObject => ({
  uri: String(uri),
  ...(name === undefined ? {} : { name })
})

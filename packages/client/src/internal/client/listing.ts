import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as McpError from "../../McpError.ts"
import type { Deadline } from "../../McpTransport.ts"

export interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly nextCursor: string | undefined
}

/**
 * All pages of a list, as they come. A cursor is opaque: only its absence ends the list, and one that comes again would
 * never end it.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/pagination
 */
export const pages = <A, E, R>(options: {
  readonly fetch: (cursor: string | undefined) => Effect.Effect<Page<A>, E, R>
  readonly maxPages: number
  readonly maxItems: number
}): Stream.Stream<ReadonlyArray<A>, E | McpError.McpError, R> =>
  Stream.suspend(() => {
    const seen = new Set<string>()
    let pageCount = 0
    let itemCount = 0
    return Stream.paginate(undefined as string | undefined, (cursor) =>
      Effect.flatMap(options.fetch(cursor), ({ items, nextCursor }) => {
        pageCount++
        itemCount += items.length
        const reason = itemCount > options.maxItems
          ? new McpError.LimitError({ what: "items of a list", limit: options.maxItems, hint: "Raise `maxItems`." })
          : nextCursor !== undefined && pageCount >= options.maxPages
          ? new McpError.LimitError({ what: "pages of a list", limit: options.maxPages, hint: "Raise `maxPages`." })
          : nextCursor !== undefined && seen.has(nextCursor)
          ? new McpError.ProtocolError({
            description: `The list goes round in circles: its cursor ${JSON.stringify(nextCursor)} came before`,
            payload: nextCursor
          })
          : undefined
        if (reason !== undefined) {
          return Effect.fail(McpError.make(reason))
        }
        if (nextCursor !== undefined) {
          seen.add(nextCursor)
        }
        return Effect.succeed([[items], Option.fromUndefinedOr(nextCursor)] as const)
      }))
  })

/** All items of a list at once, within the deadline. */
export const all = <A, R>(
  pages: Stream.Stream<ReadonlyArray<A>, McpError.McpError, R>,
  deadline: Deadline
): Effect.Effect<ReadonlyArray<A>, McpError.McpError, R> =>
  Effect.map(Stream.runCollect(pages), (items) => items.flat()).pipe(Effect.timeoutOrElse({
    duration: deadline.idleMillis,
    orElse: () =>
      Effect.fail(McpError.make(
        new McpError.TimeoutError({ budget: deadline.budget, millis: deadline.idleMillis })
      ))
  }))

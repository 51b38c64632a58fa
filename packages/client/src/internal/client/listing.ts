import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { ListOptions, PageOptions } from "../../McpClient.ts"
import * as McpError from "../../McpError.ts"
import { within } from "../jsonrpc/within.ts"
import { always, locate, type Operations } from "./operations.ts"

interface Cursor {
  readonly nextCursor?: string
}

/** A kind of things that a server lists. */
export interface Kind<A, Result extends Cursor> {
  readonly method: string
  /** Without it, there are none. */
  readonly capability: "tools" | "resources" | "prompts"
  readonly read: (answer: unknown) => Exit.Exit<Result, McpError.McpError>
  readonly itemsOf: (result: Result) => ReadonlyArray<unknown>
  readonly decode: (item: unknown) => Exit.Exit<A, Schema.SchemaError>
  readonly empty: Result
}

export interface List<A, Result> {
  /** One page as the protocol has it. */
  readonly page: (cursor?: string, options?: PageOptions) => Effect.Effect<Result, McpError.McpError>
  readonly pages: (options?: ListOptions) => Stream.Stream<ReadonlyArray<A>, McpError.McpError>
  readonly all: (options?: ListOptions) => Effect.Effect<ReadonlyArray<A>, McpError.McpError>
}

export interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly nextCursor: string | undefined
}

/** A kind of things, and who asks for them. */
interface Source<A, Result extends Cursor> {
  readonly operations: Operations
  readonly kind: Kind<A, Result>
  readonly onPage?: ((cursor: string | undefined, items: ReadonlyArray<A>) => void) | undefined
}

export const make = <A, Result extends Cursor>(source: Source<A, Result>): List<A, Result> => ({
  page: (cursor, options) => fetchPage(source, cursor, options),
  pages: (options) => fetchPages(source, options),
  all: (options) => fetchAll(source, options)
})

const fetchPage = <A, Result extends Cursor>(
  { kind: { capability, empty, method, read }, operations: { request, timeouts } }: Source<A, Result>,
  cursor: string | undefined,
  options: PageOptions = {}
): Effect.Effect<Result, McpError.McpError> =>
  request({
    method,
    params: cursor === undefined ? undefined : { cursor },
    deadline: timeouts.list(options),
    options,
    cache: options.cache ?? "use",
    repeatable: always,
    without: ({ capabilities }) => capabilities[capability] === undefined ? Exit.succeed(empty) : undefined,
    read
  })

/** A walk through the pages of a list, and how far it has come. */
interface Walk<A> {
  readonly pages: Stream.Stream<ReadonlyArray<A>, McpError.McpError>
  readonly length: () => number
}

const walk = <A, Result extends Cursor>(source: Source<A, Result>, options: ListOptions): Walk<A> => {
  const { kind, onPage, operations } = source
  let length = 0
  const fetch = (cursor: string | undefined) =>
    Effect.map(fetchPage(source, cursor, options), (result) => {
      const items = decodeItems(source, result)
      onPage?.(cursor, items)
      length++
      return { items, nextCursor: result.nextCursor }
    })
  const { maxItems = 10_000, maxPages = 250 } = options
  const pages = Stream.mapError(
    paged({ fetch, maxPages, maxItems }),
    (error) => McpError.at(error, operations.server, kind.method)
  )
  return { pages, length: () => length }
}

/**
 * Whether a walk goes on from a page that was kept with a cursor that the server does not know any more. Then another
 * begins.
 */
const isStranded = <A, Result extends Cursor>(
  { operations }: Source<A, Result>,
  { cache = "use" }: ListOptions,
  { length }: Walk<A>
) =>
(error: McpError.McpError): boolean =>
  operations.cache !== undefined && cache === "use" && length() > 0 && isInvalidCursor(error)

const fetchPages = <A, Result extends Cursor>(
  source: Source<A, Result>,
  options: ListOptions = {}
): Stream.Stream<ReadonlyArray<A>, McpError.McpError> =>
  Stream.suspend(() => {
    const first = walk(source, options)
    return Stream.catchIf(
      first.pages,
      isStranded(source, options, first),
      // What was yielded can not be taken back.
      () => Stream.drop(walk(source, { ...options, cache: "refresh" }).pages, first.length())
    )
  })

const fetchAll = <A, Result extends Cursor>(
  source: Source<A, Result>,
  options: ListOptions = {}
): Effect.Effect<ReadonlyArray<A>, McpError.McpError> => {
  const { kind: { method }, operations: { server, timeouts } } = source
  const deadline = timeouts.list(options)
  const all = McpError.isMcpError(deadline)
    ? Effect.fail(deadline)
    : Effect.suspend(() => {
      const first = walk(source, options)
      return collected(first.pages).pipe(
        Effect.catchIf(
          isStranded(source, options, first),
          () => collected(walk(source, { ...options, cache: "refresh" }).pages)
        ),
        (found) => within(found, { budget: deadline.budget, millis: deadline.idleMillis })
      )
    })
  return locate(all, server, method)
}

/** https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/pagination#error-handling */
export const isInvalidCursor = (error: unknown): boolean =>
  McpError.isMcpError(error) && error.reason._tag === "JsonRpcError" && error.reason.code === -32602

/** One bad item does not hide the others. */
const decodeItems = <A, Result extends Cursor>(
  { kind: { decode, itemsOf }, operations: { onDiagnostic } }: Source<A, Result>,
  result: Result
): ReadonlyArray<A> =>
  itemsOf(result).flatMap((item) => {
    const decoded = decode(item)
    if (Exit.isSuccess(decoded)) return [decoded.value]
    onDiagnostic({ _tag: "Invalid", payload: item })
    return []
  })

/**
 * All pages of a list, as they come. A cursor is opaque: only its absence ends the list, and one that comes again would
 * never end it.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/pagination
 */
export const paged = <A>(options: {
  readonly fetch: (cursor: string | undefined) => Effect.Effect<Page<A>, McpError.McpError>
  readonly maxPages: number
  readonly maxItems: number
}): Stream.Stream<ReadonlyArray<A>, McpError.McpError> =>
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

/** All items of a list at once. */
const collected = <A>(
  pages: Stream.Stream<ReadonlyArray<A>, McpError.McpError>
): Effect.Effect<ReadonlyArray<A>, McpError.McpError> => Effect.map(Stream.runCollect(pages), (items) => items.flat())

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type * as McpCache from "../../McpCache.ts"
import type * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import type { McpTransport } from "../../McpTransport.ts"
import { isInvalidCursor } from "../client/listing.ts"
import type { Request } from "../client/operations.ts"
import * as Cache from "./cache.ts"
import * as Shelf from "./shelf.ts"

/** The longest time that a result is good for, whatever the server says. */
export const MAX_TTL_MS = 24 * 60 * 60 * 1000

type Failure = McpError.McpError | McpError.ToolError

/** How long the store may take for anything, before the server is asked. */
const STORE_LIMIT = "1 second"

/** Which lists a notification is about. */
const lists = new Map([
  ["notifications/tools/list_changed", ["tools/list"]],
  ["notifications/prompts/list_changed", ["prompts/list"]],
  ["notifications/resources/list_changed", ["resources/list", "resources/templates/list"]]
])

/** https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching */
export const make = (options: {
  readonly store: McpCache.Store
  /** The name of the server. Without one, each transport leads to a server of its own. */
  readonly server: string | undefined
  readonly principal: Effect.Effect<string>
  readonly defaultTtlMs: number
}): Cache.McpCache => {
  const { defaultTtlMs, principal, server, store } = options
  const named = server === undefined ? undefined : Shelf.make(server)
  const shelves = new WeakMap<McpTransport, Shelf.Shelf>()
  let transports = 0

  const shelfOf = (transport: McpTransport): Shelf.Shelf => {
    const known = named ?? shelves.get(transport)
    if (known !== undefined) return known
    const shelf = Shelf.make(String(transports++))
    shelves.set(transport, shelf)
    return shelf
  }

  const open: Cache.McpCache["open"] = Effect.fnUntraced(function*(transport, hooks, onDiagnostic) {
    const shelf = shelfOf(transport)
    const forgotten = Latch.makeUnsafe(false)
    let isOpen = true

    /** What the store can not do, or not in time, is no failure: then nothing is kept. */
    const attempt = <A>(access: Effect.Effect<A, unknown>): Effect.Effect<A | undefined> =>
      Effect.catchCause(Effect.timeout(access, STORE_LIMIT), (cause) =>
        Effect.sync(() => {
          onDiagnostic({ _tag: "CacheFailed", cause })
          return undefined
        }))

    /** Deletes what is stale. Before that is done, nothing is read from the store. */
    const sweep = shelf.lock.withPermit(Effect.gen(function*() {
      for (const begin of shelf.stale) {
        yield* store.delete(begin)
        shelf.stale.delete(begin)
      }
    }))

    const forget = (what: () => void): void => {
      what()
      forgotten.openUnsafe()
    }

    const find = Effect.fnUntraced(function*(flight: Shelf.Flight, who: string) {
      if (shelf.stale.size > 0) yield* sweep
      const now = yield* Clock.currentTimeMillis
      let newest: McpCache.Entry | undefined
      for (const cacheScope of ["private", "public"] as const) {
        const entry = yield* store.get(keyOf(flight, cacheScope, who))
        if (entry === undefined || entry.cacheScope !== cacheScope || !isFresh(entry, now)) continue
        if (newest === undefined || entry.receivedAt > newest.receivedAt) newest = entry
      }
      return flight.isVoid ? undefined : newest
    })

    const keep = (flight: Shelf.Flight, who: string, value: JsonObject, ttlMs: number) => {
      const cacheScope = value["cacheScope"] === "public" ? "public" : "private"
      return shelf.lock.withPermit(Effect.flatMap(Clock.currentTimeMillis, (receivedAt) =>
        flight.isVoid
          ? Effect.void
          : store.set(keyOf(flight, cacheScope, who), { value, receivedAt, ttlMs, cacheScope })))
    }

    const serve = Effect.fnUntraced(function*<A, E extends Failure, R, R2>(
      request: Request<A, E, R, R2>,
      send: (request: Request<A, E, R, R2>) => Effect.Effect<A, E | McpError.McpError, R | R2>,
      flight: Shelf.Flight
    ): Effect.fn.Return<A, E | McpError.McpError, R | R2> {
      const { cache, read } = request
      const who = yield* principal
      const entry = cache === "refresh" ? undefined : yield* attempt(find(flight, who))
      if (entry !== undefined) {
        const kept = yield* Effect.exit(read(entry.value))
        if (Exit.isSuccess(kept)) return kept.value
        onDiagnostic({ _tag: "CacheFailed", cause: kept.cause })
      }
      let answer: unknown
      let isAlone = true
      const value = yield* send({
        ...request,
        onAsk: () => {
          flight.isVoid = false
        },
        onInput: () => {
          isAlone = false
        },
        read: (received) => {
          answer = received
          return read(received)
        }
      })
      if (!isJsonObject(answer)) return value
      shelf.outdate(flight)
      // An answer that depends on the input of a user is not kept.
      const ttlMs = isAlone ? ttlOf(answer, defaultTtlMs) : 0
      if (ttlMs > 0) yield* attempt(keep(flight, who, answer, ttlMs))
      else if (cache === "refresh") forget(() => shelf.clearPlace(flight))
      return value
    })

    const through: Cache.Cache["through"] = (request, send) =>
      Effect.suspend(() => {
        const { cache, method, options: { meta, resume }, params } = request
        // What the user adds may change the answer.
        if (!isOpen || cache === "bypass" || meta !== undefined || resume !== undefined) return send(request)
        const cursor = params?.["cursor"]
        const flight: Shelf.Flight = { place: shelf.placeOf(method, cursor ?? params?.["uri"]), isVoid: false }
        shelf.flights.add(flight)
        return serve(request, send, flight).pipe(
          Effect.tapError((error) => {
            if (cursor !== undefined && isInvalidCursor(error)) forget(() => shelf.clearList(method))
            return Effect.void
          }),
          Effect.ensuring(Effect.sync(() => shelf.flights.delete(flight)))
        )
      })

    yield* Effect.addFinalizer(() => {
      isOpen = false
      return shelf.stale.size > 0 ? attempt(sweep) : Effect.void
    })
    yield* Effect.forkScoped(
      Effect.forever(Effect.andThen(forgotten.await, Effect.andThen(forgotten.close, attempt(sweep))))
    )

    const clear = Effect.sync(() => forget(shelf.clear))
    hooks.onNotification(({ method, params: { uri } }) => {
      for (const list of lists.get(method) ?? []) forget(() => shelf.clearList(list))
      if (method === "notifications/resources/updated" && typeof uri === "string") {
        forget(() => shelf.clearResource(uri))
      }
    })
    hooks.onGap(() => forget(shelf.clear))
    hooks.onOpen((session) =>
      Effect.andThen(
        hooks.sessions() > 1 ? clear : Effect.void,
        Effect.forkScoped(Effect.andThen(session.closed, clear), { startImmediately: true })
      )
    )

    return { through, changed: (uri) => forget(() => shelf.clearResource(uri)) }
  })

  return { [Cache.TypeId]: Cache.TypeId, open }
}

const keyOf = ({ place }: Shelf.Flight, cacheScope: McpCache.Entry["cacheScope"], who: string): string =>
  cacheScope === "public" ? `${place}public` : `${place}private ${JSON.stringify(who)}`

/** A clock may have been set back. */
const isFresh = ({ receivedAt, ttlMs }: McpCache.Entry, now: number): boolean =>
  receivedAt <= now && now < receivedAt + ttlMs

/** For how long an answer is good, in milliseconds; if that is not above zero, it is not. */
const ttlOf = ({ resultType, ttlMs }: JsonObject, usual: number): number => {
  const ttl = ttlMs ?? usual
  return typeof ttl === "number" && (resultType === undefined || resultType === "complete")
    ? Math.min(ttl, MAX_TTL_MS)
    : 0
}

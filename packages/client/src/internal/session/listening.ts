import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import { monotonicMillis } from "../jsonrpc/monotonic.ts"
import { within } from "../jsonrpc/within.ts"
import { backoff } from "../transport/backoff.ts"

/** How long a server may take to say what it agrees to tell of. */
const ACKNOWLEDGEMENT_MILLIS = 30_000

/** A listen that has stood for so long, in milliseconds, was well: losses before do not count any more. */
const WELL_AFTER = 10_000

/** What to be told of. */
export interface Filter extends JsonObject {
  readonly toolsListChanged?: true
  readonly promptsListChanged?: true
  readonly resourcesListChanged?: true
  readonly resourceSubscriptions?: ReadonlyArray<string>
  readonly taskIds?: ReadonlyArray<string>
}

/** What can be asked for one by one, by the part of the filter that lists it. */
type Kind = "resourceSubscriptions" | "taskIds"

/** The one request by which a server tells a session of all changes that anybody wants to hear of. */
export interface Listening {
  /** Waits until the server tells of something. */
  readonly subscribe: (kind: Kind, id: string) => Effect.Effect<void, McpError.McpError>
  /** Asks to be told of something, and does not care whether the server agrees. */
  readonly wish: (kind: Kind, id: string) => void
  readonly unsubscribe: (kind: Kind, id: string) => void
}

interface Listen {
  readonly fiber: Fiber.Fiber<unknown, McpError.McpError>
  readonly acknowledged: Deferred.Deferred<JsonObject, McpError.McpError>
  readonly since: number
}

/** That somebody wants to hear of something. */
interface Wish {
  readonly kind: Kind
  readonly id: string
  readonly granted: Deferred.Deferred<void, McpError.McpError>
  /** Whether the server tells of it now. */
  isLive: boolean
}

/**
 * Keeps up one request that lasts: when the wishes change, another one takes its place, once the server has agreed to
 * it; when it is lost, it is made again, and what happened meanwhile is a gap.
 *
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions
 */
export const make: (options: {
  /** The lists of whose changes the server can tell. */
  readonly lists: Filter
  /** Sends the request, calls `onAcknowledged` with what the server agreed to, and ends when the server has ended it. */
  readonly listen: (
    filter: Filter,
    onAcknowledged: (filter: JsonObject) => void
  ) => Effect.Effect<unknown, McpError.McpError>
  /** Called when changes may have gone unnoticed, and when what is subscribed to may be told of no more. */
  readonly onGap: () => void
}) => Effect.Effect<Listening, never, Scope.Scope> = Effect.fnUntraced(function*({ listen, lists, onGap }) {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const wishes = new Map<string, Wish>()
  const changed = Latch.makeUnsafe(Object.keys(lists).length > 0)

  const open = Effect.fnUntraced(function*(filter: Filter) {
    const acknowledged = Deferred.makeUnsafe<JsonObject, McpError.McpError>()
    const fiber = yield* Effect.forkIn(
      listen(filter, (honoured) => Deferred.doneUnsafe(acknowledged, Effect.succeed(honoured))).pipe(
        Effect.tapError((error) => Deferred.fail(acknowledged, error)),
        Effect.tap(() => Deferred.fail(acknowledged, refused))
      ),
      scope
    )
    return { fiber, acknowledged, since: monotonicMillis(clock) }
  })

  /** What to ask for: what is told of, and all that is to be, or, if `isCareful`, only one of these. */
  const select = (isCareful: boolean): ReadonlyArray<Wish> => {
    const all = Array.from(wishes.values())
    const next = all.find(isPending)
    return isCareful ? all.filter((wish) => wish.isLive || wish === next) : all
  }

  const filterOf = (selected: ReadonlyArray<Wish>): Filter => {
    const listed = (kind: Kind): Filter => {
      const ids = selected.filter((wish) => wish.kind === kind).map(({ id }) => id)
      return ids.length === 0 ? {} : { [kind]: ids }
    }
    return { ...lists, ...listed("resourceSubscriptions"), ...listed("taskIds") }
  }

  const settle = (selected: ReadonlyArray<Wish>, honoured: JsonObject): void => {
    for (const wish of selected) {
      if (wishes.get(keyOf(wish)) !== wish) continue
      const ids = honoured[wish.kind]
      if (Array.isArray(ids) && ids.includes(wish.id)) {
        wish.isLive = true
        Deferred.doneUnsafe(wish.granted, Effect.void)
      } else giveUp(wish, refused)
    }
  }

  const giveUp = (wish: Wish, error: McpError.McpError): void => {
    if (wishes.get(keyOf(wish)) !== wish) return
    wishes.delete(keyOf(wish))
    // Who was told of it until now asks again, and learns why not.
    if (!Deferred.doneUnsafe(wish.granted, Effect.fail(error))) onGap()
  }

  const add = (kind: Kind, id: string): Wish => {
    const known = wishes.get(keyOf({ kind, id }))
    if (known !== undefined) return known
    const wish: Wish = { kind, id, granted: Deferred.makeUnsafe<void, McpError.McpError>(), isLive: false }
    wishes.set(keyOf(wish), wish)
    changed.openUnsafe()
    return wish
  }

  const run = Effect.gen(function*() {
    let current: Listen | undefined
    let failures = 0
    let isGap = false
    /** Whether to add one wish at a time, since the server refuses some, and does not say which. */
    let isCareful = false
    while (true) {
      // Waits for another wish, or for the end of what is there.
      yield* Effect.raceFirst(changed.await, current === undefined ? Effect.never : Fiber.await(current.fiber))
      if (current !== undefined && hasEnded(current)) {
        failures = monotonicMillis(clock) - current.since < WELL_AFTER ? failures + 1 : 1
        current = undefined
        isGap = true
        for (const wish of wishes.values()) wish.isLive = false
        yield* backoff(failures - 1)
      }
      yield* changed.close
      const selected = select(isCareful)
      const filter = filterOf(selected)
      const previous: Listen | undefined = current
      const isSilent = Object.keys(filter).length === 0
      const next: Listen | undefined = isSilent ? undefined : yield* open(filter)
      const honoured = next === undefined ? noFilter : yield* acknowledgement(next)

      if (Result.isSuccess(honoured)) {
        if (previous !== undefined && hasEnded(previous)) isGap = true
        current = next
        if (previous !== undefined) yield* Fiber.interrupt(previous.fiber)
        if (isGap) onGap()
        isGap = false
        settle(selected, honoured.success)
        isCareful = isCareful && Array.from(wishes.values()).some(isPending)
        if (isCareful) yield* changed.open
        continue
      }
      if (next !== undefined) yield* Fiber.interrupt(next.fiber)
      const [first, ...others] = selected.filter(isPending)
      if (!isRefusal(honoured.failure)) {
        yield* backoff(failures++)
        yield* changed.open
      } else if (first !== undefined) {
        if (others.length > 0) isCareful = true
        else giveUp(first, honoured.failure)
        yield* changed.open
      }
      // It would say no again: only another wish is worth another request.
    }
  })
  yield* Effect.forkScoped(run)

  return {
    subscribe: (kind, id) =>
      Effect.suspend(() => {
        const wish = add(kind, id)
        return Effect.onInterrupt(Deferred.await(wish.granted), () =>
          Effect.sync(() => {
            if (wishes.get(keyOf(wish)) === wish && !wish.isLive) wishes.delete(keyOf(wish))
          }))
      }),
    wish: (kind, id) => void add(kind, id),
    unsubscribe: (kind, id) => {
      if (wishes.delete(keyOf({ kind, id }))) changed.openUnsafe()
    }
  }
})

const keyOf = ({ id, kind }: Pick<Wish, "id" | "kind">): string => `${kind} ${id}`

const isPending = ({ isLive }: Wish): boolean => !isLive

const hasEnded = ({ fiber }: Listen): boolean => fiber.pollUnsafe() !== undefined

const noFilter: Result.Result<JsonObject, McpError.McpError> = Result.succeed({})

const acknowledgement = ({ acknowledged }: Listen): Effect.Effect<Result.Result<JsonObject, McpError.McpError>> =>
  Effect.result(within(Deferred.await(acknowledged), { budget: "call", millis: ACKNOWLEDGEMENT_MILLIS }))

const refused = McpError.make(
  new McpError.UnsupportedError({ description: "The server does not tell of these changes" })
)

/** Whether the server does not want to be listened to, rather than can not be heard just now. */
const isRefusal = ({ reason }: McpError.McpError): boolean => {
  switch (reason._tag) {
    case "ClosedError":
    case "TimeoutError":
      return false
    case "HttpError":
      return reason.status < 500 && reason.status !== 429
    case "JsonRpcError":
      return reason.httpStatus === undefined || reason.httpStatus < 500 && reason.httpStatus !== 429
    default:
      return true
  }
}

/** What the server agreed to, and for which request. */
export const readAcknowledgement = (
  params: JsonObject,
  subscriptionId: string
): { readonly id: unknown; readonly filter: JsonObject } => {
  const { _meta: meta, notifications } = params
  return {
    id: isJsonObject(meta) ? meta[subscriptionId] : undefined,
    filter: isJsonObject(notifications) ? notifications : {}
  }
}

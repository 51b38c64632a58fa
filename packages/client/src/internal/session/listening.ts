import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import { backoff } from "../transport/backoff.ts"

/** What to be told of. */
export interface Filter extends JsonObject {
  readonly toolsListChanged?: true
  readonly promptsListChanged?: true
  readonly resourcesListChanged?: true
  readonly resourceSubscriptions?: ReadonlyArray<string>
}

/** The one request by which a server tells a session of all changes that anybody wants to hear of. */
export interface Listening {
  /** Waits until the server tells of a resource. */
  readonly subscribe: (uri: string) => Effect.Effect<void, McpError.McpError>
  readonly unsubscribe: (uri: string) => void
}

interface Listen {
  readonly fiber: Fiber.Fiber<unknown, McpError.McpError>
  readonly acknowledged: Deferred.Deferred<JsonObject, McpError.McpError>
}

/**
 * Listens for as long as the scope is open. When something else is wanted, another request takes over before the one
 * before it ends; when one is lost, it is made again, and what happened meanwhile is a gap.
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
  readonly onGap: () => void
}) => Effect.Effect<Listening, never, Scope.Scope> = Effect.fnUntraced(function*({ listen, lists, onGap }) {
  const uris = new Map<string, Deferred.Deferred<void, McpError.McpError>>()
  const changed = Latch.makeUnsafe(Object.keys(lists).length > 0)
  const scope = yield* Effect.scope

  const open = Effect.fnUntraced(function*(filter: Filter) {
    const acknowledged = Deferred.makeUnsafe<JsonObject, McpError.McpError>()
    const fiber = yield* Effect.forkIn(
      listen(filter, (honoured) => Deferred.doneUnsafe(acknowledged, Effect.succeed(honoured))).pipe(
        Effect.tapError((error) => Deferred.fail(acknowledged, error)),
        Effect.tap(() => Deferred.fail(acknowledged, refused))
      ),
      scope
    )
    return { fiber, acknowledged }
  })

  const settle = (honoured: JsonObject): void => {
    const subscriptions = honoured["resourceSubscriptions"]
    for (const [uri, waiting] of uris) {
      if (Array.isArray(subscriptions) && subscriptions.includes(uri)) Deferred.doneUnsafe(waiting, Effect.void)
      else giveUp(uri, refused)
    }
  }

  const giveUp = (uri: string, error: McpError.McpError): void => {
    const waiting = uris.get(uri)
    if (waiting === undefined) return
    uris.delete(uri)
    Deferred.doneUnsafe(waiting, Effect.fail(error))
  }

  const run = Effect.gen(function*() {
    let current: Listen | undefined
    let failures = 0
    let isGap = false
    while (true) {
      // Waits for another wish, or for the end of what is there.
      const ended: Effect.Effect<unknown> = current === undefined ? Effect.never : Fiber.await(current.fiber)
      if (yield* Effect.raceFirst(Effect.as(changed.await, false), Effect.as(ended, true))) {
        current = undefined
        isGap = true
        yield* backoff(failures++)
      }
      yield* changed.close
      const filter: Filter = uris.size === 0 ? lists : { ...lists, resourceSubscriptions: Array.from(uris.keys()) }
      const previous: Listen | undefined = current
      current = Object.keys(filter).length === 0 ? undefined : yield* open(filter)
      if (current !== undefined) {
        const honoured: JsonObject | McpError.McpError = yield* Effect.catch(
          Deferred.await(current.acknowledged),
          Effect.succeed
        )
        if (!McpError.isMcpError(honoured)) {
          failures = 0
          settle(honoured)
          if (isGap) onGap()
          isGap = false
        } else if (isRefusal(honoured)) {
          // It would say no again: only another wish is worth another request.
          current = undefined
          for (const uri of Array.from(uris.keys())) giveUp(uri, honoured)
        }
      }
      if (previous !== undefined) yield* Fiber.interrupt(previous.fiber)
    }
  })
  yield* Effect.forkScoped(run)

  return {
    subscribe: (uri) =>
      Effect.suspend(() => {
        const waiting = uris.get(uri) ?? Deferred.makeUnsafe<void, McpError.McpError>()
        uris.set(uri, waiting)
        changed.openUnsafe()
        return Deferred.await(waiting)
      }),
    unsubscribe: (uri) => {
      if (uris.delete(uri)) changed.openUnsafe()
    }
  }
})

const refused = McpError.make(
  new McpError.UnsupportedError({ description: "The server does not tell of these changes" })
)

/** Whether the server does not want to be listened to, rather than can not be heard just now. */
const isRefusal = ({ reason }: McpError.McpError): boolean =>
  reason._tag !== "ClosedError" && reason._tag !== "TimeoutError" &&
  !(reason._tag === "HttpError" && (reason.status >= 500 || reason.status === 429))

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

import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { RequestId } from "../../McpSchema.ts"
import type { Handler } from "./session.ts"

/** Who waits for the answer to one of our requests, while the server may ask something because of it. */
interface Caller {
  readonly id: RequestId
  readonly context: Context.Context<never>
  readonly handlers: ReadonlyMap<string, Handler> | undefined
  readonly isOwner: boolean
  /** What answers the server, perhaps on behalf of this request. */
  readonly answering: Set<Fiber.Fiber<unknown, unknown>>
  /** What answers it on behalf of this request and no other, and ends with it. */
  readonly owned: Set<Fiber.Fiber<unknown, unknown>>
  answeredAt: number
}

/** The requests on whose behalf a server may ask. */
export interface Callers {
  /** Runs a request that may be asked about meanwhile, and says for how many milliseconds nothing has been asked. */
  readonly calling: <A, E>(
    id: RequestId,
    handlers: ReadonlyMap<string, Handler> | undefined,
    request: (sinceAsked: () => number) => Effect.Effect<A, E>,
    /** Whether what answers the server on behalf of this request alone ends with it. */
    isOwner?: boolean
  ) => Effect.Effect<A, E>
  /** Who is asked. Where the transport does not say to which request a question belongs, it is the latest caller. */
  readonly find: (relatedTo: RequestId | undefined) => Pick<Caller, "context" | "handlers"> | undefined
  /** Notes what answers a question. What is owned ends with the request that it can only belong to. */
  readonly attach: (
    relatedTo: RequestId | undefined,
    answering: Fiber.Fiber<unknown, unknown>,
    options?: { readonly isOwned: boolean }
  ) => void
}

export const make = (now: () => number): Callers => {
  // Several may wait for one task.
  const callers = new Set<Caller>()
  const of = (relatedTo: RequestId | undefined) =>
    Array.from(callers).filter(({ id }) => relatedTo === undefined || id === relatedTo)

  return {
    calling: (id, handlers, request, isOwner = true) =>
      Effect.withFiber(({ context }) => {
        const caller: Caller = {
          id,
          context,
          handlers,
          isOwner,
          answering: new Set(),
          owned: new Set(),
          answeredAt: Number.NEGATIVE_INFINITY
        }
        callers.add(caller)
        const sinceAsked = () => caller.answering.size > 0 ? 0 : now() - caller.answeredAt
        return Effect.onExitPrimitive(request(sinceAsked), () => {
          callers.delete(caller)
          for (const fiber of caller.owned) fiber.interruptUnsafe()
          return undefined
        })
      }),
    find: (relatedTo) => of(relatedTo).at(-1),
    attach(relatedTo, fiber, { isOwned } = { isOwned: true }) {
      const candidates = of(relatedTo)
      for (const caller of candidates) {
        const isSole = isOwned && caller.isOwner && candidates.length === 1
        const sets = isSole ? [caller.answering, caller.owned] : [caller.answering]
        for (const set of sets) set.add(fiber)
        fiber.addObserver(() => {
          for (const set of sets) set.delete(fiber)
          caller.answeredAt = now()
        })
      }
    }
  }
}

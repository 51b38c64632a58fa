import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/** So many elicitations are remembered of which the end is not known, or was not asked for. */
const MAX_REMEMBERED = 1000

/**
 * Which pages that users were sent to are done with. A server may say so before anybody waits for it.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#completion-notifications-for-url-mode-elicitation
 */
export interface Completions {
  readonly wait: (elicitationId: string) => Effect.Effect<void>
  readonly complete: (elicitationId: string) => void
}

export const make = (): Completions => {
  const known = new Map<string, Deferred.Deferred<void>>()
  const find = (id: string): Deferred.Deferred<void> => {
    const completion = known.get(id) ?? Deferred.makeUnsafe<void>()
    known.set(id, completion)
    if (known.size > MAX_REMEMBERED) {
      for (const oldest of known.keys()) {
        known.delete(oldest)
        break
      }
    }
    return completion
  }
  return {
    wait: (id) => Effect.suspend(() => Deferred.await(find(id))),
    complete: (id) => void Deferred.doneUnsafe(find(id), Effect.void)
  }
}

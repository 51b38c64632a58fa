import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Notification, Session } from "../session/session.ts"

/** How the parts of a client take part in each session that it opens. */
export interface Hooks {
  /** Adds what happens with each notification, in the order of the wire. It must not throw. */
  readonly onNotification: (listener: (notification: Notification) => void) => void
  /** Adds what happens in each new session before anybody uses it. It must not wait for the server. */
  readonly onOpen: (restore: (session: Session) => Effect.Effect<void, never, Scope.Scope>) => void
  /** Adds what happens when changes may have gone unnoticed within a session. */
  readonly onGap: (listener: () => void) => void
  readonly gapped: () => void
  readonly notified: (notification: Notification) => void
  /** How many sessions have been opened. */
  readonly sessions: () => number
  readonly opened: (session: Session) => Effect.Effect<void, never, Scope.Scope>
}

export const make = (): Hooks => {
  let gaps: ReadonlyArray<() => void> = []
  let sessions = 0
  let listeners: ReadonlyArray<Parameters<Hooks["onNotification"]>[0]> = []
  let restores: ReadonlyArray<Parameters<Hooks["onOpen"]>[0]> = []
  return {
    onNotification(listener) {
      listeners = [...listeners, listener]
    },
    onOpen(restore) {
      restores = [...restores, restore]
    },
    onGap(listener) {
      gaps = [...gaps, listener]
    },
    gapped() {
      for (const listener of gaps) listener()
    },
    notified(notification) {
      for (const listener of listeners) listener(notification)
    },
    sessions: () => sessions,
    opened: (session) =>
      Effect.suspend(() => {
        sessions++
        return Effect.forEach(restores, (restore) => restore(session), { discard: true })
      })
  }
}

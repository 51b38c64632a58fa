import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { Connection, Incoming } from "../../McpTransport.ts"
import type { Notification, SessionOptions } from "./session.ts"

/** So many messages of the server are handed on in one go. */
const BATCH = 256

/** Hands on what the server says unasked, in the order of the wire, for as long as the connection is open. */
export const hear = (
  connection: Connection,
  { onDiagnostic, onNotification }: Pick<SessionOptions, "onDiagnostic" | "onNotification">,
  era: {
    readonly onRequest: (request: Extract<Incoming, { readonly _tag: "Request" }>) => void
    /** Called before those who watch. */
    readonly onNotification: (notification: Notification) => void
  }
): Effect.Effect<void> => {
  const take = (incoming: Incoming): void => {
    switch (incoming._tag) {
      case "Diagnostic":
        return onDiagnostic(incoming.diagnostic)
      case "Request":
        return era.onRequest(incoming)
      case "Notification": {
        era.onNotification(incoming)
        onNotification(incoming)
      }
    }
  }
  // Between two batches those who watch come to their turn, so that a flood does not fill their buffers.
  return Queue.takeBetween(connection.incoming, 1, BATCH).pipe(
    Effect.map((batch) => {
      for (const incoming of batch) {
        try {
          take(incoming)
        } catch (defect) {
          // Whatever one message does, the others are heard.
          onDiagnostic({ _tag: "HandlerFailed", method: methodOf(incoming), cause: Cause.die(defect) })
        }
      }
    }),
    Effect.forever,
    Effect.ignore
  )
}

const methodOf = (incoming: Incoming): string => "method" in incoming ? incoming.method : incoming._tag

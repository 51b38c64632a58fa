import type { Connection, Diagnostic, Incoming } from "@effect-mcp/client/McpTransport"
import { assert, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { hear } from "../src/internal/session/hear.ts"
import { settled } from "./harness.ts"

it.effect("a session goes on hearing after a message that nobody can stand", () =>
  Effect.gen(function*() {
    const incoming = yield* Queue.unbounded<Incoming, Cause.Done>()
    const connection: Connection = {
      exchange: () => Effect.never,
      send: () => Effect.void,
      incoming,
      medium: "pipe",
      closedBy: () => undefined,
      closed: Effect.never
    }
    const log: Array<string> = []
    const diagnostics: Array<Diagnostic> = []
    const defect = new Error("Ouch")
    yield* Effect.forkScoped(hear(connection, {
      onDiagnostic: (diagnostic) => diagnostics.push(diagnostic),
      onNotification({ method }) {
        if (method === "bad") throw defect
        log.push(method)
      }
    }, {
      onRequest: () => {},
      onNotification: () => {}
    }))
    for (const method of ["first", "bad", "last"]) {
      yield* Queue.offer(incoming, { _tag: "Notification", method, params: {} })
    }
    yield* settled
    assert.deepStrictEqual(log, ["first", "last"])
    assert.deepStrictEqual(diagnostics, [{ _tag: "HandlerFailed", method: "bad", cause: Cause.die(defect) }])
  }))

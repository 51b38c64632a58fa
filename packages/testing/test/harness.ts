import type { McpError } from "@effect-mcp/client/McpError"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import type * as McpTransport from "@effect-mcp/client/McpTransport"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"

const patient: McpTransport.Deadline = { budget: "call", idleMillis: Infinity, totalMillis: Infinity }

/** A bare connection to a server, without a client around it. */
export const connectTo = Effect.fnUntraced(function*(transport: McpTransport.McpTransport) {
  const connection = yield* transport.connect
  let nextId = 0
  const ask = (method: string, params?: JsonObject): Effect.Effect<unknown, McpError> =>
    Effect.suspend(() => connection.exchange({ jsonrpc: "2.0", id: nextId++, method, params }, { deadline: patient }))
  return { connection, ask, next: Queue.take(connection.incoming) }
})

/** A mocked server, and a bare connection to it. */
export const connectToMock = Effect.fnUntraced(function*(options?: MockTransport.Options) {
  const mock = yield* MockTransport.make(options)
  return { mock, ...(yield* connectTo(mock.transport)) }
})

/** Lets everything run that can run now. */
export const settled: Effect.Effect<void> = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, {
  discard: true
})

/** Starts an effect, and lets it run until it waits for something that does not come by itself. */
export const start = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.tap(Effect.forkChild(effect, { startImmediately: true }), () => settled)

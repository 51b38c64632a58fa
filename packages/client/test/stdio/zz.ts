import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { connect, perform } from "./support.ts"
const run = (COUNT: number) => Effect.gen(function*() {
  const { client } = yield* connect()
  yield* perform(client, { stopReading: true }, { answer: {} })
  const first = yield* Effect.forkScoped(client.callTool("hang", { filler: "x".repeat(1_000_000) }), { startImmediately: true })
  yield* Effect.repeat(Effect.yieldNow, { times: 10 })
  const calls = yield* Effect.forEach(Array.from({ length: COUNT }), () => Effect.forkScoped(client.callTool("hang", {a:1}), { startImmediately: true }))
  const t = performance.now()
  yield* Fiber.interruptAll(calls.toReversed())
  const t1 = performance.now()
  const more = yield* Effect.forEach(Array.from({ length: COUNT }), () => Effect.forkScoped(Effect.exit(client.callTool("hang", {a:1})), { startImmediately: true }))
  const t2 = performance.now()
  yield* client.close
  console.log(COUNT, "interrupt reversed", t1 - t, "close incl. 750ms+", performance.now() - t2)
  void first; void more
}).pipe(Effect.scoped)
for (const n of [2000, 10000, 40000]) await Effect.runPromise(run(n))

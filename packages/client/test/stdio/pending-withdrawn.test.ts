import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { connect, pid, Received } from "./support.ts"

describe("a call that is interrupted before it left", () => {
  it.live("never leaves, needs no cancelling, and ends no session", () =>
    Effect.gen(function*() {
      const { client, spawned } = yield* connect()
      const calling = yield* Effect.forkScoped(client.callTool("hang"), { startImmediately: true })
      // in the same tick, before what gathered is written
      calling.interruptUnsafe()
      yield* Effect.yieldNow
      const { messages } = yield* client.call(Received, {})
      assert.deepStrictEqual(messages.map(({ method }) => method), [
        "initialize",
        "notifications/initialized",
        "tools/call"
      ])
      assert.deepStrictEqual([yield* pid(client)], spawned)
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { runProgram } from "../stdio/support.ts"
import { leavesNothing, serve, text, until } from "./support.ts"

describe("a program that has closed its client", () => {
  it.live.each(["pooled", "fetch"])("has nothing left that keeps it alive (%s)", (over) =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          if (call.tool === "json") return call.answer(text("done"))
          if (call.tool === "hang") return
          const events = call.stream()
          if (call.tool !== "stream") return
          events.send(call.result(text("done")))
          events.end()
        },
        GET: (call) => void call.stream()
      })
      const { code, stderr, stdout } = yield* runProgram(join("..", "..", "http", "programs", "leftovers.ts"), {
        args: [server.url, over, "300", "7"]
      })
      assert.deepStrictEqual([stderr, code], ["", 0])
      const { failures, resources } = JSON.parse(stdout) as {
        readonly failures: number
        readonly resources: ReadonlyArray<string>
      }
      assert.strictEqual(failures, 0)
      assert.deepStrictEqual(resources.filter((_) => over === "pooled" || !_.startsWith("TCP")), [])
      yield* until(() => server.sockets() === 0)
      assert.strictEqual(server.of("DELETE").length, 1)
    }).pipe(leavesNothing), 60_000)
})

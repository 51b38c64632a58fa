import type * as McpHandlers from "@effect-mcp/client/McpHandlers"
import { isJsonObject, type JsonObject } from "@effect-mcp/client/McpSchema"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { message, sampling } from "../asking.ts"
import { callText, connect, type Events, leavesNothing, type Script, serve, text, until } from "./support.ts"

/** A server that leaves all calls open, and asks and answers in their streams as it is told to. */
const asking = Effect.gen(function*() {
  const calls = new Map<string, Events & { readonly result: (result: unknown) => JsonObject }>()
  const answers: Array<JsonObject> = []
  const script: Script = {
    "tools/call": (call) => void calls.set(call.tool, { ...call.stream(), result: call.result }),
    response: (call) => {
      answers.push(call.message)
      call.reply(202)
    }
  }
  const server = yield* serve(script)
  const streamOf = (tool: string) => {
    const stream = calls.get(tool)
    return stream ?? assert.fail(`${tool} has not been called`)
  }
  return {
    server,
    called: (tool: string) => until(() => calls.has(tool)),
    /** Asks in the stream of a call. */
    ask: (tool: string, id: string) =>
      Effect.sync(() => streamOf(tool).send({ jsonrpc: "2.0", id, method: sampling, params: message("Hi") })),
    /** Who answered a question. */
    answer: (id: string) =>
      Effect.map(until(() => answers.some((answer) => answer["id"] === id)), () => {
        const result = answers.find((answer) => answer["id"] === id)?.["result"]
        return isJsonObject(result) ? result["model"] : undefined
      }),
    end: (tool: string) =>
      Effect.sync(() => {
        const { end, result, send } = streamOf(tool)
        send(result(text("done")))
        end()
      })
  }
})

const by = (model: string): McpHandlers.Handlers => ({ sampling: () => Effect.succeed({ content: "Hello!", model }) })

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })

describe("a question of a server", () => {
  it.live("belongs to the call in whose stream it comes", () =>
    Effect.gen(function*() {
      const { answer, ask, called, end, server } = yield* asking
      const client = yield* connect(server, { client: { handlers: by("client") } })
      const first = yield* start(callText(client, "first", { handlers: by("first") }))
      yield* called("first")
      const second = yield* start(callText(client, "second", { handlers: by("second") }))
      const third = yield* start(callText(client, "third"))
      yield* called("second")
      yield* called("third")
      for (const tool of ["first", "second", "third"]) yield* ask(tool, tool)
      assert.strictEqual(yield* answer("first"), "first")
      assert.strictEqual(yield* answer("second"), "second")
      assert.strictEqual(yield* answer("third"), "client")
      for (const tool of ["first", "second", "third"]) yield* end(tool)
      yield* Fiber.joinAll([first, second, third])
    }).pipe(leavesNothing))

  it.live("is dropped with its call, and not with another", () =>
    Effect.gen(function*() {
      const { answer, ask, called, end, server } = yield* asking
      const gate = yield* Deferred.make<void>()
      const asked: Array<string> = []
      const gated = (model: string): McpHandlers.Handlers => ({
        sampling: () =>
          Effect.suspend(() => {
            asked.push(model)
            return Effect.as(Deferred.await(gate), { content: "Hello!", model })
          }).pipe(Effect.onInterrupt(() => Effect.sync(() => void asked.push(`${model} interrupted`))))
      })
      const client = yield* connect(server, { client: { handlers: by("client") } })
      const first = yield* start(callText(client, "first", { handlers: gated("first") }))
      yield* called("first")
      yield* ask("first", "a")
      yield* until(() => asked.length === 1)
      const second = yield* start(callText(client, "second", { handlers: gated("second") }))
      yield* called("second")
      yield* ask("second", "b")
      yield* until(() => asked.length === 2)
      yield* end("second")
      yield* Fiber.join(second)
      assert.deepStrictEqual(asked, ["first", "second", "second interrupted"])
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* answer("a"), "first")
      yield* end("first")
      yield* Fiber.join(first)
    }).pipe(leavesNothing))
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { turn } from "../harness.ts"
import * as Random from "../stdio/random.ts"
import {
  type Call,
  callText,
  connect,
  eventText,
  httpClients,
  initializeResult,
  leavesNothing,
  priming,
  progress,
  type Script,
  serve,
  text
} from "./support.ts"

/** What a server may do with any request. */
const behaviours: ReadonlyArray<(call: Call, resultOf: (call: Call) => unknown) => void> = [
  (call, resultOf) => call.answer(resultOf(call)),
  (call, resultOf) => {
    const events = call.stream()
    events.send(progress(call, 1))
    events.send(call.result(resultOf(call)))
    events.end()
  },
  (call, resultOf) => call.drip("text/event-stream", eventText(JSON.stringify(call.result(resultOf(call))))),
  // stays open
  (call, resultOf) => call.stream().send(call.result(resultOf(call))),
  (call) => call.cut(),
  (call) => call.stream().cut(),
  (call) => {
    const events = call.stream()
    events.write(priming("1", 0))
    events.end()
  },
  (call) => {
    const events = call.stream()
    events.write("data: {\"jsonrpc\"")
    events.end()
  },
  () => {},
  (call) => call.reply(404),
  (call) => call.reply(500, "no"),
  (call) => call.reply(200, "{", { "content-type": "application/json" }),
  (call) => call.reply(200, "<h1>Hello</h1>", { "content-type": "text/html" }),
  (call) => call.reply(307, "", { location: call.path === "/mcp" ? "/moved" : "/mcp" }),
  (call) => call.reply(202),
  (call) => call.begin({ "content-type": "application/json", "content-length": 100 }).write("{"),
  (call) => call.reply(400, { jsonrpc: "2.0", id: null, error: { code: -32000, message: "No valid session" } })
]

/** Answers well for as often as not, until it has calmed down. */
const unreliable = (seed: number) => {
  const random = Random.make(seed)
  let calm = false
  let sessions = 0
  const answers = (resultOf: (call: Call) => unknown) => (call: Call) => {
    const behave = behaviours[calm || random.below(2) === 0 ? random.below(2) : random.below(behaviours.length)]
    behave?.(call, resultOf)
  }
  const script: Script = {
    initialize: (call) =>
      calm || random.below(3) > 0
        ? call.answer(initializeResult(), { "mcp-session-id": `session-${++sessions}` })
        : answers(() => initializeResult())(call),
    "tools/call": answers((call) => text(call.tool)),
    GET: (call) => random.below(2) === 0 ? call.reply(405) : answers(() => ({}))(call),
    "notifications/cancelled": (call) => random.below(3) === 0 ? call.cut() : call.reply(202),
    DELETE: (call) => random.below(3) === 0 ? call.cut() : call.reply(200)
  }
  return { random, script, calm: () => calm = true }
}

describe.each(Object.keys(httpClients) as ReadonlyArray<keyof typeof httpClients>)("over %s", (over) => {
  it.live.each([1, 2, 3])(
    "whatever the server does, every call ends, and the client heals (seed %d)",
    (seed) =>
      Effect.gen(function*() {
        const { calm, random, script } = unreliable(seed)
        const server = yield* serve(script)
        const client = yield* connect(server, {
          over,
          client: { lazy: true, reconnect: Schedule.recurs(20), timeouts: { connect: "2 seconds", call: "500 millis" } }
        })
        const tools = Array.from({ length: 100 }, (_, index) => String(index))
        const exits = yield* Effect.forEach(tools, (tool) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.forkScoped(callText(client, tool), { startImmediately: random.below(2) === 0 })
            if (random.below(5) === 0) {
              yield* Effect.repeat(turn, { times: random.below(20) })
              yield* Fiber.interrupt(fiber)
            }
            return yield* Fiber.await(fiber)
          }), { concurrency: 20 })
        for (const [index, exit] of exits.entries()) {
          if (Exit.isSuccess(exit)) assert.strictEqual(exit.value, tools[index])
          else assert.isFalse(Exit.hasDies(exit), String(exit.cause))
        }
        assert.isAbove(exits.filter(Exit.isSuccess).length, 0)

        calm()
        // What is left of the trouble can cost a few calls more.
        const patiently = (tool: string) => callText(client, tool, { timeout: "20 seconds" })
        assert.strictEqual(yield* Effect.retry(patiently("healed"), { times: 5 }), "healed")
        for (const tool of tools.slice(0, 20)) assert.strictEqual(yield* patiently(tool), tool)
      }).pipe(leavesNothing),
    60_000
  )
})

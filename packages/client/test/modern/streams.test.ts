import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { failsWith, settled, start, watchDiagnostics } from "../harness.ts"
import { discoverResult, type Events, progress, Sleeps } from "../http/support.ts"
import {
  acknowledgement,
  type Call,
  callText,
  connect,
  error,
  leavesNothing,
  notification,
  serve,
  text,
  until
} from "./http.ts"
import { objectOf } from "./support.ts"

const LISTEN = "subscriptions/listen"

const listening = (capabilities: object) => ({
  "server/discover": (call: Call) => call.answer(discoverResult({ capabilities }))
})

describe("a call over HTTP", () => {
  it.live("that is interrupted, or late, is taken back by the end of its request, and nothing else", () =>
    Effect.gen(function*() {
      const hanging: Array<Call> = []
      const server = yield* serve({
        "tools/call": (call) => {
          hanging.push(call)
          if (call.tool === "stream") call.stream().write(": still here\n\n")
        }
      })
      const client = yield* connect(server)
      for (const tool of ["plain", "stream"]) {
        const call = yield* Effect.forkChild(client.callTool(tool))
        yield* until(() => hanging.some((call) => call.tool === tool))
        yield* Fiber.interrupt(call)
      }
      yield* failsWith("TimeoutError")(client.callTool("late", {}, { timeout: "50 millis" }))
      yield* until(() => hanging.length === 3 && hanging.every((call) => call.isOver()))
      assert.deepStrictEqual(server.of("notifications/cancelled"), [])
      assert.deepStrictEqual(server.requests.map(({ method }) => method), ["POST", "POST", "POST", "POST"])
    }).pipe(leavesNothing))

  const broken: ReadonlyArray<readonly [string, (call: Call) => void]> = [
    ["ends", (call) => call.stream().end()],
    ["ends after a notification", (call) => {
      const events = call.stream()
      events.send(progress(call, 1))
      events.end()
    }],
    ["ends after an event that could be taken up elsewhere", (call) => {
      const events = call.stream()
      events.send(progress(call, 1), { id: "7", retry: 10 })
      events.end()
    }],
    ["breaks", (call) => call.stream().cut()]
  ]

  it.live.each(broken)(
    "whose stream %s without an answer fails at once: it may have been carried out",
    ([, breaking]) =>
      Effect.gen(function*() {
        const server = yield* serve({
          "tools/call": (call) => call.tool === "echo" ? call.answer(text("echo")) : breaking(call)
        })
        const client = yield* connect(server)
        const reason = yield* failsWith("ClosedError")(client.callTool("break", {}, { timeout: "1 hour" }))
        assert.deepInclude(reason, { by: "server", requestSent: true })
        assert.strictEqual(server.of("tools/call").length, 1)
        assert.deepStrictEqual(server.of("GET"), [])
        assert.strictEqual(yield* callText(client, "echo"), "echo")
        assert.strictEqual(server.of("server/discover").length, 1)
      }).pipe(leavesNothing)
  )

  it.live.each(broken)(
    "whose stream %s is made again where that is safe, under another id, at most twice",
    ([, breaking]) =>
      Effect.gen(function*() {
        let good = 2
        const server = yield* serve({
          "tools/call": (call) => good-- > 0 ? breaking(call) : call.answer(text("well")),
          "tools/list": breaking
        })
        const client = yield* connect(server)
        assert.strictEqual(yield* callText(client, "any", { idempotent: true }), "well")
        const ids = server.of("tools/call").map(({ message }) => message["id"])
        assert.strictEqual(new Set(ids).size, 3)
        yield* failsWith("ClosedError")(client.listTools())
        assert.strictEqual(server.of("tools/list").length, 3)
      }).pipe(leavesNothing)
  )

  it.live("hears progress and the log on its own stream, in order, before its answer", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream()
          events.write(": keep-alive\n\n")
          for (const step of [1, 2, 3]) events.send(progress(call, step))
          events.send({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "hi" } })
          events.send(call.result(text("done")))
          events.end()
        }
      })
      const client = yield* connect(server)
      const steps: Array<number> = []
      const logs = yield* start(Stream.runCollect(Stream.take(client.logs, 1)))
      const onProgress = ({ progress }: { readonly progress: number }) => Effect.sync(() => void steps.push(progress))
      assert.strictEqual(yield* callText(client, "any", { onProgress }), "done")
      assert.deepStrictEqual(steps, [1, 2, 3])
      assert.deepStrictEqual((yield* Fiber.join(logs)).map(({ data }) => data), ["hi"])
    }).pipe(leavesNothing))

  it.live("is not answered by what the server asks meanwhile", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream()
          events.send({ jsonrpc: "2.0", id: "q", method: "roots/list" })
          events.send(call.result(text("done")))
          events.end()
        }
      })
      const client = yield* connect(server, { client: { handlers: { roots: [] } } })
      const diagnostics = yield* watchDiagnostics(client)
      assert.strictEqual(yield* callText(client, "any"), "done")
      yield* settled
      assert.deepStrictEqual(diagnostics, [{ _tag: "Dropped", method: "roots/list" }])
      assert.deepStrictEqual(server.of("response"), [])
    }).pipe(leavesNothing))

  it.live("that needs input is a request for each round", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const { inputResponses } = objectOf(call.message["params"])
          if (inputResponses !== undefined) return call.answer(text(JSON.stringify(inputResponses)))
          const events = call.stream()
          events.send(call.result({
            resultType: "input_required",
            inputRequests: { where: { method: "roots/list" } }
          }))
          events.end()
        }
      })
      const client = yield* connect(server, { client: { handlers: { roots: [{ uri: "file:///a" }] } } })
      assert.strictEqual(yield* callText(client, "any"), `{"where":{"roots":[{"uri":"file:///a"}]}}`)
      assert.deepStrictEqual(server.of("response"), [])
    }).pipe(leavesNothing))
})

describe("listening over HTTP", () => {
  /** A server that tells of changes. */
  const telling = Effect.fnUntraced(function*(capabilities: object = { tools: { listChanged: true } }) {
    const listens: Array<{ readonly call: Call; readonly events: Events }> = []
    const server = yield* serve({
      ...listening(capabilities),
      [LISTEN]: (call) => {
        const events = call.stream()
        events.write(": keep-alive\n\n")
        events.send(acknowledgement(call))
        listens.push({ call, events })
      }
    })
    return { server, listens }
  })

  const changes = (client: Effect.Success<ReturnType<typeof connect>>) => {
    const log: Array<string> = []
    return Effect.as(
      start(Stream.runForEach(client.toolChanges, ({ _tag }) => Effect.sync(() => void log.push(_tag)))),
      log
    )
  }

  it.live("is one request that stays open, and ends with the client", () =>
    Effect.gen(function*() {
      const { listens, server } = yield* telling()
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* connect(server)
        const log = yield* changes(client)
        yield* until(() => listens.length === 1)
        const [{ call, events }] = listens as [typeof listens[number]]
        events.write(": keep-alive\n\n")
        events.send(notification("notifications/tools/list_changed", call))
        yield* until(() => log.length === 1)
        assert.deepStrictEqual(log, ["Changed"])
        assert.isFalse(call.isOver())
      }))
      yield* until(() => listens.every(({ call }) => call.isOver()))
      assert.deepStrictEqual(server.requests.map(({ kind }) => kind), ["server/discover", LISTEN])
    }).pipe(leavesNothing))

  it.live("for more takes over from what was there, which is closed, and no word said", () =>
    Effect.gen(function*() {
      const { listens, server } = yield* telling({ resources: { subscribe: true, listChanged: true } })
      const client = yield* connect(server)
      yield* until(() => listens.length === 1)
      const updates: Array<string> = []
      yield* start(Stream.runForEach(client.subscribe("a:b"), ({ _tag }) => Effect.sync(() => void updates.push(_tag))))
      yield* until(() => updates.length === 1 && listens.length === 2)
      const [first, second] = listens as [typeof listens[number], typeof listens[number]]
      yield* until(() => first.call.isOver())
      second.events.send(notification("notifications/resources/updated", second.call, { uri: "a:b/c" }))
      yield* until(() => updates.length === 2)
      assert.deepStrictEqual(updates, ["Subscribed", "Updated"])
      assert.deepStrictEqual(server.of("notifications/cancelled"), [])
    }).pipe(leavesNothing))

  it.effect.each<readonly [string, (events: Events, call: Call) => void]>([
    ["breaks", (events) => events.cut()],
    ["ends without a word", (events) => events.end()],
    ["is ended with an answer", (events, call) => {
      events.send(call.result({ resultType: "complete" }))
      events.end()
    }]
  ])(
    "that %s begins again after a pause, and all know that they may have missed something",
    ([, end]) =>
      Effect.gen(function*() {
        const { listens, server } = yield* telling()
        const sleeps = yield* Sleeps
        const client = yield* connect(server)
        const log = yield* changes(client)
        yield* until(() => listens.length === 1)
        const [{ call, events }] = listens as [typeof listens[number]]
        // The client has heard that it is told of changes.
        events.send(notification("notifications/tools/list_changed", call))
        yield* until(() => log.length === 1)
        end(events, call)
        const pause = yield* sleeps.until((millis) => millis >= 800 && millis <= 1200)
        yield* TestClock.adjust(pause)
        yield* until(() => listens.length === 2)
        yield* until(() => log.length === 2)
        assert.deepStrictEqual(log, ["Changed", "Reconnected"])
        assert.strictEqual(server.of("server/discover").length, 1)
      }).pipe(leavesNothing)
  )

  const refusals: ReadonlyArray<readonly [string, (call: Call) => void, passing: boolean]> = [
    ["400 with an error of the protocol", (call) => call.reply(400, error(-32602)), false],
    ["404 with an error of the protocol", (call) => call.reply(404, error(-32601)), false],
    ["401", (call) => call.reply(401), false],
    ["403", (call) => call.reply(403), false],
    ["405", (call) => call.reply(405), false],
    ["an answer in JSON", (call) => call.answer({ resultType: "complete" }), false],
    ["429", (call) => call.reply(429), true],
    ["500", (call) => call.reply(500), true],
    ["503", (call) => call.reply(503), true],
    ["503 with an error of the protocol", (call) => call.reply(503, error(-32603)), true],
    ["a broken connection", (call) => call.cut(), true]
  ]

  it.effect.each(refusals.filter(([, , passing]) => passing))(
    "that is refused with %s is tried again",
    ([, refuse]) =>
      Effect.gen(function*() {
        let refused = 0
        const server = yield* serve({
          ...listening({ resources: { subscribe: true } }),
          [LISTEN]: (call) => refused++ < 2 ? refuse(call) : call.stream().send(acknowledgement(call))
        })
        const sleeps = yield* Sleeps
        const client = yield* connect(server)
        const subscribed = yield* Effect.forkChild(Stream.runHead(client.subscribe("a:b")))
        for (const seconds of [1, 2]) {
          const pause = yield* sleeps.until((millis) => millis >= 800 * seconds && millis <= 1200 * seconds)
          yield* TestClock.adjust(pause)
          yield* server.received(LISTEN, seconds + 1)
        }
        yield* Fiber.join(subscribed)
        assert.strictEqual(server.of(LISTEN).length, 3)
      }).pipe(leavesNothing)
  )

  it.live.each(refusals.filter(([, , passing]) => !passing))(
    "that is refused with %s fails, and harms nothing",
    ([, refuse]) =>
      Effect.gen(function*() {
        const server = yield* serve({
          ...listening({ tools: {}, resources: { subscribe: true } }),
          [LISTEN]: refuse
        })
        const client = yield* connect(server)
        const failure = yield* Effect.flip(Stream.runDrain(client.subscribe("a:b")))
        assert.strictEqual(failure.method, "resources/subscribe")
        assert.strictEqual(server.of(LISTEN).length, 1)
        assert.strictEqual(yield* callText(client, "echo"), "echo")
      }).pipe(leavesNothing)
  )

  it.effect("that is never agreed to is given up after 30 seconds", () =>
    Effect.gen(function*() {
      const listens: Array<Call> = []
      const server = yield* serve({
        ...listening({ tools: { listChanged: true } }),
        [LISTEN]: (call) => {
          listens.push(call)
          call.stream().write(": wait\n\n")
        }
      })
      const sleeps = yield* Sleeps
      yield* connect(server)
      yield* until(() => listens.length === 1)
      yield* sleeps.until((millis) => millis === 30_000)
      yield* TestClock.adjust("30 seconds")
      yield* until(() => listens[0]?.isOver() === true)
    }).pipe(leavesNothing))
})

describe("a server that can not be reached any more", () => {
  it.live("is found again, and what was wanted is wanted again", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        ...listening({ tools: { listChanged: true } }),
        [LISTEN]: (call) => call.stream().send(acknowledgement(call))
      })
      const client = yield* connect(server)
      yield* server.received(LISTEN)
      yield* server.stop
      yield* Effect.flip(client.callTool("echo"))
      yield* server.restart
      assert.strictEqual(yield* callText(client, "echo"), "echo")
      yield* server.received(LISTEN, 2)
      assert.strictEqual(server.of("server/discover").length, 2)
    }).pipe(leavesNothing))
})

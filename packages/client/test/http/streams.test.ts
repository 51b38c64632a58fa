import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { failsWith, watchDiagnostics } from "../harness.ts"
import {
  bytesOf,
  type Call,
  callText,
  connect,
  type Events,
  eventText,
  initializeResult,
  leavesNothing,
  priming,
  progress,
  serve,
  Sleeps,
  text,
  until
} from "./support.ts"

const unicode = "äöü – 🎉 \u2028 ツ"

describe("an answer", () => {
  it.live("in JSON may come byte by byte", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => call.drip("application/json", JSON.stringify(call.result(text(unicode))))
      })
      const client = yield* connect(server)
      assert.strictEqual(yield* callText(client, "echo"), unicode)
    }).pipe(leavesNothing))

  it.live.each(["\n", "\r\n", "\r"])(
    "in a stream may come byte by byte, with lines that end with %j",
    (end) =>
      Effect.gen(function*() {
        const server = yield* serve({
          "tools/call": (call) => {
            const events = eventText(JSON.stringify(progress(call, 1))) +
              eventText(JSON.stringify(call.result(text(unicode))))
            call.drip("text/event-stream", events.replaceAll("\n", end))
          }
        })
        const client = yield* connect(server)
        assert.strictEqual(yield* callText(client, "echo"), unicode)
      }).pipe(leavesNothing)
  )

  it.live("comes after the progress that came before it, in order", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream()
          for (let step = 1; step <= 100; step++) events.send(progress(call, step))
          events.send(call.result(text("done")))
          events.end()
        }
      })
      const client = yield* connect(server)
      const steps: Array<number> = []
      const answer = yield* callText(client, "echo", {
        onProgress: ({ progress }) => Effect.sync(() => void steps.push(progress))
      })
      assert.strictEqual(answer, "done")
      assert.deepStrictEqual(steps, Array.from({ length: 100 }, (_, index) => index + 1))
    }).pipe(leavesNothing))

  it.live("may come in a stream between requests of the server, which are answered", () =>
    Effect.gen(function*() {
      const streams: Array<() => void> = []
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream()
          events.send({ jsonrpc: "2.0", id: 0, method: "ping" })
          events.send({ jsonrpc: "2.0", id: "two", method: "no/such/method" })
          streams.push(() => {
            events.send(call.result(text("done")))
            events.end()
          })
        },
        response: (call) => {
          call.reply(202)
          if (server.of("response").length === 2) { for (const end of streams) end() }
        }
      })
      const client = yield* connect(server)
      assert.strictEqual(yield* callText(client, "echo"), "done")
      const answers = server.of("response").map(({ message }) => message).sort((a) => a["id"] === 0 ? -1 : 1)
      assert.deepStrictEqual(answers[0], { jsonrpc: "2.0", id: 0, result: {} })
      assert.strictEqual(answers[1]?.["id"], "two")
      assert.include(JSON.stringify(answers[1]), "-32601")
    }).pipe(leavesNothing))

  it.live("may come in a batch, as JSON or in a stream", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        initialize: (call) => call.answer(initializeResult("2025-03-26")),
        "tools/call": (call) => {
          const batch = [progress(call, 1), call.result(text(call.tool))]
          if (call.tool === "json") return call.reply(200, batch)
          const events = call.stream()
          events.send(batch)
          events.end()
        }
      })
      const client = yield* connect(server)
      assert.strictEqual((yield* client.session).protocolVersion, "2025-03-26")
      for (const tool of ["json", "stream"]) {
        const steps: Array<number> = []
        const onProgress = ({ progress }: { readonly progress: number }) => Effect.sync(() => void steps.push(progress))
        assert.strictEqual(yield* callText(client, tool, { onProgress }), tool)
        assert.deepStrictEqual(steps, [1])
      }
    }).pipe(leavesNothing))

  it.live("is found among what means nothing", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream()
          events.write(": a comment\n\nnonsense\n\nevent: weather\ndata: {\"rain\":true}\n\ndata\n\n")
          events.write(priming("1"))
          events.write(eventText("not JSON"))
          events.write(eventText("[]"))
          events.send({ jsonrpc: "2.0", id: 4711, result: {} })
          events.write(
            `event: message\n${JSON.stringify(call.result(text("found")), null, 2).replaceAll(/^/gm, "data: ")}\n\n`
          )
          events.end()
        }
      })
      const client = yield* connect(server)
      const diagnostics = yield* watchDiagnostics(client)
      assert.strictEqual(yield* callText(client, "echo"), "found")
      yield* until(() => diagnostics.length === 2)
      assert.deepStrictEqual(diagnostics, [{ _tag: "Noise", line: "not JSON", count: 1 }, {
        _tag: "Unexpected",
        id: 4711
      }])
    }).pipe(leavesNothing))

  it.live("that answers something else is an error", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) =>
          call.tool === "other"
            ? call.reply(200, { jsonrpc: "2.0", id: 4711, result: {} })
            : call.reply(200, "{ not JSON", { "content-type": "application/json; charset=utf-8" })
      })
      const client = yield* connect(server)
      for (const tool of ["other", "none"]) {
        assert.include((yield* failsWith("ProtocolError")(callText(client, tool))).message, "does not answer")
      }
    }).pipe(leavesNothing))
})

describe("the type of an answer", () => {
  it.live.each(["application/json", "APPLICATION/JSON ; charset=\"utf-8\"", "application/json, application/json"])(
    "may be written as %s",
    (type) =>
      Effect.gen(function*() {
        const server = yield* serve({
          "tools/call": (call) => call.answer(text("read"), { "content-type": type })
        })
        const client = yield* connect(server)
        assert.strictEqual(yield* callText(client, "echo"), "read")
      }).pipe(leavesNothing)
  )
})

describe("a stream of replies", () => {
  /** The event with the answer to a tool whose name says where it is cut in two. */
  const answerOf = ({ result, tool }: Pick<Call, "result" | "tool">): Uint8Array =>
    bytesOf(eventText(JSON.stringify(result(text(tool + unicode))), { id: "answer", event: "message" }))

  const { length } = answerOf({ tool: "000", result: (result) => ({ jsonrpc: "2.0", id: 1, result }) })
  const everywhere = Array.from({ length }, (_, at) => String(at).padStart(3, "0"))

  /** Calls a tool. When the client has heard of the call's progress, the server goes on. */
  const callInSteps = Effect.fnUntraced(function*(
    first: (call: Call, events: Events) => void,
    then: (call: Call, events: Events) => void,
    onGet: (call: Call) => void
  ) {
    const waiting = new Map<string, () => void>()
    const server = yield* serve({
      "tools/call": (call) => {
        const events = call.stream()
        first(call, events)
        waiting.set(call.tool, () => then(call, events))
      },
      GET: (call) => call.headers["last-event-id"] === undefined ? call.reply(405) : onGet(call)
    })
    const client = yield* connect(server)
    const run = (tool: string) => callText(client, tool, { onProgress: () => Effect.sync(() => waiting.get(tool)?.()) })
    return { client, run, server }
  })

  it.live.each(["ends", "breaks"] as const)(
    "that %s at any byte of an event is taken up again there",
    (how) =>
      Effect.gen(function*() {
        const answers = new Map<string, Call>()
        const { run, server } = yield* callInSteps(
          (call, events) => {
            answers.set(`before ${call.tool}`, call)
            events.send(progress(call, 1), { id: `before ${call.tool}`, retry: 0 })
          },
          (call, events) => {
            events.write(answerOf(call).subarray(0, Number(call.tool)))
            if (how === "ends") events.end()
            else events.cut()
          },
          (call) => {
            const events = call.stream()
            const original = answers.get(String(call.headers["last-event-id"]))
            if (original !== undefined) events.write(answerOf(original))
            events.end()
          }
        )
        const texts = yield* Effect.forEach(everywhere, run, { concurrency: 10 })
        assert.deepStrictEqual(texts, everywhere.map((tool) => tool + unicode))
        const resumed = server.of("GET").filter(({ headers }) => headers["last-event-id"] !== undefined)
        assert.sameMembers(
          resumed.map(({ headers }) => headers["last-event-id"]),
          everywhere.map((tool) => `before ${tool}`)
        )
        for (const { headers } of resumed) assert.strictEqual(headers["mcp-session-id"], "session-1")
        assert.strictEqual(server.of("tools/call").length, length)
      }).pipe(leavesNothing)
  )

  it.live.each(["ends", "breaks"] as const)(
    "that %s at any byte fails at once when its events have no id",
    (how) =>
      Effect.gen(function*() {
        const { run, server } = yield* callInSteps(
          (call, events) => events.send(progress(call, 1)),
          (call, events) => {
            events.write(answerOf(call).subarray(0, Number(call.tool)))
            if (how === "ends") events.end()
            else events.cut()
          },
          (call) => call.reply(405)
        )
        const reasons = yield* Effect.forEach(everywhere, (tool) => failsWith("ClosedError")(run(tool)), {
          concurrency: 10
        })
        for (const { by, requestSent } of reasons) assert.deepStrictEqual([by, requestSent], ["server", true])
        assert.strictEqual(server.of("tools/call").length, length)
        assert.strictEqual(server.of("initialize").length, 1)
      }).pipe(leavesNothing)
  )

  it.live("that ends after the answer has done its work", () =>
    Effect.gen(function*() {
      const { run, server } = yield* callInSteps(
        (call, events) => events.send(progress(call, 1), { id: "1" }),
        (call, events) => {
          events.write(answerOf(call))
          events.end()
        },
        (call) => call.reply(500)
      )
      assert.strictEqual(yield* run("000"), `000${unicode}`)
      assert.deepStrictEqual(server.of("GET").map(({ headers }) => headers["last-event-id"]), [undefined])
    }).pipe(leavesNothing))

  it.effect("is taken up again when the server says, each one where it ended", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream()
          events.write(priming(`${call.tool} 1`, Number(call.tool)))
          events.end()
        },
        GET: (call) => {
          const [tool = "", step] = String(call.headers["last-event-id"]).split(" ")
          if (step === undefined) return call.reply(405)
          const events = call.stream()
          if (step === "1") events.write(priming(`${tool} 2`))
          else {
            const id = server.of("tools/call").findIndex((call) => JSON.stringify(call.message).includes(`"${tool}"`))
            events.send({
              ...server.of("tools/call")[id]?.message,
              method: undefined,
              params: undefined,
              result: text(tool)
            })
          }
          events.end()
        }
      })
      const client = yield* connect(server)
      const sleeps = yield* Sleeps
      const calls = yield* Effect.forkScoped(
        Effect.forEach(["4000", "7000"], (tool) => callText(client, tool), { concurrency: 2 }),
        { startImmediately: true }
      )
      const resumed = () => server.of("GET").flatMap(({ headers }) => headers["last-event-id"] ?? [])
      yield* sleeps.until((millis) => millis === 4000)
      yield* sleeps.until((millis) => millis === 7000)
      yield* TestClock.adjust("3999 millis")
      assert.deepStrictEqual(resumed(), [])
      yield* TestClock.adjust("1 millis")
      yield* until(() => resumed().length === 1)
      yield* sleeps.until((millis) => millis === 4000)
      yield* TestClock.adjust("3 seconds")
      yield* until(() => resumed().length === 2)
      yield* sleeps.until((millis) => millis === 7000)
      yield* TestClock.adjust("7 seconds")
      assert.deepStrictEqual(yield* Fiber.join(calls), ["4000", "7000"])
      assert.deepStrictEqual(resumed(), ["4000 1", "7000 1", "4000 2", "7000 2"])
    }).pipe(leavesNothing))

  it.effect("that brings nothing any more is taken up a few times, after ever longer pauses", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream()
          events.write(priming("1"))
          events.end()
        },
        GET: (call) => {
          if (call.headers["last-event-id"] === undefined) return call.reply(405)
          call.stream().end()
        }
      })
      const client = yield* connect(server, { client: { timeouts: { call: "1 hour" } } })
      const sleeps = yield* Sleeps
      const failing = yield* Effect.forkScoped(failsWith("ClosedError")(client.callTool("echo")), {
        startImmediately: true
      })
      const resumed = () => server.of("GET").filter(({ headers }) => headers["last-event-id"] === "1").length
      for (const [attempt, seconds] of [1, 2, 4, 8, 16].entries()) {
        const millis = yield* sleeps.until((millis) => millis >= 800 * seconds && millis <= 1200 * seconds)
        yield* TestClock.adjust(millis)
        yield* until(() => resumed() === attempt + 1)
      }
      const reason = yield* Fiber.join(failing)
      assert.isTrue(reason.requestSent)
      assert.strictEqual(resumed(), 5)
    }).pipe(leavesNothing))

  it.live("is taken up as often as it takes while it brings something", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream()
          events.write(priming("0", 0))
          events.end()
          calls.push(call)
        },
        GET: (call) => {
          const id = call.headers["last-event-id"]
          if (id === undefined) return call.reply(405)
          const events = call.stream()
          if (id === "20") { for (const call of calls) events.send(call.result(text("at last"))) }
          else events.write(priming(String(Number(id) + 1)))
          events.end()
        }
      })
      const calls: Array<Call> = []
      const client = yield* connect(server)
      assert.strictEqual(yield* callText(client, "echo"), "at last")
    }).pipe(leavesNothing))

  it.live.each([[404, "text/html"], [405, "text/plain"], [200, "text/html"]] as const)(
    "that the server can not take up again (%d, %s) fails what waits for it: it may have been carried out",
    ([status, type]) =>
      Effect.gen(function*() {
        const server = yield* serve({
          initialize: (call) => call.answer(initializeResult()),
          "tools/call": (call) => {
            const events = call.stream()
            events.write(priming("1", 0))
            events.end()
          },
          GET: (call) => call.reply(status, "no", { "content-type": type })
        })
        const client = yield* connect(server)
        const reason = yield* failsWith("ClosedError")(callText(client, "echo"))
        assert.isTrue(reason.requestSent)
        assert.strictEqual(server.of("tools/call").length, 1)
      }).pipe(leavesNothing)
  )

  it.effect("that a server comes back with is taken up again", () =>
    Effect.gen(function*() {
      const calls: Array<Call> = []
      const attempts: Array<(call: Call) => void> = [
        (call) => call.reply(405),
        (call) => call.reply(503),
        (call) => call.cut(),
        (call) => call.reply(429),
        (call) => {
          const events = call.stream()
          for (const call of calls) events.send(call.result(text("back")))
          events.end()
        }
      ]
      const server = yield* serve({
        "tools/call": (call) => {
          calls.push(call)
          const events = call.stream()
          events.write(priming("1", 0))
          events.end()
        },
        GET: (call) => attempts.shift()?.(call)
      })
      const client = yield* connect(server)
      const sleeps = yield* Sleeps
      yield* server.received("GET")
      const calling = yield* Effect.forkScoped(callText(client, "echo"), { startImmediately: true })
      for (const seconds of [2, 4, 8]) {
        yield* TestClock.adjust(yield* sleeps.until((millis) => millis >= 800 * seconds && millis <= 1200 * seconds))
      }
      assert.strictEqual(yield* Fiber.join(calling), "back")
    }).pipe(leavesNothing))

  it.live("of a session that is gone meanwhile is not repeated", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream()
          events.write(priming("1", 0))
          events.end()
        },
        GET: (call) => call.reply(call.headers["last-event-id"] === undefined ? 405 : 404)
      })
      const client = yield* connect(server)
      const reason = yield* failsWith("ClosedError")(callText(client, "echo"))
      assert.isTrue(reason.requestSent)
      assert.strictEqual(server.of("tools/call").length, 1)
      assert.strictEqual((yield* client.state)._tag, "Idle")
    }).pipe(leavesNothing))

  it.live("whose ids the server takes back can not be taken up again", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        "tools/call": (call) => {
          const events = call.stream()
          events.write(priming("1", 0) + eventText("", { id: "" }))
          events.end()
        }
      })
      const client = yield* connect(server)
      assert.isTrue((yield* failsWith("ClosedError")(callText(client, "echo"))).requestSent)
      assert.deepStrictEqual(server.of("GET").filter(({ headers }) => headers["last-event-id"] !== undefined), [])
    }).pipe(leavesNothing))

  it.live("may stay open after its answer, but not very many of them", () =>
    Effect.gen(function*() {
      const open: Array<Call> = []
      const server = yield* serve({
        "tools/call": (call) => {
          open.push(call)
          call.stream().send(call.result(text(call.tool)))
        }
      })
      const client = yield* connect(server)
      const tools = Array.from({ length: 40 }, (_, index) => String(index))
      assert.deepStrictEqual(yield* Effect.forEach(tools, (tool) => callText(client, tool)), tools)
      const left = () => open.filter((call) => !call.isOver()).length
      yield* until(() => left() <= 16)
      assert.isAbove(left(), 0)
    }).pipe(leavesNothing))
})

import * as McpError from "@effect-mcp/client/McpError"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import type { Connection } from "@effect-mcp/client/McpTransport"
import { assert, describe, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Callers from "../src/internal/session/callers.ts"
import { Refusal } from "../src/internal/session/refusal.ts"
import * as ServerRequests from "../src/internal/session/serverRequests.ts"
import type { Handler } from "../src/internal/session/session.ts"
import type { Diagnostic, Incoming } from "../src/McpTransport.ts"
import { connect, settled } from "./harness.ts"

/** Serves requests of a server; the answers go into a log. */
const serving = Effect.fnUntraced(function*(handlers: Record<string, Handler>) {
  const answers: Array<unknown> = []
  const connection: Connection = {
    exchange: () => Effect.never,
    send: (message) => Effect.sync(() => void answers.push(message)),
    incoming: yield* Queue.unbounded<Incoming, Cause.Done>(),
    medium: "pipe",
    closedBy: () => undefined,
    closed: Effect.never
  }
  const diagnostics: Array<Diagnostic> = []
  const requests = yield* ServerRequests.make(connection, {
    handlers: { capabilities: {}, methods: new Map(Object.entries(handlers)), tasks: new Set() },
    taskCallers: Callers.make(() => 0),
    onDiagnostic: (diagnostic) => diagnostics.push(diagnostic)
  }, Callers.make(() => 0))
  return { requests, answers, diagnostics }
})

const noParams: JsonObject = {}

describe("requests of the server", () => {
  it.effect("ping is answered at once", () =>
    Effect.gen(function*() {
      const { mock } = yield* connect()
      assert.deepStrictEqual(yield* mock.request("ping"), {})
      assert.deepStrictEqual(yield* mock.request("ping", {}, "by string"), {})
    }))

  it.effect.each(["sampling/createMessage", "elicitation/create", "roots/list", "x/y", "toString"])(
    "%s is refused as unknown, since nothing handles it",
    (method) =>
      Effect.gen(function*() {
        const { mock } = yield* connect()
        const error = yield* Effect.flip(mock.request(method, { a: 1 }))
        assert.strictEqual(error.code, -32601)
        assert.include(error.description, method)
      })
  )

  it.effect("are answered with what their handler yields, each under its own id", () =>
    Effect.gen(function*() {
      const { answers, requests } = yield* serving({
        double: (params) => Effect.succeed({ twice: Number(params["n"]) * 2 })
      })
      requests.serve({ id: 7, method: "double", params: { n: 2 } })
      requests.serve({ id: "7", method: "double", params: { n: 3 } })
      yield* settled
      assert.deepStrictEqual(answers, [
        { jsonrpc: "2.0", id: 7, result: { twice: 4 } },
        { jsonrpc: "2.0", id: "7", result: { twice: 6 } }
      ])
    }))

  it.effect("do not wait for each other", () =>
    Effect.gen(function*() {
      const { answers, requests } = yield* serving({ slow: () => Effect.never, fast: () => Effect.succeed({}) })
      requests.serve({ id: 1, method: "slow", params: noParams })
      requests.serve({ id: 2, method: "fast", params: noParams })
      yield* settled
      assert.deepStrictEqual(answers, [{ jsonrpc: "2.0", id: 2, result: {} }])
    }))

  it.effect("that their handler refuses are answered with its error", () =>
    Effect.gen(function*() {
      const { answers, diagnostics, requests } = yield* serving({
        ask: () => Effect.fail(new Refusal(-1, "User rejected"))
      })
      requests.serve({ id: 1, method: "ask", params: noParams })
      yield* settled
      assert.deepStrictEqual(answers, [{ jsonrpc: "2.0", id: 1, error: { code: -1, message: "User rejected" } }])
      assert.deepStrictEqual(diagnostics, [])
    }))

  it.effect.each(
    [
      ["fails", () => Effect.fail(new Error("password is hunter2"))],
      [
        "fails with the error of another server",
        () => Effect.fail(new McpError.JsonRpcError({ code: -1, description: "password is hunter2" }))
      ],
      ["dies", () => Effect.die(new Error("password is hunter2"))],
      ["throws", () => {
        throw new Error("password is hunter2")
      }]
    ] satisfies ReadonlyArray<[string, Handler]>
  )("whose handler %s are answered with an internal error that tells nothing", ([, handler]) =>
    Effect.gen(function*() {
      const { answers, requests } = yield* serving({ ask: handler })
      requests.serve({ id: 1, method: "ask", params: noParams })
      yield* settled
      assert.strictEqual(answers.length, 1)
      assert.notInclude(JSON.stringify(answers), "hunter2")
      assert.strictEqual((answers[0] as { readonly error: { readonly code: number } }).error.code, -32603)
    }))

  it.effect("that the server cancels are interrupted, and not answered", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const { answers, requests } = yield* serving({
        ask: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      })
      requests.serve({ id: 5, method: "ask", params: noParams })
      yield* settled
      requests.cancel(6)
      requests.cancel("5")
      yield* settled
      assert.isFalse(yield* Deferred.isDone(interrupted))
      requests.cancel(5)
      yield* Deferred.await(interrupted)
      assert.deepStrictEqual(answers, [])
    }))

  it.effect("are dropped, and reported, when too many are under way", () =>
    Effect.gen(function*() {
      const { answers, diagnostics, requests } = yield* serving({ ask: () => Effect.never })
      for (let id = 0; id < 1001; id++) requests.serve({ id, method: "ask", params: noParams })
      assert.deepStrictEqual(diagnostics, [{ _tag: "Dropped", method: "ask" }])
      requests.cancel(0)
      yield* settled
      requests.serve({ id: 1001, method: "x/y", params: noParams })
      yield* settled
      assert.strictEqual(diagnostics.length, 1)
      assert.strictEqual(answers.length, 1)
    }))

  it.effect("end with the session", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const { answers, requests } = yield* Scope.provide(
        serving({ ask: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)) }),
        scope
      )
      requests.serve({ id: 1, method: "ask", params: noParams })
      yield* settled
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(interrupted)
      assert.deepStrictEqual(answers, [])
    }))

  it.effect.each([{}, { requestId: null }, { requestId: {} }, { requestId: 99 }])(
    "are not harmed by a cancellation that means nothing: %j",
    (params) =>
      Effect.gen(function*() {
        const { mock } = yield* connect()
        yield* mock.notify("notifications/cancelled", params)
        assert.deepStrictEqual(yield* mock.request("ping"), {})
      })
  )
})

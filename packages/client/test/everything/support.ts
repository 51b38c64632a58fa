/** What a server that nobody here wrote asks and tells, as tests. It runs in a process of its own. */
import * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError } from "@effect-mcp/client/McpError"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import type * as McpTransport from "@effect-mcp/client/McpTransport"
import { assert, describe, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"

class Roots extends Context.Service<Roots, SubscriptionRef.SubscriptionRef<ReadonlyArray<McpHandlers.Root>>>()(
  "test/everything/Roots"
) {}

/** A client that answers everything. Calls bring their own handlers of forms and pages. */
const client = Layer.unwrap(Effect.map(Roots, (roots) =>
  McpClient.layer({
    handlers: {
      roots,
      sampling: {
        createMessage: ({ maxTokens, messages, systemPrompt, temperature }) =>
          Effect.succeed({
            content: JSON.stringify({ maxTokens, messages, systemPrompt, temperature }),
            model: "parrot",
            stopReason: "endTurn"
          }),
        tasks: true
      },
      elicitation: {
        form: () => Effect.succeed(McpHandlers.cancel),
        url: () => Effect.succeed(McpHandlers.cancel),
        tasks: true
      }
    }
  })))

const live = (transport: Layer.Layer<McpTransport.McpTransport, McpError>) =>
  client.pipe(
    Layer.provide([transport, Logger.layer([])]),
    Layer.provideMerge(Layer.effect(
      Roots,
      SubscriptionRef.make<ReadonlyArray<McpHandlers.Root>>([
        { uri: "file:///home/ada/one", name: "One" }
      ])
    ))
  )

const document = "demo://resource/static/document/architecture.md"

const text = <R = never>(tool: string, args?: JsonObject, handlers?: McpHandlers.CallHandlers<R>) =>
  McpClient.McpClient.use((client) =>
    Effect.map(
      client.callTool(tool, args, { handlers }),
      ({ content }) => content.map((block) => block.type === "text" ? block.text : "").join("\n")
    )
  )

/** What the server got, as it repeats it behind its own words. */
const resultIn = (text: string): unknown => JSON.parse(text.slice(text.indexOf("{")))

export const asksAndTells = (name: string, transport: Layer.Layer<McpTransport.McpTransport, McpError>): void => {
  // Over a pipe, the handlers of the latest call answer: one call after the other.
  describe(name, { concurrent: false }, () => {
    layer(live(transport), { excludeTestServices: true, timeout: "20 seconds" })((it) => {
      it.effect("offers what the client can answer", () =>
        Effect.gen(function*() {
          const { listTools } = yield* McpClient.McpClient
          const names = (yield* listTools()).map(({ name }) => name)
          for (
            const conditional of [
              "get-roots-list",
              "trigger-sampling-request",
              "trigger-sampling-request-async",
              "trigger-elicitation-request",
              "trigger-elicitation-request-async",
              "trigger-url-elicitation"
            ]
          ) assert.include(names, conditional)
        }))

      it.effect("gets the roots, and their changes", () =>
        Effect.gen(function*() {
          const { logs } = yield* McpClient.McpClient
          const roots = yield* Roots
          assert.include(yield* text("get-roots-list"), "One\n   URI: file:///home/ada/one")
          const told = yield* logs.pipe(
            Stream.takeUntil(({ data }) => String(data).startsWith("Roots updated: 2 root(s)")),
            Stream.runDrain,
            Effect.forkScoped({ startImmediately: true })
          )
          yield* SubscriptionRef.update(roots, (all) => [...all, { uri: "file:///home/ada/two" }])
          yield* Fiber.join(told)
          assert.include(yield* text("get-roots-list"), "URI: file:///home/ada/two")
        }))

      it.effect("asks a language model", () =>
        Effect.gen(function*() {
          const result = resultIn(yield* text("trigger-sampling-request", { prompt: "Hello?", maxTokens: 7 }))
          assert.containSubset(result, { model: "parrot", role: "assistant", stopReason: "endTurn" })
          const { content } = result as { readonly content: { readonly text: string } }
          assert.deepStrictEqual(JSON.parse(content.text), {
            maxTokens: 7,
            messages: [{
              role: "user",
              content: [{ type: "text", text: "Resource trigger-sampling-request context: Hello?" }]
            }],
            systemPrompt: "You are a helpful test server.",
            temperature: 0.7
          })
        }))

      it.effect("asks for a form, and gets the defaults of what is left out", () =>
        Effect.gen(function*() {
          const asked: Array<McpHandlers.FormRequest> = []
          const answer = yield* text("trigger-elicitation-request", {}, {
            elicitation: {
              form: (request) =>
                Effect.sync(() => {
                  asked.push(request)
                  return McpHandlers.accept({ name: "Ada", check: true, integer: 7 })
                })
            }
          })
          assert.deepStrictEqual(
            asked.flatMap(({ fields }) => fields.map(({ _tag, name }) => [name, _tag])),
            [
              ["name", "Text"],
              ["check", "Boolean"],
              ["firstLine", "Text"],
              ["email", "Text"],
              ["homepage", "Text"],
              ["birthdate", "Text"],
              ["integer", "Number"],
              ["number", "Number"],
              ["untitledSingleSelectEnum", "Choice"],
              ["untitledMultipleSelectEnum", "Choices"],
              ["titledSingleSelectEnum", "Choice"],
              ["titledMultipleSelectEnum", "Choices"],
              ["legacyTitledEnum", "Choice"]
            ]
          )
          assert.deepStrictEqual(resultIn(answer), {
            action: "accept",
            content: {
              name: "Ada",
              check: true,
              firstLine: "It was a dark and stormy night.",
              integer: 7,
              number: 3.14,
              untitledSingleSelectEnum: "Monica",
              untitledMultipleSelectEnum: ["Guitar"],
              titledSingleSelectEnum: "hero-1",
              titledMultipleSelectEnum: ["fish-1"],
              legacyTitledEnum: "pet-1"
            }
          })
        }))

      it.effect("hears that the user says no, or goes away", () =>
        Effect.gen(function*() {
          const declined = yield* text("trigger-elicitation-request", {}, {
            elicitation: { form: () => Effect.succeed(McpHandlers.decline) }
          })
          assert.include(declined, "declined")
          assert.include(yield* text("trigger-elicitation-request"), "cancelled")
        }))

      it.effect("asks to visit a page", () =>
        Effect.gen(function*() {
          const asked: Array<McpHandlers.UrlRequest> = []
          const args = { url: "https://example.com/login", message: "Log in", elicitationId: "e1" }
          const answer = yield* text("trigger-url-elicitation", args, {
            elicitation: { url: (request) => Effect.sync(() => (asked.push(request), McpHandlers.accept())) }
          })
          assert.deepStrictEqual(
            asked.map(({ elicitationId, message, url }) => [elicitationId, message, url.href]),
            [["e1", "Log in", "https://example.com/login"]]
          )
          assert.deepStrictEqual(resultIn(answer), { action: "accept" })
          assert.include(yield* text("trigger-url-elicitation", args), "cancelled")
        }))

      it.effect("refuses a call until a page was visited, of which it does not say when, so the user does", () =>
        Effect.gen(function*() {
          const visited = yield* Deferred.make<string>()
          const args = { url: "https://example.com/guarded", errorPath: true }
          const handlers: McpHandlers.CallHandlers = {
            elicitation: {
              url: ({ url }) => Effect.as(Deferred.succeed(visited, url.href), McpHandlers.accept())
            }
          }
          const refused = yield* Effect.forkScoped(text("trigger-url-elicitation", args, handlers), {
            startImmediately: true
          })
          assert.strictEqual(yield* Deferred.await(visited), "https://modelcontextprotocol.io/")
          yield* Fiber.interrupt(refused)
          assert.deepStrictEqual(resultIn(yield* text("trigger-url-elicitation", args, handlers)), { action: "accept" })
        }))

      it.effect("asks as tasks, and comes back for the answers", () =>
        Effect.gen(function*() {
          const [message, form] = yield* Effect.all([
            text("trigger-sampling-request-async", { prompt: "Hello?" }),
            text("trigger-elicitation-request-async", {}, {
              elicitation: {
                form: () => Effect.succeed(McpHandlers.accept({ name: "Ada", favoriteColor: "Blue" }))
              }
            })
          ], { concurrency: "unbounded" })
          assert.include(message, "Poll 1: completed")
          assert.containSubset(resultIn(message), { model: "parrot", role: "assistant", stopReason: "endTurn" })
          assert.include(form, "Poll 1: completed")
          assert.containSubset(resultIn(form), {
            action: "accept",
            content: { name: "Ada", favoriteColor: "Blue" }
          })
        }))

      it.effect("writes a log", () =>
        Effect.gen(function*() {
          const { logs } = yield* McpClient.McpClient
          const one = yield* logs.pipe(
            Stream.filter(({ data }) => /level.message/.test(String(data))),
            Stream.runHead,
            Effect.forkScoped({ startImmediately: true })
          )
          assert.include(yield* text("toggle-simulated-logging"), "Started")
          const message = yield* Effect.flatMap(Fiber.join(one), Effect.fromOption)
          assert.include(String(message.data).toLowerCase(), message.level)
          assert.include(yield* text("toggle-simulated-logging"), "Stopped")
        }))

      it.effect("tells of updates to who has subscribed", () =>
        Effect.gen(function*() {
          const { resourceUpdates, subscribe } = yield* McpClient.McpClient
          const updates = yield* resourceUpdates(document).pipe(
            Stream.runHead,
            Effect.forkScoped({ startImmediately: true })
          )
          const subscribed = subscribe(document).pipe(
            Stream.tap(({ _tag }) => _tag === "Subscribed" ? text("toggle-subscriber-updates") : Effect.void),
            Stream.take(2),
            Stream.runCollect
          )
          assert.deepStrictEqual(yield* subscribed, [
            { _tag: "Subscribed", uri: document },
            { _tag: "Updated", uri: document, params: { uri: document } }
          ])
          const update = yield* Effect.flatMap(Fiber.join(updates), Effect.fromOption)
          assert.deepStrictEqual(update.params, { uri: document })
          assert.include(yield* text("toggle-subscriber-updates"), "Stopped")
        }))
    })
  })
}

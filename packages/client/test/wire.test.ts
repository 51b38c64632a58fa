import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import * as McpProtocol from "@effect-mcp/client/McpProtocol"
import { isJsonObject, type JsonObject } from "@effect-mcp/client/McpSchema"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Tracer from "effect/Tracer"
import { elicitation, form, logging, message, sampling } from "./asking.ts"
import { clientOf, settled, start } from "./harness.ts"
import { AS_TASK, faultOf } from "./schemas/validate.ts"

const versions = [...McpProtocol.modernVersions, ...McpProtocol.legacyVersions]

const faultsOf = (version: string, messages: ReadonlyArray<MockTransport.Recorded>) => {
  const questions = new Map<unknown, string>()
  return messages.flatMap(({ from, message }) => {
    const { id, method, params } = message
    if (from === "server") {
      if (id !== undefined && typeof method === "string") {
        questions.set(id, isJsonObject(params) && params["task"] !== undefined ? AS_TASK : method)
      }
      return []
    }
    const fault = faultOf(version, message, { asked: questions.get(id) ?? "" })
    return fault === undefined ? [] : [`${fault} in ${JSON.stringify(message)}`]
  })
}

const propertiesOf = (version: string): JsonObject => ({
  name: { type: "string", default: "Ada" },
  age: { type: "integer", default: 3 },
  tall: { type: "boolean", default: true },
  ...(version >= "2025-11-25"
    ? { colors: { type: "array", items: { type: "string", enum: ["red", "blue"] }, default: ["red"] } }
    : {})
})

/** What a server of a version may ask. Of what came later, nothing is known. */
const questionsOf = (version: string): ReadonlyArray<readonly [string, JsonObject]> => [
  ["roots/list", {}],
  [sampling, message("Hi")],
  ...(version >= "2025-06-18" ? [[elicitation, form(propertiesOf(version))] as const] : []),
  ...(version >= "2025-11-25"
    ? [[elicitation, { mode: "url", message: "Log in", url: "https://example.com", elicitationId: "1" }] as const]
    : [])
]

describe("what a client sends", () => {
  it.effect.each(versions)("is what %s allows, whatever it does", (version) =>
    Effect.gen(function*() {
      const isModern = McpProtocol.isModernVersion(version)
      const questions = questionsOf(version)
      const mock = yield* MockTransport.make({
        protocolVersions: [version],
        capabilities: {
          tools: { listChanged: true },
          resources: { listChanged: true, subscribe: true },
          prompts: { listChanged: true },
          completions: {},
          logging: {}
        },
        tools: {
          ask: (_, { input, progress }) =>
            Effect.gen(function*() {
              yield* progress({ progress: 1 })
              const all = questions.map(([method, params], index) => [`q${index}`, { method, params }] as const)
              return { structuredContent: yield* input(Object.fromEntries(all)) }
            }),
          hang: () => Effect.never
        },
        resources: { "a:b": () => Effect.succeed("text") },
        prompts: { greet: () => Effect.succeed("Hello!") },
        completions: () => Effect.succeed(["Ada"])
      })
      const roots = yield* SubscriptionRef.make<ReadonlyArray<McpHandlers.Root>>([{ uri: "file:///a", name: "a" }])
      const client = yield* clientOf(mock.transport, {
        protocol: version,
        clientInfo: { name: "me", version: "1", title: "Me", websiteUrl: "https://example.com" },
        handlers: {
          roots,
          sampling: {
            createMessage: () => Effect.succeed({ content: "Hello!", model: "m", stopReason: "endTurn" }),
            tasks: true
          },
          elicitation: {
            form: () => Effect.succeed(McpHandlers.accept({})),
            url: () => Effect.succeed(McpHandlers.accept()),
            tasks: true
          }
        }
      })
      yield* settled
      yield* client.listTools({ meta: { "acme/a": 1 } })
      yield* client.callTool("ask", { deep: [{ a: null }] }, { onProgress: () => Effect.void }).pipe(
        Effect.withSpan("program"),
        Effect.provideService(Tracer.Tracer, Tracer.make({ span: (options) => new Tracer.NativeSpan(options) }))
      )
      yield* Fiber.interrupt(yield* start(client.callTool("hang")))
      yield* client.listResources()
      yield* client.listResourceTemplates()
      yield* client.readResource("a:b")
      yield* client.listPrompts()
      yield* client.getPrompt("greet", { name: "Ada" })
      yield* client.complete({
        ref: { type: "ref/prompt", name: "greet" },
        argument: { name: "name", value: "A" },
        context: { arguments: { other: "x" } }
      })
      yield* client.setLogLevel("warning")
      yield* Fiber.interrupt(yield* start(Stream.runDrain(client.subscribe("a:b"))))
      yield* SubscriptionRef.set(roots, [])
      if (!isModern) {
        yield* client.ping()
        yield* logging().logged(Effect.forEach(["sampling/nope", "x/y"], (method) => Effect.exit(mock.request(method))))
        yield* mock.request("ping")
      }
      if (version === "2025-11-25") {
        for (const [method, params] of questions.slice(1)) {
          const created = yield* mock.request(method, { ...params, task: { ttl: 1000.5 } })
          const { task } = created as { readonly task: { readonly taskId: string } }
          for (const about of ["get", "result", "list"]) yield* mock.request(`tasks/${about}`, { taskId: task.taskId })
          yield* Effect.exit(mock.request("tasks/cancel", { taskId: task.taskId }))
        }
      }
      yield* settled
      const messages = yield* mock.messages
      assert.deepStrictEqual(faultsOf(version, messages), [])
      const methods = new Set(yield* mock.methods)
      assert.isAtLeast(methods.size, 11)
      assert.include(methods, "notifications/cancelled")
    }))

  it("would be found out if it were something else", () => {
    const request = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "a", arguments: {} } }
    assert.isUndefined(faultOf("2025-11-25", request))
    assert.isDefined(faultOf("2026-07-28", request))
    assert.isDefined(faultOf("2025-11-25", { ...request, params: { name: 7 } }))
    assert.isDefined(faultOf("2025-11-25", { ...request, id: null }))
    assert.isDefined(faultOf("2025-11-25", { ...request, method: "x/y" }))
    assert.isDefined(faultOf("2026-07-28", { jsonrpc: "2.0", id: 1, result: {} }))
    assert.isDefined(faultOf("2025-06-18", { jsonrpc: "2.0", id: 1, result: {} }, { asked: "roots/list" }))
  })
})

import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as McpServerTransport from "@effect-mcp/testing/McpServerTransport"
import { assert, describe, it } from "@effect/vitest"
import { McpProtocol, McpServer, Tool, Toolkit } from "effect/ai"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { start } from "./harness.ts"

const toolkit = Toolkit.make(
  Tool.make("count", { parameters: Tool.EmptyParams, success: Schema.Struct({ count: Schema.Number }) }),
  Tool.make("hang", { parameters: Tool.EmptyParams, success: Schema.String }),
  Tool.make("echo", {
    parameters: Schema.Struct({ text: Schema.String }),
    success: Schema.Struct({ text: Schema.String })
  })
)

/** A server that counts its calls. */
const server = (onInterrupt: Effect.Effect<unknown> = Effect.void) =>
  McpServer.layerStdio({
    name: "counter",
    version: "1.0.0",
    protocols: [McpProtocol.v2025_11_25],
    registrations: McpServer.toolkit(toolkit).pipe(Layer.provide(toolkit.toLayer(Effect.sync(() => {
      let count = 0
      return {
        count: () => Effect.sync(() => ({ count: ++count })),
        hang: () => Effect.onInterrupt(Effect.never, () => onInterrupt),
        echo: ({ text }) => Effect.succeed({ text })
      }
    }))))
  })

const clientOf = (transport: McpTransport.McpTransport) =>
  Effect.provideService(McpClient.make(), McpTransport.McpTransport, transport)

const count = (client: McpClient.McpClient) =>
  Effect.map(client.callTool("count"), ({ structuredContent }) => structuredContent)

describe("McpServerTransport", () => {
  it.effect("builds a server for each connection", () =>
    Effect.gen(function*() {
      const transport = yield* McpServerTransport.make({ server: server() })
      const first = yield* clientOf(transport)
      const second = yield* clientOf(transport)
      assert.deepStrictEqual([yield* count(first), yield* count(first), yield* count(second)], [
        { count: 1 },
        { count: 2 },
        { count: 1 }
      ])
      yield* first.reconnect
      assert.deepStrictEqual(yield* count(first), { count: 1 })
    }))

  it.effect("builds a server for each connection, also when a layer provides the transport", () =>
    Effect.gen(function*() {
      const client = yield* McpClient.McpClient
      assert.deepStrictEqual([yield* count(client), yield* count(client)], [{ count: 1 }, { count: 2 }])
      const inTheOld = yield* start(client.callTool("hang"))
      yield* client.reconnect
      assert.deepStrictEqual(yield* count(client), { count: 1 })
      yield* Fiber.interrupt(inTheOld)
      assert.deepStrictEqual(yield* count(client), { count: 2 })
    }).pipe(Effect.provide(McpClient.layer().pipe(Layer.provide(McpServerTransport.layer({ server: server() }))))))

  it.effect("puts together what the server writes in pieces", () =>
    Effect.gen(function*() {
      const serverInfo = { name: "ünï 🎉", version: "1.0.0" }
      const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo }
      const choppy = Layer.effectDiscard(Effect.gen(function*() {
        const stdio = yield* Stdio.Stdio
        yield* stdio.stdin.pipe(
          Stream.decodeText(),
          Stream.splitLines,
          Stream.map((line): Record<string, unknown> => JSON.parse(line)),
          Stream.filter((message) => "id" in message),
          Stream.map(({ id }) => `\n${JSON.stringify({ jsonrpc: "2.0", id, result })}\n\n`),
          Stream.encodeText,
          Stream.flatMap((bytes) => Stream.fromIterable(Array.from(bytes, (byte) => Uint8Array.of(byte)))),
          Stream.run(stdio.stdout()),
          Effect.forkScoped
        )
      }))
      const client = yield* clientOf(yield* McpServerTransport.make({ server: choppy }))
      assert.deepStrictEqual((yield* client.session).serverInfo, serverInfo)
    }))

  it.effect("is named as the options say", () =>
    Effect.gen(function*() {
      const named = yield* McpServerTransport.make({ label: "counter", server: server() })
      const unnamed = yield* McpServerTransport.make({ server: server() })
      assert.strictEqual((yield* clientOf(named)).name, "counter")
      assert.match((yield* clientOf(unnamed)).name, /\w/)
    }))

  it.effect("carries every character", () =>
    Effect.gen(function*() {
      const client = yield* clientOf(yield* McpServerTransport.make({ server: server() }))
      const text = "line one\nline two\r\n\u2028 ünï – 🎉 \u0000 \"quoted\\\""
      const result = yield* client.callTool("echo", { text })
      assert.deepStrictEqual(result.structuredContent, { text })
    }))

  it.effect("tells the server when a call is cancelled", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const client = yield* clientOf(
        yield* McpServerTransport.make({ server: server(Deferred.succeed(interrupted, undefined)) })
      )
      const call = yield* start(client.callTool("hang"))
      yield* Fiber.interrupt(call)
      yield* Deferred.await(interrupted)
      assert.deepStrictEqual(yield* count(client), { count: 1 })
    }))

  it.effect("ends the server with the connection", () =>
    Effect.gen(function*() {
      const ended = yield* Deferred.make<void>()
      const mortal = Layer.merge(
        server(),
        Layer.effectDiscard(Effect.addFinalizer(() => Deferred.succeed(ended, undefined)))
      )
      const client = yield* clientOf(yield* McpServerTransport.make({ server: mortal }))
      assert.isFalse(yield* Deferred.isDone(ended))
      yield* client.close
      yield* Deferred.await(ended)
    }))

  it.effect("notices when the server can not be built", () =>
    Effect.gen(function*() {
      const broken = Layer.effectDiscard(Effect.fail("no luck"))
      const error = yield* Effect.flip(clientOf(yield* McpServerTransport.make({ server: broken })))
      assert.strictEqual(error.reason._tag, "TransportError")
    }))

  it.effect("lets the server use the services of who makes the transport", () =>
    Effect.gen(function*() {
      class Greeting extends Context.Service<Greeting, string>()("test/Greeting") {}
      const greet = Toolkit.make(
        Tool.make("greet", { parameters: Tool.EmptyParams, success: Schema.Struct({ said: Schema.String }) })
      )
      const greeter = McpServer.layerStdio({
        name: "greeter",
        version: "1.0.0",
        protocols: [McpProtocol.v2025_11_25],
        registrations: McpServer.toolkit(greet).pipe(Layer.provide(greet.toLayer(
          Effect.map(Greeting, (said) => ({ greet: () => Effect.succeed({ said }) }))
        )))
      })
      const client = yield* McpServerTransport.make({ server: greeter }).pipe(
        Effect.provideService(Greeting, "hello"),
        Effect.flatMap(clientOf)
      )
      assert.deepStrictEqual((yield* client.callTool("greet")).structuredContent, { said: "hello" })
    }))
})

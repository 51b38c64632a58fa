/** What every server and every transport has in common, as tests. */
import * as HttpTransport from "@effect-mcp/client/HttpTransport"
import type * as McpClient from "@effect-mcp/client/McpClient"
import type * as McpError from "@effect-mcp/client/McpError"
import type * as McpProtocol from "@effect-mcp/client/McpProtocol"
import { isJsonObject, type JsonObject } from "@effect-mcp/client/McpSchema"
import type * as McpTransport from "@effect-mcp/client/McpTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { clientOf, failsWith } from "../harness.ts"
import { faultOf } from "../schemas/validate.ts"
import { recording } from "./recording.ts"

type Call = readonly [tool: string, args: JsonObject]

/** A server, and how to reach it. */
export interface Peer {
  readonly name: string
  readonly serverInfo: { readonly name: string; readonly version: string }
  /** By default, the client finds out. */
  readonly protocol?: McpProtocol.Protocol
  readonly protocolVersion?: string
  /** Whether there is no wire to listen in on. */
  readonly inProcess?: boolean
  /** Starts the server, if it is not there yet, and makes a transport to it. Both last until the scope closes. */
  readonly transport: Effect.Effect<
    McpTransport.McpTransport,
    McpError.McpError,
    ChildProcessSpawner | HttpClient.HttpClient | Scope.Scope
  >
  /** Answers with a text that contains `text`. */
  readonly echo: (text: string) => Call
  /** Reports failure. */
  readonly fail: Call
  /** Reports so many steps of progress, if this server does so in this way. */
  readonly count?: (steps: number) => Call
  /** Takes too long for anybody to wait. */
  readonly hang: (key: string) => Call
  /** Answers when the call that hangs has been cancelled, if this server can tell. */
  readonly wasCancelled?: (key: string) => Call
}

/** The tools of our own servers. */
export const ownTools = {
  serverInfo: { name: "matrix", version: "1.2.3" },
  echo: (text: string): Call => ["echo", { text }],
  fail: ["fail", {}] as const,
  count: (steps: number): Call => ["count", { steps }],
  hang: (key: string): Call => ["hang", { key }],
  wasCancelled: (key: string): Call => ["wasCancelled", { key }]
}

export const program = (name: string): string => join(import.meta.dirname, "servers", name)

/** Listens until the scope closes, and makes a transport to it. */
export const listening = (
  listener: RequestListener,
  make: typeof HttpTransport.make = HttpTransport.make
): Peer["transport"] =>
  Effect.gen(function*() {
    const server = yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const server = createServer(listener)
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const { port } = server.address() as AddressInfo
    return yield* make({ url: `http://127.0.0.1:${port}/mcp` })
  })

class Connected extends Context.Service<Connected, {
  readonly client: McpClient.McpClient
  /** Another client of the same transport. */
  readonly connect: Effect.Effect<McpClient.McpClient, McpError.McpError, Scope.Scope>
}>()("test/matrix/Connected") {}

/** When the last client has gone, all that they sent has to be what the protocol allows. */
const connected = ({ inProcess = false, protocol = "auto", protocolVersion = "2025-11-25", transport }: Peer) =>
  Layer.effect(
    Connected,
    Effect.gen(function*() {
      const sent: Array<JsonObject> = []
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          assert.deepStrictEqual(
            sent.flatMap((message) => faultOf(versionOf(message, protocolVersion), message) ?? []),
            []
          )
          assert.isTrue(inProcess || sent.length > 50, `only ${sent.length} messages were recorded`)
        })
      )
      const made = yield* Effect.provide(transport, recording((message) => sent.push(message)))
      const connect = (transport: McpTransport.McpTransport) => clientOf(transport, { protocol })
      return { client: yield* connect(made), connect: connect(made) }
    })
  ).pipe(Layer.provide(NodeMcp.layer))

/** The version by which a message was sent. Where there is no handshake, each request says it. */
const versionOf = ({ params }: JsonObject, negotiated: string): string => {
  const meta = isJsonObject(params) && isJsonObject(params["_meta"]) ? params["_meta"] : {}
  return String(meta["io.modelcontextprotocol/protocolVersion"] ?? negotiated)
}

const texts = (client: McpClient.McpClient, [tool, args]: Call, options?: McpClient.CallOptions) =>
  Effect.map(
    client.callTool(tool, args, options),
    ({ content }) => content.map((block) => block.type === "text" ? block.text : "").join()
  )

export const behaves = (peer: Peer): void => {
  layer(connected(peer), { excludeTestServices: true, timeout: "30 seconds" })(peer.name, (it) => {
    it.effect("says who it is", () =>
      Effect.gen(function*() {
        const { client } = yield* Connected
        const { capabilities, protocolVersion, serverInfo } = yield* client.session
        assert.include(serverInfo, peer.serverInfo)
        assert.strictEqual(protocolVersion, peer.protocolVersion ?? "2025-11-25")
        assert.isDefined(capabilities.tools)
      }))

    it.effect("lists its tools", () =>
      Effect.gen(function*() {
        const { client } = yield* Connected
        const tools = yield* client.listTools()
        for (const [tool] of [peer.echo(""), peer.fail, peer.hang("")]) {
          const { inputSchema } = tools.find(({ name }) => name === tool) ?? {}
          assert.strictEqual(inputSchema?.["type"], "object", tool)
        }
      }))

    it.effect("answers with a text", () =>
      Effect.gen(function*() {
        const { client } = yield* Connected
        const text = "line one\nline two – äöü 🎉 \"quoted\\\""
        assert.include(yield* texts(client, peer.echo(text)), text)
        const long = "ツ".repeat(100_000)
        assert.include(yield* texts(client, peer.echo(long)), long)
      }))

    it.effect("reports failure", () =>
      Effect.gen(function*() {
        const { client } = yield* Connected
        const [tool, args] = peer.fail
        const error = yield* Effect.flip(client.callTool(tool, args))
        assert.strictEqual(error._tag, "ToolError")
        assert.notStrictEqual(error.message, "")
      }))

    const { count, wasCancelled } = peer
    if (count !== undefined) {
      it.effect("reports progress, in order, before its answer", () =>
        Effect.gen(function*() {
          const { client } = yield* Connected
          const steps: Array<number> = []
          yield* texts(client, count(10), {
            onProgress: ({ progress }) => Effect.sync(() => void steps.push(progress))
          })
          assert.deepStrictEqual(steps, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        }))
    }

    it.effect("hears when a call is interrupted", () =>
      Effect.gen(function*() {
        const { client } = yield* Connected
        const calling = yield* Effect.forkScoped(texts(client, peer.hang("interrupted")), { startImmediately: true })
        // It has probably got the call when it has answered the next.
        yield* texts(client, peer.echo("next"))
        yield* Fiber.interrupt(calling)
        if (wasCancelled !== undefined) yield* texts(client, wasCancelled("interrupted"))
        assert.include(yield* texts(client, peer.echo("still here")), "still here")
      }))

    it.effect("hears when the time of a call is over", () =>
      Effect.gen(function*() {
        const { client } = yield* Connected
        const [tool, args] = peer.hang("late")
        const reason = yield* failsWith("TimeoutError")(client.callTool(tool, args, { timeout: "300 millis" }))
        assert.strictEqual(reason.budget, "call")
        if (wasCancelled !== undefined) yield* texts(client, wasCancelled("late"))
        assert.include(yield* texts(client, peer.echo("still here")), "still here")
      }))

    it.effect("answers many calls at the same time, each with its own answer", () =>
      Effect.gen(function*() {
        const { client } = yield* Connected
        const all = Array.from({ length: 50 }, (_, index) => `<${index}>`)
        const answers = yield* Effect.forEach(all, (text) => texts(client, peer.echo(text)), {
          concurrency: "unbounded"
        })
        for (const [index, answer] of answers.entries()) assert.include(answer, `<${index}>`)
      }))

    it.effect("is left, and found again", () =>
      Effect.gen(function*() {
        const client = yield* Effect.flatMap(Connected, ({ connect }) => connect)
        const [tool, args] = peer.hang("left")
        const calling = yield* Effect.forkScoped(failsWith("ClosedError")(client.callTool(tool, args)), {
          startImmediately: true
        })
        yield* texts(client, peer.echo("here"))
        yield* client.close
        assert.strictEqual((yield* Fiber.join(calling)).by, "client")
        assert.strictEqual((yield* client.state)._tag, "Idle")
        assert.include(yield* texts(client, peer.echo("again")), "again")
      }))
  })
}

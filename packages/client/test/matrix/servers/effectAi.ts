/** A server of `effect/ai`. As a program, it talks on its standard streams. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import { McpProtocol, McpSchema, McpServer } from "effect/ai"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { HttpRouter, HttpServer } from "effect/http"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import * as Tools from "./tools.ts"

const registrations = Layer.effectDiscard(Effect.gen(function*() {
  const server = yield* McpServer.McpServer
  const tools = Tools.make()
  for (const { description, inputSchema, name } of Tools.list) {
    yield* server.addTool({
      tool: new McpSchema.Tool({ name, description, inputSchema }),
      annotations: Context.empty(),
      handle: (args: Readonly<Record<string, unknown>>) =>
        Effect.gen(function*() {
          const { requestMetadata } = yield* McpSchema.McpRequestContext
          const progressToken = requestMetadata?.progressToken
          const runPromise = Effect.runPromiseWith(yield* Effect.context<never>())
          const progress = (progress: number) =>
            typeof progressToken === "string" || typeof progressToken === "number"
              ? runPromise(server.notifications["notifications/progress"]({ progressToken, progress }))
              : Promise.resolve()
          const { content, isError } = yield* Effect.promise((signal) => tools.call(name, args, { signal, progress }))
          return new McpSchema.CallToolResult({ content, isError })
        })
    })
  }
}))

const options = { ...Tools.serverInfo, protocols: [McpProtocol.v2025_11_25], registrations } as const

export const stdio = McpServer.layerStdio(options)

/** Listens on a port of its own, until the scope closes. */
export const http = Effect.gen(function*() {
  const served = HttpRouter.serve(McpServer.layerHttp({ ...options, path: "/mcp", allowSessionTermination: true }), {
    disableLogger: true,
    disableListenLog: true
  }).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })))
  const { address } = Context.get(yield* Layer.build(served), HttpServer.HttpServer)
  return `http://127.0.0.1:${address._tag === "UnixPathAddress" ? 0 : address.port}/mcp`
}).pipe(Effect.orDie)

if (import.meta.main) NodeRuntime.runMain(Layer.launch(stdio.pipe(Layer.provide(NodeStdio.layer))))

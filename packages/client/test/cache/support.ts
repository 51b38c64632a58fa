/** What the tests of caching share. */
import * as McpCache from "@effect-mcp/client/McpCache"
import type * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError } from "@effect-mcp/client/McpError"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import type * as MockTransport from "@effect-mcp/testing/MockTransport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { connect } from "../harness.ts"

type Answer = ReturnType<MockTransport.MethodHandler>

/** A method of which results are kept, and how users come by it. */
export interface Kind {
  readonly method: string
  readonly capability: string
  readonly result: JsonObject
  readonly ask: (
    client: McpClient.McpClient,
    options?: McpClient.ReadOptions & McpClient.ListOptions
  ) => Effect.Effect<unknown, McpError>
  readonly raw: (
    client: McpClient.McpClient,
    options?: McpClient.ReadOptions & McpClient.PageOptions
  ) => Effect.Effect<object, McpError>
}

export const kinds: ReadonlyArray<Kind> = [
  {
    method: "tools/list",
    capability: "tools",
    result: { tools: [{ name: "a", inputSchema: { type: "object" } }] },
    ask: (client, options) => client.listTools(options),
    raw: (client, options) => client.raw.listTools(undefined, options)
  },
  {
    method: "prompts/list",
    capability: "prompts",
    result: { prompts: [{ name: "a" }] },
    ask: (client, options) => client.listPrompts(options),
    raw: (client, options) => client.raw.listPrompts(undefined, options)
  },
  {
    method: "resources/list",
    capability: "resources",
    result: { resources: [{ uri: "a:b", name: "b" }] },
    ask: (client, options) => client.listResources(options),
    raw: (client, options) => client.raw.listResources(undefined, options)
  },
  {
    method: "resources/templates/list",
    capability: "resources",
    result: { resourceTemplates: [{ uriTemplate: "a:{b}", name: "b" }] },
    ask: (client, options) => client.listResourceTemplates(options),
    raw: (client, options) => client.raw.listResourceTemplates(undefined, options)
  },
  {
    method: "resources/read",
    capability: "resources",
    result: { contents: [{ uri: "a:b", text: "b" }] },
    ask: (client, options) => client.readResource("a:b", options),
    raw: (client, options) => client.raw.readResource("a:b", options)
  }
]

export const eras: ReadonlyArray<{ readonly era: string; readonly versions: ReadonlyArray<string> }> = [
  { era: "2025-11-25", versions: ["2025-11-25"] },
  { era: "2026-07-28", versions: ["2026-07-28"] }
]

export const hour = 3_600_000

/** A server that answers one method like this, and can tell of changes. */
export const answering = (
  { capability, method }: Pick<Kind, "capability" | "method">,
  answer: (params: JsonObject) => Answer
): MockTransport.Options => ({
  capabilities: { [capability]: { listChanged: true, subscribe: true } },
  methods: { [method]: answer }
})

/** A server of which all results are good for an hour. */
export const generous = (kind: Kind): MockTransport.Options =>
  answering(kind, () => Effect.succeed({ ...kind.result, ttlMs: hour }))

/** A server with resources that say how often they were read. */
export const library = (ttlMs = hour): MockTransport.Options => {
  const reads = new Map<unknown, number>()
  return {
    resources: {},
    methods: {
      "resources/read": ({ uri }) =>
        Effect.sync(() => {
          const count = (reads.get(uri) ?? 0) + 1
          reads.set(uri, count)
          return { contents: [{ uri, text: String(count) }], ttlMs }
        })
    }
  }
}

/** The text of a resource. */
export const read = (client: McpClient.McpClient, uri: string, options?: McpClient.ReadOptions) =>
  Effect.map(client.readResource(uri, options), ([content]) => content?.text)

/** Makes a client with a cache, by default one in memory, of a server that is not there. */
export const connectCached = Effect.fnUntraced(function*(
  server: MockTransport.Options,
  options: {
    readonly cache?: Layer.Layer<McpCache.McpCache, McpError>
    readonly client?: McpClient.Options
  } = {}
) {
  const context = yield* Layer.build(options.cache ?? McpCache.layer())
  return yield* Effect.provideContext(connect(server, { protocol: "auto", ...options.client }), context)
})

/** How often the server was asked. */
export const asked = (mock: MockTransport.MockTransport["Service"], method: string) =>
  Effect.map(mock.methods, (methods) => methods.filter((sent) => sent === method).length)

/** A store in a map that pauses before it writes, and after it read. */
export const storeOf = (
  entries: Map<string, McpCache.Entry>,
  pause: (operation: "delete" | "get" | "set", key: string) => Effect.Effect<unknown, unknown> = () => Effect.void
): Layer.Layer<McpCache.Store> =>
  Layer.succeed(McpCache.Store, {
    get: (key) =>
      Effect.suspend(() => {
        const entry = entries.get(key)
        return Effect.as(pause("get", key), entry)
      }),
    set: (key, entry) => Effect.map(pause("set", key), () => void entries.set(key, entry)),
    delete: (begin) =>
      Effect.map(pause("delete", begin), () => {
        for (const key of Array.from(entries.keys())) if (key.startsWith(begin)) entries.delete(key)
      })
  })

/** A cache in such a store. */
export const stored = (
  store: Layer.Layer<McpCache.Store>,
  options: { readonly server?: string; readonly principal?: string | Effect.Effect<string> } = {}
) => McpCache.layerStore({ server: "library", principal: "ada", ...options }).pipe(Layer.provide(store))

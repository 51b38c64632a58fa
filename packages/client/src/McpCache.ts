/**
 * Keeps results of servers: lists, and resources that were read, for as long as the server says that they are good.
 *
 * A client that is made where a cache is provided uses it. What the server says to have changed is forgotten, and so is
 * everything when changes may have gone unnoticed.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as cache from "./internal/cache/cache.ts"
import * as caching from "./internal/cache/caching.ts"
import * as memory from "./internal/cache/memory.ts"
import * as McpError from "./McpError.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * The identity of {@link McpCache} values.
 *
 * @category models
 * @since 0.1.0
 */
export const TypeId: typeof cache.TypeId = cache.TypeId

/**
 * What a request does with a cache.
 *
 * - `use`: takes what is kept, if it is still good; else asks the server and keeps the answer.
 * - `refresh`: asks the server and keeps the answer.
 * - `bypass`: asks the server and keeps nothing.
 *
 * A request with `meta` of its own, or with `resume`, is one with `bypass`.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = cache.Mode

/**
 * A result that is kept.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching
 * @category schemas
 * @since 0.1.0
 */
export const Entry = Schema.Struct({
  /** The result, as the server sent it: any JSON. */
  value: Schema.Unknown,
  /** When it was received, in milliseconds since the epoch. */
  receivedAt: Schema.Number,
  /** For how many milliseconds it is good after that. Then it may be deleted. */
  ttlMs: Schema.Number,
  /** Whether it is for everybody, or only for the one who asked. The key says who that is. */
  cacheScope: Schema.Literals(["public", "private"])
})

/**
 * A result that is kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry extends Schema.Schema.Type<typeof Entry> {}

/**
 * How results are kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Who asks, where one transport does not always ask for the same: say it if the `headers` of a transport change with
   * the user. A `private` result is only read by the principal that it was made for. An effect is run for each request.
   */
  readonly principal?: string | Effect.Effect<string> | undefined
  /**
   * For how long a result is good that does not say so, as results of servers before 2026-07-28 never do. No result is
   * good for more than a day.
   *
   * @default 0
   */
  readonly defaultTtl?: Duration.Input | undefined
}

// =============================================================================
// Services
// =============================================================================

/**
 * A cache. The layers of this module make one; clients find it where they are made.
 *
 * @category services
 * @since 0.1.0
 */
export type McpCache = cache.McpCache

/**
 * A cache. The layers of this module make one; clients find it where they are made.
 *
 * @category services
 * @since 0.1.0
 */
export const McpCache: Context.Service<McpCache, McpCache> = cache.McpCache

/**
 * Where results are kept. When it fails, dies, or takes longer than a second, the client asks the server, and says so
 * in its diagnostics.
 *
 * Keys hold the names of servers and principals, and URIs, as they are.
 *
 * @category services
 * @since 0.1.0
 */
export interface Store {
  readonly get: (key: string) => Effect.Effect<Entry | undefined, unknown>
  readonly set: (key: string, entry: Entry) => Effect.Effect<void, unknown>
  /** Deletes everything of which the key begins like this. */
  readonly delete: (begin: string) => Effect.Effect<void, unknown>
}

/**
 * Where results are kept.
 *
 * @category services
 * @since 0.1.0
 */
export const Store: Context.Service<Store, Store> = Context.Service<Store>("@effect-mcp/client/McpCache/Store")

// =============================================================================
// Constructors
// =============================================================================

const DEFAULT_CAPACITY = 32 * 1024 * 1024

const toText = Schema.encodeEffect(Schema.fromJsonString(Entry))
const fromText = Schema.decodeEffect(Schema.fromJsonString(Entry))

/**
 * Makes a store of a store of texts, such as Effect's `KeyValueStore`. What is too old stays there until it is
 * overwritten.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromKeyValueStore = (texts: {
  readonly get: (key: string) => Effect.Effect<string | undefined, unknown>
  readonly set: (key: string, text: string) => Effect.Effect<void, unknown>
  readonly clearPrefix: (prefix: string) => Effect.Effect<void, unknown>
}): Store => ({
  get: (key) =>
    Effect.flatMap(
      texts.get(key),
      (text): Effect.Effect<Entry | undefined, unknown> => text === undefined ? Effect.undefined : fromText(text)
    ),
  set: (key, entry) => Effect.flatMap(toText(entry), (text) => texts.set(key, text)),
  delete: texts.clearPrefix
})

const make = Effect.fnUntraced(function*(store: Store, options: Options & { readonly server?: string }) {
  const { principal = "", server } = options
  return caching.make({
    store,
    server,
    principal: typeof principal === "string" ? Effect.succeed(principal) : principal,
    defaultTtlMs: yield* orConfigurationError(
      "defaultTtl is not a duration",
      Option.map(Duration.fromInput(options.defaultTtl ?? 0), Duration.toMillis)
    )
  })
})

const orConfigurationError = <A>(description: string, value: Option.Option<A>): Effect.Effect<A, McpError.McpError> =>
  Option.match(value, {
    onSome: Effect.succeed,
    onNone: () => Effect.fail(McpError.make(new McpError.ConfigurationError({ description })))
  })

// =============================================================================
// Layers
// =============================================================================

/**
 * Provides a cache in memory. Each transport has results of its own, which all its clients share.
 *
 * Fails with `ConfigurationError` when an option can not be used.
 *
 * **Example** (Asking once)
 *
 * ```ts check
 * import * as McpCache from "@effect-mcp/client/McpCache"
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import * as MockTransport from "@effect-mcp/testing/MockTransport"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * let asked = 0
 *
 * const live = McpClient.layer().pipe(
 *   Layer.provide(McpCache.layer()),
 *   Layer.provide(MockTransport.layer({
 *     tools: {},
 *     methods: { "tools/list": () => Effect.sync(() => ({ tools: [], ttlMs: 60_000, asked: ++asked })) }
 *   }))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* McpClient.McpClient
 *   yield* client.listTools()
 *   yield* client.listTools()
 *   yield* client.listTools({ cache: "refresh" })
 *   return asked
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(live))) // => 2
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options & {
    /**
     * How much is kept, as JSON. Beyond that, what was used least recently goes.
     *
     * @default "32 MiB"
     */
    readonly capacity?: ByteSize.Input | undefined
  } = {}
): Layer.Layer<McpCache, McpError.McpError> =>
  Layer.effect(
    McpCache,
    Effect.gen(function*() {
      const capacity = yield* orConfigurationError(
        "capacity is not a size",
        options.capacity === undefined
          ? Option.some(DEFAULT_CAPACITY)
          : Option.flatMap(ByteSize.fromInput(options.capacity), ByteSize.toNumber)
      )
      return yield* make(fromKeyValueStore(memory.make(capacity)), options)
    })
  )

/**
 * Provides a cache in a store, which may outlive this process.
 *
 * There, transports can not be told apart: their labels hide arguments and headers. So say by `server` what leads to the
 * server and decides what it answers, and by `principal` who asks. Clients with the same `server` share `public`
 * results, those with the same `principal`, too, `private` ones. Give each server a layer of its own.
 *
 * Fails with `ConfigurationError` when an option can not be used.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerStore = (
  options: Options & {
    readonly server: string
    readonly principal: string | Effect.Effect<string>
  }
): Layer.Layer<McpCache, McpError.McpError, Store> =>
  Layer.effect(McpCache, Effect.flatMap(Store, (store) => make(store, options)))

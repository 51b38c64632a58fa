import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { McpClient, Options } from "../../McpClient.ts"
import * as McpError from "../../McpError.ts"
import type { Implementation } from "../../McpSchema.ts"
import * as McpTransport from "../../McpTransport.ts"
import { monotonicMillis } from "../jsonrpc/monotonic.ts"
import { legacyEra } from "../session/legacyEra.ts"
import type { Handler, SessionOptions } from "../session/session.ts"
import * as SessionRef from "../session/sessionRef.ts"
import * as Hub from "./hub.ts"
import * as Operations from "./operations.ts"
import * as Timeouts from "./timeouts.ts"
import * as Tools from "./tools.ts"

export const TypeId = "~@effect-mcp/client/McpClient" as const

/** So many diagnostics wait for a slow watcher; then the oldest go. */
const DIAGNOSTICS_CAPACITY = 256

/** So many of the latest diagnostics does a new watcher get: what a server says when it starts comes before anyone can watch. */
const DIAGNOSTICS_REPLAY = 16

const defaultClientInfo: Implementation = { name: "effect-mcp", version: "0.1.0" }

const defaultReconnect = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 5 })
)

const handlers: ReadonlyMap<string, Handler> = new Map([["ping", () => Effect.succeed({})]])

/** Connecting and the handshake share one deadline. */
const openSession = Effect.fnUntraced(function*(
  transport: McpTransport.McpTransport,
  options: SessionOptions,
  deadline: McpTransport.Deadline
) {
  const clock = yield* Clock.Clock
  const start = monotonicMillis(clock)
  const timedOut = (detail?: string) =>
    McpError.make(new McpError.TimeoutError({ budget: "connect", millis: deadline.totalMillis, detail }))
  const connection = yield* Effect.timeoutOrElse(transport.connect, {
    duration: deadline.totalMillis,
    orElse: () => Effect.fail(timedOut())
  })
  const left = Math.max(0, deadline.totalMillis - (monotonicMillis(clock) - start))
  return yield* legacyEra.open(connection, options, { ...deadline, idleMillis: left, totalMillis: left }).pipe(
    Effect.mapError((error) => error.reason._tag === "TimeoutError" ? timedOut(error.reason.detail) : error)
  )
})

export const make: (
  options?: Options
) => Effect.Effect<McpClient, McpError.McpError, McpTransport.McpTransport | Scope.Scope> = Effect.fnUntraced(
  function*(options: Options = {}) {
    const transport = yield* McpTransport.McpTransport
    const name = options.name ?? transport.label
    const timeouts = yield* Operations.locate(Timeouts.make(options), name)
    const diagnostics = Hub.make<McpTransport.Diagnostic>({
      capacity: DIAGNOSTICS_CAPACITY,
      replay: DIAGNOSTICS_REPLAY
    })
    yield* Effect.addFinalizer(() => Effect.sync(diagnostics.end))

    const sessionOptions: SessionOptions = {
      clientInfo: options.clientInfo ?? defaultClientInfo,
      handlers,
      onDiagnostic: diagnostics.publish
    }
    const sessions = yield* SessionRef.make({
      open: openSession(transport, sessionOptions, timeouts.connect),
      idleTimeToLive: timeouts.idleTimeToLive,
      schedule: options.reconnect ?? defaultReconnect
    })
    const { raw, ...tools } = Tools.make(
      Operations.make({ server: name, timeouts, sessions, onDiagnostic: diagnostics.publish })
    )

    if (options.lazy !== true) yield* Operations.locate(sessions.connect, name)

    return {
      [TypeId]: TypeId,
      name,
      state: SubscriptionRef.get(sessions.state),
      stateChanges: SubscriptionRef.changes(sessions.state).pipe(Stream.takeUntil((state) => state._tag === "Closed")),
      session: Operations.locate(sessions.use((session) => Effect.succeed(session.info)), name),
      diagnostics: diagnostics.stream,
      ...tools,
      raw,
      close: sessions.close,
      reconnect: Operations.locate(sessions.reconnect, name)
    }
  }
)

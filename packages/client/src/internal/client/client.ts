import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { McpClient, Options } from "../../McpClient.ts"
import type { McpError } from "../../McpError.ts"
import type { Implementation } from "../../McpSchema.ts"
import * as McpTransport from "../../McpTransport.ts"
import { legacyEra } from "../session/legacyEra.ts"
import type { Handler, SessionOptions } from "../session/session.ts"
import * as SessionRef from "../session/sessionRef.ts"
import * as Operations from "./operations.ts"
import * as Timeouts from "./timeouts.ts"
import * as Tools from "./tools.ts"

export const TypeId = "~@effect-mcp/client/McpClient" as const

/** So many diagnostics wait for a slow watcher; then the oldest go. */
const DIAGNOSTICS_CAPACITY = 256

const defaultClientInfo: Implementation = { name: "effect-mcp", version: "0.1.0" }

const defaultReconnect = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 5 })
)

const handlers: ReadonlyMap<string, Handler> = new Map([["ping", () => Effect.succeed({})]])

export const make: (
  options?: Options
) => Effect.Effect<McpClient, McpError, McpTransport.McpTransport | Scope.Scope> = Effect.fnUntraced(
  function*(options: Options = {}) {
    const transport = yield* McpTransport.McpTransport
    const name = options.name ?? transport.label
    const timeouts = yield* Operations.locate(Timeouts.make(options), name)
    const diagnostics = yield* PubSub.sliding<McpTransport.Diagnostic>(DIAGNOSTICS_CAPACITY)
    const onDiagnostic = (diagnostic: McpTransport.Diagnostic) => {
      PubSub.publishUnsafe(diagnostics, diagnostic)
    }

    const sessionOptions: SessionOptions = {
      clientInfo: options.clientInfo ?? defaultClientInfo,
      handlers,
      connectDeadline: timeouts.connect,
      onDiagnostic
    }
    const sessions = yield* SessionRef.make({
      open: Effect.flatMap(transport.connect, (connection) => legacyEra.open(connection, sessionOptions)),
      idleTimeToLive: timeouts.idleTimeToLive,
      schedule: options.reconnect ?? defaultReconnect
    })
    const { raw, ...tools } = Tools.make(Operations.make({ server: name, timeouts, sessions, onDiagnostic }))

    if (options.lazy !== true) yield* Operations.locate(sessions.connect, name)

    return {
      [TypeId]: TypeId,
      name,
      state: SubscriptionRef.get(sessions.state),
      stateChanges: SubscriptionRef.changes(sessions.state).pipe(Stream.takeUntil((state) => state._tag === "Closed")),
      session: Operations.locate(sessions.use((session) => Effect.succeed(session.info)), name),
      diagnostics: Stream.fromPubSub(diagnostics),
      ...tools,
      raw,
      close: sessions.close,
      reconnect: Operations.locate(sessions.reconnect, name)
    }
  }
)

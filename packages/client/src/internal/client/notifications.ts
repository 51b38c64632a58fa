import * as Effect from "effect/Effect"
import type * as LogLevel from "effect/LogLevel"
import type * as Scope from "effect/Scope"
import type { ListChange, LogMessage, McpClient, Notification } from "../../McpClient.ts"
import type * as McpSchema from "../../McpSchema.ts"
import type { Hooks } from "./hooks.ts"
import * as Hub from "./hub.ts"
import { covers } from "./subscriptions.ts"

/** So many notifications wait for one who watches. */
const CAPACITY = 1024

const isLogLevel = (level: unknown): level is McpSchema.LogLevel =>
  typeof level === "string" && Object.hasOwn(severities, level)

/** https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/logging#log-levels */
const severities: Readonly<Record<McpSchema.LogLevel, LogLevel.Severity>> = {
  debug: "Debug",
  info: "Info",
  notice: "Info",
  warning: "Warn",
  error: "Error",
  critical: "Fatal",
  alert: "Fatal",
  emergency: "Fatal"
}

export const make: (server: string, hooks: Hooks) => Effect.Effect<
  Pick<McpClient, "logs" | "notifications" | "promptChanges" | "resourceChanges" | "resourceUpdates" | "toolChanges">,
  never,
  Scope.Scope
> = Effect.fnUntraced(function*(server, hooks) {
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const notifications = Hub.make<Notification>({ capacity: CAPACITY, replay: 0 })
  const lists = {
    tools: Hub.make<ListChange>({ capacity: 1, replay: 0 }),
    prompts: Hub.make<ListChange>({ capacity: 1, replay: 0 }),
    resources: Hub.make<ListChange>({ capacity: 1, replay: 0 })
  }
  const changed = new Map([
    ["notifications/tools/list_changed", lists.tools],
    ["notifications/prompts/list_changed", lists.prompts],
    ["notifications/resources/list_changed", lists.resources]
  ])
  let sessions = 0

  hooks.onNotification(({ method, params }) => {
    notifications.publish({ method, params })
    changed.get(method)?.publish({ _tag: "Changed" })
    if (method === "notifications/message") runFork(log(server, toLogMessage(params)))
  })
  const mayHaveChanged = () => {
    for (const hub of Object.values(lists)) hub.publish({ _tag: "Reconnected" })
  }
  hooks.onGap(mayHaveChanged)
  hooks.onOpen(() =>
    Effect.sync(() => {
      if (sessions++ > 0) mayHaveChanged()
    })
  )
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const hub of [notifications, ...Object.values(lists)]) hub.end()
    })
  )

  return {
    notifications: notifications.stream,
    logs: notifications.select(({ method, params }) =>
      method === "notifications/message" ? toLogMessage(params) : undefined
    ),
    toolChanges: lists.tools.stream,
    promptChanges: lists.prompts.stream,
    resourceChanges: lists.resources.stream,
    resourceUpdates: (uri) =>
      notifications.select((notification) =>
        notification.method === "notifications/resources/updated" && isAbout(uri, notification)
          ? notification
          : undefined
      )
  }
})

const isAbout = (uri: string, { params }: Notification): boolean =>
  typeof params["uri"] === "string" && covers(uri, params["uri"])

/** Of a level that nobody knows, nobody can say how bad it is. */
const toLogMessage = ({ data, level, logger }: McpSchema.JsonObject): LogMessage => ({
  level: isLogLevel(level) ? level : "info",
  logger: typeof logger === "string" ? logger : undefined,
  data
})

const log = (server: string, { data, level, logger }: LogMessage): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logWithLevel(severities[level])(data), {
    "mcp.server": server,
    ...(logger === undefined ? {} : { "mcp.logger": logger })
  })

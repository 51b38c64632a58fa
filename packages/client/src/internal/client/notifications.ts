import * as Effect from "effect/Effect"
import type * as LogLevel from "effect/LogLevel"
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

/** What a client hears without asking. */
export interface Notifications extends
  Pick<
    McpClient,
    "logs" | "notifications" | "promptChanges" | "resourceChanges" | "resourceUpdates" | "toolChanges"
  >
{
  /** Ends all streams. */
  readonly end: () => void
}

export const make = (hooks: Hooks): Notifications => {
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

  hooks.onNotification(({ method, params }) => {
    notifications.publish({ method, params })
    changed.get(method)?.publish({ _tag: "Changed" })
  })
  const mayHaveChanged = () => {
    for (const hub of Object.values(lists)) hub.publish({ _tag: "Reconnected" })
  }
  hooks.onGap(mayHaveChanged)
  hooks.onOpen(() => hooks.sessions() > 1 ? Effect.sync(mayHaveChanged) : Effect.void)

  return {
    notifications: notifications.stream,
    logs: notifications.select(({ method, params }) => method === LOG_MESSAGE ? toLogMessage(params) : undefined),
    toolChanges: lists.tools.stream,
    promptChanges: lists.prompts.stream,
    resourceChanges: lists.resources.stream,
    resourceUpdates: (uri) =>
      notifications.select((notification) =>
        notification.method === "notifications/resources/updated" && isAbout(uri, notification)
          ? notification
          : undefined
      ),
    end() {
      for (const hub of [notifications, ...Object.values(lists)]) hub.end()
    }
  }
}

const LOG_MESSAGE = "notifications/message"

const isAbout = (uri: string, { params }: Notification): boolean =>
  typeof params["uri"] === "string" && covers(uri, params["uri"])

/** Of a level that nobody knows, nobody can say how bad it is. */
const toLogMessage = ({ data, level, logger }: McpSchema.JsonObject): LogMessage => ({
  level: isLogLevel(level) ? level : "info",
  logger: typeof logger === "string" ? logger : undefined,
  data
})

/** Hands what a server says in its log to Effect's loggers. */
export const log = (
  server: string,
  { method, params }: Notification,
  runFork: (effect: Effect.Effect<void>) => unknown
): void => {
  if (method !== LOG_MESSAGE) return
  const { data, level, logger } = toLogMessage(params)
  runFork(Effect.annotateLogs(Effect.logWithLevel(severities[level])(data), {
    "mcp.server": server,
    ...(logger === undefined ? {} : { "mcp.logger": logger })
  }))
}

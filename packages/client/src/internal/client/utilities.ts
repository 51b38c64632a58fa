import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CallOptions, CompleteRequest, McpClient, RequestOptions } from "../../McpClient.ts"
import type * as McpError from "../../McpError.ts"
import * as McpSchema from "../../McpSchema.ts"
import { within } from "../jsonrpc/within.ts"
import { reader } from "../session/reader.ts"
import type { Session, SessionInfo } from "../session/session.ts"
import type { Hooks } from "./hooks.ts"
import { always, never, type Operations, unsupported } from "./operations.ts"

const readCompleteResult = reader("completion/complete", McpSchema.CompleteResult)

/** What the protocol calls utilities, and the way to what this library does not know. */
export const make = (
  operations: Operations,
  hooks: Hooks
): Pick<McpClient, "complete" | "notify" | "ping" | "request" | "setLogLevel"> & {
  readonly raw: Pick<McpClient["raw"], "complete">
} => {
  const { onDiagnostic, requestIn, timeouts } = operations
  let logLevel: McpSchema.LogLevel | undefined

  const completeRaw = ({ argument, context, ref }: CompleteRequest, options: RequestOptions = {}) =>
    operations.request({
      method: "completion/complete",
      params: context === undefined ? { ref, argument } : { ref, argument, context },
      deadline: timeouts.call(options),
      options,
      repeatable: always,
      without: withoutCompletions,
      read: readCompleteResult
    })

  const ping = (options: RequestOptions = {}) =>
    operations.request({
      method: "ping",
      params: undefined,
      deadline: timeouts.call(options),
      options,
      repeatable: always,
      without: noCondition,
      read: () => Exit.void
    })

  const setLogLevel = (level: McpSchema.LogLevel, options: RequestOptions = {}) =>
    operations.request({
      method: "logging/setLevel",
      params: { level },
      deadline: timeouts.call(options),
      options,
      repeatable: always,
      without: withoutLogging,
      read: () => {
        logLevel = level
        return Exit.void
      }
    })

  const restoreLogLevel = (session: Session) =>
    Effect.suspend(() => {
      if (logLevel === undefined) return Effect.void
      const restored = requestIn(session, { method: "logging/setLevel" }, { level: logLevel }, timeouts.usualCall)
      return (withoutLogging(session.info) ?? restored).pipe(
        Effect.catch(({ reason }) =>
          Effect.sync(() => onDiagnostic({ _tag: "NotRestored", method: "logging/setLevel", error: reason }))
        ),
        Effect.forkScoped({ startImmediately: true }),
        Effect.asVoid
      )
    })
  hooks.onOpen(restoreLogLevel)

  const request = <R = never>(method: string, params?: McpSchema.JsonObject, options: CallOptions<R> = {}) =>
    operations.request({
      method,
      params,
      deadline: timeouts.call(options),
      options: { ...options, meta: withMeta(params, options.meta) },
      repeatable: () => options.idempotent === true,
      without: noCondition,
      read: Exit.succeed
    })

  const notify = (method: string, params?: McpSchema.JsonObject) =>
    operations.run(
      { method, repeatable: never },
      (session) => within(session.notify(method, params), { budget: "call", millis: timeouts.usualCall.idleMillis })
    )

  return {
    complete: (request, options) => Effect.map(completeRaw(request, options), ({ completion }) => completion),
    ping,
    setLogLevel,
    request,
    notify,
    raw: { complete: completeRaw }
  }
}

const noCondition = (): undefined => undefined

/** Servers of the first revision offered completions without a word. */
const withoutCompletions = (info: SessionInfo): Exit.Exit<never, McpError.McpError> | undefined =>
  info.capabilities.completions === undefined && info.protocolVersion !== "2024-11-05"
    ? unsupported("completions")
    : undefined

const withoutLogging = ({ capabilities }: SessionInfo): Exit.Exit<never, McpError.McpError> | undefined =>
  capabilities.logging === undefined ? unsupported("logging") : undefined

/** What is given for a request stands beside what its params have. */
const withMeta = (
  params: McpSchema.JsonObject | undefined,
  meta: McpSchema.JsonObject | undefined
): McpSchema.JsonObject | undefined => {
  const own = params?.["_meta"]
  return McpSchema.isJsonObject(own) ? { ...own, ...meta } : meta
}

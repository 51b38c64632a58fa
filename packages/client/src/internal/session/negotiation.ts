import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as McpError from "../../McpError.ts"
import * as McpProtocol from "../../McpProtocol.ts"
import { isJsonObject } from "../../McpSchema.ts"
import type { Connection, Deadline, McpTransport } from "../../McpTransport.ts"
import { monotonicMillis } from "../jsonrpc/monotonic.ts"
import * as legacyEra from "./legacyEra.ts"
import * as modernEra from "./modernEra.ts"
import type { Session, SessionOptions } from "./session.ts"

/** How long a server may be silent when it is asked whether it speaks the modern era. Some legacy ones never answer. */
const PROBE_MILLIS = 5000

/** What a server turned out to speak, for those who keep no store. */
const remembered = new WeakMap<McpTransport, McpProtocol.Era>()

/**
 * Opens a session of the era that the server speaks. It is asked once; the answer is remembered, and doubted when it
 * turns out wrong.
 *
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning
 */
export const open = Effect.fnUntraced(function*(
  transport: McpTransport,
  options: SessionOptions,
  settings: { readonly protocol: McpProtocol.Protocol; readonly deadline: Deadline }
): Effect.fn.Return<Session, McpError.McpError, Scope.Scope> {
  const { deadline, protocol } = settings
  const clock = yield* Clock.Clock
  const store = yield* McpProtocol.EraStore
  const scope = yield* Effect.scope
  const end = monotonicMillis(clock) + deadline.totalMillis
  const left = (atMost = Number.POSITIVE_INFINITY): Deadline => {
    const millis = Math.max(0, Math.min(atMost, end - monotonicMillis(clock)))
    return { ...deadline, idleMillis: millis, totalMillis: millis }
  }

  let connectionScope = yield* Scope.fork(scope)
  const connect = Effect.suspend(() =>
    Effect.timeoutOrElse(Scope.provide(transport.connect, connectionScope), {
      duration: left().totalMillis,
      orElse: () => {
        const { budget, totalMillis: millis } = deadline
        return Effect.fail(McpError.make(new McpError.TimeoutError({ budget, millis })))
      }
    })
  )
  let connection = yield* connect

  const remember = (era: McpProtocol.Era) => {
    remembered.set(transport, era)
    return store === undefined ? Effect.void : store.set(transport.label, era)
  }

  const openLegacy = Effect.fnUntraced(function*(
    version: McpProtocol.LegacyVersion
  ): Effect.fn.Return<Session, McpError.McpError> {
    if (connection.closedBy() !== undefined) {
      yield* Scope.close(connectionScope, Exit.void)
      connectionScope = yield* Scope.fork(scope)
      connection = yield* connect
    }
    const session = yield* Scope.provide(
      legacyEra.open(connection, options, { version, deadline: left() }),
      connectionScope
    )
    yield* remember("legacy")
    return session
  })

  /** Listens only while it asks, so that what comes next has the connection for itself. */
  const openModern = Effect.fnUntraced(function*(version: McpProtocol.ModernVersion) {
    const attempt = yield* Scope.fork(connectionScope)
    const isSilenceAnAnswer = protocol === "auto" && connection.medium === "pipe"
    const opening = modernEra.open(connection, options, {
      version,
      deadline: isSilenceAnAnswer ? left(Math.min(PROBE_MILLIS, left().totalMillis / 2)) : left()
    })
    const result = yield* Effect.result(Scope.provide(opening, attempt))
    if (Result.isSuccess(result)) yield* remember("modern")
    else yield* Scope.close(attempt, Exit.void)
    return result
  })

  const known = protocol === "auto" ?
    (store === undefined ? undefined : yield* store.get(transport.label)) ??
      remembered.get(transport) :
    undefined
  const isLegacyOnly = protocol === "legacy" || McpProtocol.isLegacyVersion(protocol)
  const legacyVersion = McpProtocol.isLegacyVersion(protocol) ? protocol : McpProtocol.latestLegacyVersion
  const modernVersion = McpProtocol.isModernVersion(protocol) ? protocol : McpProtocol.modernVersions[0]

  if (isLegacyOnly || connection.medium === "sse") return yield* openLegacy(legacyVersion)
  if (known === "legacy") {
    const legacy = yield* Effect.result(openLegacy(legacyVersion))
    if (Result.isSuccess(legacy)) return legacy.success
    if (!isModernError(legacy.failure)) return yield* Effect.fail(legacy.failure)
  }

  const first = yield* openModern(modernVersion)
  if (Result.isSuccess(first)) return first.success
  const verdict = judge(first.failure, connection, protocol)
  switch (verdict._tag) {
    case "Modern": {
      const second = yield* openModern(verdict.version)
      return yield* Result.isSuccess(second) ? Effect.succeed(second.success) : Effect.fail(second.failure)
    }
    case "Legacy":
      return yield* openLegacy(verdict.version)
    case "Unclear":
      return yield* Effect.fail(verdict.error)
  }
})

type Verdict =
  | { readonly _tag: "Modern"; readonly version: McpProtocol.ModernVersion }
  | { readonly _tag: "Legacy"; readonly version: McpProtocol.LegacyVersion }
  | { readonly _tag: "Unclear"; readonly error: McpError.McpError }

/** What it means that a server did not answer as one of the modern era would. */
const judge = (error: McpError.McpError, { medium }: Connection, protocol: McpProtocol.Protocol): Verdict => {
  const { reason } = error
  const unclear: Verdict = { _tag: "Unclear", error }
  if (reason._tag === "JsonRpcError" && reason.code === modernEra.UNSUPPORTED_VERSION) {
    return choose(error, reason.data, protocol)
  }
  if (isModernError(error) || protocol !== "auto") return unclear
  const legacy: Verdict = { _tag: "Legacy", version: McpProtocol.latestLegacyVersion }
  switch (reason._tag) {
    case "JsonRpcError":
      return isNoEvidence(reason.httpStatus) ? unclear : legacy
    case "HttpError":
      return isNoEvidence(reason.status) ? unclear : legacy
    case "ProtocolError":
      return legacy
    // Some servers go when they are asked anything before `initialize`, and others say nothing.
    case "ClosedError":
    case "ProcessExitError":
    case "TransportError":
    case "TimeoutError":
      return medium === "pipe" ? legacy : unclear
    default:
      return unclear
  }
}

/** https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning#protocol-version-negotiation */
const choose = (error: McpError.McpError, data: unknown, protocol: McpProtocol.Protocol): Verdict => {
  const supported = isJsonObject(data) && Array.isArray(data["supported"]) ? data["supported"].map(String) : []
  if (supported.length === 0) return { _tag: "Unclear", error }
  const modern = supported.find(McpProtocol.isModernVersion)
  if (modern !== undefined) return { _tag: "Modern", version: modern }
  const legacy = McpProtocol.legacyVersions.find((version) => supported.includes(version))
  if (legacy !== undefined && protocol === "auto") return { _tag: "Legacy", version: legacy }
  const spoken = protocol === "auto"
    ? [...McpProtocol.modernVersions, ...McpProtocol.legacyVersions]
    : McpProtocol.modernVersions
  const description = `The server speaks protocol version ${supported.join(", ")}; this client speaks ${
    spoken.join(", ")
  }`
  return { _tag: "Unclear", error: McpError.make(new McpError.UnsupportedError({ description })) }
}

/** Errors that only servers of the modern era know. */
const isModernError = ({ reason }: McpError.McpError): boolean =>
  reason._tag === "JsonRpcError" && (
    reason.code === modernEra.UNSUPPORTED_VERSION || reason.code === modernEra.MISSING_CAPABILITY ||
    reason.code === modernEra.HEADER_MISMATCH
  )

/** That a server is busy, or wants to know who asks, says nothing about what it speaks. */
const isNoEvidence = (status: number | undefined): boolean =>
  status !== undefined && (status === 401 || status === 403 || status === 429 || status >= 500)

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
import { within } from "../jsonrpc/within.ts"
import * as legacyEra from "./legacyEra.ts"
import * as modernEra from "./modernEra.ts"
import type { Session, SessionOptions } from "./session.ts"

/** How long a server may be silent when it is asked whether it speaks the modern era. Some legacy ones never answer. */
const PROBE_MILLIS = 5000

/** So many of the versions that a server claims to speak are named in an error. */
const MAX_NAMED = 20

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

  const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() =>
      within(effect, { budget: deadline.budget, millis: deadline.totalMillis, left: left().totalMillis })
    )

  let connectionScope = yield* Scope.fork(scope)
  const connect = Effect.suspend(() => inTime(Scope.provide(transport.connect, connectionScope)))
  let connection = yield* connect

  /** Connects again if the server has gone: some do when they are asked anything before `initialize`. */
  const reconnect = Effect.gen(function*() {
    if (connection.closedBy() === undefined) return
    yield* Scope.close(connectionScope, Exit.void)
    connectionScope = yield* Scope.fork(scope)
    connection = yield* connect
  })

  /** Listens only while it asks, so that what comes next has the connection for itself. */
  const attempt = Effect.fnUntraced(function*(
    era: McpProtocol.Era,
    open: (connection: Connection) => Effect.Effect<Session, McpError.McpError, Scope.Scope>
  ): Effect.fn.Return<Result.Result<Session, McpError.McpError>, McpError.McpError> {
    yield* reconnect
    const attemptScope = yield* Scope.fork(connectionScope)
    const result = yield* Effect.result(Scope.provide(open(connection), attemptScope))
    if (Result.isFailure(result)) {
      yield* Scope.close(attemptScope, Exit.void)
    } else if (protocol === "auto") {
      // Who is told what to speak has found out nothing.
      remembered.set(transport, era)
      if (store !== undefined) yield* inTime(store.set(transport.label, era))
    }
    return result
  })

  const openLegacy = (version: McpProtocol.LegacyVersion) =>
    attempt("legacy", (connection) => legacyEra.open(connection, options, { version, deadline: left() }))

  const openModern = (version: McpProtocol.ModernVersion, patience?: number) =>
    attempt("modern", (connection) => modernEra.open(connection, options, { version, deadline: left(patience) }))

  const known = protocol === "auto"
    ? (store === undefined ? undefined : yield* inTime(store.get(transport.label))) ?? remembered.get(transport)
    : undefined
  const isLegacyOnly = protocol === "legacy" || McpProtocol.isLegacyVersion(protocol)
  const legacyVersion = McpProtocol.isLegacyVersion(protocol) ? protocol : McpProtocol.latestLegacyVersion
  const modernVersion = McpProtocol.isModernVersion(protocol) ? protocol : McpProtocol.modernVersions[0]

  if (isLegacyOnly || connection.medium === "sse") return yield* Effect.fromResult(yield* openLegacy(legacyVersion))
  if (known === "legacy") {
    const legacy = yield* openLegacy(legacyVersion)
    if (Result.isSuccess(legacy) || !isAnswer(legacy.failure)) return yield* Effect.fromResult(legacy)
  }

  const isSilenceAnAnswer = protocol === "auto" && connection.medium === "pipe"
  const first = yield* openModern(
    modernVersion,
    isSilenceAnAnswer ? Math.min(PROBE_MILLIS, left().totalMillis / 2) : undefined
  )
  if (Result.isSuccess(first)) return first.success
  const verdict = judge(first.failure, connection, protocol)
  switch (verdict._tag) {
    case "Modern":
      return yield* Effect.fromResult(yield* openModern(verdict.version))
    case "Legacy": {
      const asked = connection
      const legacy = yield* openLegacy(verdict.version)
      if (Result.isSuccess(legacy)) return legacy.success
      // It answered, and went only then.
      const isGone = asked.medium === "pipe" && asked.closedBy() !== undefined && asked === connection
      if (isGone) return yield* Effect.fromResult(yield* openLegacy(verdict.version))
      // It was only slow, and knows no `initialize`.
      if (first.failure.reason._tag === "TimeoutError" && isAnswer(legacy.failure)) {
        const modern = yield* openModern(modernVersion)
        if (Result.isSuccess(modern)) return modern.success
      }
      return yield* Effect.fail(legacy.failure)
    }
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
  const named = supported.slice(0, MAX_NAMED).join(", ")
  const description = `The server speaks protocol version ${named}; this client speaks ${spoken.join(", ")}`
  return { _tag: "Unclear", error: McpError.make(new McpError.UnsupportedError({ description })) }
}

/** Whether a server has answered, though not as one of the era would in which it was asked. */
const isAnswer = ({ reason }: McpError.McpError): boolean =>
  reason._tag === "JsonRpcError" && !isNoEvidence(reason.httpStatus) ||
  reason._tag === "HttpError" && !isNoEvidence(reason.status) ||
  reason._tag === "ProtocolError"

/** Errors that only servers of the modern era know. */
const isModernError = ({ reason }: McpError.McpError): boolean =>
  reason._tag === "JsonRpcError" && (
    reason.code === modernEra.UNSUPPORTED_VERSION || reason.code === modernEra.MISSING_CAPABILITY ||
    reason.code === modernEra.HEADER_MISMATCH
  )

/** That a server is busy, or wants to know who asks, says nothing about what it speaks. */
const isNoEvidence = (status: number | undefined): boolean =>
  status !== undefined && (status === 401 || status === 403 || status === 429 || status >= 500)

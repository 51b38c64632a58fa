/**
 * Protocol revisions, and the two eras that they fall into.
 *
 * The Model Context Protocol names its revisions by date. All revisions up to `2025-11-25` open a session with an
 * `initialize` handshake; they are the *legacy* era. Since `2026-07-28` each request says all that a server needs to
 * know; that is the *modern* era.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

/**
 * The revisions that open with the `initialize` handshake, newest first.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
 * @category models
 * @since 0.1.0
 */
export const legacyVersions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const

/**
 * A revision that opens with the `initialize` handshake.
 *
 * @category models
 * @since 0.1.0
 */
export type LegacyVersion = (typeof legacyVersions)[number]

/**
 * The revision that the handshake asks for. A server that does not know it answers with one that it does.
 *
 * @category models
 * @since 0.1.0
 */
export const latestLegacyVersion: LegacyVersion = legacyVersions[0]

/**
 * Whether a string names a revision that this library speaks with the `initialize` handshake.
 *
 * **Example** (Checking a version)
 *
 * ```ts check
 * import * as McpProtocol from "@effect-mcp/client/McpProtocol"
 *
 * McpProtocol.isLegacyVersion("2025-06-18") // => true
 * McpProtocol.isLegacyVersion("1999-01-01") // => false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isLegacyVersion = (version: string): version is LegacyVersion =>
  (legacyVersions as ReadonlyArray<string>).includes(version)

/**
 * The revisions of which each request stands for itself, newest first.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning
 * @category models
 * @since 0.1.0
 */
export const modernVersions = ["2026-07-28"] as const

/**
 * A revision of which each request stands for itself.
 *
 * @category models
 * @since 0.1.0
 */
export type ModernVersion = (typeof modernVersions)[number]

/**
 * Whether a string names a revision that this library speaks without a handshake.
 *
 * @category guards
 * @since 0.1.0
 */
export const isModernVersion = (version: string): version is ModernVersion =>
  (modernVersions as ReadonlyArray<string>).includes(version)

/**
 * How a client finds out what its server speaks: by itself, only the one era, or only the one revision.
 *
 * @category models
 * @since 0.1.0
 */
export type Protocol = "auto" | "legacy" | "modern" | LegacyVersion | ModernVersion

/**
 * The two ways in which client and server talk.
 *
 * @category models
 * @since 0.1.0
 */
export type Era = "legacy" | "modern"

/**
 * A memory of what servers turned out to speak.
 *
 * @category models
 * @since 0.1.0
 */
export interface EraStore {
  readonly get: (label: string) => Effect.Effect<Era | undefined>
  readonly set: (label: string, era: Era) => Effect.Effect<void>
}

/**
 * Remembers what servers turned out to speak, by the labels of their transports, beyond the life of this process: then
 * a client need not ask again. A wrong memory does no harm: it is noticed, and mended.
 *
 * Without a store, what a transport turned out to lead to is remembered as long as the transport lives.
 *
 * @category services
 * @since 0.1.0
 */
export const EraStore: Context.Reference<EraStore | undefined> = Context.Reference<EraStore | undefined>(
  "@effect-mcp/client/McpProtocol/EraStore",
  { defaultValue: () => undefined }
)

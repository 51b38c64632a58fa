/**
 * Protocol revisions, and the two eras that they fall into.
 *
 * The Model Context Protocol names its revisions by date. All revisions up to `2025-11-25` open a session with an
 * `initialize` handshake; they are the *legacy* era.
 *
 * @since 0.1.0
 */

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

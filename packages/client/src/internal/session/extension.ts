import type * as Effect from "effect/Effect"
import type * as McpError from "../../McpError.ts"
import type { JsonObject } from "../../McpSchema.ts"
import type { RequestOptions, Session } from "./session.ts"

/**
 * What an extension of the protocol adds, so that nothing else need know of it.
 *
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning#extensions
 */
export interface Extension {
  readonly id: string
  readonly settings: JsonObject
  /** What becomes of results of types that the protocol itself does not know. */
  readonly results?: Readonly<
    Record<
      string,
      (
        result: JsonObject,
        origin: { readonly session: Session; readonly method: string; readonly options: RequestOptions }
      ) => Effect.Effect<unknown, McpError.McpError>
    >
  >
}

import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as McpError from "../../McpError.ts"
import type { Diagnostic, McpTransport } from "../../McpTransport.ts"
import type { Hooks } from "../client/hooks.ts"
import type { Request } from "../client/operations.ts"

export const TypeId = "~@effect-mcp/client/McpCache" as const

export type Mode = "use" | "refresh" | "bypass"

/** What a client asks of its cache. */
export interface Cache {
  /** Reads the answer that is kept, or sends the request and keeps the answer. */
  readonly through: <A, E extends McpError.McpError | McpError.ToolError, R, R2>(
    request: Request<A, E, R, R2>,
    send: (request: Request<A, E, R, R2>) => Effect.Effect<A, E | McpError.McpError, R | R2>
  ) => Effect.Effect<A, E | McpError.McpError, R | R2>
  /** Says that a resource, or what is beneath it, may be another than before. */
  readonly changed: (uri: string) => void
}

export interface McpCache {
  readonly [TypeId]: typeof TypeId
  /** Opens the cache for a client of a transport. */
  readonly open: (
    transport: McpTransport,
    hooks: Hooks,
    onDiagnostic: (diagnostic: Diagnostic) => void
  ) => Effect.Effect<Cache, never, Scope.Scope>
}

/** In a file of its own, so that a client without a cache loads none. */
export const McpCache: Context.Service<McpCache, McpCache> = Context.Service<McpCache>("@effect-mcp/client/McpCache")

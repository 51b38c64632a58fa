/**
 * What can go wrong between a client and a server, to be put into a mocked transport.
 *
 * @since 0.1.0
 */
import type { JsonRpcRequest } from "@effect-mcp/client/McpSchema"
import type * as Duration from "effect/Duration"

/**
 * Which requests a fault hits: a method, or a test of the request.
 *
 * @category models
 * @since 0.1.0
 */
export type Match = string | ((request: JsonRpcRequest) => boolean)

/**
 * What happens to a request, or to its answer.
 *
 * @category models
 * @since 0.1.0
 */
export type Effect =
  | { readonly _tag: "Delay"; readonly duration: Duration.Input }
  | { readonly _tag: "Drop" }
  | { readonly _tag: "Reorder"; readonly count: number }
  | { readonly _tag: "Fail"; readonly code: number; readonly message: string; readonly data?: unknown }
  | { readonly _tag: "Disconnect" }
  | { readonly _tag: "Garble"; readonly payload: unknown }

/**
 * A fault: what it hits, what it does, and how often.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fault {
  readonly match: Match
  readonly effect: Effect
  readonly times: number
}

const fault = (match: Match, effect: Effect, times = Number.POSITIVE_INFINITY): Fault => ({ match, effect, times })

/**
 * The answer comes later.
 *
 * @category constructors
 * @since 0.1.0
 */
export const delay = (match: Match, duration: Duration.Input, times?: number): Fault =>
  fault(match, { _tag: "Delay", duration }, times)

/**
 * The answer never comes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const drop = (match: Match, times?: number): Fault => fault(match, { _tag: "Drop" }, times)

/**
 * Each `count` answers come together, the last first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reorder = (match: Match, count: number): Fault => fault(match, { _tag: "Reorder", count })

/**
 * The answer is an error.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fail = (
  match: Match,
  error: { readonly code: number; readonly message: string; readonly data?: unknown },
  times?: number
): Fault => fault(match, { _tag: "Fail", ...error }, times)

/**
 * The server hangs up when the request arrives. With the method `initialize`, or `server/discover` in
 * 2026-07-28, no session opens.
 *
 * @category constructors
 * @since 0.1.0
 */
export const disconnect = (match: Match, times?: number): Fault => fault(match, { _tag: "Disconnect" }, times)

/**
 * Something else comes in the place of the answer.
 *
 * @category constructors
 * @since 0.1.0
 */
export const garble = (match: Match, payload: unknown, times?: number): Fault =>
  fault(match, { _tag: "Garble", payload }, times)

/**
 * Whether a fault hits a request.
 *
 * @category guards
 * @since 0.1.0
 */
export const hits = (fault: Fault, request: JsonRpcRequest): boolean =>
  typeof fault.match === "string" ? fault.match === request.method : fault.match(request)

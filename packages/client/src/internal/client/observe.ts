import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import type * as McpError from "../../McpError.ts"

/**
 * https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/
 */
const duration = Metric.histogram("mcp.client.operation.duration", {
  description: "The duration of MCP requests, in seconds, as the sender sees it",
  boundaries: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]
})

const attributed = new Map<string, typeof duration>()

/** Attributes are given once for each combination: to attach them costs more than to measure. */
const durationOf = (method: string, errorType: string | undefined): typeof duration => {
  const key = errorType === undefined ? method : `${method} ${errorType}`
  const known = attributed.get(key)
  if (known !== undefined) return known
  const attributes: Record<string, string> = { "mcp.method.name": method }
  if (errorType !== undefined) attributes["error.type"] = errorType
  const metric = Metric.withAttributes(duration, attributes)
  attributed.set(key, metric)
  return metric
}

/** What an operation is about. */
export interface Target {
  readonly kind: "tool" | "prompt" | "resource"
  readonly name: string
}

type Failure = McpError.McpError | McpError.ToolError

/** Measures how long an operation took. */
export const measure = (
  method: string,
  exit: Exit.Exit<unknown, Failure>,
  startedAt: number,
  context: Context.Context<never>
): void => durationOf(method, errorType(exit)).updateUnsafe((performance.now() - startedAt) / 1000, context)

/** Gives an operation a span, if anybody traces. */
export const trace = <A, E extends Failure, R>(
  { method, target }: { readonly method: string; readonly target?: Target | undefined },
  server: string,
  fiber: Fiber.Fiber<unknown, unknown>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const { span, tracer, tracerEnabled } = fiber.cache
  if (!tracerEnabled || (span === undefined && tracer === undefined)) return effect
  return Effect.useSpan(spanName(method, target), {
    kind: "client",
    attributes: { "mcp.method.name": method, "mcp.server.name": server, ...attributesOf(target) }
  }, (span) =>
    Effect.onExitPrimitive(Effect.withParentSpan(effect, span, { captureStackTrace: false }), (exit) => {
      const type = errorType(exit)
      if (type !== undefined) span.attribute("error.type", type)
      return undefined
    }))
}

/** There may be any number of URIs, which would make as many names. */
const spanName = (method: string, target: Target | undefined): string =>
  target === undefined || target.kind === "resource" ? method : `${method} ${target.name}`

const attributesOf = (target: Target | undefined): Record<string, string> => {
  switch (target?.kind) {
    case "tool":
      return { "gen_ai.tool.name": target.name, "gen_ai.operation.name": "execute_tool" }
    case "prompt":
      return { "gen_ai.prompt.name": target.name }
    case "resource":
      return { "mcp.resource.uri": target.name }
    case undefined:
      return {}
  }
}

const errorType = (exit: Exit.Exit<unknown, Failure>): string | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const [reason] = exit.cause.reasons
  if (reason === undefined || reason._tag !== "Fail") return reason?._tag === "Interrupt" ? "cancelled" : "defect"
  if (reason.error._tag === "ToolError") return "tool_error"
  return reason.error.reason._tag === "JsonRpcError" ? codeName(reason.error.reason.code) : reason.error.reason._tag
}

// A server can make up any number of codes, and each would be a series of its own.
const knownCodes = new Set([-32700, -32600, -32601, -32602, -32603, -32002, -32042, -32020, -32021, -32022])

const codeName = (code: number): string => knownCodes.has(code) ? String(code) : "JsonRpcError"

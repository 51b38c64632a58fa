import type * as Fiber from "effect/Fiber"
import type { JsonObject } from "../../McpSchema.ts"
import { capabilitiesOf } from "./capabilities.ts"
import type { RequestOptions, SessionOptions } from "./session.ts"

/** https://modelcontextprotocol.io/specification/2026-07-28/basic/index#meta */
export const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"

export const metaOf = (
  { id, logLevel, version }: {
    readonly id: number | string
    readonly logLevel: unknown
    readonly version: string
  },
  { clientInfo, extensions, handlers }: Pick<SessionOptions, "clientInfo" | "extensions" | "handlers">,
  options: Pick<RequestOptions, "handlers" | "meta" | "onProgress">,
  { span }: Fiber.Fiber<unknown, unknown>["cache"]
): JsonObject => ({
  // https://www.w3.org/TR/trace-context/#traceparent-header
  ...(span === undefined ? {} : { traceparent: `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}` }),
  ...options.meta,
  "io.modelcontextprotocol/protocolVersion": version,
  "io.modelcontextprotocol/clientInfo": clientInfo,
  "io.modelcontextprotocol/clientCapabilities": withoutState(
    capabilitiesOf(options.handlers ?? handlers, extensions)
  ),
  ...(logLevel === undefined ? {} : { "io.modelcontextprotocol/logLevel": logLevel }),
  ...(options.onProgress === undefined ? {} : { progressToken: id })
})

/** Where each request stands for itself, the roots are asked for when they are needed, and nothing is asked as a task. */
const withoutState = (capabilities: JsonObject): JsonObject => {
  if (capabilities["roots"] === undefined && capabilities["tasks"] === undefined) return capabilities
  const { roots, tasks: _, ...rest } = capabilities
  return roots === undefined ? rest : { ...rest, roots: {} }
}

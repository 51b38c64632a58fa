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
  "io.modelcontextprotocol/clientCapabilities": withoutChanges(
    capabilitiesOf(options.handlers ?? handlers, extensions)
  ),
  ...(logLevel === undefined ? {} : { "io.modelcontextprotocol/logLevel": logLevel }),
  ...(options.onProgress === undefined ? {} : { progressToken: id })
})

/** The roots are asked for when they are needed: there is nothing to tell of their changes. */
const withoutChanges = (capabilities: JsonObject): JsonObject =>
  capabilities["roots"] === undefined ? capabilities : { ...capabilities, roots: {} }

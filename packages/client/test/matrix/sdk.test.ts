import * as SseTransport from "@effect-mcp/client/SseTransport"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as sdkV1 from "./servers/sdkV1.ts"
import * as sdkV2 from "./servers/sdkV2.ts"
import { behaves, listening, ownTools, program } from "./support.ts"

const { count: _, ...withoutProgress } = ownTools

behaves({
  ...ownTools,
  name: "the SDK v1 over stdio",
  transport: StdioTransport.make({ command: process.execPath, args: [program("sdkV1.ts")] })
})

behaves({
  ...ownTools,
  name: "the SDK v1 over HTTP with events",
  transport: listening(sdkV1.streamableHttp({ enableJsonResponse: false }))
})

behaves({
  ...withoutProgress,
  name: "the SDK v1 over HTTP with JSON",
  transport: listening(sdkV1.streamableHttp({ enableJsonResponse: true }))
})

behaves({
  ...ownTools,
  name: "the SDK v1 over HTTP+SSE",
  transport: listening(sdkV1.events(), SseTransport.make)
})

behaves({
  ...ownTools,
  name: "the SDK v2 over stdio",
  transport: StdioTransport.make({ command: process.execPath, args: [program("sdkV2.ts")] })
})

behaves({
  ...ownTools,
  name: "the SDK v2 over HTTP with events",
  transport: listening(sdkV2.streamableHttp({ enableJsonResponse: false }))
})

behaves({
  ...withoutProgress,
  name: "the SDK v2 over HTTP with JSON",
  transport: listening(sdkV2.streamableHttp({ enableJsonResponse: true }))
})

behaves({
  ...ownTools,
  name: "the SDK v2 over HTTP without sessions",
  protocol: "legacy",
  transport: listening(sdkV2.stateless())
})

const modern = { ...ownTools, protocolVersion: "2026-07-28" }

behaves({
  ...modern,
  name: "the SDK v2 over HTTP by 2026-07-28",
  transport: listening(sdkV2.stateless())
})

behaves({
  ...modern,
  name: "the SDK v2 over stdio by 2026-07-28",
  transport: StdioTransport.make({ command: process.execPath, args: [program("sdkV2.ts"), "both"] })
})

behaves({
  ...modern,
  name: "the SDK v2 over stdio by 2026-07-28 and nothing else",
  transport: StdioTransport.make({ command: process.execPath, args: [program("sdkV2.ts"), "modern"] })
})

behaves({
  ...ownTools,
  name: "the SDK v2 over stdio, which could do more",
  protocol: "legacy",
  transport: StdioTransport.make({ command: process.execPath, args: [program("sdkV2.ts"), "both"] })
})

import * as HttpTransport from "@effect-mcp/client/HttpTransport"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as McpServerTransport from "@effect-mcp/testing/McpServerTransport"
import * as Effect from "effect/Effect"
import * as effectAi from "./servers/effectAi.ts"
import { behaves, ownTools, program } from "./support.ts"

behaves({
  ...ownTools,
  name: "effect/ai over stdio",
  transport: StdioTransport.make({ command: process.execPath, args: [program("effectAi.ts")] })
})

behaves({
  ...ownTools,
  name: "effect/ai over HTTP",
  transport: Effect.flatMap(effectAi.http, (url) => HttpTransport.make({ url }))
})

behaves({
  ...ownTools,
  name: "effect/ai in memory",
  inProcess: true,
  transport: McpServerTransport.make({ server: effectAi.stdio })
})

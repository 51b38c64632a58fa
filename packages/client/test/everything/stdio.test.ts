import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Layer from "effect/Layer"
import { asksAndTells } from "./support.ts"

asksAndTells(
  "the everything server over stdio",
  StdioTransport.layer({ command: "mcp-server-everything" }).pipe(Layer.provide(NodeMcp.layer))
)

import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import * as Layer from "effect/Layer"
import { asksAndTells } from "./support.ts"
import { runsTasks } from "./tasks.ts"

const transport = StdioTransport.layer({ command: "mcp-server-everything" }).pipe(Layer.provide(NodeMcp.layer))

asksAndTells("the everything server over stdio", transport)

runsTasks("tasks of the everything server over stdio", transport)

import * as McpError from "../../McpError.ts"

/** What the server is told when its question can not be understood. */
export const invalidParams = (description: string): McpError.JsonRpcError =>
  new McpError.JsonRpcError({ code: -32602, description })

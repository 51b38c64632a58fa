/**
 * An MCP client for Effect: typed, scoped, self-healing sessions with Model Context Protocol servers.
 *
 * Import the modules by their own paths where start-up time matters: `@effect-mcp/client/McpClient`.
 *
 * @since 0.1.0
 */
export * as HttpTransport from "./HttpTransport.ts"
export * as McpCache from "./McpCache.ts"
export * as McpClient from "./McpClient.ts"
export * as McpError from "./McpError.ts"
export * as McpExtension from "./McpExtension.ts"
export * as McpHandlers from "./McpHandlers.ts"
export * as McpPrompt from "./McpPrompt.ts"
export * as McpProtocol from "./McpProtocol.ts"
export * as McpResource from "./McpResource.ts"
export * as McpSchema from "./McpSchema.ts"
export * as McpTask from "./McpTask.ts"
export * as McpTool from "./McpTool.ts"
export * as McpTransport from "./McpTransport.ts"
export * as MemoryTransport from "./MemoryTransport.ts"
export * as SseTransport from "./SseTransport.ts"
export * as StdioTransport from "./StdioTransport.ts"

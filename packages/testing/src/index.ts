/**
 * Mocked transports and in-process servers for tests of programs that use `@effect-mcp/client`.
 *
 * @since 0.1.0
 */
export * as Fault from "./Fault.ts"
export * as McpServerTransport from "./McpServerTransport.ts"
export * as MockTransport from "./MockTransport.ts"

/**
 * What the transports of `@effect-mcp/client` need on Node.js.
 *
 * @since 0.1.0
 */
export * as NodeMcp from "./NodeMcp.ts"

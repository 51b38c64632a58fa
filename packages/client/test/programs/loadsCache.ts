/** Loads a client, then a cache, and prints after each whether what keeps results is loaded. */
import { registerHooks } from "node:module"

const loaded: Array<string> = []

registerHooks({
  load: (url, context, next) => {
    loaded.push(url)
    return next(url, context)
  }
})

const report = () => console.log(loaded.some((url) => url.endsWith("/caching.ts")))

await import("@effect-mcp/client/McpClient")
report()
await import("@effect-mcp/client/McpCache")
report()

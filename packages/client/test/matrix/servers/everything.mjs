/**
 * Lets the everything server listen on any free port, and says on its standard output which one that is:
 * `node everything.mjs <sse or streamableHttp>`.
 */
import { Server } from "node:net"

const { listen } = Server.prototype
Server.prototype.listen = function(...args) {
  this.once("listening", () => console.log(`port ${this.address().port}`))
  return listen.apply(this, args)
}

process.env.PORT = "0"
await import("@modelcontextprotocol/server-everything/dist/index.js")

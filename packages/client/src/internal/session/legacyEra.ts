import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as McpError from "../../McpError.ts"
import * as McpProtocol from "../../McpProtocol.ts"
import * as McpSchema from "../../McpSchema.ts"
import type { Connection } from "../../McpTransport.ts"
import type { Era } from "./era.ts"
import * as ServerRequests from "./serverRequests.ts"
import type { Session, SessionInfo, SessionOptions } from "./session.ts"

/**
 * The era of the `initialize` handshake: sessions with state on both sides, in which the server may send requests too.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
 */
export const legacyEra: Era = {
  open: Effect.fnUntraced(function*(connection, options) {
    const serverRequests = yield* ServerRequests.make(connection, options.handlers)
    yield* Effect.forkScoped(listen(connection, serverRequests, options))
    const request = requester(connection)
    const info = yield* handshake(request, options)
    yield* connection.send({ jsonrpc: "2.0", method: "notifications/initialized" })
    return {
      info,
      request,
      notify: (method, params) => connection.send({ jsonrpc: "2.0", method, params }),
      closedBy: connection.closedBy,
      closed: connection.closed
    }
  })
}

const requester = (connection: Connection): Session["request"] => {
  // An id is never used twice in a session, and serves as the progress token of its request.
  let nextId = 0
  return (method, params, { deadline, meta, onProgress, progress }) =>
    Effect.suspend(() => {
      const id = nextId++
      const wantsProgress = progress === true || onProgress !== undefined
      return connection.exchange({
        jsonrpc: "2.0",
        id,
        method,
        params: wantsProgress
          ? { ...params, _meta: { ...meta, progressToken: id } }
          : meta === undefined
          ? params
          : { ...params, _meta: meta }
      }, { deadline, onProgress })
    })
}

const decodeInitializeResult = Schema.decodeUnknownExit(McpSchema.InitializeResult)

const handshake = Effect.fnUntraced(function*(
  request: Session["request"],
  options: SessionOptions
): Effect.fn.Return<SessionInfo, McpError.McpError> {
  const answer = yield* request("initialize", {
    protocolVersion: McpProtocol.latestLegacyVersion,
    // Only what is really handled. Nothing so far asks for more than `ping`, which needs no capability.
    capabilities: {},
    clientInfo: options.clientInfo
  }, { deadline: options.connectDeadline })
  const decoded = decodeInitializeResult(answer)
  if (Exit.isFailure(decoded)) {
    const description = "The server's answer to initialize is not one"
    return yield* McpError.make(new McpError.ProtocolError({ description, payload: answer }))
  }
  const { capabilities, instructions, protocolVersion, serverInfo } = decoded.value
  if (!McpProtocol.isLegacyVersion(protocolVersion)) {
    return yield* McpError.make(
      new McpError.UnsupportedError({
        description: `The server speaks protocol version ${protocolVersion}; this client speaks ${
          McpProtocol.legacyVersions.join(", ")
        }`
      })
    )
  }
  return { protocolVersion, capabilities, serverInfo, instructions }
})

const listen = (
  connection: Connection,
  serverRequests: ServerRequests.ServerRequests,
  options: SessionOptions
): Effect.Effect<void> =>
  Queue.takeAll(connection.incoming).pipe(
    Effect.flatMap(Effect.forEach((incoming) => {
      switch (incoming._tag) {
        case "Diagnostic":
          return Effect.sync(() => options.onDiagnostic(incoming.diagnostic))
        case "Request":
          return serverRequests.serve(incoming)
        case "Notification": {
          const id = incoming.params["requestId"]
          return incoming.method === "notifications/cancelled" && (typeof id === "string" || typeof id === "number")
            ? serverRequests.cancel(id)
            : Effect.void
        }
      }
    }, { discard: true })),
    Effect.forever,
    Effect.ignore
  )

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as McpError from "../../McpError.ts"
import * as McpProtocol from "../../McpProtocol.ts"
import * as McpSchema from "../../McpSchema.ts"
import type { Connection, Deadline } from "../../McpTransport.ts"
import { monotonicMillis } from "../jsonrpc/monotonic.ts"
import { within } from "../jsonrpc/within.ts"
import * as Callers from "./callers.ts"
import { capabilitiesOf } from "./capabilities.ts"
import type { Open } from "./era.ts"
import { hear } from "./hear.ts"
import { LegacyTasks, offeredBy } from "./legacyTasks.ts"
import { reader } from "./reader.ts"
import * as ServerRequests from "./serverRequests.ts"
import type { Session, SessionInfo, SessionOptions } from "./session.ts"
import * as TaskRequests from "./taskRequests.ts"
import { withUrlElicitation } from "./urlElicitation.ts"

/**
 * The era of the `initialize` handshake: sessions with state on both sides, in which the server may send requests too.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
 */
export const open: Open<McpProtocol.LegacyVersion> = Effect.fnUntraced(
  function*(connection, options, { deadline, version }) {
    const clock = yield* Clock.Clock
    const now = () => monotonicMillis(clock)
    const start = now()
    const callers = Callers.make(now)
    const serverRequests = yield* ServerRequests.make(connection, options, callers)
    let taskRequests: TaskRequests.TaskRequests | undefined
    yield* Effect.forkScoped(hear(connection, options, {
      onRequest: serverRequests.serve,
      onNotification(notification) {
        taskRequests?.onNotification(notification)
        const { method, params: { requestId } } = notification
        if (method !== "notifications/cancelled") return
        if (typeof requestId === "string" || typeof requestId === "number") serverRequests.cancel(requestId)
      }
    }))
    const isAsked = mayAsk(options.handlers)
    const plainly = requester(connection, callers, isAsked)
    const request = isAsked ? withUrlElicitation(plainly, options, now) : plainly
    const info = yield* handshake(request, options, version, deadline).pipe(
      // That no session came about says less than why the connection ended.
      Effect.mapError((error) => {
        const reason = error.reason._tag === "ClosedError" ? connection.closedBy() : undefined
        return reason === undefined ? error : McpError.make(reason)
      })
    )
    const { budget, totalMillis: millis } = deadline
    yield* within(connection.send({ jsonrpc: "2.0", method: "notifications/initialized" }), {
      budget,
      millis,
      left: millis - (now() - start)
    })
    const offered = offeredBy(info.capabilities)
    if (McpSchema.isJsonObject(offered["requests"])) taskRequests = TaskRequests.make(request, offered["requests"])
    return {
      info,
      request: taskRequests?.request ?? request,
      tasks: new LegacyTasks(request, offered, taskRequests?.forget),
      notify: (method, params) => connection.send({ jsonrpc: "2.0", method, params }),
      closedBy: connection.closedBy,
      closed: connection.closed
    }
  }
)

/** Whether there is anything that a server may ask on behalf of a request. */
const mayAsk = ({ methods }: SessionOptions["handlers"]): boolean =>
  Array.from(methods.keys()).some((_) => _ !== "ping")

const requester = (
  connection: Connection,
  callers: Callers.Callers,
  isAsked: boolean
): Session["request"] => {
  // An id is never used twice in a session, and serves as the progress token of its request.
  let nextId = 0
  return (method, params, { deadline, handlers, meta, onProgress, onToken }) => {
    const id = nextId++
    onToken?.(id)
    const request: McpSchema.JsonRpcRequest = {
      jsonrpc: "2.0",
      id,
      method,
      params: onProgress !== undefined
        ? { ...params, _meta: { ...meta, progressToken: id } }
        : meta === undefined
        ? params
        : { ...params, _meta: meta }
    }
    // What a task asks belongs to who waits for the task, not to who looks after it.
    return isAsked && !method.startsWith("tasks/")
      ? callers.calling(
        id,
        handlers?.methods,
        (sinceHeld) => connection.exchange(request, { deadline, onProgress, sinceHeld })
      )
      : connection.exchange(request, { deadline, onProgress })
  }
}

const readInitializeResult = reader("initialize", McpSchema.InitializeResult)

const handshake = Effect.fnUntraced(function*(
  request: Session["request"],
  options: SessionOptions,
  version: McpProtocol.LegacyVersion,
  deadline: Deadline
): Effect.fn.Return<SessionInfo, McpError.McpError> {
  const answer = yield* request("initialize", {
    protocolVersion: version,
    capabilities: capabilitiesOf(options.handlers, options.extensions),
    clientInfo: options.clientInfo
  }, { deadline })
  const { capabilities, instructions, protocolVersion, serverInfo } = yield* readInitializeResult(answer)
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

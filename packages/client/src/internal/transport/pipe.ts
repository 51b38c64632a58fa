import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject, type JsonRpcMessage, Progress, type RequestId } from "../../McpSchema.ts"
import type { Connection, Diagnostic, Incoming } from "../../McpTransport.ts"
import { classify } from "../jsonrpc/message.ts"
import * as RequestTable from "../jsonrpc/requestTable.ts"
import type { Outlet } from "./outbox.ts"

/**
 * The part that all duplex transports share: requests go into one outbox and wait in one table for what comes back.
 */
export interface Pipe {
  readonly connection: Connection
  /** Takes a parsed message, or a batch of them, from the wire. */
  readonly receive: (payload: unknown) => void
  readonly notice: (diagnostic: Diagnostic) => void
  /** Fails one waiting request, if there is such a one. */
  readonly fail: (id: RequestId, reason: McpError.McpErrorReason) => boolean
  /** Closes the connection: what waits fails. The first reason counts; without one, it was this side's wish. */
  readonly close: (reason?: McpError.McpErrorReason) => void
}

export const make: <Out>(options: {
  /** Where messages go out. When it is full, messages that have no answer wait. */
  readonly outlet: Outlet<Out>
  /** Writes a message in the form of the wire. May throw on values that have none. */
  readonly encode: (message: JsonRpcMessage) => Out
  /** What the transport knows that helps to understand a failure. */
  readonly detail: () => string | undefined
}) => Effect.Effect<Pipe, never, Scope.Scope> = Effect.fnUntraced(function*<Out>(options: {
  readonly outlet: Outlet<Out>
  readonly encode: (message: JsonRpcMessage) => Out
  readonly detail: () => string | undefined
}) {
  const { encode, outlet } = options
  const incoming = yield* Queue.unbounded<Incoming, Cause.Done>()
  const closed = yield* Deferred.make<McpError.McpErrorReason>()
  let closedBy: McpError.McpErrorReason | undefined

  const table = yield* RequestTable.make({ detail: options.detail })

  const lost = (cause: McpError.McpErrorReason, requestSent: boolean) =>
    McpError.make(
      new McpError.ClosedError({
        description: requestSent ? "The session ended before the answer came" : "The session has ended",
        by: cause === closedHere ? "client" : "server",
        requestSent,
        cause
      })
    )

  const tryEncode = (message: JsonRpcMessage): Out | McpError.McpError => {
    try {
      return encode(message)
    } catch (cause) {
      return McpError.make(
        new McpError.ValidationError({
          side: "input",
          kind: "request",
          name: "method" in message ? message.method : "response",
          path: [],
          value: message,
          issues: [{ path: [], message: `can not be written as JSON: ${String(cause)}` }]
        })
      )
    }
  }

  const exchange: Connection["exchange"] = (request, { deadline, onProgress }) =>
    Effect.callback((resume) => {
      if (closedBy !== undefined) return resume(Effect.fail(lost(closedBy, false)))
      const out = tryEncode(request)
      if (McpError.isMcpError(out)) return resume(Effect.fail(out))
      const { id, method } = request
      const withdraw = outlet.push(out)
      table.add(id, {
        deadline,
        onProgress,
        resume,
        withdraw,
        cancel: (reason) => {
          // https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/cancellation: never initialize
          if (method === "initialize") return
          outlet.push(encode({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id, reason } }))
        }
      })
      return Effect.sync(() => table.abandon(id))
    })

  const send: Connection["send"] = (message) =>
    Effect.suspend(() => {
      if (closedBy !== undefined) return Effect.fail(lost(closedBy, false))
      const room = outlet.room()
      if (room !== undefined) return Effect.andThen(room, send(message))
      const out = tryEncode(message)
      if (McpError.isMcpError(out)) return Effect.fail(out)
      outlet.push(out)
      return Effect.void
    })

  const notice = (diagnostic: Diagnostic): void => {
    Queue.offerUnsafe(incoming, { _tag: "Diagnostic", diagnostic })
  }

  /** Some servers turn numeric ids into strings. */
  const ownId = (id: RequestId): RequestId => typeof id === "string" && /^\d+$/.test(id) ? Number(id) : id

  const settle = (id: RequestId, exit: Exit.Exit<unknown, McpError.McpError>): void => {
    const own = ownId(id)
    if (!table.settle(own, exit) && !table.wasAbandoned(own)) notice({ _tag: "Unexpected", id })
  }

  const receive = (payload: unknown): void => {
    // A batch: only 2025-03-26 has them. A batch within a batch is no message.
    if (Array.isArray(payload)) return payload.forEach(receiveOne)
    receiveOne(payload)
  }

  const receiveOne = (payload: unknown): void => {
    const message = classify(payload)
    switch (message._tag) {
      case "Result": {
        return settle(message.id, Exit.succeed(message.result))
      }
      case "Error": {
        const reason = new McpError.JsonRpcError({
          code: message.error.code,
          description: message.error.message,
          data: message.error.data
        })
        return message.id === undefined
          ? notice({ _tag: "Uncorrelated", error: reason })
          : settle(message.id, Exit.fail(McpError.make(reason)))
      }
      case "Notification": {
        if (message.method === "notifications/progress") {
          const token = message.params["progressToken"]
          // The token of a request is its id, so progress finds it in the same table.
          if (isProgress(message.params) && (typeof token === "number" || typeof token === "string")) {
            table.progress(ownId(token), message.params)
          }
        }
        Queue.offerUnsafe(incoming, message)
        return
      }
      case "Request": {
        Queue.offerUnsafe(incoming, message)
        return
      }
      case "Invalid": {
        const reason = new McpError.ProtocolError({ description: "The answer is no valid message", payload })
        const id = isJsonObject(payload) && !("method" in payload) ? payload["id"] : undefined
        if (typeof id === "number" && table.settle(id, Exit.fail(McpError.make(reason)))) return
        return notice({ _tag: "Invalid", payload: message.payload })
      }
    }
  }

  const close: Pipe["close"] = (reason = closedHere) => {
    if (closedBy !== undefined) return
    closedBy = reason
    Deferred.doneUnsafe(closed, Exit.succeed(reason))
    table.failAll((requestSent) => lost(reason, requestSent))
    outlet.end()
    Queue.endUnsafe(incoming)
  }

  yield* Effect.addFinalizer(() => Effect.sync(() => close()))

  return {
    connection: {
      exchange,
      send,
      incoming,
      closedBy: () => closedBy,
      closed: Deferred.await(closed)
    },
    receive,
    notice,
    fail: (id, reason) => table.settle(id, Exit.fail(McpError.make(reason))),
    close
  }
})

const closedHere = new McpError.TransportError({ description: "The client closed the session" })

const isProgress: (params: JsonObject) => params is Progress = Schema.is(Progress)

import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
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
  /** Takes a parsed message, or a batch of them, from the wire: with the replies to a request, if that is known. */
  readonly receive: (payload: unknown, relatedTo?: RequestId) => void
  /** Takes what should be JSON from the wire. */
  readonly receiveText: (text: string, relatedTo?: RequestId) => void
  readonly notice: (diagnostic: Diagnostic) => void
  /** Fails one waiting request, if there is such a one. */
  readonly fail: (id: RequestId, reason: McpError.McpErrorReason) => boolean
  readonly isWaiting: (id: RequestId) => boolean
  /** Takes no more messages. What waits goes on waiting. Something may be done before anybody hears of it. */
  readonly retire: (reason: McpError.McpErrorReason, first?: () => void) => void
  /** Closes the connection: what waits fails. The first reason counts; without one, it was this side's wish. */
  readonly close: (reason?: McpError.McpErrorReason) => void
}

export const make: <Out>(options: {
  /** Where messages go out. When it is full, messages that have no answer wait. */
  readonly outlet: Outlet<Out>
  /** Writes a message in the form of the wire. May throw on values that have none. */
  readonly encode: (message: JsonRpcMessage, headers?: Readonly<Record<string, string>>) => Out
  /** What the transport knows that helps to understand a failure. */
  readonly detail: () => string | undefined
}) => Effect.Effect<Pipe, never, Scope.Scope> = Effect.fnUntraced(function*<Out>(options: {
  readonly outlet: Outlet<Out>
  readonly encode: (message: JsonRpcMessage, headers?: Readonly<Record<string, string>>) => Out
  readonly detail: () => string | undefined
}) {
  const { encode, outlet } = options
  const incoming = yield* Queue.unbounded<Incoming, Cause.Done>()
  const closed = yield* Deferred.make<McpError.McpErrorReason>()
  let closedBy: McpError.McpErrorReason | undefined
  let ended = false
  let noise = 0

  const table = yield* RequestTable.make({ detail: options.detail })

  const exchange: Connection["exchange"] = (request, { deadline, headers, onProgress, sinceHeld }) =>
    Effect.callback((resume) => {
      if (closedBy !== undefined) return resume(Effect.fail(lost(closedBy, false)))
      const context = Fiber.getCurrent()?.context ?? Context.empty()
      const out = tryEncode(encode, request, headers)
      if (McpError.isMcpError(out)) return resume(Effect.fail(out))
      const { id, method } = request
      let withdraw: (() => boolean) | undefined
      table.add(id, {
        deadline,
        onProgress,
        sinceHeld,
        resume,
        withdraw: () => withdraw?.() ?? false,
        cancel: (reason) => {
          // https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/cancellation: never initialize
          if (method === "initialize") return
          const params = { requestId: id, reason }
          outlet.push(encode({ jsonrpc: "2.0", method: "notifications/cancelled", params }), context)
        }
      })
      // An outlet may find at once that it can not send: by then the request has to be waiting.
      withdraw = outlet.push(out, context)
      return Effect.sync(() => table.abandon(id))
    })

  const send: Connection["send"] = (message) =>
    Effect.withFiber(({ context }) => {
      if (closedBy !== undefined) return Effect.fail(lost(closedBy, false))
      const room = outlet.room()
      if (room !== undefined) return Effect.andThen(room, send(message))
      const out = tryEncode(encode, message)
      if (McpError.isMcpError(out)) return Effect.fail(out)
      outlet.push(out, context)
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

  const receiveText: Pipe["receiveText"] = (text, relatedTo) => {
    let payload: unknown
    try {
      payload = JSON.parse(text)
    } catch {
      if (text.trim() !== "") notice({ _tag: "Noise", line: text, count: ++noise })
      return
    }
    receive(payload, relatedTo)
  }

  const receive: Pipe["receive"] = (payload, relatedTo) => {
    // A batch: only 2025-03-26 has them. A batch within a batch is no message.
    if (Array.isArray(payload)) return payload.forEach((one) => receiveOne(one, relatedTo))
    receiveOne(payload, relatedTo)
  }

  const receiveOne = (payload: unknown, relatedTo: RequestId | undefined): void => {
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
        // Servers that could not make out the id of a request say `null`.
        const id = message.id ?? relatedTo
        return id === undefined
          ? notice({ _tag: "Uncorrelated", error: reason })
          : settle(id, Exit.fail(McpError.make(reason)))
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
        Queue.offerUnsafe(incoming, relatedTo === undefined ? message : { ...message, relatedTo })
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

  const retire: Pipe["retire"] = (reason, first) => {
    if (closedBy !== undefined) return
    closedBy = reason
    first?.()
    Deferred.doneUnsafe(closed, Exit.succeed(reason))
  }

  const close: Pipe["close"] = (reason = closedHere) => {
    if (ended) return
    ended = true
    retire(reason)
    table.failAll((requestSent) => lost(closedBy ?? reason, requestSent))
    outlet.end()
    Queue.endUnsafe(incoming)
  }

  yield* Effect.addFinalizer(() => Effect.sync(() => close()))

  return {
    connection: {
      exchange,
      send,
      medium: "pipe",
      incoming,
      closedBy: () => closedBy,
      closed: Deferred.await(closed)
    },
    receive,
    receiveText,
    notice,
    fail: (id, reason) => table.settle(id, Exit.fail(McpError.make(reason))),
    isWaiting: table.has,
    retire,
    close
  }
})

const closedHere = new McpError.TransportError({ description: "The client closed the session" })

/** The error of a message that a session took with it when it ended, or never took. */
export const lost = (cause: McpError.McpErrorReason, requestSent: boolean): McpError.McpError =>
  McpError.make(
    new McpError.ClosedError({
      description: requestSent ? "The session ended before the answer came" : "The session has ended",
      by: cause === closedHere ? "client" : "server",
      requestSent,
      cause
    })
  )

/** Writes a message in the form of the wire, unless it holds values that have none. */
export const tryEncode = <Out>(
  encode: (message: JsonRpcMessage, headers?: Readonly<Record<string, string>>) => Out,
  message: JsonRpcMessage,
  headers?: Readonly<Record<string, string>>
): Out | McpError.McpError => {
  try {
    return encode(message, headers)
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

const isProgress: (params: JsonObject) => params is Progress = Schema.is(Progress)

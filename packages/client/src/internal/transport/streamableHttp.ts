import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Scope from "effect/Scope"
import * as McpError from "../../McpError.ts"
import { isJsonObject, type RequestId } from "../../McpSchema.ts"
import type { Connection } from "../../McpTransport.ts"
import { within } from "../jsonrpc/within.ts"
import * as EventStream from "./eventStream.ts"
import { discard, type Http, isRefused, reasonOf } from "./http.ts"
import { mediaType, readText, refusal } from "./httpBody.ts"
import * as HttpSse from "./httpSse.ts"
import { lost } from "./pipe.ts"
import * as Posts from "./posts.ts"

/** How often in a row a stream of replies is taken up again without bringing anything. */
const MAX_RESUMPTIONS = 5

/** How long the server may take to hear that the session ends. */
const DELETE_TIMEOUT = "2 seconds"

/**
 * A connection of which each message is an HTTP request, and the session an id in its headers.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
 */
export const connect: (http: Http, options: {
  readonly maxBytes: number
}) => Effect.Effect<Connection, never, Scope.Scope> = Effect.fnUntraced(function*(http, { maxBytes }) {
  const scope = yield* Effect.scope
  let sessionId: string | undefined
  let protocolVersion: string | undefined
  /** Whether the server turned out to be one of 2024-11-05, and how it gets its messages then. */
  let deliverByEndpoint: Posts.Deliver | undefined
  let listening: Fiber.Fiber<void> | undefined

  let sessionHeaders = Headers.empty
  let postHeaders = plainHeaders
  const setSession = (): void => {
    sessionHeaders = Headers.fromInput({ "mcp-session-id": sessionId, "mcp-protocol-version": protocolVersion })
    postHeaders = Headers.merge(sessionHeaders, plainHeaders)
  }

  const pipe = yield* Posts.make(http, {
    deliver: (post) => deliverByEndpoint === undefined ? deliver(post) : deliverByEndpoint(post),
    onFailure: (reason, fail) => {
      // Where nobody listens any more, no session has survived.
      if (isRefused(reason)) lose(reason, fail)
      else fail()
    }
  })
  const { connection } = pipe

  /**
   * The next request begins another session. What the server has taken and not begun to answer may still be refused, so
   * that it can be sent again; an answer that has begun belongs to the dead session.
   */
  const lose = (cause: McpError.McpErrorReason, fail: () => void = () => {}): void => {
    if (connection.closedBy() !== undefined) return fail()
    pipe.retire(cause, fail)
    listening?.interruptUnsafe()
    pipe.failReplying(lost(cause, true).reason)
  }

  // ---------------------------------------------------------------------------
  // Messages to the server, and its replies
  // ---------------------------------------------------------------------------

  const deliver = Effect.fnUntraced(function*(post: Posts.Post): Effect.fn.Return<void, McpError.McpErrorReason> {
    // Without a session, a request is cancelled by the end of its stream.
    if (isCancellation(post) && protocolVersion === undefined) return
    const inSession = sessionId !== undefined && post.headers === undefined
    const headers = post.headers === undefined ? postHeaders : Headers.merge(plainHeaders, post.headers)
    const response = yield* http.execute({ method: "POST", headers, body: post.body })
    if (response.status < 200 || response.status > 299) return yield* yield* refused(response, inSession)
    post.replying = true
    // Only requests have replies; what some servers say to the rest means nothing.
    if (post.id === undefined) return yield* discard(response)
    if (isInitialize(post)) {
      sessionId = yield* newSession(response)
      setSession()
    }
    switch (mediaType(response)) {
      case "application/json": {
        pipe.receiveText(yield* readText(response, maxBytes), post.id)
        if (!pipe.isWaiting(post.id)) return
        const description = "The server's reply does not answer the request"
        return yield* new McpError.ProtocolError({ description })
      }
      case "text/event-stream":
        return yield* follow(post, post.id, response)
      default:
        return yield* yield* refusal(response)
    }
  })

  const refused = Effect.fnUntraced(function*(
    response: HttpClientResponse,
    inSession: boolean
  ): Effect.fn.Return<McpError.McpErrorReason> {
    const reason = yield* refusal(response)
    if (!inSession || !isExpiry(response.status, reason)) return reason
    const expired = new McpError.SessionExpiredError()
    lose(expired)
    return lost(expired, false).reason
  })

  const newSession = (response: HttpClientResponse): Effect.Effect<string | undefined, McpError.ProtocolError> => {
    const id = response.headers["mcp-session-id"]
    if (id === undefined || /^[\x21-\x7e]+$/.test(id)) return Effect.succeed(id)
    const description = "The server gives the session an id that is not visible ASCII"
    return Effect.fail(new McpError.ProtocolError({ description }))
  }

  /** Reads the stream of a request's replies, over as many connections as it takes. */
  const follow = Effect.fnUntraced(function*(
    post: Posts.Post,
    id: RequestId,
    first: HttpClientResponse
  ): Effect.fn.Return<void, McpError.McpErrorReason> {
    const cursor = EventStream.begin()
    const readReplies = (response: HttpClientResponse) => readMessages(response, cursor, post)
    let exit = yield* Effect.exit(readReplies(first))
    for (let failures = 0; pipe.isWaiting(id); failures++) {
      const reason = Exit.isFailure(exit) ? reasonOf(exit.cause) : undefined
      const isRefused = reason?._tag === "HttpError" || reason?._tag === "JsonRpcError"
      if (reason !== undefined && reason._tag !== "ClosedError" && !isRefused) return yield* reason
      // That a stream can not be taken up again does not answer the request.
      const isLost = isRefused && !isPassing(reason)
      // https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http: nothing to take up.
      if (isLost || post.headers !== undefined || cursor.lastEventId === undefined || failures >= MAX_RESUMPTIONS) {
        return yield* new McpError.ClosedError({
          description: "The server's reply ended before the answer came",
          by: "server",
          requestSent: true,
          cause: reason
        })
      }
      yield* EventStream.pause(cursor, failures)
      const { events } = cursor
      exit = yield* Effect.exit(Effect.flatMap(openStream(cursor, true), readReplies))
      if (cursor.events > events) failures = -1
    }
  })

  // ---------------------------------------------------------------------------
  // Streams of events
  // ---------------------------------------------------------------------------

  const readMessages = (
    response: HttpClientResponse,
    cursor: EventStream.Cursor,
    /** The request whose replies they are, if any. */
    post?: Posts.Post
  ) =>
    EventStream.read(response, {
      cursor,
      maxBytes,
      onEvent: ({ data, event }) => {
        if (event !== "message") return
        pipe.receiveText(data, post?.id)
        if (post?.id !== undefined && !pipe.isWaiting(post.id)) pipe.linger(post)
      },
      onOversized: () => {
        if (post !== undefined) return true
        pipe.notice({ _tag: "Oversized", limit: maxBytes })
        return false
      }
    })

  /** Opens a stream by GET, or takes one up where it broke off. */
  const openStream = Effect.fnUntraced(function*(
    { lastEventId }: EventStream.Cursor,
    wasOpen: boolean
  ): Effect.fn.Return<HttpClientResponse, McpError.McpErrorReason> {
    const headers = Headers.setAll(sessionHeaders, {
      ...HttpSse.GET_HEADERS,
      ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId })
    })
    const response = yield* http.execute({ method: "GET", headers })
    if (response.status === 200 && mediaType(response) === "text/event-stream") return response
    // A server that offers no such stream says so in many ways, which mean nothing for the session.
    return yield* yield* refused(response, wasOpen && sessionId !== undefined)
  })

  /** Listens to what the server says unasked, if it offers that, for as long as the session lasts. */
  const listen = Effect.gen(function*() {
    const cursor = EventStream.begin()
    let opened = false
    for (let failures = 0;; failures++) {
      const { events } = cursor
      const exit = yield* Effect.exit(Effect.flatMap(openStream(cursor, opened), (response) => {
        opened = true
        return readMessages(response, cursor)
      }))
      if (Exit.isFailure(exit) && !isPassing(reasonOf(exit.cause))) return
      if (cursor.events > events) failures = 0
      yield* EventStream.pause(cursor, failures)
    }
  })

  // ---------------------------------------------------------------------------
  // The session
  // ---------------------------------------------------------------------------

  const initialize: Connection["exchange"] = (request, options) =>
    connection.exchange(request, options).pipe(
      Effect.catchIf(isNoStreamableHttp, (error) =>
        HttpSse.open(http, { pipe, maxBytes }).pipe(
          Scope.provide(scope),
          Effect.mapError(() => error),
          Effect.flatMap((byEndpoint) => {
            deliverByEndpoint = byEndpoint
            return connection.exchange(request, options)
          })
        )),
      // What the server is found out by, and listened to, has no deadline of its own.
      (found) => within(found, { budget: options.deadline.budget, millis: options.deadline.totalMillis }),
      Effect.tap((result) => {
        if (isJsonObject(result) && typeof result["protocolVersion"] === "string") {
          protocolVersion = result["protocolVersion"]
        }
        setSession()
        return Effect.void
      })
    )

  const send: Connection["send"] = (message, options) =>
    "method" in message && message.method === "notifications/initialized"
      ? Effect.tap(pipe.send(message), () =>
        Effect.map(
          deliverByEndpoint === undefined ? Effect.forkIn(listen, scope, { startImmediately: true }) : Effect.undefined,
          (fiber) => {
            listening = fiber
          }
        ))
      : pipe.send(message, options)

  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      if (sessionId === undefined || connection.closedBy()?._tag === "SessionExpiredError") return Effect.void
      return http.execute({ method: "DELETE", headers: sessionHeaders }).pipe(
        Effect.flatMap(discard),
        Effect.timeoutOption(DELETE_TIMEOUT),
        Effect.ignore
      )
    })
  )
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      if (connection.closedBy() === undefined) pipe.close()
      return listening === undefined ? Effect.void : Fiber.interrupt(listening)
    })
  )

  return {
    ...connection,
    medium: "http",
    exchange: (request, options) =>
      (request.method === "initialize" ? initialize : connection.exchange)(
        request,
        options
      ),
    send
  }
})

const plainHeaders = Headers.fromInput({
  "content-type": "application/json",
  accept: "application/json, text/event-stream"
})

/** https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/cancellation */
const isCancellation = ({ message }: Posts.Post): boolean =>
  "method" in message && message.method === "notifications/cancelled"

const isInitialize = ({ message }: Posts.Post): boolean => "method" in message && message.method === "initialize"

/**
 * Whether a refusal says that the session is gone. Many servers do not use the status that the protocol asks for.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
 */
const isExpiry = (status: number, reason: McpError.McpErrorReason): boolean => {
  if (reason._tag !== "JsonRpcError") return status === 404
  if (status !== 404 && status !== 400) return false
  return /\bsession\b/i.test(reason.description) || status === 404 && !ABOUT_WHAT_WAS_ASKED.has(reason.code)
}

/** Errors that a server finds only when it knows the session: of methods, parameters and resources. */
const ABOUT_WHAT_WAS_ASKED: ReadonlySet<number> = new Set([-32601, -32602, -32002])

/** Whether a stream that could not be opened may be opened later. What is not implemented (501) never will be. */
const isPassing = (reason: McpError.McpErrorReason): boolean =>
  reason._tag === "ClosedError" ||
  reason._tag === "HttpError" && (reason.status === 429 || reason.status >= 500 && reason.status !== 501)

/** https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#backwards-compatibility */
const isNoStreamableHttp = ({ reason }: McpError.McpError): boolean =>
  reason._tag === "HttpError" && (reason.status === 400 || reason.status === 404 || reason.status === 405)

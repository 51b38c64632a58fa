import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Headers from "effect/http/Headers"
import type * as Scope from "effect/Scope"
import * as McpError from "../../McpError.ts"
import type { Connection } from "../../McpTransport.ts"
import * as EventStream from "./eventStream.ts"
import { discard, type Http, reasonOf } from "./http.ts"
import { mediaType, refusal } from "./httpBody.ts"
import type { Pipe } from "./pipe.ts"
import * as Posts from "./posts.ts"

export const GET_HEADERS = { accept: "text/event-stream" }

const postHeaders = Headers.fromInput({ "content-type": "application/json" })

/**
 * Opens the one stream on which all messages of the server come, and yields what sends it messages.
 *
 * https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
 */
export const open: (http: Http, options: {
  readonly pipe: Pipe
  readonly maxBytes: number
}) => Effect.Effect<Posts.Deliver, McpError.McpErrorReason, Scope.Scope> = Effect.fnUntraced(
  function*(http, { maxBytes, pipe }) {
    const response = yield* http.execute({ method: "GET", headers: Headers.fromInput(GET_HEADERS) })
    if (response.status !== 200 || mediaType(response) !== "text/event-stream") return yield* yield* refusal(response)
    const endpoint = yield* Deferred.make<URL, McpError.McpErrorReason>()

    yield* EventStream.read(response, {
      cursor: EventStream.begin(),
      maxBytes,
      onEvent: ({ data, event }) => {
        if (event === "endpoint") Deferred.doneUnsafe(endpoint, toEndpoint(data, http.url))
        else if (event === "message") pipe.receiveText(data)
      },
      // Nobody could tell which request it answers, and would wait for it in vain.
      onOversized: () => true
    }).pipe(
      Effect.matchCause({
        onSuccess: () => new McpError.TransportError({ description: "The server ended the event stream" }),
        onFailure: reasonOf
      }),
      Effect.flatMap((reason) => {
        pipe.close(reason)
        return Deferred.fail(endpoint, reason)
      }),
      Effect.forkScoped
    )

    const url = yield* Deferred.await(endpoint)
    return (post) =>
      Effect.flatMap(
        http.execute({ method: "POST", url, headers: postHeaders, body: post.body }),
        (response) =>
          response.status >= 200 && response.status < 300
            ? discard(response)
            : Effect.flatMap(refusal(response), Effect.fail)
      )
  }
)

/** A connection to a server that knows only this transport. */
export const connect: (http: Http, options: {
  readonly maxBytes: number
}) => Effect.Effect<Connection, McpError.McpError, Scope.Scope> = Effect.fnUntraced(function*(http, { maxBytes }) {
  const opened = Deferred.makeUnsafe<Posts.Deliver>()
  const pipe = yield* Posts.make(http, {
    deliver: (post) => Effect.flatMap(Deferred.await(opened), (deliver) => deliver(post)),
    onFailure: (_, fail) => fail()
  })
  yield* Deferred.succeed(opened, yield* Effect.mapError(open(http, { pipe, maxBytes }), McpError.make))
  return { ...pipe.connection, medium: "sse", send: pipe.send }
})

const toEndpoint = (data: string, home: URL): Exit.Exit<URL, McpError.McpErrorReason> => {
  const url = URL.canParse(data, home) ? new URL(data, home) : undefined
  return url !== undefined && url.origin === home.origin
    ? Exit.succeed(url)
    : Exit.fail(
      new McpError.ProtocolError({
        description: "The server wants messages to be sent to another origin, or to what is no URL",
        payload: data
      })
    )
}

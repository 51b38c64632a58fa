import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpBody from "effect/http/HttpBody"
import type * as Scope from "effect/Scope"
import * as McpError from "../../McpError.ts"
import type { JsonRpcMessage, RequestId } from "../../McpSchema.ts"
import type { Connection } from "../../McpTransport.ts"
import { type Http, reasonOf } from "./http.ts"
import * as Pipe from "./pipe.ts"

/** How many streams of replies may stay open although they have brought their answer. */
const MAX_LINGERING = 16

/** How long the server may take to accept a message that has no answer. */
const SEND_TIMEOUT = "30 seconds"

/** A message on its way to the server, in an HTTP request of its own. */
export interface Post {
  readonly message: JsonRpcMessage
  readonly body: HttpBody.HttpBody
  /** What the message says in headers, too: it is one of the modern era, which has no sessions on this level. */
  readonly headers: Headers.Headers | undefined
  /** The id, if the message is a request. */
  readonly id: RequestId | undefined
  /** Whether the server has begun to reply. */
  replying: boolean
}

/** Sends a message, and receives the replies that come with it. */
export type Deliver = (post: Post) => Effect.Effect<void, McpError.McpErrorReason>

/** A pipe whose messages to the server are HTTP requests. */
export interface PostPipe extends Pipe.Pipe {
  /** Sends a message that has no answer, and waits until the server has accepted it. */
  readonly send: Connection["send"]
  /** Fails the requests to which the server has begun to reply. */
  readonly failReplying: (reason: McpError.McpErrorReason) => void
  /** Says that a request has its answer while its stream of replies is still open. */
  readonly linger: (post: Post) => void
}

/** Each message is sent by a fiber of its own, in the context of whoever sends it, until its replies have ended. */
export const make: (http: Http, options: {
  readonly deliver: Deliver
  /** Told of whatever a message failed with. `fail` tells who waits for the answer, who goes on at once. */
  readonly onFailure: (reason: McpError.McpErrorReason, fail: () => void) => void
}) => Effect.Effect<PostPipe, never, Scope.Scope> = Effect.fnUntraced(
  function*(http, { deliver, onFailure }) {
    const running = new Map<Post, Fiber.Fiber<void>>()
    const lingering = new Set<Post>()

    const stop = (post: Post): void => running.get(post)?.interruptUnsafe()

    const push = (post: Post, context: Context.Context<never>): () => boolean => {
      const fiber = Effect.runForkWith(http.settings(context))(
        Effect.catchCause(deliver(post), (cause) =>
          Effect.sync(() => {
            const reason = reasonOf(cause)
            onFailure(reason, () => {
              if (post.id !== undefined) pipe.fail(post.id, reason)
            })
          }))
      )
      if (fiber.pollUnsafe() === undefined) {
        running.set(post, fiber)
        fiber.addObserver(() => {
          running.delete(post)
          lingering.delete(post)
        })
      }
      return () => {
        stop(post)
        return false
      }
    }

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const post of running.keys()) stop(post)
      })
    )

    const pipe = yield* Pipe.make({
      outlet: { push, room: () => undefined, end: () => {} },
      encode,
      detail: () => undefined
    })

    return {
      ...pipe,
      send: (message, { headers } = {}) =>
        Effect.suspend(() => {
          const closedBy = pipe.connection.closedBy()
          if (closedBy !== undefined) return Effect.fail(Pipe.lost(closedBy, false))
          const post = Pipe.tryEncode(encode, message, headers)
          if (McpError.isMcpError(post)) return Effect.fail(post)
          return deliver(post).pipe(
            Effect.timeoutOrElse({
              duration: SEND_TIMEOUT,
              orElse: () => {
                const description = "The server did not accept a message in time"
                return Effect.fail(new McpError.TransportError({ description }))
              }
            }),
            Effect.mapError((reason) => {
              onFailure(reason, () => {})
              return McpError.make(reason)
            })
          )
        }),
      failReplying(reason) {
        for (const post of running.keys()) {
          if (!post.replying) continue
          if (post.id !== undefined) pipe.fail(post.id, reason)
          stop(post)
        }
      },
      linger(post) {
        lingering.add(post)
        if (lingering.size <= MAX_LINGERING) return
        for (const oldest of lingering) {
          lingering.delete(oldest)
          return stop(oldest)
        }
      }
    }
  }
)

const encode = (message: JsonRpcMessage, headers?: Readonly<Record<string, string>>): Post => ({
  message,
  body: HttpBody.raw(JSON.stringify(message)),
  headers: headers === undefined ? undefined : Headers.fromInput(headers),
  id: "method" in message && "id" in message ? message.id : undefined,
  replying: false
})

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as McpError from "../../McpError.ts"
import { classify } from "../jsonrpc/message.ts"
import { broken, discard } from "./http.ts"

/** How much is read of an answer that is no success. */
const REFUSAL_BYTES = 65_536

/** How much of it an error shows. */
const EXCERPT_CHARACTERS = 300

/** Reads a whole body. One that is larger than allowed fails with a `LimitError`. */
export const readText = (
  response: HttpClientResponse,
  maxBytes: number
): Effect.Effect<string, McpError.McpErrorReason> => {
  const { headers } = response
  const length = headers["content-encoding"] === undefined ? Number(headers["content-length"] ?? "NaN") : Number.NaN
  if (length <= maxBytes) return Effect.mapError(response.text, ({ reason }) => broken(reason))
  const tooLarge = new McpError.LimitError({
    what: "bytes in one message",
    limit: maxBytes,
    hint: "Raise `maxMessageSize` if the server may send so much."
  })
  if (length > maxBytes) return Effect.andThen(discard(response), Effect.fail(tooLarge))
  return Effect.flatMap(
    readUpTo(response, maxBytes),
    ({ complete, text }) => complete ? Effect.succeed(text) : Effect.fail(tooLarge)
  )
}

interface Part {
  readonly text: string
  readonly complete: boolean
}

const readUpTo = (response: HttpClientResponse, maxBytes: number): Effect.Effect<Part, McpError.McpErrorReason> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    const pieces: Array<string> = []
    let bytes = 0
    return Stream.runForEachWhile(response.stream, (chunk) =>
      Effect.sync(() => {
        bytes += chunk.length
        if (bytes <= maxBytes) pieces.push(decoder.decode(chunk, { stream: true }))
        return bytes <= maxBytes
      })).pipe(
        Effect.catch(({ reason }) => reason._tag === "EmptyBodyError" ? Effect.void : Effect.fail(broken(reason))),
        Effect.map(() => ({ text: pieces.join("") + decoder.decode(), complete: bytes <= maxBytes }))
      )
  })

/** The type of a body, without its parameters. */
export const mediaType = (response: HttpClientResponse): string | undefined =>
  response.headers["content-type"]?.split(/[;,]/, 1)[0]?.trim().toLowerCase()

/**
 * What an answer that can not be used means. An error of the protocol may come with any status.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server
 */
export const refusal = Effect.fnUntraced(function*(
  response: HttpClientResponse
): Effect.fn.Return<McpError.McpErrorReason> {
  const { headers, status } = response
  const wwwAuthenticate = headers["www-authenticate"]
  if (status === 401) {
    yield* discard(response)
    return new McpError.AuthRequired({ wwwAuthenticate })
  }
  // What can not be read is not there.
  const { complete, text } = yield* readUpTo(response, REFUSAL_BYTES).pipe(
    Effect.catch(() => Effect.succeed<Part>({ text: "", complete: true }))
  )
  if (complete && (status < 200 || status > 299)) {
    const message = classify(parse(text))
    if (message._tag === "Error") {
      const { code, data, message: description } = message.error
      return new McpError.JsonRpcError({ code, description, data, httpStatus: status })
    }
  }
  const retryAfter = headers["retry-after"] === undefined ? undefined : Headers.parseRetryAfter(headers["retry-after"])
  return new McpError.HttpError({
    status,
    contentType: mediaType(response),
    wwwAuthenticate,
    retryAfter: retryAfter !== undefined && Result.isSuccess(retryAfter)
      ? Headers.retryAfterDelay(retryAfter.success, yield* Clock.currentTimeMillis)
      : undefined,
    excerpt: excerpt(text)
  })
})

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The begin of a text, without markup, and without characters that a terminal would obey. */
const excerpt = (text: string): string => {
  const plain = text
    .slice(0, 20 * EXCERPT_CHARACTERS)
    .replaceAll(/<(script|style)\b[^]*?(<\/\1>|$)/gi, " ")
    .replaceAll(/<[^>]*(>|$)/g, " ")
    .replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, " ")
    .trim()
  return plain.length > EXCERPT_CHARACTERS ? `${plain.slice(0, EXCERPT_CHARACTERS)}…` : plain
}

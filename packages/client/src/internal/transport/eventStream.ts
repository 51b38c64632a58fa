import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Sse from "effect/encoding/Sse"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"
import * as McpError from "../../McpError.ts"
import { backoff } from "./backoff.ts"
import { broken } from "./http.ts"

/** Where a stream of events stands, over all the connections that carry it. */
export interface Cursor {
  lastEventId: string | undefined
  /** How long the server wants us to wait before we connect again. */
  retry: Duration.Duration | undefined
  /** How many events came. */
  events: number
}

export const begin = (): Cursor => ({ lastEventId: undefined, retry: undefined, events: 0 })

/**
 * Reads events until the stream ends. What is broken fails; an event that is too large is left out, and fails the
 * reading if `onOversized` says so.
 */
export const read = (
  response: HttpClientResponse,
  options: {
    readonly cursor: Cursor
    readonly maxBytes: number
    readonly onEvent: (event: Sse.Event) => void
    readonly onOversized: (reason: McpError.LimitError) => boolean
  }
): Effect.Effect<void, McpError.McpErrorReason> =>
  Effect.suspend(() => {
    const { cursor, maxBytes, onEvent, onOversized } = options
    const decoder = new TextDecoder()
    let tooLarge = false
    const parser = Sse.makeParser((event) => {
      if (event._tag === "Retry") {
        cursor.retry = event.duration
        return
      }
      cursor.events++
      // https://html.spec.whatwg.org/multipage/server-sent-events.html: an empty id takes the last one back.
      if (event.id !== undefined) cursor.lastEventId = event.id === "" ? undefined : event.id
      // The parser itself notices only events that come in several pieces.
      if (event.data.length > maxBytes) tooLarge = true
      else onEvent(event)
    }, { maxEventSize: maxBytes })
    return Stream.runForEachArray(response.stream, (chunks) => {
      for (const chunk of chunks) {
        if (parser.feed(decoder.decode(chunk, { stream: true })) === undefined && !tooLarge) continue
        tooLarge = false
        const reason = new McpError.LimitError({
          what: "characters in one event",
          limit: maxBytes,
          hint: "Raise `maxMessageSize` if the server may send so much."
        })
        if (onOversized(reason)) return Effect.fail(reason)
      }
      return Effect.void
    }).pipe(Effect.mapError((error) => error._tag === "HttpClientError" ? broken(error.reason) : error))
  })

/**
 * Waits before a stream is taken up again: as long as the server says, and the longer the more often it failed. A server
 * that asks for no pause, and has nothing to say, must not keep us busy.
 */
export const pause = ({ retry }: Cursor, failures: number): Effect.Effect<void> =>
  retry !== undefined && failures === 0 ? Effect.sleep(retry) : backoff(failures, retry)

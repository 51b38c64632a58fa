import type * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type * as Scope from "effect/Scope"
import * as McpError from "../../McpError.ts"
import * as McpTransport from "../../McpTransport.ts"
import * as Http from "./http.ts"
import { messageSize } from "./messageSize.ts"

export interface Options {
  readonly url: string | URL
  readonly headers?: Http.HeadersInput | Effect.Effect<Http.HeadersInput, unknown> | undefined
  readonly maxMessageSize?: ByteSize.Input | undefined
}

/** Makes a transport to a URL of which only the way to connect differs. */
export const make: (
  options: Options,
  connect: (http: Http.Http, options: {
    readonly maxBytes: number
  }) => Effect.Effect<McpTransport.Connection, McpError.McpError, Scope.Scope>
) => Effect.Effect<McpTransport.McpTransport, McpError.McpError, HttpClient.HttpClient> = Effect.fnUntraced(
  function*(options, connect) {
    const url = yield* toUrl(options.url)
    const maxBytes = yield* messageSize(options.maxMessageSize)
    const http = yield* Http.make({ url, headers: options.headers ?? {} })
    return McpTransport.make({
      // What follows the path may be secret.
      label: url.origin + url.pathname,
      connect: connect(http, { maxBytes })
    })
  }
)

const toUrl = (input: string | URL): Effect.Effect<URL, McpError.McpError> => {
  const url = URL.canParse(String(input)) ? new URL(input) : undefined
  const description = url === undefined
    ? `This is no URL: ${String(input).split(/[?#]/, 1)[0]}`
    : url.protocol !== "http:" && url.protocol !== "https:"
    ? `A server is reached by http: or https:, not by ${url.protocol}`
    : url.username !== "" || url.password !== ""
    ? "A URL with credentials shows them to everybody: give them by `headers`"
    : undefined
  return url === undefined || description !== undefined
    ? Effect.fail(McpError.make(new McpError.ConfigurationError({ description: description ?? "" })))
    : Effect.succeed(url)
}

import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Headers from "effect/http/Headers"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as UrlParams from "effect/http/UrlParams"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as McpError from "../../McpError.ts"

/** How often a server may send us on. */
const MAX_REDIRECTS = 5

/** How much of a body that nobody needs is read, and for how long, so that its connection can be used again. */
const DISCARD_BYTES = 65_536
const DISCARD_GRACE = "1 second"

export type HeadersInput = Readonly<Record<string, string | Redacted.Redacted<string> | undefined>>

export interface Options {
  readonly url: URL
  readonly headers: HeadersInput | Effect.Effect<HeadersInput, unknown>
}

export interface Request {
  readonly method: "DELETE" | "GET" | "POST"
  readonly headers: Headers.Headers
  readonly body?: HttpBody.HttpBody | undefined
  /** By default the URL of the server. */
  readonly url?: URL | undefined
}

/** The HTTP of one server: with the headers that the user gives, and never beyond its origin. */
export interface Http {
  readonly url: URL
  /** The context in which requests run on behalf of a fiber with the given one. */
  readonly settings: (context: Context.Context<never>) => Context.Context<never>
  /** Any status is a success. */
  readonly execute: (request: Request) => Effect.Effect<HttpClientResponse, McpError.McpErrorReason>
}

export const make: (options: Options) => Effect.Effect<Http, McpError.McpError, HttpClient.HttpClient> = Effect
  .fnUntraced(function*({ headers, url: { origin }, url: home }: Options) {
    const client = yield* HttpClient.HttpClient
    const redactedNames = [...yield* Headers.CurrentRedactedNames, "mcp-session-id"]
    const settings = yield* makeSettings(redactedNames)
    const read = (input: HeadersInput) => toHeaders(input, redactedNames)
    const fixed = Effect.isEffect(headers) ? undefined : yield* Effect.mapError(read(headers), McpError.make)
    const fresh = Effect.isEffect(headers) ? Effect.flatMap(evaluate(headers), read) : Effect.succeed(Headers.empty)
    let moved = home

    const send = (
      request: Request,
      headers: Headers.Headers,
      url: URL,
      redirects: number
    ): Effect.Effect<HttpClientResponse, McpError.McpErrorReason> => {
      const { body = HttpBody.empty, method } = request
      const receive = (response: HttpClientResponse) => {
        const next = redirection(response, url)
        const place = next ?? (response.url === "" || response.url === url.href ? url : new URL(response.url, url))
        if (place.origin !== origin) {
          const description = `The server redirects to another origin, ${place.origin}. If you trust it, use its URL.`
          return Effect.andThen(discard(response), Effect.fail(new McpError.ConfigurationError({ description })))
        }
        if (next === undefined) return Effect.succeed(response)
        if (redirects === MAX_REDIRECTS) {
          const limit = new McpError.LimitError({ what: "redirects of one request", limit: MAX_REDIRECTS })
          return Effect.andThen(discard(response), Effect.fail(limit))
        }
        if (request.url === undefined && isPermanent(response)) moved = next
        return Effect.andThen(discard(response), send(request, headers, next, redirects + 1))
      }
      return Effect.matchCauseEffect(
        client.execute(HttpClientRequest.makeWith(method, url.href, UrlParams.empty, noHash, headers, body)),
        {
          onSuccess: receive,
          onFailure: (cause) => {
            const reason = cause.reasons.find(Cause.isFailReason)?.error.reason
            if (reason === undefined) return Effect.fail(died(cause))
            // Some clients make an error of a status that is no success.
            return reason._tag === "StatusCodeError" ? receive(reason.response) : Effect.fail(broken(reason))
          }
        }
      )
    }

    const sendWith = (userHeaders: Headers.Headers, request: Request) =>
      Effect.updateContext(
        send(request, Headers.merge(userHeaders, request.headers), request.url ?? moved, 0),
        settings
      )

    return {
      url: home,
      settings,
      execute: fixed === undefined
        ? (request) => Effect.flatMap(fresh, (headers) => sendWith(headers, request))
        : (request) => sendWith(fixed, request)
    }
  })

const evaluate = (headers: Effect.Effect<HeadersInput, unknown>) =>
  Effect.catchCause(headers, (cause) => {
    const description = "The effect that was given as `headers` failed"
    return Effect.fail(new McpError.TransportError({ description, cause: Cause.squash(cause) }))
  })

/** What is set for the requests of whoever runs with a context. Most of them run with the same one. */
const makeSettings = Effect.fnUntraced(function*(redactedNames: ReadonlyArray<string | RegExp>) {
  const always = Context.make(FetchHttpClient.RequestInit, {
    ...Context.getOrUndefined(yield* Effect.context<never>(), FetchHttpClient.RequestInit),
    // Clients over `fetch` follow redirects by themselves, to any origin.
    redirect: "manual"
  })
  const traced = Context.add(always, Headers.CurrentRedactedNames, redactedNames).pipe(
    // What follows the path may be secret.
    Context.add(UrlParams.CurrentRedactedNames, [/^/])
  )
  const untraced = Context.add(always, HttpClient.TracerDisabledWhen, () => true)
  let last: Context.Context<never> | undefined
  let lastWith = Context.empty()
  return (context: Context.Context<never>): Context.Context<never> => {
    if (context === last || context === lastWith) return lastWith
    last = context
    const isTraced = Context.get(context, References.TracerEnabled) && (
      Context.getOrUndefined(context, Tracer.ParentSpan) !== undefined ||
      Context.getOrUndefined(context, Tracer.Tracer) !== undefined
    )
    lastWith = Context.merge(context, isTraced ? traced : untraced)
    return lastWith
  }
})

const noHash = HttpClientRequest.empty.hash

const isPermanent = ({ status }: HttpClientResponse): boolean => status === 301 || status === 308

const redirection = (response: HttpClientResponse, from: URL): URL | undefined => {
  if (!isPermanent(response) && response.status !== 302 && response.status !== 307) return undefined
  const { location } = response.headers
  return location !== undefined && URL.canParse(location, from) ? new URL(location, from) : undefined
}

/** https://www.rfc-editor.org/rfc/rfc9110#name-fields */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/

/** What the protocol says by itself. */
const OF_PROTOCOL = /^(accept|content-type|last-event-id|mcp-(protocol-version|session-id|method|name|param-.*))$/

/** What the HTTP client says by itself. */
const OF_CONNECTION = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])

const toHeaders = (
  input: HeadersInput,
  redactedNames: Array<string | RegExp>
): Effect.Effect<Headers.Headers, McpError.ConfigurationError> => {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(input)) {
    const key = name.toLowerCase()
    if (value === undefined || OF_PROTOCOL.test(key)) continue
    if (OF_CONNECTION.has(key)) {
      const description = `The header ${JSON.stringify(name)} belongs to the HTTP client`
      return Effect.fail(new McpError.ConfigurationError({ description }))
    }
    const text = typeof value === "string" ? value : Redacted.value(value)
    if (typeof value !== "string" && !redactedNames.includes(key)) redactedNames.push(key)
    // The value may be a secret, so it is not shown.
    const fault = !headerName.test(name) ? "name" : !headerValue.test(text) ? "value" : undefined
    if (fault !== undefined) {
      const description = `The header ${JSON.stringify(name)} has a ${fault} that HTTP can not carry`
      return Effect.fail(new McpError.ConfigurationError({ description }))
    }
    plain[key] = text
  }
  return Effect.succeed(Headers.fromInput(plain))
}

/** Gets rid of a body. */
export const discard = (response: HttpClientResponse): Effect.Effect<void> =>
  Effect.suspend(() => {
    let bytes = 0
    return Stream.runForEachWhile(
      response.stream,
      (chunk) => Effect.sync(() => (bytes += chunk.length) <= DISCARD_BYTES)
    )
  }).pipe(Effect.timeoutOption(DISCARD_GRACE), Effect.ignore)

/** What a request that broke off means. Its headers may be secret, so only what lies beneath is shown. */
export const broken = (reason: HttpClientError["reason"]): McpError.McpErrorReason => {
  const cause = "cause" in reason ? reason.cause : undefined
  if (reason._tag === "InvalidUrlError" || reason._tag === "EncodeError") {
    return new McpError.TransportError({ description: `The request could not be made: ${reason._tag}`, cause })
  }
  const unreached = hasCode(cause, (code) => UNREACHED.test(code))
  return new McpError.ClosedError({
    description: unreached ? "The server can not be reached" : "The connection broke before the answer came",
    by: "server",
    requestSent: !unreached,
    cause
  })
}

/** How Node names what went wrong before a connection stood: addresses, sockets, certificates. */
const UNREACHED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|(CERT|ERR_TLS|ERR_SSL|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED)_\w+)$/

/** Whether nobody listens any more where the server was. */
export const isRefused = (reason: McpError.McpErrorReason): boolean =>
  reason._tag === "ClosedError" && hasCode(reason.cause, (code) => code === "ECONNREFUSED")

/** What the end of an exchange means. */
export const reasonOf = (cause: Cause.Cause<McpError.McpErrorReason>): McpError.McpErrorReason =>
  cause.reasons.find(Cause.isFailReason)?.error ?? died(cause)

const died = (cause: Cause.Cause<unknown>): McpError.TransportError =>
  new McpError.TransportError({ description: "The HTTP client died", cause: Cause.squash(cause) })

const hasCode = (error: unknown, test: (code: string) => boolean): boolean =>
  error instanceof Error && ("code" in error && test(String(error.code)) || hasCode(error.cause, test))

import * as Effect from "effect/Effect"
import type * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import { within } from "../jsonrpc/within.ts"
import { refusalOf } from "./refusal.ts"
import type { Handler, Session, SessionOptions } from "./session.ts"

const ELICIT = "elicitation/create"

/** https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-elicitation-required-error */
const URL_ELICITATION_REQUIRED = -32042

/** So often is one request sent again because the user had to visit a page first. */
const MAX_ROUNDS = 5

/**
 * Runs requests that a server refuses until the user has visited a page: asks the user, waits until the server says that
 * it is done, and sends the request again, all within the total part of the deadline. Without the user's consent the
 * refusal stands.
 */
export const withUrlElicitation = (
  request: Session["request"],
  { completions, handlers, onDiagnostic }: Pick<SessionOptions, "completions" | "handlers" | "onDiagnostic">,
  now: () => number
): Session["request"] =>
(method, params, options) =>
  Effect.suspend(() => {
    const startedAt = now()
    const { totalMillis } = options.deadline
    const visit = (handler: Handler, { id, params }: Page, refusal: McpError.McpError) =>
      Effect.suspend(() => handler(params)).pipe(
        Effect.catchCause((cause) => Effect.andThen(refusalOf(ELICIT, cause, { onDiagnostic }), Effect.fail(refusal))),
        Effect.flatMap(({ action }) => action === "accept" ? completions.wait(id) : Effect.fail(refusal))
      )
    const attempt = (rounds: number): ReturnType<Session["request"]> =>
      Effect.catch(request(method, params, options), (refusal) => {
        const pages = pagesOf(refusal)
        const handler = options.handlers?.methods.get(ELICIT) ?? handlers.methods.get(ELICIT)
        if (pages === undefined || handler === undefined || rounds === MAX_ROUNDS) return Effect.fail(refusal)
        const visited = Effect.forEach(pages, (page) => visit(handler, page, refusal), { discard: true })
        const rest = Effect.andThen(visited, attempt(rounds + 1))
        return rounds > 0
          ? rest
          : within(rest, { budget: "total", millis: totalMillis, left: startedAt + totalMillis - now() })
      })
    return attempt(0)
  })

interface Page {
  readonly id: string
  readonly params: JsonObject
}

const pagesOf = ({ reason }: McpError.McpError): ReadonlyArray<Page> | undefined => {
  if (reason._tag !== "JsonRpcError" || reason.code !== URL_ELICITATION_REQUIRED) return undefined
  const elicitations = isJsonObject(reason.data) ? reason.data["elicitations"] : undefined
  if (!Array.isArray(elicitations) || elicitations.length === 0) return undefined
  const pages = elicitations.flatMap((params: unknown) =>
    isJsonObject(params) && typeof params["elicitationId"] === "string"
      ? [{ id: params["elicitationId"], params: { ...params, mode: "url" } }]
      : []
  )
  return pages.length === elicitations.length ? pages : undefined
}

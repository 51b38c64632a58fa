import * as Effect from "effect/Effect"
import * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import type { Session, SessionOptions } from "./session.ts"

/** https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-elicitation-required-error */
const URL_ELICITATION_REQUIRED = -32042

/** So often is one request sent again because the user had to visit a page first. */
const MAX_ROUNDS = 5

/**
 * Runs requests that a server refuses until the user has visited a page: asks the user, waits until the server says that
 * it is done, and sends the request again. Without the user's consent the refusal stands.
 */
export const withUrlElicitation = (
  request: Session["request"],
  { completions, handlers }: Pick<SessionOptions, "completions" | "handlers">
): Session["request"] => {
  const run: (rounds: number) => Session["request"] = (rounds) => (method, params, options) =>
    Effect.catch(request(method, params, options), (error) => {
      const pages = pagesOf(error)
      const handler = options.handlers?.get("elicitation/create") ?? handlers.methods.get("elicitation/create")
      if (pages === undefined || handler === undefined || rounds === MAX_ROUNDS) return Effect.fail(error)
      const visited = Effect.forEach(
        pages,
        ({ id, params }) =>
          Effect.flatMap(
            handler(params),
            (answer) => answer["action"] === "accept" ? completions.wait(id) : Effect.fail(error)
          )
      )
      return visited.pipe(
        // A handler that fails leaves the refusal as it is; what went wrong is in its own log.
        Effect.tapCause((cause) => Effect.logDebug("A page was not visited", cause)),
        Effect.mapError(() => error),
        Effect.timeoutOrElse({
          duration: options.deadline.totalMillis,
          orElse: () =>
            Effect.fail(McpError.make(
              new McpError.TimeoutError({ budget: "total", millis: options.deadline.totalMillis })
            ))
        }),
        Effect.andThen(run(rounds + 1)(method, params, options))
      )
    })
  return run(0)
}

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

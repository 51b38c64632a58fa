import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { CallHandlers, Handlers } from "../../McpHandlers.ts"
import type { JsonObject } from "../../McpSchema.ts"
import type { Completions } from "../session/completions.ts"
import type { Handler } from "../session/session.ts"
import { elicit } from "./elicitation.ts"
import { isReference, listRoots } from "./roots.ts"
import { createMessage, refuse } from "./sampling.ts"

type Method<R> = (params: JsonObject) => Effect.Effect<JsonObject, unknown, R>

export interface Settings {
  /** The client's name for the server. */
  readonly server: string
  readonly completions: Completions
}

const methodsOf = <R>(handlers: CallHandlers<R>, settings: Settings): ReadonlyArray<readonly [string, Method<R>]> => {
  const { elicitation, roots, sampling } = handlers
  const methods: Array<readonly [string, Method<R>]> = []
  if (roots !== undefined) methods.push(["roots/list", () => listRoots(roots === false ? [] : roots)])
  if (sampling !== undefined) {
    methods.push(["sampling/createMessage", sampling === false ? refuse : createMessage(sampling, settings.server)])
  }
  if (elicitation !== undefined) {
    methods.push([
      "elicitation/create",
      elicitation === false
        ? () => Effect.succeed({ action: "decline" })
        : elicit(elicitation, settings.server, settings.completions)
    ])
  }
  return methods
}

/** Handlers that run with a context, over which that of the caller goes. */
export const compile = <R>(
  handlers: CallHandlers<R>,
  settings: Settings,
  context: Context.Context<R>
): ReadonlyMap<string, Handler> =>
  new Map(
    methodsOf(handlers, settings).map(([method, handler]) => [
      method,
      (params) =>
        Effect.updateContext(handler(params), (caller: Context.Context<never>) => Context.merge(context, caller))
    ])
  )

/** What the server may ask, by the handlers that are there. */
export const capabilitiesOf = <R>({ elicitation, roots, sampling }: Handlers<R>): JsonObject => ({
  ...(roots === undefined ? {} : { roots: isReference(roots) ? { listChanged: true } : {} }),
  ...(sampling === undefined
    ? {}
    : { sampling: typeof sampling === "object" && sampling.tools === true ? { tools: {} } : {} }),
  ...(elicitation === undefined ? {} : {
    elicitation: {
      ...(elicitation.form === undefined ? {} : { form: {} }),
      ...(elicitation.url === undefined ? {} : { url: {} })
    }
  })
})

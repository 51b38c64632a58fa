import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { CallHandlers, Elicitation, Handlers } from "../../McpHandlers.ts"
import type { JsonObject } from "../../McpSchema.ts"
import type { Completions } from "../session/completions.ts"
import type * as session from "../session/session.ts"
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
    methods.push([SAMPLING, sampling === false ? refuse : createMessage(sampling, settings.server)])
  }
  if (elicitation !== undefined) {
    methods.push([
      ELICITATION,
      elicitation === false
        ? () => Effect.succeed({ action: "decline" })
        : elicit(elicitation, settings.server, settings.completions)
    ])
  }
  return methods
}

/** Handlers that run with a context, over which that of the caller goes. */
const withContext = <R>(
  handlers: CallHandlers<R>,
  settings: Settings,
  context: Context.Context<R>
): ReadonlyArray<readonly [string, Handler]> =>
  methodsOf(handlers, settings).map(([method, handler]) => [
    method,
    (params) =>
      Effect.updateContext(handler(params), (caller: Context.Context<never>) => Context.merge(context, caller))
  ])

/** What answers a server during the whole of a session, and what it is told about that. */
export const ofClient = <R>(
  handlers: Handlers<R>,
  settings: Settings,
  context: Context.Context<R>
): session.Handlers => ({
  capabilities: capabilitiesOf(handlers),
  methods: new Map([ping, ...withContext(handlers, settings, context)]),
  tasks: tasksOf(handlers)
})

/** What answers it during one call, whose caller has what these handlers need. */
export const ofCall = <R>(
  handlers: CallHandlers<R>,
  settings: Settings,
  client: session.Handlers
): session.Handlers => ({
  capabilities: Object.fromEntries(
    Object.entries({ ...client.capabilities, ...capabilitiesOf(handlers) })
      .filter(([key]) => Reflect.get(handlers, key) !== false)
  ),
  // Nothing is added to what the caller has, which is what these handlers need.
  methods: new Map([...client.methods, ...withContext(handlers, settings, Context.empty() as Context.Context<R>)]),
  tasks: client.tasks
})

const ping: readonly [string, Handler] = ["ping", () => Effect.succeed({})]

/** What the server may ask, by the handlers that are there. */
const capabilitiesOf = <R>(handlers: CallHandlers<R>): JsonObject => {
  const { elicitation, roots, sampling } = handlers
  const tasks = tasksOf(handlers)
  return {
    ...(roots === undefined || roots === false ? {} : { roots: isReference(roots) ? { listChanged: true } : {} }),
    ...(sampling === undefined || sampling === false
      ? {}
      : { sampling: typeof sampling === "object" && sampling.tools === true ? { tools: {} } : {} }),
    // An empty object would stand for forms.
    ...(isElicited(elicitation)
      ? {
        elicitation: {
          ...(elicitation.form === undefined ? {} : { form: {} }),
          ...(elicitation.url === undefined ? {} : { url: {} })
        }
      }
      : {}),
    ...(tasks.size === 0 ? {} : {
      tasks: {
        list: {},
        cancel: {},
        requests: {
          ...(tasks.has(SAMPLING) ? { sampling: { createMessage: {} } } : {}),
          ...(tasks.has(ELICITATION) ? { elicitation: { create: {} } } : {})
        }
      }
    })
  }
}

/** What the server may ask and come back for later. */
const tasksOf = <R>({ elicitation, sampling }: CallHandlers<R>): ReadonlySet<string> =>
  new Set([
    ...(typeof sampling === "object" && sampling.tasks === true ? [SAMPLING] : []),
    ...(isElicited(elicitation) && elicitation.tasks === true ? [ELICITATION] : [])
  ])

const isElicited = <R>(elicitation: CallHandlers<R>["elicitation"]): elicitation is Elicitation<R> =>
  elicitation !== undefined && elicitation !== false && (elicitation.form ?? elicitation.url) !== undefined

const SAMPLING = "sampling/createMessage"

const ELICITATION = "elicitation/create"

import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as McpError from "../../McpError.ts"
import type * as McpProtocol from "../../McpProtocol.ts"
import * as McpSchema from "../../McpSchema.ts"
import type { Deadline } from "../../McpTransport.ts"
import { monotonicMillis } from "../jsonrpc/monotonic.ts"
import { within } from "../jsonrpc/within.ts"
import { open as openSchema } from "../open.ts"
import { metaOf, SUBSCRIPTION_ID } from "./envelope.ts"
import type { Open } from "./era.ts"
import { hear } from "./hear.ts"
import * as InputRounds from "./inputRounds.ts"
import * as Listening from "./listening.ts"
import { headersOf, makeToolHeaders } from "./modernHeaders.ts"
import * as ModernTasks from "./modernTasks.ts"
import { reader } from "./reader.ts"
import type { RequestOptions, Resume, Session, SessionInfo } from "./session.ts"

/** https://modelcontextprotocol.io/specification/2026-07-28/basic/index#error-codes */
export const HEADER_MISMATCH = -32020
export const MISSING_CAPABILITY = -32021
export const UNSUPPORTED_VERSION = -32022

const readDiscoverResult = reader(
  "server/discover",
  openSchema({
    supportedVersions: Schema.Array(Schema.String),
    capabilities: McpSchema.ServerCapabilities,
    instructions: Schema.optionalKey(Schema.String),
    _meta: Schema.optionalKey(McpSchema.JsonObject)
  })
)

/**
 * The era in which each request stands for itself: it says who asks, by which revision, and what the asker can answer.
 *
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/index
 */
export const open: Open<McpProtocol.ModernVersion> = Effect.fnUntraced(
  function*(connection, given, { deadline, version }) {
    const ownsTasks = given.extensions.some(({ id }) => id === ModernTasks.TASKS_EXTENSION)
    const allowsTasks = given.allowsTasks && !ownsTasks
    const options = allowsTasks
      ? { ...given, extensions: [...given.extensions, { id: ModernTasks.TASKS_EXTENSION }] }
      : given
    const clock = yield* Clock.Clock
    /** Those that are under way, by the ids of their requests. */
    const listens = new Map<unknown, {
      readonly onAcknowledged: (filter: McpSchema.JsonObject) => void
      readonly end: () => void
    }>()
    const toolHeaders = makeToolHeaders(options.onDiagnostic)
    const isHttp = connection.medium === "http"
    let nextId = 0
    let logLevel: unknown

    yield* Effect.forkScoped(hear(connection, options, {
      // https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/index: servers send none.
      onRequest: ({ method }) => options.onDiagnostic({ _tag: "Dropped", method }),
      onNotification({ method, params }) {
        if (method === "notifications/subscriptions/acknowledged") {
          const { filter, id } = Listening.readAcknowledgement(params, SUBSCRIPTION_ID)
          listens.get(id)?.onAcknowledged(filter)
        }
        // https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/cancellation: it ends a listen
        if (method === "notifications/cancelled") listens.get(params["requestId"])?.end()
      }
    }))

    // -------------------------------------------------------------------------
    // Requests
    // -------------------------------------------------------------------------

    const send = (
      id: number | string,
      method: string,
      params: McpSchema.JsonObject,
      requestOptions: RequestOptions
    ): Effect.Effect<unknown, McpError.McpError> =>
      Effect.withFiber(({ cache }) => {
        const { deadline, onProgress } = requestOptions
        const meta = metaOf({ id, logLevel, version }, options, requestOptions, cache)
        return connection.exchange({ jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } }, {
          deadline,
          onProgress,
          headers: isHttp
            ? headersOf(version, method, params, toolHeaders.of(params["name"]), options.extensions)
            : undefined
        })
      })

    const ask = (
      method: string,
      params: McpSchema.JsonObject,
      requestOptions: RequestOptions
    ): Effect.Effect<unknown, McpError.McpError> => {
      const leg = Effect.suspend(() => send(nextId++, method, params, requestOptions))
      if (!isHttp) return leg
      if (method === "tools/list") return Effect.map(leg, toolHeaders.keep)
      if (method !== "tools/call") return leg
      // https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#client-behavior
      return Effect.catchIf(
        leg,
        ({ reason }) => reason._tag === "JsonRpcError" && reason.code === HEADER_MISMATCH,
        () =>
          within(Effect.andThen(refresh(params["name"], requestOptions), leg), {
            budget: "total",
            millis: requestOptions.deadline.totalMillis
          })
      )
    }

    /** Learns anew which headers a tool wants. */
    const refresh = Effect.fnUntraced(function*(
      name: unknown,
      { deadline }: RequestOptions
    ): Effect.fn.Return<void, McpError.McpError> {
      let cursor: unknown
      for (let page = 0; page < MAX_REFRESH_PAGES; page++) {
        const answer = yield* ask("tools/list", cursor === undefined ? {} : { cursor }, { deadline })
        if (!McpSchema.isJsonObject(answer)) return
        const { nextCursor, tools } = answer
        if (Array.isArray(tools) && tools.some((tool) => McpSchema.isJsonObject(tool) && tool["name"] === name)) return
        if (nextCursor === undefined) return
        cursor = nextCursor
      }
    })

    /** Asks until there is an answer, and gives the server the input that it asks for meanwhile. */
    const converse = Effect.fnUntraced(function*(
      method: string,
      params: McpSchema.JsonObject,
      requestOptions: RequestOptions
    ): Effect.fn.Return<unknown, McpError.McpError> {
      const { deadline } = requestOptions
      const end = monotonicMillis(clock) + deadline.totalMillis
      const left = () => Math.max(0, end - monotonicMillis(clock))
      let resume = requestOptions.resume ?? {}
      for (let round = 0;; round++) {
        const asked = ask(method, withResume(params, resume), {
          ...requestOptions,
          deadline: round === 0 ? deadline : { ...deadline, totalMillis: left() }
        })
        const result = yield* round === 0 ? asked : Effect.mapError(asked, (error) => inTotal(error, deadline))
        if (!McpSchema.isJsonObject(result)) return result
        const { resultType } = result
        // Servers that speak older revisions, too, may leave it out.
        if (resultType === undefined || resultType === "complete") return result
        if (resultType === "task" && allowsTasks && ModernTasks.CAN_ANSWER.has(method)) return result
        if (resultType !== "input_required") return yield* extended(method, result, requestOptions)
        if (round === InputRounds.MAX_ROUNDS) {
          return yield* McpError.make(
            new McpError.LimitError({ what: "rounds of input for one request", limit: InputRounds.MAX_ROUNDS })
          )
        }
        const required = InputRounds.read(method, result)
        if ("fault" in required) {
          const description = `The server asks for input in a way that makes no sense: ${required.fault}`
          return yield* McpError.make(new McpError.ProtocolError({ description, payload: result }))
        }
        const answered = InputRounds.answer(required, requestOptions.handlers ?? options.handlers, {
          round,
          isManual: requestOptions.isManual === true,
          onDiagnostic: options.onDiagnostic
        })
        resume = yield* within(answered, { budget: "total", millis: deadline.totalMillis, left: left() })
        requestOptions.onResume?.(resume)
      }
    })

    const extended = (
      method: string,
      result: McpSchema.JsonObject,
      requestOptions: RequestOptions
    ): Effect.Effect<unknown, McpError.McpError> => {
      const { resultType: type } = result
      const resultType = typeof type === "string" ? type : JSON.stringify(type)
      const extension = options.extensions.find(({ results = {} }) => Object.hasOwn(results, resultType))
      const handle = extension?.results?.[resultType]
      if (handle !== undefined) {
        const { deadline } = requestOptions
        return handle(result, { method, request: (method, params) => request(method, params, { deadline }) })
      }
      const description = `The server's answer to ${method} is of the type ${
        JSON.stringify(resultType)
      }, which is unknown`
      return Effect.fail(McpError.make(new McpError.ProtocolError({ description, payload: result })))
    }

    // -------------------------------------------------------------------------
    // The session
    // -------------------------------------------------------------------------

    const discovered = yield* Effect.flatMap(send(DISCOVER_ID, "server/discover", {}, { deadline }), readDiscoverResult)
    const { capabilities, instructions, supportedVersions } = discovered
    const serverInfo = discovered._meta?.["io.modelcontextprotocol/serverInfo"]
    if (!supportedVersions.includes(version)) {
      // As the server would say if it were asked for anything else by this version.
      const description = `The server does not speak protocol version ${version}`
      const data = { supported: supportedVersions, requested: version }
      return yield* McpError.make(new McpError.JsonRpcError({ code: UNSUPPORTED_VERSION, description, data }))
    }
    const info: SessionInfo = {
      protocolVersion: version,
      serverInfo: isImplementation(serverInfo) ? serverInfo : { name: "unknown", version: "unknown" },
      capabilities,
      instructions
    }

    const listening = yield* Listening.make({
      lists: {
        ...(capabilities.tools?.listChanged === true ? { toolsListChanged: true } : {}),
        ...(capabilities.prompts?.listChanged === true ? { promptsListChanged: true } : {}),
        ...(capabilities.resources?.listChanged === true ? { resourcesListChanged: true } : {}),
        ...Object.assign({}, ...given.extensions.map(({ notifications }) => notifications))
      },
      listen: (notifications, onAcknowledged) =>
        Effect.suspend(() => {
          const id = nextId++
          const ended = Deferred.makeUnsafe<void>()
          listens.set(id, { onAcknowledged, end: () => Deferred.doneUnsafe(ended, Effect.void) })
          return Effect.ensuring(
            Effect.raceFirst(
              send(id, "subscriptions/listen", { notifications }, { deadline: unbounded }),
              Deferred.await(ended)
            ),
            Effect.sync(() => listens.delete(id))
          )
        }),
      onGap: options.onGap
    })

    /** What older revisions have requests for, and this one says in another way. */
    const request: Session["request"] = (method, params = {}, requestOptions) => {
      const { deadline } = requestOptions
      switch (method) {
        case "logging/setLevel":
          return Effect.sync(() => {
            logLevel = params["level"]
            return {}
          })
        case "resources/subscribe":
          return within(Effect.as(listening.subscribe("resourceSubscriptions", String(params["uri"])), {}), {
            budget: deadline.budget,
            millis: deadline.idleMillis
          })
        case "resources/unsubscribe":
          return Effect.sync(() => {
            listening.unsubscribe("resourceSubscriptions", String(params["uri"]))
            return {}
          })
        case "ping":
          return Effect.fail(McpError.make(
            new McpError.UnsupportedError({ description: `Protocol version ${version} has no ping` })
          ))
        default:
          return converse(method, params, requestOptions)
      }
    }

    const session: Session = {
      info,
      request,
      tasks: ModernTasks.make(request, {
        capabilities,
        isDeclared: allowsTasks,
        watch: (taskId) => listening.wish("taskIds", taskId),
        unwatch: (taskId) => listening.unsubscribe("taskIds", taskId)
      }),
      notify: (method, params = {}) =>
        // The roots are asked for when they are needed.
        method === "notifications/roots/list_changed"
          ? Effect.void
          : connection.send({ jsonrpc: "2.0", method, params }, {
            headers: isHttp ? headersOf(version, method, params, [], options.extensions) : undefined
          }),
      closedBy: connection.closedBy,
      closed: connection.closed
    }
    return session
  }
)

/** A late answer to it must not be taken for that of a request of another era on the same connection. */
const DISCOVER_ID = "discover"

const MAX_REFRESH_PAGES = 100

const unbounded: Deadline = {
  budget: "call",
  idleMillis: Number.POSITIVE_INFINITY,
  totalMillis: Number.POSITIVE_INFINITY
}

/** What was left for one round says nothing to who set a deadline for all of them. */
const inTotal = (error: McpError.McpError, { totalMillis: millis }: Deadline): McpError.McpError =>
  error.reason._tag === "TimeoutError" && error.reason.budget === "total"
    ? McpError.make(new McpError.TimeoutError({ budget: "total", millis }))
    : error

const isImplementation = Schema.is(McpSchema.Implementation)

const withResume = (
  params: McpSchema.JsonObject,
  { inputResponses, requestState }: Resume
): McpSchema.JsonObject => ({
  ...params,
  ...(inputResponses === undefined ? {} : { inputResponses }),
  ...(requestState === undefined ? {} : { requestState })
})

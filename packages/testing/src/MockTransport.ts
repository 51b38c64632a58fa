/**
 * A server that is not there: it answers by method or by tool, remembers every message, and fails as it is told to.
 *
 * By itself it speaks the versions with the `initialize` handshake; by `protocolVersions` also, or only, 2026-07-28.
 *
 * It sleeps on Effect's `Clock`, so `TestClock` drives it.
 *
 * @since 0.1.0
 */
import * as McpError from "@effect-mcp/client/McpError"
import {
  type Implementation,
  isJsonObject,
  type JsonObject,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type Progress,
  type RequestId
} from "@effect-mcp/client/McpSchema"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as MemoryTransport from "@effect-mcp/client/MemoryTransport"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Fault from "./Fault.ts"
import { answerTo, callTool } from "./internal/answers.ts"
import * as Modern from "./internal/modern.ts"
import * as Rounds from "./internal/rounds.ts"
import * as Tasks from "./internal/tasks.ts"

/**
 * A call that the mock answers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly message: JsonRpcRequest
  /** Reports progress to the caller. */
  readonly progress: (progress: Pick<Progress, "progress"> & Partial<Progress>) => Effect.Effect<void>
  /**
   * Asks the client what has to be known before there is an answer: some questions at once, by names, under which the
   * answers come. A client of 2026-07-28 is asked by a round of input, after which the handler goes on where it was;
   * any other by requests.
   *
   * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
   */
  readonly input: (
    questions: Readonly<Record<string, { readonly method: string; readonly params?: JsonObject }>>
  ) => Effect.Effect<JsonObject, McpError.JsonRpcError>
  /** Says how the task gets on that the call runs as. Without a task it does nothing. */
  readonly status: (statusMessage: string) => Effect.Effect<void>
}

/**
 * Answers a method. Fails with the error that the client shall see.
 *
 * @category models
 * @since 0.1.0
 */
export type MethodHandler = (
  params: JsonObject,
  request: Request
) => Effect.Effect<unknown, McpError.JsonRpcError, Scope.Scope>

/**
 * Answers the calls of a tool. What the answer leaves out is empty.
 *
 * @category models
 * @since 0.1.0
 */
export type ToolHandler = (
  args: JsonObject,
  request: Request
) => Effect.Effect<ToolAnswer, McpError.JsonRpcError, Scope.Scope>

/**
 * The answer of a mocked tool. A whole result may be given, or a part of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToolAnswer extends JsonObject {
  readonly content?: ReadonlyArray<JsonObject>
  readonly structuredContent?: unknown
  readonly isError?: boolean
}

/**
 * A mocked tool: how it answers, or that with its description.
 *
 * @category models
 * @since 0.1.0
 */
export type Tool = ToolHandler | {
  readonly description?: string
  readonly inputSchema?: JsonObject
  readonly outputSchema?: JsonObject
  /**
   * Makes tasks of calls: in 2025-11-25 if the client asks for it, in 2026-07-28 of every client that knows tasks. A tool
   * that requires it refuses other calls. Tasks live as long as the mock, through any number of connections.
   */
  readonly execution?: { readonly taskSupport: "optional" | "required" }
  readonly handler: ToolHandler
}

/**
 * Answers reads of a resource: with its text, its bytes, or a whole result.
 *
 * @category models
 * @since 0.1.0
 */
export type ResourceHandler = (
  uri: string,
  request: Request
) => Effect.Effect<string | Uint8Array | JsonObject, McpError.JsonRpcError, Scope.Scope>

/**
 * A mocked resource, or a family of them: how it answers, or that with its description.
 *
 * @category models
 * @since 0.1.0
 */
export type Resource = ResourceHandler | {
  readonly name?: string
  readonly description?: string
  readonly mimeType?: string
  readonly handler: ResourceHandler
}

/**
 * Answers requests for a prompt: with the text of a message of the user, or a whole result.
 *
 * @category models
 * @since 0.1.0
 */
export type PromptHandler = (
  args: JsonObject,
  request: Request
) => Effect.Effect<string | JsonObject, McpError.JsonRpcError, Scope.Scope>

/**
 * A mocked prompt: how it answers, or that with its description.
 *
 * @category models
 * @since 0.1.0
 */
export type Prompt = PromptHandler | {
  readonly description?: string
  readonly arguments?: ReadonlyArray<JsonObject>
  readonly handler: PromptHandler
}

/**
 * What the mocked server has and does.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly tools?: Readonly<Record<string, Tool>> | undefined
  /** By URI. */
  readonly resources?: Readonly<Record<string, Resource>> | undefined
  /** By URI template. */
  readonly resourceTemplates?: Readonly<Record<string, Resource>> | undefined
  readonly prompts?: Readonly<Record<string, Prompt>> | undefined
  /** Answers what is to be completed with the values that it may become. */
  readonly completions?:
    | ((
      params: JsonObject,
      request: Request
    ) => Effect.Effect<ReadonlyArray<string>, McpError.JsonRpcError, Scope.Scope>)
    | undefined
  /** Answers by method. A method that is given here replaces what the mock would answer. */
  readonly methods?: Readonly<Record<string, MethodHandler>> | undefined
  readonly faults?: ReadonlyArray<Fault.Fault> | undefined
  readonly serverInfo?: Implementation | undefined
  readonly capabilities?: JsonObject | undefined
  readonly instructions?: string | undefined
  /**
   * The versions that the server knows, best first. With 2026-07-28 among them it speaks that era, too; with no other,
   * only that.
   */
  readonly protocolVersions?: ReadonlyArray<string> | undefined
}

/**
 * A message that went over a mocked transport.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recorded {
  readonly from: "client" | "server"
  /** Which connection it went over; the first is 1. */
  readonly connection: number
  /** What was sent; a server may also send what is no message. */
  readonly message: JsonObject
}

/**
 * The controls of a mocked transport.
 *
 * @category services
 * @since 0.1.0
 */
export class MockTransport extends Context.Service<MockTransport, {
  readonly transport: McpTransport.McpTransport
  /** Every message so far, in order. */
  readonly messages: Effect.Effect<ReadonlyArray<Recorded>>
  /** The methods of what the client sent so far, in order. */
  readonly methods: Effect.Effect<ReadonlyArray<string>>
  /** How many connections were opened so far. */
  readonly connections: Effect.Effect<number>
  /** How many connections are open. */
  readonly open: Effect.Effect<number>
  /** How many requests are being answered. */
  readonly answering: Effect.Effect<number>
  /** Sends anything to the client, over the newest connection. */
  readonly send: (message: unknown) => Effect.Effect<void>
  /** Tells the client something. In 2026-07-28, changes are told to those who listen for them. */
  readonly notify: (method: string, params?: JsonObject) => Effect.Effect<void>
  /** The URIs that are subscribed to, over all open connections. */
  readonly subscriptions: Effect.Effect<ReadonlyArray<string>>
  /** Tells those who are subscribed to a resource that it, or a part of it, has changed. */
  readonly updated: (uri: string) => Effect.Effect<void>
  /** Asks the client, and waits for its answer. A server of 2026-07-28 can only ask by {@link Request.input}. */
  readonly request: (
    method: string,
    params?: JsonObject,
    id?: RequestId
  ) => Effect.Effect<unknown, McpError.JsonRpcError>
  /** Adds a fault to those that are there. */
  readonly inject: (fault: Fault.Fault) => Effect.Effect<void>
  /** Hangs up on all connections. */
  readonly disconnect: (reason?: McpError.McpErrorReason) => Effect.Effect<void>
}>()("@effect-mcp/testing/MockTransport") {}

interface Connected {
  readonly number: number
  readonly peer: MemoryTransport.Peer
  readonly answering: FiberMap.FiberMap<RequestId>
  readonly asked: Map<RequestId, Deferred.Deferred<unknown, McpError.JsonRpcError>>
  readonly subscribed: Set<string>
  readonly listens: Modern.Listens
  readonly rounds: Rounds.Rounds
  /** Whether the client speaks 2026-07-28. */
  isModern: boolean
}

/**
 * Makes a mocked transport. What runs as a task ends with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options?: Options) => Effect.Effect<MockTransport["Service"], never, Scope.Scope> = Effect
  .fnUntraced(
    function*(options: Options = {}) {
      const recorded: Array<Recorded> = []
      const open = new Set<Connected>()
      const faults = (options.faults ?? []).map((fault) => ({ fault, left: fault.times }))
      const heldBack: Array<{ readonly connected: Connected; readonly message: JsonObject }> = []
      let connections = 0
      let nextId = 0
      const hasTasks = Tasks.hasTasks(options)
      const tasks = Tasks.make(
        yield* Effect.scope,
        (task, params) =>
          Effect.suspend(() =>
            Effect.forEach(Array.from(open), (connected) =>
              Effect.forEach(
                connected.isModern
                  ? Modern.notificationsAbout(connected.listens, task.id, params)
                  : task.isModern
                  ? []
                  : [{ jsonrpc: "2.0", method: "notifications/tasks/status", params }],
                (message) => sendTo(connected, message),
                { discard: true }
              ), { discard: true })
          )
      )

      const sendTo = (connected: Connected, message: unknown) =>
        Effect.suspend(() => {
          const messages = Array.isArray(message) ? message : [message]
          for (const one of messages) {
            recorded.push({
              from: "server",
              connection: connected.number,
              message: isJsonObject(one) ? one : { payload: one }
            })
          }
          return connected.peer.send(message)
        })

      const newest = Effect.suspend(() => {
        const connected = Array.from(open).at(-1)
        return connected === undefined
          ? Effect.die(new Error("MockTransport: there is no open connection to send over"))
          : Effect.succeed(connected)
      })

      const nextFault = (request: JsonRpcRequest): Fault.Effect | undefined => {
        const next = faults.find(({ fault, left }) => left > 0 && Fault.hits(fault, request))
        if (next === undefined) return undefined
        next.left--
        return next.fault.effect
      }

      const deliver = Effect.fnUntraced(
        function*(connected: Connected, message: JsonObject, fault: Fault.Effect | undefined) {
          switch (fault?._tag) {
            case "Drop":
              return
            case "Delay":
              yield* Effect.sleep(fault.duration)
              return yield* sendTo(connected, message)
            case "Reorder": {
              heldBack.push({ connected, message })
              if (heldBack.length < fault.count) return
              return yield* Effect.forEach(
                heldBack.splice(0).toReversed(),
                ({ connected, message }) => sendTo(connected, message),
                { discard: true }
              )
            }
            default:
              return yield* sendTo(connected, message)
          }
        }
      )

      const ask = (connected: Connected, method: string, params: unknown, id: RequestId = nextId++) =>
        Effect.gen(function*() {
          if (connected.isModern) {
            return yield* Effect.die(new Error("MockTransport: a server of 2026-07-28 asks by `input`, within a call"))
          }
          const asked = yield* Deferred.make<unknown, McpError.JsonRpcError>()
          connected.asked.set(id, asked)
          yield* sendTo(connected, { jsonrpc: "2.0", id, method, params })
          return yield* Deferred.await(asked)
        })

      const askAll: (connected: Connected, questions: Questions) => ReturnType<Request["input"]> = (
        connected,
        questions
      ) =>
        Effect.map(
          Effect.forEach(
            Object.entries(questions),
            ([name, { method, params }]) =>
              Effect.map(ask(connected, method, params), (answer) => [name, answer] as const),
            { concurrency: "unbounded" }
          ),
          Object.fromEntries
        )

      const answer = Effect.fnUntraced(function*(connected: Connected, message: JsonRpcRequest) {
        const { id, method, params = {} } = message
        const fault = nextFault(message)
        if (fault?._tag === "Disconnect") return yield* connected.peer.close()
        if (fault?._tag === "Garble") return yield* sendTo(connected, fault.payload)
        if (fault?._tag === "Fail") {
          const { code, data, message } = fault
          return yield* sendTo(connected, { jsonrpc: "2.0", id, error: { code, message, data } })
        }
        const handle = (answer: MethodHandler, { input, latest }: Rounds.Call) =>
          Effect.scoped(answer(params, {
            message,
            progress: (progress) => {
              const meta = latest().params?.["_meta"]
              const progressToken = isJsonObject(meta) ? meta["progressToken"] : undefined
              return sendTo(connected, {
                jsonrpc: "2.0",
                method: "notifications/progress",
                params: { progressToken, ...progress }
              })
            },
            input,
            status: () => Effect.void
          }))

        /** Makes a task of a call, or refuses what may be nothing else. */
        const asTask = (isModern: boolean): MethodHandler | undefined => {
          const name = String(params["name"])
          const tool = Object.hasOwn(options.tools ?? {}, name) ? options.tools?.[name] : undefined
          const support = method === "tools/call" ? Tasks.supportOf(tool) : undefined
          if (support === undefined) return undefined
          const wanted = isModern
            ? Modern.knowsTasks(message)
            : isJsonObject(params["task"])
            ? params["task"]
            : undefined
          if (wanted === undefined) return support === "required" ? Tasks.refuse(isModern) : undefined
          return (params, request) =>
            tasks.start({
              isModern,
              ttl: wanted["ttl"],
              ask: (method, params) => Effect.flatMap(newest, (connected) => ask(connected, method, params)),
              run: (inTask) => Effect.scoped(callTool(options)(params, { ...request, ...inTask }))
            })
        }
        const replied = Effect.suspend(() => {
          if (!Modern.isModern(options, message)) {
            const handler = options.methods?.[method] ?? asTask(false) ??
              (hasTasks ? tasks.methods.legacy[method] : undefined) ?? answerTo(options, connected.subscribed, method)
            return handle(handler, { latest: () => message, input: (questions) => askAll(connected, questions) })
          }
          connected.isModern = true
          const fault = Modern.faultOf(options, message)
          if (fault !== undefined) return Effect.fail(fault)
          const send = (message: JsonObject) => sendTo(connected, message)
          const handler = options.methods?.[method] ?? asTask(true) ??
            (hasTasks ? tasks.methods.modern[method] : undefined) ??
            Modern.answerTo(options, connected.listens, send, method)
          return connected.rounds.answer(message, (call) => handle(handler, call))
        })
        const reply = yield* replied.pipe(
          Effect.map((result): JsonObject => ({ jsonrpc: "2.0", id, result })),
          Effect.catch(({ code, data, description }) =>
            Effect.succeed<JsonObject>({ jsonrpc: "2.0", id, error: { code, message: description, data } })
          ),
          // A handler with a bug shows it in the test, where it would otherwise leave the call hanging.
          Effect.catchDefect((defect) =>
            Effect.succeed<JsonObject>({ jsonrpc: "2.0", id, error: { code: -32603, message: String(defect) } })
          )
        )
        yield* deliver(connected, reply, fault)
      })

      const receive = (connected: Connected, message: JsonRpcMessage): Effect.Effect<unknown> => {
        recorded.push({ from: "client", connection: connected.number, message: { ...message } })
        if ("method" in message) {
          if ("id" in message) return FiberMap.run(connected.answering, message.id, answer(connected, message))
          const id = message.params?.["requestId"]
          return message.method === "notifications/cancelled" && (typeof id === "number" || typeof id === "string")
            ? FiberMap.remove(connected.answering, id)
            : Effect.void
        }
        const asked = connected.asked.get(message.id)
        if (asked === undefined) return Effect.void
        return "error" in message
          ? Deferred.fail(
            asked,
            new McpError.JsonRpcError({
              code: message.error.code,
              description: message.error.message,
              data: message.error.data
            })
          )
          : Deferred.succeed(asked, message.result)
      }

      const serve = (
        peer: MemoryTransport.Peer
      ): Effect.Effect<never, Cause.Done, Scope.Scope> =>
        Effect.gen(function*() {
          const answering = yield* FiberMap.make<RequestId>()
          const connected: Connected = {
            number: ++connections,
            peer,
            answering,
            asked: new Map(),
            subscribed: new Set(),
            listens: new Map(),
            rounds: Rounds.make(yield* Effect.scope),
            isModern: false
          }
          yield* Effect.acquireRelease(
            Effect.sync(() => open.add(connected)),
            () => Effect.sync(() => open.delete(connected))
          )
          return yield* Effect.forever(
            Effect.flatMap(Queue.take(peer.received), (message) => receive(connected, message))
          )
        })

      return {
        transport: yield* MemoryTransport.make({ label: "mock", serve }),
        messages: Effect.sync(() => Array.from(recorded)),
        methods: Effect.sync(() =>
          recorded.flatMap(({ from, message }) =>
            from === "client" && typeof message["method"] === "string" ? [message["method"]] : []
          )
        ),
        connections: Effect.sync(() => connections),
        open: Effect.sync(() => open.size),
        answering: Effect.suspend(() =>
          Effect.map(
            Effect.forEach(open, ({ answering }) => FiberMap.size(answering)),
            (sizes) => sizes.reduce((sum, size) => sum + size, 0)
          )
        ),
        send: (message) => Effect.flatMap(newest, (connected) => sendTo(connected, message)),
        notify: (method, params) =>
          Effect.flatMap(newest, (connected) =>
            Effect.forEach(
              connected.isModern
                ? Modern.notificationsOf(connected.listens, method, params)
                : [{ jsonrpc: "2.0", method, params }],
              (message) => sendTo(connected, message),
              { discard: true }
            )),
        subscriptions: Effect.sync(() =>
          Array.from(open).flatMap(({ listens, subscribed }) => [...subscribed, ...Modern.subscribedBy(listens)])
        ),
        updated: (uri) =>
          Effect.suspend(() =>
            Effect.forEach(
              Array.from(open).flatMap((connected) =>
                updatesOf(connected, uri).map((message) => [connected, message] as const)
              ),
              ([connected, message]) => sendTo(connected, message),
              { discard: true }
            )
          ),
        request: (method, params, id) => Effect.flatMap(newest, (connected) => ask(connected, method, params, id)),
        inject: (fault) => Effect.sync(() => void faults.push({ fault, left: fault.times })),
        disconnect: (reason) =>
          Effect.suspend(() => Effect.forEach(Array.from(open), ({ peer }) => peer.close(reason), { discard: true }))
      }
    }
  )

/**
 * Provides a mocked transport, and its controls.
 *
 * **Example** (Watching what a client sends)
 *
 * ```ts check
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import * as MockTransport from "@effect-mcp/testing/MockTransport"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const test = McpClient.layer().pipe(
 *   Layer.provideMerge(MockTransport.layer({
 *     tools: { greet: ({ name }) => Effect.succeed({ structuredContent: { greeting: `Hello ${String(name)}` } }) }
 *   }))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* McpClient.McpClient
 *   const mock = yield* MockTransport.MockTransport
 *   yield* client.callTool("greet", { name: "Ada" })
 *   return yield* mock.methods
 * })
 *
 * await Effect.runPromise(program.pipe(
 *   Effect.provide(test)
 * )) // => ["server/discover", "initialize", "notifications/initialized", "tools/call"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<MockTransport | McpTransport.McpTransport> =>
  Layer.effectContext(
    Effect.map(make(options), (mock) =>
      Context.make(MockTransport, mock).pipe(Context.add(McpTransport.McpTransport, mock.transport)))
  )

type Questions = Parameters<Request["input"]>[0]

const updatesOf = ({ listens, subscribed }: Connected, uri: string): ReadonlyArray<JsonObject> => {
  const method = "notifications/resources/updated"
  return [
    ...(isWithin(Array.from(subscribed), uri) ? [{ jsonrpc: "2.0", method, params: { uri } }] : []),
    ...Array.from(listens).flatMap(([id, filter]) =>
      isWithin(Modern.urisOf(filter), uri) ? [Modern.notificationTo(id, method, { uri })] : []
    )
  ]
}

const isWithin = (subscribed: ReadonlyArray<string>, uri: string): boolean =>
  subscribed.some((whole) => uri === whole || uri.startsWith(`${whole}/`))

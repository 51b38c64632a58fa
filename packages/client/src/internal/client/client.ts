import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { McpClient, Options } from "../../McpClient.ts"
import * as McpError from "../../McpError.ts"
import type * as McpProtocol from "../../McpProtocol.ts"
import type { Implementation } from "../../McpSchema.ts"
import * as McpTransport from "../../McpTransport.ts"
import { McpCache } from "../cache/cache.ts"
import { ofClient } from "../handlers/compile.ts"
import { checkDeclared, isReference } from "../handlers/roots.ts"
import { monotonicMillis } from "../jsonrpc/monotonic.ts"
import * as Callers from "../session/callers.ts"
import * as Completions from "../session/completions.ts"
import * as Negotiation from "../session/negotiation.ts"
import type { Session, SessionOptions } from "../session/session.ts"
import * as SessionRef from "../session/sessionRef.ts"
import { Handle, Lazy } from "./handle.ts"
import * as Hooks from "./hooks.ts"
import * as Hub from "./hub.ts"
import * as Notifications from "./notifications.ts"
import * as Operations from "./operations.ts"
import * as Prompts from "./prompts.ts"
import * as Resources from "./resources.ts"
import * as Subscriptions from "./subscriptions.ts"
import * as Tasks from "./tasks.ts"
import * as Timeouts from "./timeouts.ts"
import * as Tools from "./tools.ts"
import * as ToolTasks from "./toolTasks.ts"
import * as Utilities from "./utilities.ts"

/** So many diagnostics wait for a slow watcher; then the oldest go. */
const DIAGNOSTICS_CAPACITY = 256

/** So many of the latest diagnostics does a new watcher get: what a server says when it starts comes before anyone can watch. */
const DIAGNOSTICS_REPLAY = 16

const defaultClientInfo: Implementation = { name: "effect-mcp", version: "0.1.0" }

const defaultReconnect = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 5 })
)

/** Connecting, and whatever it takes to open a session, share one deadline. */
const openSession = (
  transport: McpTransport.McpTransport,
  options: SessionOptions,
  settings: { readonly protocol: McpProtocol.Protocol; readonly deadline: McpTransport.Deadline }
) =>
  Effect.mapError(Negotiation.open(transport, options, settings), (error) => {
    const { deadline: { totalMillis: millis } } = settings
    return error.reason._tag === "TimeoutError"
      ? McpError.make(new McpError.TimeoutError({ budget: "connect", millis, detail: error.reason.detail }))
      : error
  })

export const make = Effect.fnUntraced(
  function*<R = never>(
    options: Options<R> = {}
  ): Effect.fn.Return<McpClient, McpError.McpError, McpTransport.McpTransport | Scope.Scope | R> {
    const context = yield* Effect.context<Scope.Scope>()
    const runFork = Effect.runForkWith(context)
    const runSync = Effect.runSyncWith(context)
    const transport = yield* McpTransport.McpTransport
    const clock = yield* Clock.Clock
    const now = () => monotonicMillis(clock)
    const name = options.name ?? transport.label
    const timeouts = yield* Operations.locate(Timeouts.make(options), name)
    const diagnostics = Hub.make<McpTransport.Diagnostic>({
      capacity: DIAGNOSTICS_CAPACITY,
      replay: DIAGNOSTICS_REPLAY
    })
    yield* Effect.addFinalizer(() => Effect.sync(diagnostics.end))

    const { handlers = {} } = options
    if (handlers.roots !== undefined) yield* Operations.locate(checkDeclared(handlers.roots), name)
    const hooks = Hooks.make()
    const completions = Completions.make()
    const answering = ofClient(handlers, { server: name, completions }, yield* Effect.context<R>())
    const callers = Callers.make(now)
    const sessionOptions: SessionOptions = {
      clientInfo: options.clientInfo ?? defaultClientInfo,
      handlers: answering,
      completions,
      taskCallers: callers,
      allowsTasks: options.tasks !== false,
      onDiagnostic: diagnostics.publish,
      extensions: options.extensions ?? [],
      onNotification: hooks.notified,
      onGap: hooks.gapped
    }
    const schedule = options.reconnect ?? defaultReconnect
    const sessions = yield* SessionRef.make({
      open: Effect.tap(
        openSession(transport, sessionOptions, {
          protocol: options.protocol ?? "auto",
          deadline: timeouts.connect
        }),
        hooks.opened
      ),
      idleTimeToLive: timeouts.idleTimeToLive,
      schedule
    })
    const kept = yield* Effect.serviceOption(McpCache)
    const operations = Operations.make({
      server: name,
      completions,
      handlers: answering,
      timeouts,
      sessions,
      cache: Option.isNone(kept) ? undefined : yield* kept.value.open(transport, hooks, diagnostics.publish),
      now,
      onDiagnostic: diagnostics.publish
    })
    const tasks = new Lazy(() => Tasks.make(operations, hooks, { callers, clock }))
    const tools = Tools.make(operations, hooks, tasks, { trustAnnotations: options.trustAnnotations === true })
    // Most clients use little of what follows, and there may be thousands of them.
    const toolTasks = new Lazy(() => ToolTasks.make(tasks.get(), name))
    const resources = new Lazy(() => Resources.make(operations, tasks))
    const prompts = new Lazy(() => Prompts.make(operations, tasks))
    const utilities = new Lazy(() => Utilities.make(operations, hooks))
    const notifications = new Lazy(() => Notifications.make(hooks))
    const subscriptions = new Lazy(() => runSync(Subscriptions.make(operations, { sessions, hooks, schedule })))
    const endTasks = Effect.suspend(() => tasks.peek()?.end ?? Effect.void)
    yield* Effect.addFinalizer(() => Effect.andThen(endTasks, Effect.sync(() => notifications.peek()?.end())))

    hooks.onNotification((notification) => Notifications.log(name, notification, runFork))
    hooks.onNotification(({ method, params }) => {
      const id = params["elicitationId"]
      if (method === "notifications/elicitation/complete" && typeof id === "string") completions.complete(id)
    })
    const { roots } = handlers
    if (roots !== undefined && isReference(roots)) hooks.onOpen((session) => tellChanges(roots, session))

    if (options.lazy !== true) yield* Operations.locate(sessions.connect, name)

    return new Handle(name, {
      state: sessions.state,
      session: Operations.locate(Effect.suspend(() => sessions.use((session) => Effect.succeed(session.info))), name),
      diagnostics,
      tools,
      tasks,
      toolTasks,
      resources,
      prompts,
      utilities,
      notifications,
      subscriptions,
      close: Effect.suspend(() => {
        subscriptions.peek()?.end(closed)
        return Effect.andThen(endTasks, sessions.close)
      }),
      reconnect: Operations.locate(sessions.reconnect, name)
    })
  }
)

/** https://modelcontextprotocol.io/specification/2025-11-25/client/roots#root-list-changes */
const tellChanges = <A>(roots: SubscriptionRef.SubscriptionRef<A>, session: Session) =>
  SubscriptionRef.changes(roots).pipe(
    Stream.drop(1),
    Stream.runForEach(() => Effect.ignore(session.notify("notifications/roots/list_changed"))),
    Effect.forkScoped({ startImmediately: true }),
    Effect.asVoid
  )

const closed = McpError.make(
  new McpError.ClosedError({ description: "The client was closed", by: "client", requestSent: true })
)

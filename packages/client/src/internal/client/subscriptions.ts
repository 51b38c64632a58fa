import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { McpClient } from "../../McpClient.ts"
import * as McpError from "../../McpError.ts"
import type { Update } from "../../McpResource.ts"
import type { Deadline } from "../../McpTransport.ts"
import { monotonicMillis } from "../jsonrpc/monotonic.ts"
import type { Session } from "../session/session.ts"
import type { SessionRef } from "../session/sessionRef.ts"
import type { Hooks } from "./hooks.ts"
import { isLoss, type Operations, unsupported } from "./operations.ts"
import { notFound, RESOURCE_NOT_FOUND } from "./resources.ts"

/** So many updates wait for a slow subscriber; then the oldest go. Each says "read now", so the newest counts. */
const CAPACITY = 64

/** A subscription that has stood for so long, in milliseconds, is well: losses before do not count any more. */
const WELL_AFTER = 10_000

/** How long the server may take to confirm the end of a subscription. Nobody waits for it. */
const UNSUBSCRIBE: Deadline = { budget: "call", idleMillis: 5_000, totalMillis: 5_000 }

export interface Subscriptions {
  readonly subscribe: McpClient["subscribe"]
  /** Ends all of them with an error. */
  readonly end: (error: McpError.McpError) => void
}

type Subscriber = Queue.Enqueue<Update, McpError.McpError | Cause.Done>

/** The subscribers to one URI. While there are any, a fiber holds the session and keeps it subscribed. */
interface Topic {
  readonly uri: string
  readonly subscribers: Set<Subscriber>
  /** Since when the server tells of changes, while it does. */
  liveSince: number | undefined
  /** Whether to subscribe anew: the session that the fiber holds has a successor, or has missed something. */
  superseded: boolean
  /** Tells the fiber to look again. */
  check: () => void
}

/** What the functions below share: they are many, and clients may be, too. */
interface State {
  readonly operations: Operations
  readonly sessions: SessionRef
  readonly newPause: ReturnType<typeof Schedule.toStepWithSleep<unknown, McpError.McpError, never, never>>
  readonly now: () => number
  readonly runFork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly topics: Map<string, Topic>
  readonly fibers: Set<Fiber.Fiber<void>>
}

export const make: (
  operations: Operations,
  options: {
    readonly sessions: SessionRef
    readonly hooks: Hooks
    /** The pauses between losses that come soon after each other. */
    readonly schedule: Schedule.Schedule<unknown, McpError.McpError>
  }
) => Effect.Effect<Subscriptions, never, Scope.Scope> = Effect.fnUntraced(
  function*(operations, { hooks, schedule, sessions }) {
    const clock = yield* Clock.Clock
    const topics = new Map<string, Topic>()
    const state: State = {
      operations,
      sessions,
      newPause: Schedule.toStepWithSleep(schedule),
      now: () => monotonicMillis(clock),
      runFork: Effect.runForkWith(yield* Effect.context<never>()),
      topics,
      fibers: new Set()
    }

    hooks.onOpen(() => Effect.sync(() => topics.forEach(supersede)))

    // Who is subscribed asks again, and reads again, as in a new session.
    hooks.onGap(() => {
      for (const topic of topics.values()) if (topic.liveSince !== undefined) supersede(topic)
    })

    hooks.onNotification(({ method, params }) => {
      if (method !== "notifications/resources/updated") return
      const uri = params["uri"]
      if (typeof uri !== "string") return operations.onDiagnostic({ _tag: "Invalid", payload: { method, params } })
      for (const topic of topics.values()) {
        if (topic.liveSince !== undefined && covers(topic.uri, uri)) publish(topic, { _tag: "Updated", uri, params })
      }
    })

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        end(state, ended)
        return Fiber.interruptAll(state.fibers)
      })
    )

    return {
      subscribe: (uri) =>
        Stream.callback<Update, McpError.McpError>((queue) =>
          Effect.acquireRelease(
            Effect.sync(() => join(state, uri, queue)),
            (topic) => Effect.sync(() => leave(topic, queue))
          ), { bufferSize: CAPACITY, strategy: "sliding" }),
      end: (error) => end(state, error)
    }
  }
)

// -----------------------------------------------------------------------------
// Coming and going
// -----------------------------------------------------------------------------

const join = (state: State, uri: string, subscriber: Subscriber): Topic => {
  const { fibers, topics } = state
  const known = topics.get(uri)
  const topic = known ?? { uri, subscribers: new Set(), liveSince: undefined, superseded: false, check: () => {} }
  topic.subscribers.add(subscriber)
  if (known === undefined) {
    topics.set(uri, topic)
    const kept = Effect.catchCause(keep(state, topic), (cause) => Effect.sync(() => fail(state, topic, cause)))
    const fiber = state.runFork(kept)
    fibers.add(fiber)
    fiber.addObserver(() => fibers.delete(fiber))
  } else if (topic.liveSince !== undefined) {
    Queue.offerUnsafe(subscriber, { _tag: "Subscribed", uri })
  }
  return topic
}

const leave = (topic: Topic, subscriber: Subscriber): void => {
  topic.subscribers.delete(subscriber)
  topic.check()
}

const publish = (topic: Topic, update: Update): void => {
  for (const subscriber of topic.subscribers) Queue.offerUnsafe(subscriber, update)
}

const supersede = (topic: Topic): void => {
  topic.superseded = true
  topic.check()
}

const drop = ({ topics }: State, topic: Topic): void => {
  if (topics.get(topic.uri) === topic) topics.delete(topic.uri)
}

const fail = (state: State, topic: Topic, cause: Cause.Cause<McpError.McpError>): void => {
  drop(state, topic)
  for (const subscriber of topic.subscribers) Queue.failCauseUnsafe(subscriber, cause)
  topic.subscribers.clear()
}

const end = (state: State, error: McpError.McpError): void => {
  for (const topic of Array.from(state.topics.values())) {
    fail(state, topic, Cause.fail(McpError.at(error, state.operations.server, "resources/subscribe")))
    // The session ends, too, so that there is nothing to take leave of.
    supersede(topic)
  }
}

// -----------------------------------------------------------------------------
// Keeping a topic
// -----------------------------------------------------------------------------

const keep = Effect.fnUntraced(function*(state: State, topic: Topic): Effect.fn.Return<void, McpError.McpError> {
  const { newPause, now, operations, sessions } = state
  let pause: Effect.Success<typeof newPause> | undefined
  while (topic.subscribers.size > 0) {
    const stayed = yield* Effect.result(sessions.use((session) => stay(state, topic, session)))
    if (Result.isSuccess(stayed)) continue
    const error = McpError.at(stayed.failure, operations.server, "resources/subscribe")
    if (!isLoss(error)) return yield* Effect.fail(error)
    if (topic.liveSince !== undefined && now() - topic.liveSince >= WELL_AFTER) pause = undefined
    topic.liveSince = undefined
    // After the first loss the next session comes at once.
    if (pause === undefined) pause = yield* newPause
    else yield* Pull.catchDone(pause(error), () => Effect.fail(error))
  }
  drop(state, topic)
})

/** Subscribes, and stays while the session lasts and anybody wants it. */
const stay = Effect.fnUntraced(function*(
  { now, operations: { cache, requestIn, timeouts } }: State,
  topic: Topic,
  session: Session
): Effect.fn.Return<void, McpError.McpError> {
  const { uri } = topic
  const target = { kind: "resource", name: uri } as const
  topic.superseded = false
  if (session.info.capabilities.resources?.subscribe !== true) {
    return yield* unsupported("subscriptions to resources")
  }
  yield* requestIn(session, { method: "resources/subscribe", target }, { uri }, timeouts.usualCall).pipe(
    Effect.mapError((error) => notFound(error, uri, [RESOURCE_NOT_FOUND]))
  )
  topic.liveSince = now()
  // What was read before may have changed before anybody was told of changes.
  cache?.changed(uri)
  publish(topic, { _tag: "Subscribed", uri })
  yield* change(topic, session)
  topic.liveSince = undefined
  if (topic.superseded) return
  // It does no harm if this fails: updates that nobody wants are passed over.
  yield* Effect.ignore(requestIn(session, { method: "resources/unsubscribe", target }, { uri }, UNSUBSCRIBE))
})

/** Waits until nobody subscribes any more, or another session takes over. Fails when the session has ended. */
const change = (topic: Topic, session: Session): Effect.Effect<void, McpError.McpError> =>
  Effect.raceFirst(
    Effect.flatMap(session.closed, (cause) => Effect.fail(lost(cause))),
    Effect.callback<void>((resume) => {
      topic.check = () => {
        if (topic.superseded || topic.subscribers.size === 0) resume(Effect.void)
      }
      topic.check()
    })
  )

/**
 * What is updated may be a part of what was subscribed to.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/schema#resourceupdatednotificationparams
 */
export const covers = (subscribed: string, updated: string): boolean =>
  updated === subscribed || updated.startsWith(subscribed.endsWith("/") ? subscribed : `${subscribed}/`)

const lost = (cause: McpError.McpErrorReason): McpError.McpError =>
  McpError.make(
    new McpError.ClosedError({
      description: "The session with the subscription ended",
      by: "server",
      requestSent: true,
      cause
    })
  )

const ended = McpError.make(
  new McpError.ClosedError({ description: "The client's scope has been closed", by: "client", requestSent: false })
)

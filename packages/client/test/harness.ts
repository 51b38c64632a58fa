import * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError, McpErrorReason, ToolError } from "@effect-mcp/client/McpError"
import * as McpProtocol from "@effect-mcp/client/McpProtocol"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** Makes a client of a transport. Unless it says otherwise, it does not ask first which era the server speaks. */
export const clientOf = (
  transport: McpTransport.McpTransport,
  options?: McpClient.Options
): Effect.Effect<McpClient.McpClient, McpError, Scope.Scope> =>
  Effect.provideService(McpClient.make({ protocol: "legacy", ...options }), McpTransport.McpTransport, transport)

/** The eras of the protocol, for tests of what is the same in both. */
export const eras = ["legacy", "modern"] as const

/** Makes a client of a server that is not there and speaks the same era, and the controls of that server. */
export const connect = Effect.fnUntraced(function*(
  server?: MockTransport.Options,
  options?: McpClient.Options
) {
  const mock = yield* MockTransport.make(
    options?.protocol === "modern" ? { protocolVersions: McpProtocol.modernVersions, ...server } : server
  )
  const client = yield* clientOf(mock.transport, options)
  return { client, mock }
})

/** A transport whose connections are noted in a log. */
export const logged = (transport: McpTransport.McpTransport) => {
  const log: Array<string> = []
  const openedAt: Array<number> = []
  const connect = Effect.gen(function*() {
    const number = openedAt.push(yield* Clock.currentTimeMillis)
    yield* Effect.acquireRelease(
      Effect.sync(() => log.push(`open ${number}`)),
      () => Effect.sync(() => log.push(`close ${number}`))
    )
    return yield* transport.connect
  })
  return { log, openedAt, transport: McpTransport.make({ label: transport.label, connect }) }
}

/** Counts the fibers that are alive. */
export const census = () => {
  let alive = 0
  const counting = Effect.provideService(Metric.FiberRuntimeMetrics, {
    recordFiberStart: () => {
      alive++
    },
    recordFiberEnd: () => {
      alive--
    }
  })
  return { counting, alive: () => alive }
}

/** Lets everything run that can run now. */
export const settled: Effect.Effect<void> = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, {
  discard: true
})

/** Lets the event loop turn once. */
export const turn: Effect.Effect<void> = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** Starts an effect, and lets it run until it waits for something that does not come by itself. */
export const start = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.tap(Effect.forkChild(effect, { startImmediately: true }), () => settled)

type Reason<Tag extends McpErrorReason["_tag"]> = Extract<McpErrorReason, { readonly _tag: Tag }>

/** The reason of an error, which has to be the expected one. */
export const reasonOf = <Tag extends McpErrorReason["_tag"]>(tag: Tag, error: McpError | ToolError): Reason<Tag> => {
  if (error._tag !== "McpError" || error.reason._tag !== tag) {
    throw new Error(`expected ${tag} but got`, { cause: error })
  }
  return error.reason as Reason<Tag>
}

/** Runs an effect that has to fail, and yields the reason. */
export const failsWith =
  <Tag extends McpErrorReason["_tag"]>(tag: Tag) =>
  <A, R>(effect: Effect.Effect<A, McpError | ToolError, R>): Effect.Effect<Reason<Tag>, never, R> =>
    Effect.matchEffect(effect, {
      onFailure: (error) => Effect.sync(() => reasonOf(tag, error)),
      onSuccess: (value) => Effect.die(new Error(`expected ${tag} but got a value: ${JSON.stringify(value)}`))
    })

/** The states that a client goes through, in a log that grows. */
export const watchStates = Effect.fnUntraced(function*(client: McpClient.McpClient) {
  const log: Array<McpClient.State> = []
  const fiber = yield* start(Stream.runForEach(client.stateChanges, (state) =>
    Effect.sync(() => {
      log.push(state)
    })))
  return { log, tags: () => log.map(({ _tag }) => _tag), ended: Fiber.join(fiber) }
})

/** What a client's connections notice, in a log that grows. */
export const watchDiagnostics = Effect.fnUntraced(function*(client: McpClient.McpClient) {
  const log: Array<McpTransport.Diagnostic> = []
  yield* start(Stream.runForEach(client.diagnostics, (diagnostic) =>
    Effect.sync(() => {
      log.push(diagnostic)
    })))
  return log
})

import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Contender, ServerCommand, Session } from "../contender.ts"
import { CITY, type Responder } from "../fixture.ts"

export const ForecastSchema = Schema.Struct({
  city: Schema.String,
  celsius: Schema.Number,
  humidity: Schema.Number,
  conditions: Schema.String
})

/** One connected client whose operations are effects. */
export interface EffectSession {
  /** Lists every tool and makes `call` ready, where the client needs the list for typed output. */
  readonly listTools: Effect.Effect<number, unknown>
  readonly call: (city: string) => Effect.Effect<typeof ForecastSchema.Type, unknown>
  /** Fetches one text of the given size and returns its length. */
  readonly document: (bytes: number) => Effect.Effect<number, unknown>
}

class Live extends Context.Service<Live, ReadonlyArray<EffectSession>>()("@effect-mcp/bench/Live") {}

const open = async (
  count: number,
  connect: Effect.Effect<EffectSession, unknown, Scope.Scope>
) => {
  const runtime = ManagedRuntime.make(
    Layer.effect(Live, Effect.all(Array.from({ length: count }, () => connect), { concurrency: 32 }))
  )
  return { runtime, sessions: await runtime.runPromise(Live) }
}

/** Loops run inside Effect, since that is where its users' calls are made: one promise per load, not per call. */
const openOne = async (connect: Effect.Effect<EffectSession, unknown, Scope.Scope>): Promise<Session> => {
  const { runtime, sessions: [session] } = await open(1, connect)
  if (session === undefined) throw new Error("no session")
  return {
    listTools: () => runtime.runPromise(session.listTools),
    call: (city) => runtime.runPromise(session.call(city)),
    load: ({ calls, concurrency }) =>
      runtime.runPromise(
        Effect.forEach(
          Array.from({ length: calls }, () => CITY),
          session.call,
          // One after another is what `forEach` does unasked.
          concurrency === 1 ? { discard: true } : { concurrency, discard: true }
        )
      ),
    document: (bytes) => runtime.runPromise(session.document(bytes)),
    close: () => runtime.dispose()
  }
}

/** Provides services that live as long as the session, where `Effect.provide` of a layer ends them once it is open. */
export const provideToSession = <Services>(layer: Layer.Layer<Services>) => <A, E, R>(open: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Layer.build(layer), (services) => Effect.provide(open, services))

export const fromEffect = (options: {
  readonly stdio: (server: ServerCommand) => Effect.Effect<EffectSession, unknown, Scope.Scope>
  readonly http: (url: string) => Effect.Effect<EffectSession, unknown, Scope.Scope>
  readonly memory: (respond: Responder) => Effect.Effect<EffectSession, unknown, Scope.Scope>
}): Contender => ({
  stdio: (server) => openOne(options.stdio(server)),
  http: (url) => openOne(options.http(url)),
  memory: async ({ count, respond }) => {
    const { runtime, sessions } = await open(count, Effect.tap(options.memory(respond), (_) => _.listTools))
    const callAll = () =>
      runtime.runPromise(
        Effect.forEach(sessions, (session) => session.call(CITY), { concurrency: "unbounded", discard: true })
      )
    await callAll()
    return { callAll, close: () => runtime.dispose() }
  }
})

import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import { Refusal, refusalOf } from "./refusal.ts"
import { withTask } from "./relatedTask.ts"
import type { Handler, SessionOptions } from "./session.ts"
import { isTerminal, millisOf, type TaskStatus } from "./tasks.ts"

/** So many tasks are kept for a server, the ended ones with their results. */
const MAX_TASKS = 1000

/** So long is a task kept, unless the server asks for less. */
const MAX_TTL_MILLIS = 3_600_000

/** How often a server should ask how a task gets on. */
const POLL_INTERVAL_MILLIS = 1000

/** The tasks that a server makes of what it asks. They last no longer than the session. */
export interface ReceivedTasks {
  /** What answers requests about tasks. */
  readonly methods: ReadonlyMap<string, Handler>
  /**
   * Runs the handler of a request in the background, and yields what the server is told at once. `undefined` if the
   * request does not want that, or may not: then it is answered as any other.
   */
  readonly start: (
    request: { readonly method: string; readonly params: JsonObject },
    handled: Effect.Effect<JsonObject, unknown>,
    onStart: (running: Fiber.Fiber<void>) => void
  ) => Effect.Effect<JsonObject, Refusal> | undefined
}

interface Task {
  readonly running: Fiber.Fiber<void>
  readonly outcome: Deferred.Deferred<JsonObject, Refusal>
  state: JsonObject & { readonly status: TaskStatus }
}

/** https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks */
export const make: (
  options: Pick<SessionOptions, "handlers" | "onDiagnostic">
) => Effect.Effect<ReceivedTasks, never, Scope.Scope> = Effect.fnUntraced(function*(options) {
  if (options.handlers.tasks.size === 0) return none
  const clock = yield* Clock.Clock
  const run = yield* FiberSet.runtime(yield* FiberSet.make<void>())()
  const tasks = new Map<unknown, Task>()

  const now = (): string => new Date(clock.currentTimeMillisUnsafe()).toISOString()

  const end = (
    task: Task,
    status: TaskStatus,
    outcome: Exit.Exit<JsonObject, Refusal>,
    because?: { readonly statusMessage: string }
  ): void => {
    task.state = { ...task.state, status, lastUpdatedAt: now(), ...because }
    Deferred.doneUnsafe(task.outcome, outcome)
  }

  const cancel = (task: Task, because: Refusal): void => {
    end(task, "cancelled", Exit.fail(because))
    task.running.interruptUnsafe()
  }

  const create = (
    { method, params }: Parameters<ReceivedTasks["start"]>[0],
    handled: Effect.Effect<JsonObject, unknown>
  ): Task => {
    // Who knows an id gets at the result: it must not be guessed.
    const taskId = crypto.randomUUID()
    const createdAt = now()
    const ttl = ttlOf(params)
    // The server hears of the task before its handler begins.
    const running = run(
      Effect.andThen(Effect.yieldNow, handled).pipe(
        Effect.matchCauseEffect({
          onSuccess: (result) => Effect.sync(() => end(task, "completed", Exit.succeed(withTask(result, taskId)))),
          // Who interrupts the handler from outside comes past this.
          onFailure: (cause) =>
            Effect.map(
              refusalOf(method, cause, options),
              ({ code, message }) =>
                end(task, "failed", Exit.fail(new Refusal(code, message)), { statusMessage: message })
            )
        })
      )
    )
    const task: Task = {
      running,
      outcome: Deferred.makeUnsafe(),
      state: {
        taskId,
        status: "working",
        createdAt,
        lastUpdatedAt: createdAt,
        ttl,
        pollInterval: POLL_INTERVAL_MILLIS
      }
    }
    tasks.set(taskId, task)
    const expire = Effect.sync(() => {
      tasks.delete(taskId)
      cancel(task, notFound())
    })
    run(Effect.andThen(Effect.sleep(ttl), expire))
    return task
  }

  /** Those that have ended make room. */
  const dropOldest = (): void => {
    for (const [taskId, { state }] of tasks) {
      if (isTerminal(state.status)) return void tasks.delete(taskId)
    }
  }

  const onTask = (f: (task: Task) => Effect.Effect<JsonObject, Refusal>): Handler => ({ taskId }) => {
    const task = tasks.get(taskId)
    return task === undefined ? Effect.fail(notFound()) : f(task)
  }

  return {
    methods: new Map<string, Handler>([
      ["tasks/get", onTask(({ state }) => Effect.succeed(state))],
      ["tasks/result", onTask(({ outcome }) => Deferred.await(outcome))],
      [
        "tasks/cancel",
        onTask((task) => {
          const { status } = task.state
          if (isTerminal(status)) return Effect.fail(new Refusal(INVALID_PARAMS, `The task has ended: ${status}`))
          cancel(task, new Refusal(INVALID_PARAMS, "The task was cancelled"))
          return Effect.succeed(task.state)
        })
      ],
      [
        "tasks/list",
        ({ cursor }) =>
          // All of them are on the first page.
          cursor === undefined
            ? Effect.succeed({ tasks: Array.from(tasks.values(), ({ state }) => state) })
            : Effect.fail(new Refusal(INVALID_PARAMS, "Unknown cursor"))
      ]
    ]),
    start: (request, handled, onStart) =>
      isJsonObject(request.params["task"]) && options.handlers.tasks.has(request.method)
        ? Effect.suspend(() => {
          if (tasks.size >= MAX_TASKS) dropOldest()
          if (tasks.size >= MAX_TASKS) {
            return Effect.fail(new Refusal(INTERNAL_ERROR, `No more than ${MAX_TASKS} tasks are kept`))
          }
          const { running, state } = create(request, handled)
          onStart(running)
          return Effect.succeed({ task: state })
        })
        : undefined
  }
})

const none: ReceivedTasks = { methods: new Map(), start: () => undefined }

const ttlOf = ({ task }: JsonObject): number => {
  const asked = isJsonObject(task) ? millisOf(task["ttl"]) : undefined
  return Math.min(MAX_TTL_MILLIS, Math.floor(asked ?? MAX_TTL_MILLIS))
}

const INVALID_PARAMS = -32602

const INTERNAL_ERROR = -32603

const notFound = (): Refusal => new Refusal(INVALID_PARAMS, "Task not found")

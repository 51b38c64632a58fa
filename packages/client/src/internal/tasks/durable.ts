import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as McpError from "../../McpError.ts"
import type { McpTask } from "../../McpTask.ts"
import { isTransient } from "./failures.ts"
import { Saved } from "./saved.ts"

/** How a server is awaited that is out of reach: for as long as the task lives. */
const outOfReach = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")]).pipe(
  Schedule.jittered
)

const Failure = Schema.Union([McpError.McpError, McpError.ToolError])

/** Two activities, so that the task is known before anybody waits for it. */
export const run = Effect.fnUntraced(
  function*<Success extends Schema.Constraint, E extends McpError.ToolError, R, R2>(options: {
    readonly name: string
    readonly success: Success
    readonly start: Effect.Effect<McpTask<Success["Type"], E>, McpError.McpError, R>
    readonly resume: (saved: Saved) => Effect.Effect<McpTask<Success["Type"], E>, McpError.McpError, R2>
  }) {
    const { name, resume, start, success } = options
    const saved = yield* Activity.make({
      name: `${name}/start`,
      success: Saved,
      error: McpError.McpError,
      execute: Effect.map(start, (task) => task.toJSON())
    })
    return yield* Activity.make({
      name,
      success,
      error: Failure,
      execute: resume(saved).pipe(
        Effect.flatMap((task) => task.await),
        Effect.retry({
          schedule: outOfReach,
          while: (error) => isOutOfReach(error, saved) && Effect.map(hasExpired(saved), (expired) => !expired)
        }),
        Effect.catchIf(
          (error) => isOutOfReach(error, saved),
          () => Effect.fail(McpError.at(expiredTask(saved), saved.server, saved.method))
        )
      )
    })
  }
)

const isOutOfReach = (error: McpError.McpError | McpError.ToolError, { method }: Saved): boolean =>
  McpError.isMcpError(error) && isTransient(error) &&
  // A deadline of the wait itself is told as one of the request that the task was made of.
  !(error.reason._tag === "TimeoutError" && error.method === method)

/** Whether the task may be gone, as far as can be known without its server. */
const hasExpired = ({ startedAt, ttl }: Saved): Effect.Effect<boolean> =>
  Effect.map(Clock.currentTimeMillis, (now) => ttl !== null && now >= startedAt + ttl)

const expiredTask = ({ taskId }: Saved): McpError.McpError =>
  McpError.make(new McpError.TaskLostError({ taskId, expired: true }))

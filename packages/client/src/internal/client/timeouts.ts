import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CallOptions, Options, RequestOptions } from "../../McpClient.ts"
import * as McpError from "../../McpError.ts"
import type { Deadline } from "../../McpTransport.ts"

/** The deadlines of a client's operations, and how those of one request differ. */
export interface Timeouts {
  readonly connect: Deadline
  readonly list: (options: RequestOptions) => Deadline
  readonly call: (options: CallOptions<unknown>) => Deadline
  readonly idleTimeToLive: Duration.Duration
}

export const make: (options: Options) => Effect.Effect<Timeouts, McpError.McpError> = Effect.fnUntraced(
  function*(options: Options) {
    const { timeouts = {} } = options
    const connect = yield* read("timeouts.connect", timeouts.connect ?? "30 seconds")
    const list = yield* read("timeouts.list", timeouts.list ?? "60 seconds")
    const call = yield* read("timeouts.call", timeouts.call ?? "60 seconds")
    const total = yield* read("timeouts.total", timeouts.total ?? "1 hour")
    const idleTimeToLive = yield* read("idleTimeToLive", options.idleTimeToLive ?? "1 minute")
    const usualCall = callDeadline(call, Math.max(call, total))
    return {
      connect: { budget: "connect", idleMillis: connect, totalMillis: Number.POSITIVE_INFINITY },
      list: ({ timeout }) => ({
        budget: "list",
        idleMillis: timeout === undefined ? list : Duration.toMillis(timeout),
        totalMillis: Number.POSITIVE_INFINITY
      }),
      call: ({ timeout, totalTimeout }) => {
        if (timeout === undefined && totalTimeout === undefined) return usualCall
        const idleMillis = timeout === undefined ? call : Duration.toMillis(timeout)
        // Who lets a call wait for longer than the usual total means it.
        return callDeadline(
          idleMillis,
          totalTimeout === undefined ? Math.max(total, idleMillis) : Duration.toMillis(totalTimeout)
        )
      },
      idleTimeToLive: options.lazy === true ? Duration.millis(idleTimeToLive) : Duration.infinity
    }
  }
)

const callDeadline = (idleMillis: number, totalMillis: number): Deadline => ({
  budget: "call",
  idleMillis,
  totalMillis
})

const read = (option: string, value: Duration.Input): Effect.Effect<number, McpError.McpError> =>
  Option.match(Duration.fromInput(value), {
    onSome: (duration) => Effect.succeed(Duration.toMillis(duration)),
    onNone: () => {
      const description = `${option} is not a duration: ${String(value)}`
      return Effect.fail(McpError.make(new McpError.ConfigurationError({ description })))
    }
  })

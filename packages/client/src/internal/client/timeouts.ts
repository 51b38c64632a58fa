import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CallOptions, Options, RequestOptions } from "../../McpClient.ts"
import * as McpError from "../../McpError.ts"
import type { Deadline } from "../../McpTransport.ts"

/** The deadlines of a client's operations, and how those of one request differ. */
export interface Timeouts {
  readonly connect: Deadline
  readonly list: (options: RequestOptions) => Deadline | McpError.McpError
  readonly call: (options: Pick<CallOptions, "timeout" | "totalTimeout">) => Deadline | McpError.McpError
  /** Of a call that has no deadlines of its own. */
  readonly usualCall: Deadline
  readonly idleTimeToLive: Duration.Duration
}

export const make: (options: Options<unknown>) => Effect.Effect<Timeouts, McpError.McpError> = Effect.fnUntraced(
  function*(options: Options<unknown>) {
    const { timeouts = {} } = options
    const connect = yield* toMillis("timeouts.connect", timeouts.connect ?? "30 seconds")
    const list = yield* toMillis("timeouts.list", timeouts.list ?? "60 seconds")
    const call = yield* toMillis("timeouts.call", timeouts.call ?? "60 seconds")
    const total = yield* toMillis("timeouts.total", timeouts.total ?? "1 hour")
    const idleTimeToLive = yield* toMillis("idleTimeToLive", options.idleTimeToLive ?? "1 minute")
    const usualCall: Deadline = { budget: "call", idleMillis: call, totalMillis: Math.max(call, total) }
    return {
      connect: { budget: "connect", idleMillis: connect, totalMillis: connect },
      list: ({ timeout }) => {
        const millis = override("timeout", timeout, list)
        return typeof millis === "number" ? { budget: "list", idleMillis: millis, totalMillis: millis } : millis
      },
      call: ({ timeout, totalTimeout }) => {
        if (timeout === undefined && totalTimeout === undefined) return usualCall
        const idleMillis = override("timeout", timeout, call)
        if (typeof idleMillis !== "number") return idleMillis
        // Who lets a call wait for longer than the usual total means it.
        const totalMillis = override("totalTimeout", totalTimeout, Math.max(total, idleMillis))
        return typeof totalMillis === "number" ? { budget: "call", idleMillis, totalMillis } : totalMillis
      },
      usualCall,
      idleTimeToLive: options.lazy === true ? Duration.millis(idleTimeToLive) : Duration.infinity
    }
  }
)

/** A duration in milliseconds, the usual one if none is given, or what is wrong with it. */
export const override = (
  option: string,
  value: Duration.Input | undefined,
  usual: number
): number | McpError.McpError =>
  value === undefined
    ? usual
    : Option.match(Duration.fromInput(value), {
      onSome: Duration.toMillis,
      onNone: () =>
        McpError.make(
          new McpError.ConfigurationError({ description: `${option} is not a duration: ${String(value)}` })
        )
    })

const toMillis = (option: string, value: Duration.Input): Effect.Effect<number, McpError.McpError> => {
  const millis = override(option, value, 0)
  return typeof millis === "number" ? Effect.succeed(millis) : Effect.fail(millis)
}

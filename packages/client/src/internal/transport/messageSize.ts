import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as McpError from "../../McpError.ts"

const DEFAULT_BYTES = 64 * 1024 * 1024

/** The largest message that a transport accepts, in bytes. */
export const messageSize = (input: ByteSize.Input | undefined): Effect.Effect<number, McpError.McpError> => {
  const bytes = input === undefined
    ? Option.some(DEFAULT_BYTES)
    : Option.flatMap(ByteSize.fromInput(input), ByteSize.toNumber)
  return Option.match(bytes, {
    onSome: Effect.succeed,
    onNone: () => {
      const description = `maxMessageSize is not a size: ${String(input)}`
      return Effect.fail(McpError.make(new McpError.ConfigurationError({ description })))
    }
  })
}

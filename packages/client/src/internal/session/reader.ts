import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as McpError from "../../McpError.ts"

/** Makes a reader of the answers to a method. */
export const reader = <A>(
  method: string,
  schema: Schema.Codec<A>
): (answer: unknown) => Exit.Exit<A, McpError.McpError> => {
  const decode = Schema.decodeUnknownExit(schema)
  return (answer) => {
    const decoded = decode(answer)
    if (Exit.isSuccess(decoded)) return Exit.succeed(decoded.value)
    const [reason] = decoded.cause.reasons
    const why = reason?._tag === "Fail" ? `: ${reason.error.message}` : ""
    const description = `The server's answer to ${method} is malformed${why}`
    return Exit.fail(McpError.make(new McpError.ProtocolError({ description, payload: answer })))
  }
}

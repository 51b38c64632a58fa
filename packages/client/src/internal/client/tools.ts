import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { CallEvent, CallOptions, ListOptions, McpClient, RequestOptions } from "../../McpClient.ts"
import * as McpError from "../../McpError.ts"
import * as McpSchema from "../../McpSchema.ts"
import * as McpTool from "../../McpTool.ts"
import { reader } from "../session/reader.ts"
import type { RequestOptions as SessionRequestOptions, Session } from "../session/session.ts"
import * as Listing from "./listing.ts"
import { locate, type Operations, repeatWhenLost, unsupported } from "./operations.ts"
import { withProgress } from "./progress.ts"

const readListToolsResult = reader("tools/list", McpSchema.ListToolsResult)
const readStrictCallToolResult = reader("tools/call", McpSchema.CallToolResult)
const decodeTool = Schema.decodeUnknownExit(McpSchema.Tool)

export const make = (
  operations: Operations
): Pick<McpClient, "call" | "callStream" | "callTool" | "listTools" | "toolPages"> & {
  readonly raw: Pick<McpClient["raw"], "callTool" | "listTools">
} => {
  const { server, timeouts } = operations

  const request = <A, E, R>(
    session: Session,
    name: string,
    args: McpSchema.JsonObject,
    options: SessionRequestOptions,
    read: (result: McpSchema.CallToolResult) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | McpError.McpError, R> => {
    if (session.info.capabilities.tools === undefined) return Effect.fail(unsupported("tools"))
    const params = { name, arguments: args }
    return Effect.flatMap(
      session.request("tools/call", params, options),
      (answer): Effect.Effect<A, E | McpError.McpError, R> => {
        const result = readCallToolResult(answer)
        return Exit.isSuccess(result) ? read(result.value) : Exit.failCause(result.cause)
      }
    )
  }

  const callWith = <A, E extends McpError.McpError | McpError.ToolError, R, R2>(
    name: string,
    args: McpSchema.JsonObject,
    { meta, onProgress, ...limits }: CallOptions<R>,
    read: (result: McpSchema.CallToolResult) => Effect.Effect<A, E, R2>
  ): Effect.Effect<A, E | McpError.McpError, R | R2> => {
    const deadline = timeouts.call(limits)
    if (McpError.isMcpError(deadline)) return locate(Effect.fail(deadline), server, "tools/call")
    return operations.run(
      "tools/call",
      name,
      (session): Effect.Effect<A, E | McpError.McpError, R | R2> =>
        onProgress === undefined
          ? request(session, name, args, { deadline, meta, onProgress: ignoreProgress }, read)
          : withProgress(
            onProgress,
            (report) => request(session, name, args, { deadline, meta, onProgress: report }, read)
          )
    )
  }

  const call: McpClient["call"] = (tool, input, options = {}) =>
    Effect.suspend(() => {
      const send = (args: McpSchema.JsonObject) =>
        callWith(tool.name, args, options, (result) => McpTool.decodeResult(tool, result, server))
      const encoded = McpTool.encodeInput(tool, input)
      return Exit.isExit(encoded) && Exit.isSuccess(encoded) && McpSchema.isJsonObject(encoded.value)
        ? send(encoded.value)
        : Effect.flatMap(locate(encoded, server, "tools/call"), send)
    })

  const callStream: McpClient["callStream"] = <T extends McpTool.Any>(
    tool: T,
    input: McpTool.Input<T>,
    options?: Omit<CallOptions, "onProgress">
  ) =>
    Stream.callback<CallEvent<McpTool.Output<T>>, McpError.McpError | McpError.ToolError, McpTool.Services<T>>(
      (queue) =>
        call(tool, input, {
          ...options,
          onProgress: (progress) => Effect.asVoid(Queue.offer(queue, { _tag: "Progress", progress }))
        }).pipe(
          Effect.flatMap((value) => Queue.offer(queue, { _tag: "Result", value })),
          Effect.andThen(Queue.end(queue)),
          Effect.catchCause((cause) => Queue.failCause(queue, cause))
        )
    )

  const failIfError = (tool: string) => (result: McpSchema.CallToolResult) =>
    result.isError === true ? Effect.fail(new McpError.ToolError({ tool, result, server })) : Exit.succeed(result)

  const listPage = (cursor?: string, options: RequestOptions = {}) => {
    const deadline = timeouts.list(options)
    if (McpError.isMcpError(deadline)) return locate(Effect.fail(deadline), server, "tools/list")
    return repeatWhenLost(operations.run(
      "tools/list",
      undefined,
      (session): Effect.Effect<McpSchema.ListToolsResult, McpError.McpError> => {
        if (session.info.capabilities.tools === undefined) return Effect.succeed({ tools: [] })
        const params = cursor === undefined ? undefined : { cursor }
        return Effect.flatMap(
          session.request("tools/list", params, { deadline, meta: options.meta }),
          readListToolsResult
        )
      }
    ))
  }

  const listTools: McpClient["listTools"] = (options = {}) => {
    const deadline = timeouts.list(options)
    return locate(
      McpError.isMcpError(deadline) ? Effect.fail(deadline) : Listing.all(toolPages(options), deadline),
      server,
      "tools/list"
    )
  }

  /** One bad tool does not hide the others. */
  const keepTools = (tools: ReadonlyArray<unknown>): ReadonlyArray<McpSchema.Tool> =>
    tools.flatMap((tool) => {
      const decoded = decodeTool(tool)
      if (Exit.isSuccess(decoded)) return [decoded.value]
      operations.onDiagnostic({ _tag: "Invalid", payload: tool })
      return []
    })

  const toolPages = (options: ListOptions = {}) =>
    Listing.pages({
      fetch: (cursor) =>
        Effect.map(listPage(cursor, options), ({ nextCursor, tools }) => ({ items: keepTools(tools), nextCursor })),
      maxPages: options.maxPages ?? 250,
      maxItems: options.maxItems ?? 10_000
    }).pipe(Stream.mapError((error) => McpError.at(error, server, "tools/list")))

  return {
    call,
    callStream,
    callTool: (name, args = {}, options = {}) => callWith(name, args, options, failIfError(name)),
    toolPages,
    listTools,
    raw: {
      callTool: (name, args = {}, options = {}) => callWith(name, args, options, Exit.succeed),
      listTools: listPage
    }
  }
}

// Asking for progress without listening to it: it restarts the deadline all the same.
const ignoreProgress = (): void => {}

const readCallToolResult = (answer: unknown): Exit.Exit<McpSchema.CallToolResult, McpError.McpError> =>
  // Servers leave out the content when there is structured content, or nothing to say.
  readStrictCallToolResult(
    McpSchema.isJsonObject(answer) && answer["content"] === undefined ? { ...answer, content: [] } : answer
  )

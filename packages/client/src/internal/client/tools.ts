import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { CallEvent, CallOptions, McpClient } from "../../McpClient.ts"
import * as McpError from "../../McpError.ts"
import * as McpSchema from "../../McpSchema.ts"
import * as McpTool from "../../McpTool.ts"
import { reader } from "../session/reader.ts"
import type { SessionInfo } from "../session/session.ts"
import type { Lazy } from "./handle.ts"
import type { Hooks } from "./hooks.ts"
import * as Listing from "./listing.ts"
import { locate, type Operations, unsupported } from "./operations.ts"
import type { Tasks } from "./tasks.ts"

const toolList: Listing.Kind<McpSchema.Tool, McpSchema.ListToolsResult> = {
  method: "tools/list",
  capability: "tools",
  read: reader("tools/list", McpSchema.ListToolsResult),
  itemsOf: ({ tools }) => tools,
  decode: Schema.decodeUnknownExit(McpSchema.Tool),
  empty: { tools: [] }
}

const readStrictCallToolResult = reader("tools/call", McpSchema.CallToolResult)

export const make = (
  operations: Operations,
  hooks: Hooks,
  tasks: Lazy<Tasks>,
  options: {
    /** Whether what the server says about its tools decides what is repeated. */
    readonly trustAnnotations: boolean
  }
): Pick<McpClient, "call" | "callStream" | "callTool" | "listTools" | "toolPages"> & {
  readonly raw: Pick<McpClient["raw"], "callTool" | "listTools">
} => {
  const { server, timeouts } = operations
  /** The tools that may be carried out twice, as the server last described them. */
  const harmless = new Set<string>()
  hooks.onNotification(({ method }) => {
    if (method === "notifications/tools/list_changed") harmless.clear()
  })

  const callWith = <A, E extends McpError.McpError | McpError.ToolError, R, R2>(
    name: string,
    args: McpSchema.JsonObject,
    options: CallOptions<R>,
    read: (result: McpSchema.CallToolResult) => Effect.Effect<A, E, R2>
  ): Effect.Effect<A, E | McpError.McpError, R | R2> => {
    const deadline = timeouts.call(options)
    const readAnswer = reading(read)
    return operations.request({
      method: "tools/call",
      target: { kind: "tool", name },
      params: { name, arguments: args },
      deadline,
      options,
      tracked: true,
      repeatable: () => options.idempotent ?? harmless.has(name),
      without: withoutTools,
      read: readAnswer,
      onTask: (created, asked) =>
        tasks.get().through(
          {
            method: "tools/call",
            target: { kind: "tool", name },
            read: readAnswer,
            options,
            // With a wrong one nothing would have been asked.
            deadline: McpError.isMcpError(deadline) ? timeouts.usualCall : deadline
          },
          created,
          asked
        )
    })
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

  const callStream: McpClient["callStream"] = <T extends McpTool.Any, R = never>(
    tool: T,
    input: McpTool.Input<T>,
    options?: Omit<CallOptions<R>, "onProgress">
  ) =>
    Stream.callback<CallEvent<McpTool.Output<T>>, McpError.McpError | McpError.ToolError, McpTool.Services<T> | R>(
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

  const onPage = (cursor: string | undefined, tools: ReadonlyArray<McpSchema.Tool>): void => {
    if (cursor === undefined) harmless.clear()
    for (const { annotations, name } of tools) {
      if (annotations?.idempotentHint === true || annotations?.readOnlyHint === true) harmless.add(name)
    }
  }
  const list = Listing.make({ operations, kind: toolList, onPage: options.trustAnnotations ? onPage : undefined })

  return {
    call,
    callStream,
    callTool: (name, args = {}, options = {}) => callWith(name, args, options, failIfError(name, server)),
    listTools: list.all,
    toolPages: list.pages,
    raw: {
      callTool: (name, args = {}, options = {}) => callWith(name, args, options, Exit.succeed),
      listTools: list.page
    }
  }
}

export const withoutTools = ({ capabilities }: SessionInfo): Exit.Exit<never, McpError.McpError> | undefined =>
  capabilities.tools === undefined ? unsupported("tools") : undefined

/** Reads the answer to a call. */
export const reading =
  <A, E, R>(read: (result: McpSchema.CallToolResult) => Effect.Effect<A, E, R>) =>
  (answer: unknown): Effect.Effect<A, E | McpError.McpError, R> => {
    const result = readCallToolResult(answer)
    return Exit.isSuccess(result) ? read(result.value) : Exit.failCause(result.cause)
  }

export const failIfError =
  (tool: string, server: string) =>
  (result: McpSchema.CallToolResult): Exit.Exit<McpSchema.CallToolResult, McpError.ToolError> =>
    result.isError === true ? Exit.fail(new McpError.ToolError({ tool, result, server })) : Exit.succeed(result)

const readCallToolResult = (answer: unknown): Exit.Exit<McpSchema.CallToolResult, McpError.McpError> =>
  // Servers leave out the content when there is structured content, or nothing to say.
  readStrictCallToolResult(
    McpSchema.isJsonObject(answer) && answer["content"] === undefined ? { ...answer, content: [] } : answer
  )

import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { McpClient, ResumeOptions, TaskOptions } from "../../McpClient.ts"
import type * as McpError from "../../McpError.ts"
import type * as McpSchema from "../../McpSchema.ts"
import * as McpTool from "../../McpTool.ts"
import { locate } from "./operations.ts"
import type { Tasks } from "./tasks.ts"
import { failIfError, reading, withoutTools } from "./tools.ts"

/** Calls of tools that may become tasks. */
export const make = (
  tasks: Tasks,
  server: string
): Pick<McpClient, "resumeTool" | "startTool"> & {
  readonly raw: Pick<McpClient["raw"], "resumeTool" | "startTool">
} => {
  const startWith = <A, E, R, R2>(
    name: string,
    args: McpSchema.JsonObject,
    options: TaskOptions<R>,
    read: (result: McpSchema.CallToolResult) => Effect.Effect<A, E | McpError.McpError, R2>
  ) =>
    tasks.start({
      method: "tools/call",
      target: { kind: "tool", name },
      params: { name, arguments: args },
      without: withoutTools,
      read: reading(read)
    }, options)

  const resumeWith = <A, E, R, R2>(
    name: string,
    saved: unknown,
    options: ResumeOptions<R>,
    read: (result: McpSchema.CallToolResult) => Effect.Effect<A, E | McpError.McpError, R2>
  ) => tasks.resume({ method: "tools/call", name, read: reading(read) }, saved, options)

  const start = <T extends McpTool.Any, R = never>(
    tool: T | string,
    input: McpTool.Input<T> = {},
    options: TaskOptions<R> = {}
  ) =>
    typeof tool === "string"
      // By name, the overloads take an object.
      ? startWith(tool, input as McpSchema.JsonObject, options, failIfError(tool, server))
      : Effect.flatMap(
        locate(McpTool.encodeInput(tool, input), server, "tools/call"),
        (args) => startWith(tool.name, args, options, (result) => McpTool.decodeResult(tool, result, server))
      )

  const resume = <T extends McpTool.Any, R = never>(tool: T | string, saved: unknown, options: ResumeOptions<R> = {}) =>
    typeof tool === "string"
      ? resumeWith(tool, saved, options, failIfError(tool, server))
      : resumeWith(tool.name, saved, options, (result) => McpTool.decodeResult(tool, result, server))

  return {
    // The overloads say which of the two ways yields what.
    startTool: start as McpClient["startTool"],
    resumeTool: resume as McpClient["resumeTool"],
    raw: {
      startTool: (name, args = {}, options = {}) => startWith(name, args, options, Exit.succeed),
      resumeTool: (name, saved, options = {}) => resumeWith(name, saved, options, Exit.succeed)
    }
  }
}

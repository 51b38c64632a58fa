import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { McpClient, ProgressOptions, ResumeOptions, TaskOptions } from "../../McpClient.ts"
import type * as McpError from "../../McpError.ts"
import * as McpPrompt from "../../McpPrompt.ts"
import * as McpSchema from "../../McpSchema.ts"
import { toStrings } from "../codec.ts"
import { reader } from "../session/reader.ts"
import type { SessionInfo } from "../session/session.ts"
import type { Lazy } from "./handle.ts"
import * as Listing from "./listing.ts"
import { always, locate, type Operations, unsupported } from "./operations.ts"
import type { Tasks } from "./tasks.ts"

const promptList: Listing.Kind<McpSchema.Prompt, McpSchema.ListPromptsResult> = {
  method: "prompts/list",
  capability: "prompts",
  read: reader("prompts/list", McpSchema.ListPromptsResult),
  itemsOf: ({ prompts }) => prompts,
  decode: Schema.decodeUnknownExit(McpSchema.Prompt),
  empty: { prompts: [] }
}

const readGetPromptResult = reader("prompts/get", McpSchema.GetPromptResult)

export const make = (
  operations: Operations,
  tasks: Lazy<Tasks>
): Pick<McpClient, "get" | "getPrompt" | "listPrompts" | "promptPages" | "resumePrompt" | "startPrompt"> & {
  readonly raw: Pick<McpClient["raw"], "getPrompt" | "listPrompts">
} => {
  const { server, timeouts } = operations
  const list = Listing.make({ operations, kind: promptList })

  const getRaw = <R = never>(
    name: string,
    args: Readonly<Record<string, string>> = {},
    options: ProgressOptions<R> = {}
  ): Effect.Effect<McpSchema.GetPromptResult, McpError.McpError, R> =>
    operations.request({
      method: "prompts/get",
      target: { kind: "prompt", name },
      params: paramsOf(name, args),
      deadline: timeouts.call(options),
      options,
      tracked: true,
      repeatable: always,
      without: withoutPrompts,
      read: readGetPromptResult
    })

  const getPrompt = <R = never>(name: string, args: McpSchema.JsonObject = {}, options?: ProgressOptions<R>) =>
    Effect.flatMap(
      locate(toStrings({ kind: "prompt", name }, args), server, "prompts/get"),
      (strings) => getRaw(name, strings, options)
    )

  const get = <P extends McpPrompt.Any, R = never>(
    prompt: P,
    args: McpPrompt.Arguments<P> = {},
    options?: ProgressOptions<R>
  ): Effect.Effect<McpSchema.GetPromptResult, McpError.McpError, McpPrompt.Services<P> | R> =>
    Effect.flatMap(
      locate(McpPrompt.encodeArguments(prompt, args), server, "prompts/get"),
      (strings) => getRaw(prompt.name, strings, options)
    )

  const start = <P extends McpPrompt.Any, R = never>(
    prompt: P | string,
    args: McpPrompt.Arguments<P> = {},
    options: TaskOptions<R> = {}
  ) => {
    const name = nameOf(prompt)
    // By name, the overloads take an object.
    const encoded = typeof prompt === "string"
      ? toStrings({ kind: "prompt", name }, args as McpSchema.JsonObject)
      : McpPrompt.encodeArguments(prompt, args)
    return Effect.flatMap(
      locate(encoded, server, "prompts/get"),
      (strings) =>
        tasks.get().start<McpSchema.GetPromptResult, never, never, R>({
          method: "prompts/get",
          target: { kind: "prompt", name },
          params: paramsOf(name, strings),
          without: withoutPrompts,
          read: readGetPromptResult
        }, options)
    )
  }

  const resumePrompt = <R = never>(prompt: McpPrompt.Any | string, saved: unknown, options: ResumeOptions<R> = {}) =>
    tasks.get().resume<McpSchema.GetPromptResult, never, never, R>(
      { method: "prompts/get", name: nameOf(prompt), read: readGetPromptResult },
      saved,
      options
    )

  return {
    get,
    getPrompt,
    // The overloads say which of the two ways takes what.
    startPrompt: start as McpClient["startPrompt"],
    resumePrompt,
    listPrompts: list.all,
    promptPages: list.pages,
    raw: { getPrompt: getRaw, listPrompts: list.page }
  }
}

const nameOf = (prompt: McpPrompt.Any | string): string => typeof prompt === "string" ? prompt : prompt.name

const paramsOf = (name: string, args: Readonly<Record<string, string>>): McpSchema.JsonObject =>
  Object.keys(args).length === 0 ? { name } : { name, arguments: args }

const withoutPrompts = ({ capabilities }: SessionInfo): Exit.Exit<never, McpError.McpError> | undefined =>
  capabilities.prompts === undefined ? unsupported("prompts") : undefined

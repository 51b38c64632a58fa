import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type {
  CallArguments,
  CallOptions,
  Definition,
  McpClient,
  Options,
  ProgressOptions,
  PromptMethod,
  ReadOptions,
  ResourceMethod,
  ResumeOptions,
  ServiceClass,
  TaskOptions,
  ToolMethod,
  Typed
} from "../../McpClient.ts"
import type * as McpPrompt from "../../McpPrompt.ts"
import * as McpResource from "../../McpResource.ts"
import * as McpTool from "../../McpTool.ts"
import * as client from "./client.ts"
import { locate } from "./operations.ts"

export const Service = <Self>() =>
<const Id extends string, const D extends Definition>(
  id: Id,
  definition: D
): ServiceClass<Self, Id, D> => {
  const key = Context.Service<Self, Typed<D>>()(id)
  const make = <R = never>(options?: Options<R>) =>
    Effect.map(client.make(options), (client) => withMethods(client, definition))
  return Object.assign(key, {
    definition,
    make,
    layer: <R = never>(options?: Options<R>) => Layer.effect(key, make(options))
  })
}

const withMethods = <D extends Definition>(client: McpClient, definition: D): Typed<D> => {
  const { prompts = {}, resources = {}, tools = {} } = definition
  // Not a copy, which would make all parts of the client.
  return Object.assign(Object.create(client) as McpClient, {
    // Built key by key from the definition, which is what the types say.
    tools: mapValues(tools, (tool) => toolMethod(client, tool)) as Typed<D>["tools"],
    resources: mapValues(resources, (resource) => resourceMethod(client, resource)) as Typed<D>["resources"],
    prompts: mapValues(prompts, (prompt) => promptMethod(client, prompt)) as Typed<D>["prompts"]
  })
}

const mapValues = <A, B>(record: Readonly<Record<string, A>>, f: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]))

const toolMethod = <T extends McpTool.Any>(client: McpClient, tool: T): ToolMethod<T> => {
  type Input = McpTool.Input<T>
  const call = <R>(input: Input = {}, options?: CallOptions<R>) => client.call(tool, input, options)
  return Object.assign(call, {
    raw: <R>(input: Input = {}, options?: CallOptions<R>) =>
      Effect.flatMap(
        locate(McpTool.encodeInput(tool, input), client.name, "tools/call"),
        (args) => client.raw.callTool(tool.name, args, options)
      ),
    start: <R>(input: Input = {}, options?: TaskOptions<R>) => client.startTool(tool, input, options),
    resume: <R>(saved: unknown, options?: ResumeOptions<R>) => client.resumeTool(tool, saved, options),
    stream: <R>(input: Input = {}, options?: Omit<CallOptions<R>, "onProgress">) =>
      client.callStream(tool, input, options)
  })
}

const resourceMethod = <T extends McpResource.Any>(client: McpClient, resource: T): ResourceMethod<T> => {
  type Params = McpResource.Params<T>
  const uriOf = (params: Params, method: string) => locate(McpResource.uriOf(resource, params), client.name, method)
  const read = <R>(...args: CallArguments<Params, ReadOptions<R>>) => client.read<T, R>(resource, ...args)
  return Object.assign(read, {
    raw: <R>(params: Params = {}, options?: ReadOptions<R>) =>
      Effect.flatMap(uriOf(params, "resources/read"), (uri) => client.raw.readResource(uri, options)),
    start: <R>(params: Params = {}, options?: TaskOptions<R>) => client.startResource(resource, params, options),
    resume: <R>(saved: unknown, options?: ResumeOptions<R>) => client.resumeResource(resource, saved, options),
    subscribe: (params: Params = {}) =>
      Stream.unwrap(Effect.map(uriOf(params, "resources/subscribe"), client.subscribe))
  })
}

const promptMethod = <P extends McpPrompt.Any>(client: McpClient, prompt: P): PromptMethod<P> => {
  type Arguments = McpPrompt.Arguments<P>
  const get = <R>(...args: CallArguments<Arguments, ProgressOptions<R>>) => client.get<P, R>(prompt, ...args)
  return Object.assign(get, {
    start: <R>(args: Arguments = {}, options?: TaskOptions<R>) => client.startPrompt(prompt, args, options),
    resume: <R>(saved: unknown, options?: ResumeOptions<R>) => client.resumePrompt(prompt, saved, options)
  })
}

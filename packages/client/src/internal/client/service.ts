import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { CallOptions, Definition, McpClient, Options, ServiceClass, ToolMethod, Typed } from "../../McpClient.ts"
import * as McpTool from "../../McpTool.ts"
import * as client from "./client.ts"
import { locate } from "./operations.ts"

export const Service = <Self>() =>
<const Id extends string, const D extends Definition>(
  id: Id,
  definition: D
): ServiceClass<Self, Id, D> => {
  const key = Context.Service<Self, Typed<D>>()(id)
  const make = (options?: Options) => Effect.map(client.make(options), (client) => withTools(client, definition))
  return Object.assign(key, {
    definition,
    make,
    layer: (options?: Options) => Layer.effect(key, make(options))
  })
}

const withTools = <D extends Definition>(client: McpClient, definition: D): Typed<D> => {
  const methods = Object.entries(definition.tools).map(([key, tool]) => [key, toolMethod(client, tool)])
  // Built key by key from the definition, which is what the type says.
  return { ...client, tools: Object.fromEntries(methods) as Typed<D>["tools"] }
}

const toolMethod = <T extends McpTool.Any>(client: McpClient, tool: T): ToolMethod<T> => {
  type Input = McpTool.Input<T>
  const call = <R>(input: Input = {}, options?: CallOptions<R>) => client.call(tool, input, options)
  return Object.assign(call, {
    raw: <R>(input: Input = {}, options?: CallOptions<R>) =>
      Effect.flatMap(
        locate(McpTool.encodeInput(tool, input), client.name, "tools/call"),
        (args) => client.raw.callTool(tool.name, args, options)
      ),
    stream: (input: Input = {}, options?: Omit<CallOptions, "onProgress">) => client.callStream(tool, input, options)
  })
}

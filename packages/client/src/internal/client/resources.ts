import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { McpClient, ReadOptions, ResumeOptions, TaskOptions } from "../../McpClient.ts"
import * as McpError from "../../McpError.ts"
import * as McpResource from "../../McpResource.ts"
import * as McpSchema from "../../McpSchema.ts"
import { reader } from "../session/reader.ts"
import type { SessionInfo } from "../session/session.ts"
import type { Lazy } from "./handle.ts"
import * as Listing from "./listing.ts"
import { always, locate, type Operations, unsupported } from "./operations.ts"
import type { Tasks } from "./tasks.ts"

const resourceList: Listing.Kind<McpSchema.Resource, McpSchema.ListResourcesResult> = {
  method: "resources/list",
  capability: "resources",
  read: reader("resources/list", McpSchema.ListResourcesResult),
  itemsOf: ({ resources }) => resources,
  decode: Schema.decodeUnknownExit(McpSchema.Resource),
  empty: { resources: [] }
}

const templateList: Listing.Kind<McpSchema.ResourceTemplate, McpSchema.ListResourceTemplatesResult> = {
  method: "resources/templates/list",
  capability: "resources",
  read: reader("resources/templates/list", McpSchema.ListResourceTemplatesResult),
  itemsOf: ({ resourceTemplates }) => resourceTemplates,
  decode: Schema.decodeUnknownExit(McpSchema.ResourceTemplate),
  empty: { resourceTemplates: [] }
}

const readReadResourceResult = reader("resources/read", McpSchema.ReadResourceResult)

export const make = (
  operations: Operations,
  tasks: Lazy<Tasks>
):
  & Pick<
    McpClient,
    | "listResources"
    | "listResourceTemplates"
    | "read"
    | "readResource"
    | "resourcePages"
    | "resourceTemplatePages"
    | "resumeResource"
    | "startResource"
  >
  & { readonly raw: Pick<McpClient["raw"], "listResources" | "listResourceTemplates" | "readResource"> } =>
{
  const { server, timeouts } = operations
  const resources = Listing.make({ operations, kind: resourceList })
  const templates = Listing.make({ operations, kind: templateList })

  const readRaw = <R = never>(
    uri: string,
    options: ReadOptions<R> = {}
  ): Effect.Effect<McpSchema.ReadResourceResult, McpError.McpError, R> =>
    Effect.mapError(
      operations.request({
        method: "resources/read",
        target: { kind: "resource", name: uri },
        params: { uri },
        deadline: timeouts.call(options),
        options,
        cache: options.cache ?? "use",
        tracked: true,
        repeatable: always,
        without: withoutResources,
        read: readReadResourceResult
      }),
      (error) => notFound(error, uri, [RESOURCE_NOT_FOUND, INVALID_PARAMS])
    )

  const readResource = <R = never>(uri: string, options?: ReadOptions<R>) =>
    Effect.flatMap(
      readRaw(uri, options),
      (result) => locate(McpResource.contentsOf(result), server, "resources/read")
    )

  const read = <T extends McpResource.Any, R = never>(
    resource: T,
    params: McpResource.Params<T> = {},
    options?: ReadOptions<R>
  ): Effect.Effect<McpResource.Value<T>, McpError.McpError, McpResource.Services<T> | R> =>
    Effect.flatMap(
      locate(McpResource.uriOf(resource, params), server, "resources/read"),
      (uri) =>
        Effect.flatMap(
          readResource(uri, options),
          (contents) => locate(McpResource.decodeContents(resource, contents), server, "resources/read")
        )
    )

  const readContents = (answer: unknown) => Effect.flatMap(readReadResourceResult(answer), McpResource.contentsOf)

  const readValue =
    <T extends McpResource.Any>(resource: T) =>
    (answer: unknown): Effect.Effect<McpResource.Value<T>, McpError.McpError, McpResource.Services<T>> =>
      Effect.flatMap(readContents(answer), (contents) => McpResource.decodeContents(resource, contents))

  const startAt = <A, R, R2>(
    uri: string,
    options: TaskOptions<R2>,
    read: (answer: unknown) => Effect.Effect<A, McpError.McpError, R>
  ) =>
    tasks.get().start<A, never, R, R2>({
      method: "resources/read",
      target: { kind: "resource", name: uri },
      params: { uri },
      without: withoutResources,
      read
    }, options)

  const start = <T extends McpResource.Any, R = never>(
    resource: T | string,
    ...args: [params?: McpResource.Params<T>, options?: TaskOptions<R>] | [options?: TaskOptions<R>]
  ) => {
    // By URI there is nothing to fill in.
    if (typeof resource === "string") return startAt(resource, args[0] as TaskOptions<R> ?? {}, readContents)
    return Effect.flatMap(
      locate(McpResource.uriOf(resource, args[0] ?? {}), server, "resources/read"),
      (uri) => startAt(uri, args[1] ?? {}, readValue(resource))
    )
  }

  const resume = <T extends McpResource.Any, R = never>(
    resource: T | string,
    saved: unknown,
    options: ResumeOptions<R> = {}
  ) => {
    const method = "resources/read"
    return typeof resource === "string"
      ? tasks.get().resume({ method, name: resource, read: readContents }, saved, options)
      : tasks.get().resume({ method, name: undefined, read: readValue(resource) }, saved, options)
  }

  return {
    read,
    readResource,
    // The overloads say which of the two ways takes and yields what.
    startResource: start as McpClient["startResource"],
    resumeResource: resume as McpClient["resumeResource"],
    listResources: resources.all,
    resourcePages: resources.pages,
    listResourceTemplates: templates.all,
    resourceTemplatePages: templates.pages,
    raw: {
      readResource: readRaw,
      listResources: resources.page,
      listResourceTemplates: templates.page
    }
  }
}

const withoutResources = ({ capabilities }: SessionInfo): Exit.Exit<never, McpError.McpError> | undefined =>
  capabilities.resources === undefined ? unsupported("resources") : undefined

/** https://modelcontextprotocol.io/specification/2025-11-25/server/resources#error-handling */
export const RESOURCE_NOT_FOUND = -32002

/** https://modelcontextprotocol.io/specification/2026-07-28/server/resources#error-handling: of a read, the same. */
const INVALID_PARAMS = -32602

/** Says it in words when one of these codes says that there is no such resource. */
export const notFound = (error: McpError.McpError, uri: string, codes: ReadonlyArray<number>): McpError.McpError => {
  const { method, reason, server } = error
  if (reason._tag !== "JsonRpcError" || !codes.includes(reason.code)) return error
  const { code, data, description } = reason
  return new McpError.McpError({
    reason: new McpError.ResourceNotFoundError({ uri, code, description, data }),
    server,
    method
  })
}

import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { McpClient, ReadOptions } from "../../McpClient.ts"
import * as McpError from "../../McpError.ts"
import * as McpResource from "../../McpResource.ts"
import * as McpSchema from "../../McpSchema.ts"
import { reader } from "../session/reader.ts"
import type { SessionInfo } from "../session/session.ts"
import * as Listing from "./listing.ts"
import { always, locate, type Operations, unsupported } from "./operations.ts"

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
  operations: Operations
):
  & Pick<
    McpClient,
    "listResources" | "listResourceTemplates" | "read" | "readResource" | "resourcePages" | "resourceTemplatePages"
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
        meta: options.meta,
        onProgress: options.onProgress,
        handlers: options.handlers,
        input: options.input,
        resume: options.resume,
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

  return {
    read,
    readResource,
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

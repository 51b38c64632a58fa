import * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError, ToolError } from "@effect-mcp/client/McpError"
import type * as McpHandlers from "@effect-mcp/client/McpHandlers"
import * as McpPrompt from "@effect-mcp/client/McpPrompt"
import * as McpResource from "@effect-mcp/client/McpResource"
import type { CallToolResult, GetPromptResult, Progress } from "@effect-mcp/client/McpSchema"
import * as McpTask from "@effect-mcp/client/McpTask"
import * as McpTool from "@effect-mcp/client/McpTool"
import { describe, expectTypeOf, it } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"

interface Secret {
  readonly _: unique symbol
}

interface User {
  readonly _: unique symbol
}

declare const client: McpClient.McpClient
declare const progressed: (progress: Progress) => Effect.Effect<void, never, User>
declare const form: () => Effect.Effect<McpHandlers.FormAnswer, never, User>
const NeedsSecret = Schema.String as unknown as Schema.Codec<string, string, Secret, Secret>

interface Weather {
  readonly celsius: number
  readonly until: Date
}

const forecast = McpTool.make("get_forecast", {
  input: Schema.Struct({ city: Schema.String }),
  output: Schema.Struct({ celsius: Schema.Number, until: Schema.Date })
})
const ping = McpTool.make("ping")
const secret = McpTool.make("secret", { input: Schema.Struct({ key: NeedsSecret }), output: NeedsSecret })
const config = McpResource.make("config://app", { schema: Schema.Struct({ theme: Schema.String }) })
const book = McpResource.template("book://{isbn}", { params: Schema.Struct({ isbn: Schema.Int }) })
const greet = McpPrompt.make("greet", { arguments: Schema.Struct({ name: Schema.String }) })
const bye = McpPrompt.make("bye")

class Server extends McpClient.Service<Server>()("types/tasks/Server", {
  tools: { forecast, ping, secret },
  resources: { config, book },
  prompts: { greet, bye }
}) {}

declare const server: Server["Service"]

/** Only the types matter: nothing in here runs. */
const types = (check: () => void) => it("holds", () => void check)

/** What starts a task. */
type Started<A, E = ToolError, R = never> = Effect.Effect<McpTask.McpTask<A, E>, McpError, R>

describe("a task", () => {
  const task = undefined as unknown as McpTask.McpTask<Weather>

  types(() => {
    expectTypeOf(task.await).toEqualTypeOf<Effect.Effect<Weather, McpError | ToolError>>()
    expectTypeOf(task.result).toEqualTypeOf<Effect.Effect<Option.Option<Weather>>>()
    expectTypeOf(task.status).toEqualTypeOf<Effect.Effect<McpTask.State, McpError>>()
    expectTypeOf(task.changes).toEqualTypeOf<Stream.Stream<McpTask.State, McpError>>()
    expectTypeOf(task.cancel).toEqualTypeOf<Effect.Effect<void, McpError>>()
    expectTypeOf(task.answer({ name: {} })).toEqualTypeOf<Effect.Effect<void, McpError>>()
    expectTypeOf(task.wait()).toEqualTypeOf<Effect.Effect<McpTask.State, McpError>>()
    expectTypeOf(task.wait({ until: ["completed", "failed"], timeout: "1 minute" })).toEqualTypeOf<
      Effect.Effect<McpTask.State, McpError>
    >()
    expectTypeOf(task.toJSON()).toEqualTypeOf<McpTask.Saved>()
    expectTypeOf<McpTask.State["ttl"]>().toEqualTypeOf<Duration.Duration>()
    expectTypeOf<McpTask.State["pollInterval"]>().toEqualTypeOf<Duration.Duration | undefined>()
    // @ts-expect-error no status
    task.wait({ until: "resting" })
    // @ts-expect-error a duration needs a unit
    task.wait({ timeout: "soon" })
    // @ts-expect-error answers are by key
    task.answer(["yes"])
  })

  types(() => {
    // One that yields less does where more may come.
    expectTypeOf(task).toExtend<McpTask.McpTask<{ readonly celsius: number }, ToolError | Error>>()
    expectTypeOf<McpTask.McpTask<Weather, never>>().toExtend<McpTask.McpTask<unknown>>()
    expectTypeOf<McpTask.McpTask<unknown>>().not.toExtend<McpTask.McpTask<Weather>>()
    const value = undefined as unknown
    if (McpTask.isMcpTask(value)) expectTypeOf(value).toEqualTypeOf<McpTask.McpTask<unknown, unknown>>()
    expectTypeOf(Schema.decodeUnknownSync(McpTask.Saved)({})).toEqualTypeOf<McpTask.Saved>()
  })
})

describe("a tool that is started", () => {
  types(() => {
    expectTypeOf(client.startTool(forecast, { city: "Berlin" })).toEqualTypeOf<Started<Weather>>()
    expectTypeOf(client.startTool(ping, {})).toEqualTypeOf<Started<CallToolResult>>()
    expectTypeOf(client.startTool("ping")).toEqualTypeOf<Started<CallToolResult>>()
    expectTypeOf(client.startTool("ping", { any: 1 }, { ttl: "1 hour", onInterrupt: "cancel", input: "manual" }))
      .toEqualTypeOf<Started<CallToolResult>>()
    expectTypeOf(client.raw.startTool("ping")).toEqualTypeOf<Started<CallToolResult, never>>()
    // @ts-expect-error a key that is missing
    client.startTool(forecast, {})
    // @ts-expect-error input is needed
    client.startTool(forecast)
    // @ts-expect-error a value of the wrong type
    client.startTool(forecast, { city: 7 })
    // @ts-expect-error arguments are an object
    client.startTool("ping", [1])
    // @ts-expect-error a duration needs a unit
    client.startTool("ping", {}, { ttl: "long" })
    // @ts-expect-error there are two ways to leave
    client.startTool("ping", {}, { onInterrupt: "forget" })
    // @ts-expect-error what is cached is no task
    client.startTool("ping", {}, { cache: "use" })
  })

  types(() => {
    // What it needs is needed when it starts, and not when it is waited for.
    expectTypeOf(client.startTool(secret, { key: "k" })).toEqualTypeOf<Started<string, ToolError, Secret>>()
    expectTypeOf(client.startTool("ping", {}, { onProgress: progressed })).toEqualTypeOf<
      Started<CallToolResult, ToolError, User>
    >()
    expectTypeOf(client.startTool(secret, { key: "k" }, { handlers: { elicitation: { form } } })).toEqualTypeOf<
      Started<string, ToolError, Secret | User>
    >()
    expectTypeOf(client.raw.startTool("ping", {}, { onProgress: progressed })).toEqualTypeOf<
      Started<CallToolResult, never, User>
    >()
    // @ts-expect-error a handler of progress does not fail
    client.startTool("ping", {}, { onProgress: () => Effect.fail("no") })
  })

  types(() => {
    expectTypeOf(client.resumeTool(forecast, {})).toEqualTypeOf<Started<Weather>>()
    expectTypeOf(client.resumeTool("ping", {}, { timeout: "1 minute" })).toEqualTypeOf<Started<CallToolResult>>()
    expectTypeOf(client.resumeTool(secret, {}, { handlers: { elicitation: { form } } })).toEqualTypeOf<
      Started<string, ToolError, Secret | User>
    >()
    expectTypeOf(client.raw.resumeTool("ping", {})).toEqualTypeOf<Started<CallToolResult, never>>()
    // @ts-expect-error there is nothing to take up
    client.resumeTool("ping")
    // @ts-expect-error the task is there, for as long as it is
    client.resumeTool("ping", {}, { ttl: "1 hour" })
  })
})

describe("a prompt or a resource that is started", () => {
  types(() => {
    expectTypeOf(client.startPrompt(greet, { name: "Ada" })).toEqualTypeOf<Started<GetPromptResult, never>>()
    expectTypeOf(client.startPrompt("greet", { name: "Ada" })).toEqualTypeOf<Started<GetPromptResult, never>>()
    expectTypeOf(client.resumePrompt(greet, {})).toEqualTypeOf<Started<GetPromptResult, never>>()
    expectTypeOf(client.resumePrompt("greet", {}, { handlers: { elicitation: { form } } })).toEqualTypeOf<
      Started<GetPromptResult, never, User>
    >()
    // @ts-expect-error an argument that is missing
    client.startPrompt(greet, {})
  })

  types(() => {
    expectTypeOf(client.startResource(config, {})).toEqualTypeOf<Started<{ readonly theme: string }, never>>()
    expectTypeOf(client.startResource(book, { isbn: 7 })).toEqualTypeOf<
      Started<ReadonlyArray<McpResource.Content>, never>
    >()
    expectTypeOf(client.startResource("a:b", { ttl: "1 hour" })).toEqualTypeOf<
      Started<ReadonlyArray<McpResource.Content>, never>
    >()
    expectTypeOf(client.resumeResource(config, {})).toEqualTypeOf<Started<{ readonly theme: string }, never>>()
    expectTypeOf(client.resumeResource("a:b", {})).toEqualTypeOf<Started<ReadonlyArray<McpResource.Content>, never>>()
    // @ts-expect-error a variable that is missing
    client.startResource(book, {})
  })
})

describe("the tasks of a server", () => {
  types(() => {
    expectTypeOf(client.listTasks()).toEqualTypeOf<Stream.Stream<McpTask.State, McpError>>()
    expectTypeOf(client.listTasks({ maxPages: 3, timeout: "1 second" })).toEqualTypeOf<
      Stream.Stream<McpTask.State, McpError>
    >()
  })
})

describe("a declared server", () => {
  types(() => {
    const { forecast, ping, secret } = server.tools
    expectTypeOf(forecast.start({ city: "Berlin" })).toEqualTypeOf<Started<Weather>>()
    expectTypeOf(forecast.resume({})).toEqualTypeOf<Started<Weather>>()
    expectTypeOf(ping.start()).toEqualTypeOf<Started<CallToolResult>>()
    expectTypeOf(ping.start({}, { onProgress: progressed })).toEqualTypeOf<Started<CallToolResult, ToolError, User>>()
    expectTypeOf(secret.start({ key: "k" })).toEqualTypeOf<Started<string, ToolError, Secret>>()
    expectTypeOf(secret.resume({})).toEqualTypeOf<Started<string, ToolError, Secret>>()
    // @ts-expect-error input is needed
    forecast.start()
    // @ts-expect-error a value of the wrong type
    forecast.start({ city: 7 })
    // @ts-expect-error there is nothing to take up
    forecast.resume()
  })

  types(() => {
    const { book, config } = server.resources
    expectTypeOf(config.start()).toEqualTypeOf<Started<{ readonly theme: string }, never>>()
    expectTypeOf(config.resume({})).toEqualTypeOf<Started<{ readonly theme: string }, never>>()
    expectTypeOf(book.start({ isbn: 7 })).toEqualTypeOf<Started<ReadonlyArray<McpResource.Content>, never>>()
    const { bye, greet } = server.prompts
    expectTypeOf(bye.start()).toEqualTypeOf<Started<GetPromptResult, never>>()
    expectTypeOf(greet.start({ name: "Ada" })).toEqualTypeOf<Started<GetPromptResult, never>>()
    expectTypeOf(greet.resume({})).toEqualTypeOf<Started<GetPromptResult, never>>()
    // @ts-expect-error a variable that is missing
    book.start()
    // @ts-expect-error an argument that is missing
    greet.start()
  })
})

describe("a client", () => {
  types(() => {
    McpClient.make({ tasks: false })
    // @ts-expect-error it is for all servers, or none
    McpClient.make({ tasks: { ttl: "1 hour" } })
    // @ts-expect-error a plain call has no time to live
    client.callTool("ping", {}, { ttl: "1 hour" })
    // @ts-expect-error a plain call is cancelled when it is interrupted
    client.callTool("ping", {}, { onInterrupt: "leave" })
  })
})

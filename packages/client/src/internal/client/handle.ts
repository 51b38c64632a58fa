import type * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { McpClient, State } from "../../McpClient.ts"
import type { McpError } from "../../McpError.ts"
import type { Diagnostic } from "../../McpTransport.ts"
import type { SessionInfo } from "../session/session.ts"
import type { Hub } from "./hub.ts"
import type { Notifications } from "./notifications.ts"
import type * as Prompts from "./prompts.ts"
import type * as Resources from "./resources.ts"
import type { Subscriptions } from "./subscriptions.ts"
import type { Tasks } from "./tasks.ts"
import type * as Tools from "./tools.ts"
import type * as ToolTasks from "./toolTasks.ts"
import type * as Utilities from "./utilities.ts"

export const TypeId = "~@effect-mcp/client/McpClient" as const

/** A part of a client that is made when it is first used: most clients use few, and there may be thousands of them. */
export class Lazy<A> {
  private made: A | undefined
  private readonly make: () => A

  constructor(make: () => A) {
    this.make = make
  }

  get(): A {
    return this.made ??= this.make()
  }

  /** The part, if it has been made. */
  peek(): A | undefined {
    return this.made
  }
}

interface Parts {
  readonly state: SubscriptionRef.SubscriptionRef<State>
  readonly session: Effect.Effect<SessionInfo, McpError>
  readonly diagnostics: Hub<Diagnostic>
  readonly tools: ReturnType<typeof Tools.make>
  readonly tasks: Lazy<Tasks>
  readonly toolTasks: Lazy<ReturnType<typeof ToolTasks.make>>
  readonly resources: Lazy<ReturnType<typeof Resources.make>>
  readonly prompts: Lazy<ReturnType<typeof Prompts.make>>
  readonly utilities: Lazy<ReturnType<typeof Utilities.make>>
  readonly notifications: Lazy<Notifications>
  readonly subscriptions: Lazy<Subscriptions>
  readonly close: Effect.Effect<void>
  readonly reconnect: Effect.Effect<void, McpError>
}

/** What users hold. Its members are those of its parts, and cost nothing where nobody asks for them. */
export class Handle implements McpClient {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly name: string
  private readonly parts: Parts

  constructor(name: string, parts: Parts) {
    this.name = name
    this.parts = parts
  }

  get state() {
    return SubscriptionRef.get(this.parts.state)
  }
  get stateChanges() {
    return SubscriptionRef.changes(this.parts.state).pipe(Stream.takeUntil((state) => state._tag === "Closed"))
  }
  get session() {
    return this.parts.session
  }
  get diagnostics() {
    return this.parts.diagnostics.stream
  }
  get close() {
    return this.parts.close
  }
  get reconnect() {
    return this.parts.reconnect
  }

  get call() {
    return this.parts.tools.call
  }
  get callStream() {
    return this.parts.tools.callStream
  }
  get callTool() {
    return this.parts.tools.callTool
  }
  get startTool() {
    return this.parts.toolTasks.get().startTool
  }
  get resumeTool() {
    return this.parts.toolTasks.get().resumeTool
  }
  get listTasks() {
    return this.parts.tasks.get().list
  }
  get listTools() {
    return this.parts.tools.listTools
  }
  get toolPages() {
    return this.parts.tools.toolPages
  }

  get read() {
    return this.parts.resources.get().read
  }
  get readResource() {
    return this.parts.resources.get().readResource
  }
  get startResource() {
    return this.parts.resources.get().startResource
  }
  get resumeResource() {
    return this.parts.resources.get().resumeResource
  }
  get listResources() {
    return this.parts.resources.get().listResources
  }
  get resourcePages() {
    return this.parts.resources.get().resourcePages
  }
  get listResourceTemplates() {
    return this.parts.resources.get().listResourceTemplates
  }
  get resourceTemplatePages() {
    return this.parts.resources.get().resourceTemplatePages
  }

  get subscribe() {
    return this.parts.subscriptions.get().subscribe
  }

  get get() {
    return this.parts.prompts.get().get
  }
  get getPrompt() {
    return this.parts.prompts.get().getPrompt
  }
  get startPrompt() {
    return this.parts.prompts.get().startPrompt
  }
  get resumePrompt() {
    return this.parts.prompts.get().resumePrompt
  }
  get listPrompts() {
    return this.parts.prompts.get().listPrompts
  }
  get promptPages() {
    return this.parts.prompts.get().promptPages
  }

  get complete() {
    return this.parts.utilities.get().complete
  }
  get ping() {
    return this.parts.utilities.get().ping
  }
  get setLogLevel() {
    return this.parts.utilities.get().setLogLevel
  }
  get request() {
    return this.parts.utilities.get().request
  }
  get notify() {
    return this.parts.utilities.get().notify
  }

  get logs() {
    return this.parts.notifications.get().logs
  }
  get toolChanges() {
    return this.parts.notifications.get().toolChanges
  }
  get promptChanges() {
    return this.parts.notifications.get().promptChanges
  }
  get resourceChanges() {
    return this.parts.notifications.get().resourceChanges
  }
  get resourceUpdates() {
    return this.parts.notifications.get().resourceUpdates
  }
  get notifications() {
    return this.parts.notifications.get().notifications
  }

  get raw() {
    const { prompts, resources, toolTasks, tools, utilities } = this.parts
    return {
      ...tools.raw,
      ...toolTasks.get().raw,
      ...resources.get().raw,
      ...prompts.get().raw,
      ...utilities.get().raw
    }
  }
}

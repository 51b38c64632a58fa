/**
 * Answers to what a server asks its client: for the roots of the user's files, for a message of a language model, and
 * for input of the user.
 *
 * A handler does not learn how the question reached it, and what the client declares to the server follows from the
 * handlers that exist.
 *
 * @since 0.1.0
 */
import type { AiError } from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Schema from "effect/Schema"
import type * as SubscriptionRef from "effect/SubscriptionRef"
import type { McpError } from "./McpError.ts"
import type { AudioContent, ContentBlock, ImageContent, JsonObject, TextContent, UnknownContent } from "./McpSchema.ts"

// =============================================================================
// Models
// =============================================================================

/**
 * What answers a server. What is left out is not declared, so that no server asks for it.
 *
 * Handlers run on behalf of the call that the question belongs to: with its services and spans, and no longer than it,
 * unless the server runs them as a task.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handlers<R = never> {
  readonly roots?: Roots<R> | undefined
  readonly sampling?: Sampling<R> | undefined
  readonly elicitation?: Elicitation<R> | undefined
}

/**
 * What answers a server during one call: instead of the client's handler, or `false` for nobody.
 *
 * @category models
 * @since 0.1.0
 */
export interface CallHandlers<R = never> {
  readonly roots?: Roots<R> | false | undefined
  readonly sampling?: Sampling<R> | false | undefined
  readonly elicitation?: Elicitation<R> | false | undefined
}

/**
 * A folder or file that a server may work on. The URI is a `file:` one.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/client/roots
 * @category models
 * @since 0.1.0
 */
export interface Root {
  readonly uri: string | URL
  readonly name?: string | undefined
}

/**
 * The roots: a list, an effect that is run each time that the server asks, or a reference, of whose changes the server
 * is told.
 *
 * @category models
 * @since 0.1.0
 */
export type Roots<R = never> =
  | ReadonlyArray<Root>
  | Effect.Effect<ReadonlyArray<Root>, unknown, R>
  | SubscriptionRef.SubscriptionRef<ReadonlyArray<Root>>

/**
 * What asks a language model: a function, or with it that it can use tools, and run as a task.
 *
 * A handler that fails with {@link SamplingRefused} says that the user does not want it. Any other failure is an internal
 * error to the server, which learns nothing else about it.
 *
 * @category models
 * @since 0.1.0
 */
export type Sampling<R = never> = SamplingHandler<R> | {
  readonly createMessage: SamplingHandler<R>
  /**
   * Whether the server may give tools to the model. Its handler then answers with `tool_use` blocks.
   *
   * @default false
   */
  readonly tools?: boolean | undefined
  /**
   * Whether the server may let it run as a task, and ask for the answer later. Such a handler goes on when the call ends
   * that the question belongs to, for an hour at most. A server hears of it when a session opens, so that it means
   * nothing in the handlers of a call, nor since 2026-07-28.
   *
   * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
   * @default false
   */
  readonly tasks?: boolean | undefined
}

/**
 * Asks a language model.
 *
 * @category models
 * @since 0.1.0
 */
export type SamplingHandler<R = never> = (request: SamplingRequest) => Effect.Effect<SamplingResult, unknown, R>

/**
 * What a server wants of a language model. Only `maxTokens` binds; the rest is advice.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/client/sampling
 * @category models
 * @since 0.1.0
 */
export interface SamplingRequest {
  /** The client's name for the server that asks. */
  readonly server: string
  readonly messages: ReadonlyArray<SamplingMessage>
  readonly maxTokens: number
  readonly systemPrompt: string | undefined
  readonly temperature: number | undefined
  readonly stopSequences: ReadonlyArray<string> | undefined
  readonly includeContext: "none" | "thisServer" | "allServers" | undefined
  readonly modelPreferences: ModelPreferences | undefined
  /** Only if the handler says that it can use tools. */
  readonly tools: ReadonlyArray<SamplingTool> | undefined
  readonly toolChoice: "auto" | "required" | "none" | undefined
  readonly metadata: JsonObject | undefined
}

/**
 * A message to or of a language model. A single block of content counts as a list of one.
 *
 * @category models
 * @since 0.1.0
 */
export interface SamplingMessage {
  readonly role: "user" | "assistant"
  readonly content: ReadonlyArray<SamplingContent>
}

/**
 * A part of a message. Content of a type that nobody knows yet is data.
 *
 * @category models
 * @since 0.1.0
 */
export type SamplingContent =
  | TextContent
  | ImageContent
  | AudioContent
  | ToolUseContent
  | ToolResultContent
  | UnknownContent

/**
 * That the model wants a tool to be called.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToolUseContent {
  readonly type: "tool_use"
  readonly id: string
  readonly name: string
  readonly input: JsonObject
}

/**
 * What a tool returned to the model.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToolResultContent {
  readonly type: "tool_result"
  readonly toolUseId: string
  readonly content: ReadonlyArray<ContentBlock>
  readonly structuredContent?: unknown
  readonly isError?: boolean | undefined
}

/**
 * A tool that a server gives to the model.
 *
 * @category models
 * @since 0.1.0
 */
export interface SamplingTool {
  readonly name: string
  readonly description?: string | undefined
  readonly inputSchema: JsonObject
}

/**
 * Which model a server would like: names, the best first, and what matters, from 0 to 1.
 *
 * @category models
 * @since 0.1.0
 */
export interface ModelPreferences {
  readonly hints: ReadonlyArray<string>
  readonly costPriority: number | undefined
  readonly speedPriority: number | undefined
  readonly intelligencePriority: number | undefined
}

/**
 * What a language model said.
 *
 * @category models
 * @since 0.1.0
 */
export interface SamplingResult {
  /** Text, or blocks of content. */
  readonly content: string | ReadonlyArray<SamplingContent>
  /** The name of the model that answered. */
  readonly model: string
  readonly stopReason?: "endTurn" | "stopSequence" | "maxTokens" | "toolUse" | (string & {}) | undefined
}

/**
 * What asks the user: by a form, by a page in the browser, or both.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation
 * @category models
 * @since 0.1.0
 */
export interface Elicitation<R = never> {
  readonly form?: ((request: FormRequest) => Effect.Effect<FormAnswer, unknown, R>) | undefined
  readonly url?: ((request: UrlRequest) => Effect.Effect<UrlAnswer, unknown, R>) | undefined
  /**
   * Whether the server may let it run as a task, and ask for the answer later. Such a handler goes on when the call ends
   * that the question belongs to, for an hour at most. A server hears of it when a session opens, so that it means
   * nothing in the handlers of a call, nor since 2026-07-28.
   *
   * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
   * @default false
   */
  readonly tasks?: boolean | undefined
}

/**
 * A form to be filled in by the user. Show who asks, and let the user decline.
 *
 * @category models
 * @since 0.1.0
 */
export interface FormRequest {
  /** The client's name for the server that asks. */
  readonly server: string
  readonly message: string
  /** What to ask for, in the server's order. */
  readonly fields: ReadonlyArray<Field>
  /** Schema of the content of an answer, for those who check while the user types. */
  readonly schema: Schema.Codec<FormContent>
  /** The JSON Schema that the server sent. */
  readonly requestedSchema: JsonObject
}

/**
 * What a filled-in form holds, by the names of its fields.
 *
 * @category models
 * @since 0.1.0
 */
export type FormContent = Readonly<Record<string, FieldValue>>

/**
 * What a field of a form holds.
 *
 * @category models
 * @since 0.1.0
 */
export type FieldValue = string | number | boolean | ReadonlyArray<string>

interface FieldBase {
  readonly name: string
  /** What to call the field: its title, else its name. */
  readonly label: string
  readonly description: string | undefined
  readonly required: boolean
}

/**
 * A field of a form.
 *
 * - `Text`: a line of text. Lengths are in characters.
 * - `Number`: a number, or only a whole one.
 * - `Boolean`: yes or no.
 * - `Choice`: one of the options.
 * - `Choices`: some of the options.
 * - `Unknown`: of a kind that nobody knows yet; `schema` is its JSON Schema.
 *
 * `default` is the value of a field that is left out of an accepted form.
 *
 * @category models
 * @since 0.1.0
 */
export type Field =
  | (FieldBase & {
    readonly _tag: "Text"
    readonly minLength: number | undefined
    readonly maxLength: number | undefined
    readonly format: "email" | "uri" | "date" | "date-time" | (string & {}) | undefined
    readonly default: string | undefined
  })
  | (FieldBase & {
    readonly _tag: "Number"
    readonly integer: boolean
    readonly minimum: number | undefined
    readonly maximum: number | undefined
    readonly default: number | undefined
  })
  | (FieldBase & {
    readonly _tag: "Boolean"
    readonly default: boolean | undefined
  })
  | (FieldBase & {
    readonly _tag: "Choice"
    readonly options: ReadonlyArray<FieldOption>
    readonly default: string | undefined
  })
  | (FieldBase & {
    readonly _tag: "Choices"
    readonly options: ReadonlyArray<FieldOption>
    readonly minItems: number | undefined
    readonly maxItems: number | undefined
    readonly default: ReadonlyArray<string> | undefined
  })
  | (FieldBase & {
    readonly _tag: "Unknown"
    readonly schema: unknown
    readonly default: FieldValue | undefined
  })

/**
 * One of the values that a field may have, and what to call it.
 *
 * @category models
 * @since 0.1.0
 */
export interface FieldOption {
  readonly value: string
  readonly label: string
}

/**
 * A page that the user shall visit, such as to log in. Nothing has been fetched or opened: show the whole URL and its
 * host, ask, and open it where neither the client nor the model can see what happens there.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-mode-elicitation-requests
 * @category models
 * @since 0.1.0
 */
export interface UrlRequest {
  /** The client's name for the server that asks. */
  readonly server: string
  readonly message: string
  readonly url: URL
  /** Whether the host has letters that may look like others (Punycode): warn the user. */
  readonly isConfusable: boolean
  readonly elicitationId: string | undefined
  /** Waits until the server says that the user is done. Not every server does. */
  readonly completed: Effect.Effect<void>
}

/**
 * The user filled in the form. Made by {@link accept}.
 *
 * @category models
 * @since 0.1.0
 */
export interface AcceptForm {
  readonly action: "accept"
  readonly content: FormContent
}

/**
 * The user said no, or went away without an answer. Made by {@link decline} and {@link cancel}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refuse {
  readonly action: "decline" | "cancel"
}

/**
 * The user's answer to a form.
 *
 * @category models
 * @since 0.1.0
 */
export type FormAnswer = AcceptForm | Refuse

/**
 * The user's answer to a page.
 *
 * @category models
 * @since 0.1.0
 */
export type UrlAnswer = { readonly action: "accept" } | Refuse

/**
 * The user, or whoever decides for the user, does not want a language model to be asked.
 *
 * @category errors
 * @since 0.1.0
 */
export class SamplingRefused extends Schema.Error<SamplingRefused>("@effect-mcp/client/McpHandlers/SamplingRefused")({
  _tag: Schema.tag("SamplingRefused")
}) {
  override get message(): string {
    return "The user does not want a language model to be asked"
  }
}

// =============================================================================
// Answers
// =============================================================================

/**
 * The user filled in the form, or agreed to visit the page. Fields with a default may be left out.
 *
 * @category constructors
 * @since 0.1.0
 */
export const accept: {
  (): { readonly action: "accept"; readonly content: {} }
  (content: FormContent): AcceptForm
} = (content: FormContent = {}): AcceptForm => ({ action: "accept", content })

/**
 * The user said no.
 *
 * @category constructors
 * @since 0.1.0
 */
export const decline: Refuse = { action: "decline" }

/**
 * The user went away without an answer.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cancel: Refuse = { action: "cancel" }

// =============================================================================
// Language models
// =============================================================================

type Around<R> = (
  answer: Effect.Effect<SamplingResult, AiError | McpError, LanguageModel.LanguageModel>
) => Effect.Effect<SamplingResult, unknown, R>

/**
 * Lets a language model of `effect/ai`, of any provider, answer servers.
 *
 * The model gets the system prompt, the messages with their images and sounds, and the server's tools. Nobody runs these
 * here: their use comes back as `tool_use` blocks, which the server answers with another request. Reasoning and sources
 * are left out. The name of the model is the one that the provider reports, else `Model.ModelName`, else `unknown`.
 *
 * Each provider has its own way to limit the tokens of an answer, to set the temperature, and to choose a model.
 * `configure` does so for a request, and whatever else shall happen around it: provide a model by the hints, or ask the
 * user first.
 *
 * Fails with `AiError` when the model does, with `ProtocolError` when the server sent what no model can be given, and
 * with `LimitError` when the answer took more tokens than `maxTokens`, by the provider's own count.
 *
 * **Example** (Passing on how many tokens the answer may have)
 *
 * ```ts check
 * import * as McpHandlers from "@effect-mcp/client/McpHandlers"
 * import * as LanguageModel from "effect/ai/LanguageModel"
 * import * as Context from "effect/Context"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * // Stands for a provider's model and its configuration.
 * const MaxTokens = Context.Reference<number>("MaxTokens", { defaultValue: () => 4096 })
 * const model = LanguageModel.make({
 *   generateText: () =>
 *     Effect.map(MaxTokens, (maxTokens) => [
 *       { type: "response-metadata", modelId: "parrot-1" },
 *       { type: "text", text: `No more than ${maxTokens} tokens.` }
 *     ]),
 *   streamText: () => Stream.empty
 * })
 *
 * const sampling = McpHandlers.samplingFromLanguageModel({
 *   // With a provider: OpenAiLanguageModel.withConfigOverride({ max_output_tokens: maxTokens })
 *   configure: ({ maxTokens }) => Effect.provideService(MaxTokens, maxTokens)
 * })
 *
 * // What a server wants.
 * const program = sampling.createMessage({
 *   server: "weather",
 *   messages: [{ role: "user", content: [{ type: "text", text: "Hello?" }] }],
 *   maxTokens: 100,
 *   systemPrompt: undefined,
 *   temperature: undefined,
 *   stopSequences: undefined,
 *   includeContext: undefined,
 *   modelPreferences: undefined,
 *   tools: undefined,
 *   toolChoice: undefined,
 *   metadata: undefined
 * })
 *
 * const answer = program.pipe(Effect.provideServiceEffect(LanguageModel.LanguageModel, model))
 * const { content } = await Effect.runPromise(answer)
 * content // => [{ type: "text", text: "No more than 100 tokens." }]
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/client/sampling
 * @category constructors
 * @since 0.1.0
 */
export const samplingFromLanguageModel = <R = LanguageModel.LanguageModel>(options: {
  /** Runs what asks the model, in the way that a request wants. */
  readonly configure?: ((request: SamplingRequest) => Around<R>) | undefined
} = {}): { readonly createMessage: SamplingHandler<R>; readonly tools: true } => {
  // Who does not configure says nothing of `R`, which then is the language model.
  const { configure = () => identity as Around<R> } = options
  return {
    // Who asks no language model does not load what asks one.
    createMessage: (request) =>
      Effect.promise(() => import("./internal/handlers/languageModel.ts")).pipe(
        Effect.flatMap(({ createMessage }) => createMessage(request)),
        configure(request)
      ),
    tools: true
  }
}

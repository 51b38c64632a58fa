import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as McpError from "../../McpError.ts"
import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import type { Diagnostic } from "../../McpTransport.ts"
import { refusalOf } from "./refusal.ts"
import type { Handlers, Resume } from "./session.ts"

/** So often may a server ask for input before it answers. */
export const MAX_ROUNDS = 10

/** So many questions may a server ask at once. */
export const MAX_QUESTIONS = 1000

/** How long to wait before a server that only wants to be asked again is asked again: from, to. */
const MIN_PAUSE_MILLIS = 250
const MAX_PAUSE_MILLIS = 2000

/** https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr#client-requirements */
const CAN_ASK = new Set(["tools/call", "prompts/get", "resources/read"])

const ANSWERABLE = new Set(["elicitation/create", "sampling/createMessage", "roots/list"])

/** Something that a server wants to know. */
export interface Question {
  readonly method: string
  readonly params: JsonObject
}

/** What a server wants to know before it answers. */
export interface InputRequired extends JsonObject {
  readonly inputRequests?: Readonly<Record<string, Question>>
  readonly requestState?: string
}

/** Reads a result that asks for input, or says what is wrong with it. */
export const read = (method: string, result: JsonObject): InputRequired | { readonly fault: string } => {
  const { inputRequests, requestState } = result
  if (!CAN_ASK.has(method)) return { fault: `${method} can not ask for input` }
  if (requestState !== undefined && typeof requestState !== "string") return { fault: "requestState is no string" }
  if (inputRequests === undefined) {
    return requestState === undefined ? { fault: "neither inputRequests nor requestState is there" } : { requestState }
  }
  const read = readQuestions(inputRequests)
  if ("fault" in read) return read
  return { inputRequests: read.questions, ...(requestState === undefined ? {} : { requestState }) }
}

/** Reads what a server wants to know, or says what is wrong with it. */
export const readQuestions = (
  inputRequests: unknown
): { readonly questions: Readonly<Record<string, Question>> } | { readonly fault: string } => {
  if (!isJsonObject(inputRequests)) return { fault: "inputRequests is no object" }
  const questions: Array<[string, Question]> = []
  for (const [key, request] of Object.entries(inputRequests)) {
    if (!isJsonObject(request) || typeof request["method"] !== "string" || !ANSWERABLE.has(request["method"])) {
      return { fault: `inputRequests.${key} is nothing that can be asked` }
    }
    const { method, params } = request
    questions.push([key, { method, params: isJsonObject(params) ? params : {} }])
  }
  return { questions: Object.fromEntries(questions) }
}

/**
 * Answers all questions of a round at the same time.
 *
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 */
export const answer = (
  { inputRequests, requestState }: InputRequired,
  { methods }: Handlers,
  options: {
    readonly round: number
    readonly isManual: boolean
    readonly onDiagnostic: (diagnostic: Diagnostic) => void
  }
): Effect.Effect<Resume, McpError.McpError> => {
  const requests = Object.entries(inputRequests ?? {})
  const state = requestState === undefined ? {} : { requestState }
  if (requests.length === 0 && !options.isManual) {
    return Effect.as(Effect.sleep(Math.min(MAX_PAUSE_MILLIS, MIN_PAUSE_MILLIS * 2 ** options.round)), state)
  }
  const fail = (description: string, cause?: Cause.Cause<unknown>) =>
    Effect.fail(McpError.make(
      new McpError.InputRequiredError({
        description,
        inputRequests: inputRequests ?? {},
        requestState,
        cause: cause === undefined ? undefined : Cause.squash(cause)
      })
    ))
  if (options.isManual) return fail("The server asks for input")
  if (requests.length > MAX_QUESTIONS) {
    const what = "questions in one round of input"
    return Effect.fail(McpError.make(new McpError.LimitError({ what, limit: MAX_QUESTIONS })))
  }
  return Effect.forEach(requests, ([key, { method, params }]) => {
    const handler = methods.get(method)
    if (handler === undefined) return fail(`The server asks for ${method}, which nothing here handles`)
    return Effect.suspend(() => handler(params)).pipe(
      Effect.map((response) => [key, response] as const),
      // Who interrupts the call from outside comes past this.
      Effect.catchCause((cause) =>
        Effect.andThen(refusalOf(method, cause, options), fail(`The handler of ${method} failed`, cause))
      )
    )
  }, { concurrency: "unbounded" }).pipe(
    Effect.map((responses) => ({ inputResponses: Object.fromEntries(responses), ...state }))
  )
}

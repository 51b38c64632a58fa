import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as McpError from "../../McpError.ts"
import type { JsonObject } from "../../McpSchema.ts"
import type { Diagnostic } from "../../McpTransport.ts"
import type { Callers } from "../session/callers.ts"
import { MAX_QUESTIONS, type Question } from "../session/inputRounds.ts"
import { refusalOf } from "../session/refusal.ts"
import type { Handlers } from "../session/session.ts"
import type { TaskState } from "../session/tasks.ts"
import type { Remote } from "./driver.ts"
import { isTransient } from "./failures.ts"

/** So many questions may a task ask in all. */
const MAX_ASKED = 10_000

/** Answers what a task wants to know while somebody waits for it. */
export interface Answering {
  /** Asks again what could not be answered before. */
  readonly begin: () => void
  /** Takes up the questions that are new. */
  readonly attend: (questions: Readonly<Record<string, Question>>) => Effect.Effect<void>
}

/**
 * Each question is asked once and answered once, as soon as its handler is done: a server lists all that are open, also
 * those whose answers have not arrived where it looks.
 *
 * https://modelcontextprotocol.io/extensions/tasks/overview
 */
export const make = (options: {
  readonly state: TaskState
  readonly remote: Pick<Remote, "update">
  /** The keys of the questions that the server has an answer to. */
  readonly answered: Set<string>
  readonly handlers: Handlers
  readonly isManual: boolean
  readonly callers: Callers
  readonly onDiagnostic: (diagnostic: Diagnostic) => void
  readonly onAnswered: () => void
  readonly onStuck: (error: McpError.McpError) => void
}): Answering => {
  const { answered, callers, handlers, isManual, onAnswered, onDiagnostic, onStuck, remote } = options
  const { taskId } = options.state
  const asked = new Set(answered)
  const underWay = new Set<string>()
  /** What could not be delivered yet. */
  const responses = new Map<string, JsonObject>()
  /** Why nothing comes of a question: nobody here can answer it, or the server did not want to hear the answer. */
  const refused = new Map<string, McpError.McpError>()

  const ask = (key: string, question: Question): Effect.Effect<JsonObject, McpError.McpError> => {
    const { method, params } = question
    const fail = (description: string, cause?: Cause.Cause<unknown>) =>
      Effect.fail(McpError.make(
        new McpError.InputRequiredError({
          description,
          inputRequests: { [key]: question },
          cause: cause === undefined ? undefined : Cause.squash(cause)
        })
      ))
    const handler = handlers.methods.get(method)
    if (handler === undefined) return fail(`The task asks for ${method}, which nothing here handles`)
    return Effect.catchCause(
      Effect.suspend(() => handler(params)),
      (cause) =>
        Effect.andThen(
          refusalOf(method, cause, { onDiagnostic }),
          fail(`The handler of ${method} failed`, cause)
        )
    )
  }

  const respond = Effect.fnUntraced(function*(key: string, question: Question) {
    const known = responses.get(key)
    const response = known === undefined ? yield* Effect.result(ask(key, question)) : Result.succeed(known)
    if (Result.isSuccess(response)) {
      // Somebody else may have been faster.
      if (answered.has(key)) return void underWay.delete(key)
      responses.set(key, response.success)
      const delivered = yield* Effect.result(remote.update({ [key]: response.success }))
      // What did not arrive is sent again when the server asks again, in its own time.
      if (Result.isFailure(delivered) && isTransient(delivered.failure)) return void underWay.delete(key)
      if (Result.isFailure(delivered)) refused.set(key, delivered.failure)
      else {
        responses.delete(key)
        answered.add(key)
      }
      onAnswered()
    } else {
      refused.set(key, response.failure)
      onStuck(response.failure)
    }
    underWay.delete(key)
  })

  return {
    begin() {
      underWay.clear()
      refused.clear()
    },
    attend: Effect.fnUntraced(function*(questions) {
      const open = Object.entries(questions).filter(([key]) => !answered.has(key) && !underWay.has(key))
      if (isManual) return
      if (underWay.size + open.length > MAX_QUESTIONS) {
        return onStuck(tooMany("questions of one task at once", MAX_QUESTIONS))
      }
      const fresh = open.filter(([key]) => !asked.has(key))
      if (asked.size + fresh.length > MAX_ASKED) return onStuck(tooMany("questions of one task", MAX_ASKED))
      for (const [key] of fresh) asked.add(key)
      for (const [key, question] of open) {
        const refusal = refused.get(key)
        if (refusal !== undefined) {
          onStuck(refusal)
          continue
        }
        underWay.add(key)
        callers.attach(taskId, yield* Effect.forkChild(respond(key, question), { startImmediately: true }))
      }
    })
  }
}

const tooMany = (what: string, limit: number): McpError.McpError =>
  McpError.make(new McpError.LimitError({ what, limit }))

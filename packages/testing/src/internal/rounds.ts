/** Calls that a server of the modern era answers over several requests, since it asks for input by its answers. */
import type * as McpError from "@effect-mcp/client/McpError"
import { isJsonObject, type JsonRpcRequest } from "@effect-mcp/client/McpSchema"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Request } from "../MockTransport.ts"

/** Runs the handlers of a connection's requests. */
export interface Rounds {
  /** The answer to one request: it begins a call, or goes on with one that waits for input. */
  readonly answer: (
    message: JsonRpcRequest,
    handle: (call: Call) => Effect.Effect<unknown, McpError.JsonRpcError>
  ) => Effect.Effect<unknown, McpError.JsonRpcError>
}

/** A call, as its handler sees it. */
export interface Call {
  /** The latest request of the call. */
  readonly latest: () => JsonRpcRequest
  /** Answers the latest request with questions, and waits for the next. */
  readonly input: Request["input"]
}

interface Conversation {
  latest: JsonRpcRequest
  /** How the latest request is answered. */
  answer: Deferred.Deferred<unknown, McpError.JsonRpcError>
  /** That there is another request. */
  resumed: Deferred.Deferred<void>
  fiber: Fiber.Fiber<unknown, unknown> | undefined
}

/** https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr */
export const make = (scope: Scope.Scope): Rounds => {
  const waiting = new Map<unknown, Conversation>()
  let states = 0

  const callOf = (conversation: Conversation): Call => ({
    latest: () => conversation.latest,
    input: (inputRequests) =>
      Effect.suspend(() => {
        const requestState = `state ${++states}`
        waiting.set(requestState, conversation)
        const asked = Effect.succeed({ resultType: "input_required", inputRequests, requestState })
        Deferred.doneUnsafe(conversation.answer, asked)
        return Effect.map(Deferred.await(conversation.resumed), () => {
          const responses = conversation.latest.params?.["inputResponses"]
          return isJsonObject(responses) ? responses : {}
        })
      })
  })

  return {
    answer: Effect.fnUntraced(function*(message, handle) {
      const state = message.params?.["requestState"]
      const known = waiting.get(state)
      const answer = Deferred.makeUnsafe<unknown, McpError.JsonRpcError>()
      const conversation = known ?? { latest: message, answer, resumed: Deferred.makeUnsafe(), fiber: undefined }
      if (known === undefined) {
        conversation.fiber = yield* Effect.forkIn(
          Effect.onExit(handle(callOf(conversation)), (exit) => Deferred.done(conversation.answer, exit)),
          scope
        )
      } else {
        waiting.delete(state)
        const { resumed } = conversation
        Object.assign(conversation, { latest: message, answer, resumed: Deferred.makeUnsafe() })
        yield* Deferred.succeed(resumed, undefined)
      }
      return yield* Effect.onInterrupt(
        Deferred.await(answer),
        () => conversation.fiber === undefined ? Effect.void : Fiber.interrupt(conversation.fiber)
      )
    })
  }
}

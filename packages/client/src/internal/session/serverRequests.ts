import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { RequestId } from "../../McpSchema.ts"
import type { Connection, Incoming } from "../../McpTransport.ts"
import type { Callers } from "./callers.ts"
import * as ReceivedTasks from "./receivedTasks.ts"
import { Refusal, refusalOf } from "./refusal.ts"
import { taskIdOf, withTask } from "./relatedTask.ts"
import type { Handler, SessionOptions } from "./session.ts"

/** So many requests of a server may be under way. One that asks for more without end gets no answer to the rest. */
const MAX_RUNNING = 1000

/** The ids here are the server's, a space of their own: they may equal ours. */
export interface ServerRequests {
  readonly serve: (request: ServerRequest) => void
  /** Interrupts the handler of a request. No answer goes out. */
  readonly cancel: (id: RequestId) => void
}

type ServerRequest = Omit<Extract<Incoming, { readonly _tag: "Request" }>, "_tag">

export const make: (
  connection: Connection,
  options: Pick<SessionOptions, "handlers" | "onDiagnostic" | "taskCallers">,
  callers: Callers
) => Effect.Effect<ServerRequests, never, Scope.Scope> = Effect.fnUntraced(function*(connection, options, callers) {
  const running = yield* FiberMap.make<RequestId, void>()
  const run = yield* FiberMap.runtime(running)()
  const tasks = yield* ReceivedTasks.make(options)
  let count = 0

  const refuse = ({ id, method }: ServerRequest, cause: Cause.Cause<unknown>) =>
    Effect.flatMap(
      refusalOf(method, cause, options),
      (error) => Effect.ignore(connection.send({ jsonrpc: "2.0", id, error }))
    )

  return {
    // Answers are sent on fibers of their own: a server that does not read them must not keep the rest from being heard.
    serve: (request) => {
      const { id, method, params } = request
      const taskId = taskIdOf(params)
      // A question that a task has belongs to who waits for the task, over whatever it comes.
      const isOfTask = taskId !== undefined && options.taskCallers.find(taskId) !== undefined
      const [asked, relatedTo] = isOfTask ? [options.taskCallers, taskId] : [callers, request.relatedTo]
      if (count >= MAX_RUNNING) return options.onDiagnostic({ _tag: "Dropped", method })
      count++
      const caller = asked.find(relatedTo)
      const ofTasks = tasks.methods.get(method)
      const handler = ofTasks ?? caller?.handlers?.get(method) ?? options.handlers.methods.get(method) ??
        methodNotFound(method)
      const called = Effect.suspend(() => handler(params))
      const handled = caller === undefined ? called : Effect.provideContext(called, caller.context)
      const started = tasks.start(request, handled, (running) => asked.attach(relatedTo, running, { isOwned: false }))
      const fiber = run(
        id,
        (started ?? handled).pipe(
          Effect.matchCauseEffect({
            onSuccess: (result) =>
              Effect.catch(
                connection.send({
                  jsonrpc: "2.0",
                  id,
                  result: taskId === undefined || ofTasks !== undefined ? result : withTask(result, taskId)
                }),
                // A connection that has closed needs no answer. What can not be written as JSON is none.
                (error) => error.reason._tag === "ValidationError" ? refuse(request, Cause.fail(error)) : Effect.void
              ),
            // Who interrupts the handler from outside wants no answer, and comes past this.
            onFailure: (cause) => refuse(request, cause)
          })
        )
      )
      fiber.addObserver(() => count--)
      // A task outlives the request that it came with, and so does what is said of it.
      asked.attach(relatedTo, fiber, { isOwned: started === undefined && ofTasks === undefined })
    },
    cancel: (id) =>
      Option.match(FiberMap.getUnsafe(running, id), {
        onNone: () => {},
        onSome: (fiber) => fiber.interruptUnsafe()
      })
  }
})

const methodNotFound = (method: string): Handler => () =>
  Effect.fail(new Refusal(METHOD_NOT_FOUND, `Method not found: ${method}`))

const METHOD_NOT_FOUND = -32601

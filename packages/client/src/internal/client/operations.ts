import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ProgressOptions } from "../../McpClient.ts"
import * as McpError from "../../McpError.ts"
import type { CallHandlers } from "../../McpHandlers.ts"
import type { JsonObject, Progress } from "../../McpSchema.ts"
import type { Deadline, Diagnostic } from "../../McpTransport.ts"
import type { Cache, Mode } from "../cache/cache.ts"
import { ofCall } from "../handlers/compile.ts"
import type { Completions } from "../session/completions.ts"
import { withProgress } from "../session/progress.ts"
import type { Handlers, RequestOptions, Resume, Session, SessionInfo } from "../session/session.ts"
import type { SessionRef } from "../session/sessionRef.ts"
import type { CreatedTask } from "../session/tasks.ts"
import { measure, type Target, trace } from "./observe.ts"
import type { Timeouts } from "./timeouts.ts"

/** So often is a request asked again that the loss of a session cut off. */
const MAX_REPEATS = 2

type Failure = McpError.McpError | McpError.ToolError

/** What is asked of the server, and how. */
export interface Operation {
  readonly method: string
  readonly target?: Target | undefined
  /** Whether it does no harm to carry it out twice. */
  readonly repeatable: () => boolean
}

export interface Request<A, E, R, R2> extends Operation {
  readonly params: JsonObject | undefined
  readonly deadline: Deadline | McpError.McpError
  /** What the user wants of it, beside its deadline. */
  readonly options: Pick<ProgressOptions<R2>, "handlers" | "input" | "meta" | "onProgress" | "resume">
  /** What to do with what the cache keeps. Of other requests it keeps nothing. */
  readonly cache?: Mode | undefined
  /** Called whenever it is sent: again when it is repeated. */
  readonly onAsk?: (() => void) | undefined
  /** Called when the server is given input before it answers. */
  readonly onInput?: (() => void) | undefined
  /** Whether to ask for progress when nobody listens, too: it restarts the deadline all the same. */
  readonly tracked?: boolean | undefined
  /** Asks the server to make a task of it. */
  readonly task?: RequestOptions["task"]
  /** What becomes of it when the server makes a task of it. */
  readonly onTask?: ((created: CreatedTask, asked: Asked) => Effect.Effect<A, E | McpError.McpError, R>) | undefined
  /** What comes of it when the server does not offer it: then nothing is sent. */
  readonly without: (info: SessionInfo) => Exit.Exit<A, McpError.McpError> | undefined
  readonly read: (answer: unknown) => Effect.Effect<A, E, R>
}

/** How a request was made that became a task. */
export interface Asked {
  /** When, by the clock of deadlines. */
  readonly since: number
  readonly handlers: Handlers
  /** Where its progress goes. */
  readonly sink: { report: ((progress: Progress) => void) | undefined }
}

/** What all operations of a client have in common. */
export interface Operations {
  readonly server: string
  readonly timeouts: Timeouts
  readonly cache: Cache | undefined
  /** The clock of deadlines. */
  readonly now: () => number
  /**
   * Runs an operation with the session: observed, with errors that say where they come from, and once more in the next
   * session when the loss of one cut it off, if that is safe.
   */
  readonly run: <A, E extends Failure, R>(
    operation: Operation,
    f: (session: Session) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | McpError.McpError, R>
  /** Sends a request and reads the answer, or reads the one that is kept. */
  readonly request: <A, E extends Failure, R, R2 = never>(
    request: Request<A, E, R, R2>
  ) => Effect.Effect<A, E | McpError.McpError, R | R2>
  /** Sends a request in this session and no other. */
  readonly requestIn: (
    session: Session,
    operation: Pick<Operation, "method" | "target">,
    params: JsonObject,
    deadline: Deadline
  ) => Effect.Effect<unknown, McpError.McpError>
  /** Keeps the session open, as long as there is one. What comes back ends that. */
  readonly keep: SessionRef["keep"]
  readonly peek: SessionRef["peek"]
  /** What answers the server during a request. */
  readonly answering: <R>(handlers: CallHandlers<R> | undefined) => Handlers
  readonly onDiagnostic: (diagnostic: Diagnostic) => void
}

export const make = (options: {
  readonly server: string
  readonly completions: Completions
  /** Those of the client. */
  readonly handlers: Handlers
  readonly timeouts: Timeouts
  readonly sessions: SessionRef
  readonly cache: Cache | undefined
  /** The clock of deadlines. */
  readonly now: () => number
  readonly onDiagnostic: (diagnostic: Diagnostic) => void
}): Operations => {
  const { cache, completions, handlers: own, now, onDiagnostic, server, sessions, timeouts } = options

  const answering: Operations["answering"] = (handlers) =>
    handlers === undefined ? own : ofCall(handlers, { server, completions }, own)

  const observe = (
    method: string,
    exit: Exit.Exit<unknown, Failure>,
    startedAt: number,
    context: Context.Context<never>
  ): void => {
    measure(method, exit, startedAt, context)
    if (isAnswer(exit)) sessions.proven()
  }

  const run = <A, E extends Failure, R>(
    operation: Operation,
    f: (session: Session) => Effect.Effect<A, E, R>,
    repeats = 0
  ): Effect.Effect<A, E | McpError.McpError, R> =>
    Effect.withFiber((fiber) => {
      const { method } = operation
      const startedAt = performance.now()
      const { context } = fiber
      let began = false
      const used = sessions.use(
        (session) => {
          began = true
          return f(session)
        },
        (exit) => observe(method, exit, startedAt, context)
      )
      return Effect.catch(trace(operation, server, fiber, used), (error) =>
        // A session that could not be opened has been tried often enough.
        began && repeats < MAX_REPEATS && isLoss(error) && (!error.reason.requestSent || operation.repeatable())
          ? run(operation, f, repeats + 1)
          : Effect.fail(located(error, server, method)))
    })

  const send = <A, E extends Failure, R, R2>(
    request: Request<A, E, R, R2>,
    deadline: Deadline
  ): Effect.Effect<A, E | McpError.McpError, R | R2> => {
    const { method, onAsk, onInput, onTask, options, params, read, task, tracked, without } = request
    const { meta, onProgress } = options
    const handlers = options.handlers === undefined ? undefined : answering(options.handlers)
    return Effect.suspend(() => {
      // What the server was given already need not be asked for again.
      let resume: Resume | undefined = options.resume
      const onResume = (next: Resume): void => {
        resume = next
        onInput?.()
      }
      const since = now()
      const send = (session: Session, onProgress: ((progress: Progress) => void) | undefined) => {
        onAsk?.()
        const isManual = options.input === "manual"
        return session.request(method, params, {
          deadline,
          meta,
          onProgress,
          onResume,
          handlers,
          resume,
          isManual,
          task
        })
      }
      const ask = (
        session: Session,
        report: ((progress: Progress) => void) | undefined
      ): Effect.Effect<A, E | McpError.McpError, R> => {
        if (onTask === undefined || !session.tasks.isOffered) return Effect.flatMap(send(session, report), read)
        const asked: Asked = { since, handlers: handlers ?? own, sink: { report } }
        const answered = send(session, report === undefined ? undefined : (progress) => asked.sink.report?.(progress))
        return Effect.flatMap(answered, (answer): Effect.Effect<A, E | McpError.McpError, R> => {
          const created = session.tasks.created(answer)
          return created === undefined ? read(answer) : Effect.flatMap(created, (task) => onTask(task, asked))
        })
      }
      return run(
        request,
        (session): Effect.Effect<A, E | McpError.McpError, R | R2> =>
          without(session.info) ?? (onProgress === undefined
            ? ask(session, tracked === true ? ignoreProgress : undefined)
            : withProgress(onProgress, (report) => ask(session, report)))
      )
    })
  }

  const request: Operations["request"] = (request) => {
    const { deadline } = request
    if (McpError.isMcpError(deadline)) return Effect.fail(located(deadline, server, request.method))
    return cache === undefined || request.cache === undefined
      ? send(request, deadline)
      : cache.through(request, (request) => send(request, deadline))
  }

  const requestIn: Operations["requestIn"] = (session, operation, params, deadline) =>
    Effect.withFiber((fiber) => {
      const { method } = operation
      const startedAt = performance.now()
      const { context } = fiber
      const asked = Effect.onExitPrimitive(session.request(method, params, { deadline }), (exit) => {
        observe(method, exit, startedAt, context)
        return undefined
      })
      return locate(trace(operation, server, fiber, asked), server, method)
    })

  return {
    server,
    timeouts,
    cache,
    now,
    run: (operation, f) => run(operation, f),
    request,
    requestIn,
    keep: sessions.keep,
    peek: sessions.peek,
    answering,
    onDiagnostic
  }
}

const ignoreProgress = (): void => {}

export const always = (): boolean => true
export const never = (): boolean => false

type Loss = McpError.McpError & { readonly reason: McpError.ClosedError }

/** Whether it was the end of the session that made an operation fail. */
export const isLoss = (error: Failure): error is Loss =>
  error._tag === "McpError" && error.reason._tag === "ClosedError" && error.reason.by === "server"

/** Whether the server is well enough to answer, be it with an error. */
const isAnswer = (exit: Exit.Exit<unknown, Failure>): boolean => {
  if (Exit.isSuccess(exit)) return true
  const [failure] = exit.cause.reasons
  if (failure?._tag !== "Fail") return false
  if (failure.error._tag === "ToolError") return true
  const { reason } = failure.error
  switch (reason._tag) {
    case "JsonRpcError":
    case "ProtocolError":
    case "LimitError":
      return true
    case "ValidationError":
      return reason.side === "output"
    default:
      return false
  }
}

/** Says in the errors of an effect where they come from. */
export const locate = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  server: string,
  method?: string
): Effect.Effect<A, E, R> => Effect.mapError(effect, (error) => located(error, server, method))

// An error that says where it comes from is of the same type as before.
const located = <E>(error: E, server: string, method: string | undefined): E =>
  McpError.isMcpError(error) ? McpError.at(error, server, method) as E : error

/** What comes of an operation that a server without this capability is asked for. */
export const unsupported = (capability: string): Exit.Exit<never, McpError.McpError> =>
  Exit.fail(McpError.make(
    new McpError.UnsupportedError({ description: `The server does not offer ${capability}` })
  ))

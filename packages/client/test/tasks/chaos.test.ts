import type * as McpClient from "@effect-mcp/client/McpClient"
import type { McpError, ToolError } from "@effect-mcp/client/McpError"
import * as McpHandlers from "@effect-mcp/client/McpHandlers"
import type { CallToolResult, JsonObject } from "@effect-mcp/client/McpSchema"
import type * as McpTask from "@effect-mcp/client/McpTask"
import * as Fault from "@effect-mcp/testing/Fault"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { elicitation, form } from "../asking.ts"
import { census, clientOf, eras, settled } from "../harness.ts"
import { objectOf } from "../modern/support.ts"
import { type Change, connect, type Era, refuse, type Server } from "./support.ts"

type Task = McpTask.McpTask<CallToolResult>

const Act = Schema.Literals([
  // What clients do.
  "start",
  "call",
  "await",
  "watch",
  "wait",
  "look",
  "cancel",
  "interrupt",
  "resume",
  "answer",
  // What becomes of the tasks.
  "work",
  "ask",
  "end",
  "forget",
  "tell",
  "lie",
  "pace",
  "age",
  // What goes wrong.
  "hang up",
  "restart",
  "answer late",
  "answer never",
  "answer with an error",
  "hang up in place of an answer"
])

const Choice = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 23 }))

/** What happens, to which of what there is, in which way, and how many milliseconds pass then. */
const Step = Schema.Struct({
  act: Act,
  which: Choice,
  how: Choice,
  pause: Schema.Literals([0, 10, 60, 500, 5_000, 30_000])
})

type Step = typeof Step.Type

/** How late answers may come, in milliseconds. */
const LATE = 90_000

const pick = <A>(items: ReadonlyArray<A>, index: number): A | undefined => items[index % items.length]

const statuses: ReadonlyArray<McpTask.Status> = ["working", "input_required", "completed", "failed", "cancelled"]

/** How users answer. Some can not, and some want to do so by hand. */
const manners = ["at once", "at once", "slowly", "never", "badly", "not", "by hand"] as const

type Manner = typeof manners[number]

interface Handle {
  readonly task: Task
  readonly number: number
  readonly manner: Manner
}

/** Somebody who waits for something of a task, and what came of it. */
interface Waiter {
  readonly wants: "outcome" | "state" | "changes" | "other"
  readonly by: number
  readonly manner: Manner
  readonly until: ReadonlyArray<McpTask.Status>
  readonly isLimited: boolean
  readonly from: number
  taskId: string | undefined
  isInterrupted: boolean
  fiber: Fiber.Fiber<unknown, McpError | ToolError> | undefined
  exit: Exit.Exit<unknown, McpError | ToolError> | undefined
  to: number
}

/** What a task was like, and since when. */
interface Past {
  readonly at: number
  readonly status: McpTask.Status
  readonly ttl: number | null
}

/** A task, as it really is. */
interface Truth {
  readonly past: Array<Past>
  /** All that it ever asked. */
  readonly keys: Set<string>
  readonly open: Set<string>
  end: "text" | "tool error" | "error" | "cancelled" | undefined
  isForgotten: boolean
}

const textOf = (taskId: string): string => `what came of ${taskId}`

/** How a task may end, in the words of the era. */
const endOf = (era: Era, taskId: string, end: Exclude<Truth["end"], undefined>): Change => {
  const result = { content: [{ type: "text", text: textOf(taskId) }] }
  switch (end) {
    case "text":
      return { status: "completed", result }
    case "tool error":
      return { status: era === "modern" ? "completed" : "failed", result: { ...result, isError: true } }
    case "error":
      return { status: "failed", error: { code: -32000, message: textOf(taskId) } }
    case "cancelled":
      return { status: "cancelled" }
  }
}

/** All that happens, and all that is wrong with it. */
const world = Effect.fnUntraced(function*(era: Era, lazy: boolean) {
  const truths = new Map<string, Truth>()
  const handles: Array<Handle> = []
  const waiters: Array<Waiter> = []
  const wrong: Array<string> = []
  const asked = new Map<string, "open" | "answered">()
  const answers = new Map<string, string>()
  const callers = new Map<unknown, Waiter>()
  const limited = new Set<number>()
  const questions: Array<Fiber.Fiber<unknown>> = []
  /** How many messages had arrived whenever nothing more happened by itself. */
  const arrived: Array<number> = []
  let count = 0
  let faults = 0
  let losses = 0
  let interrupts = 0
  let isCalm = false

  const truthOf = (taskId: unknown): Truth | undefined => {
    const truth = truths.get(String(taskId))
    return truth?.isForgotten === true ? undefined : truth
  }

  const move = Effect.fnUntraced(function*(server: Server, taskId: string, change: Change) {
    const truth = truthOf(taskId)
    if (truth === undefined || truth.end !== undefined) return
    const inputRequests = Object.fromEntries(Array.from(truth.open, (key) => [key, ask(taskId, key)]))
    yield* server.set(taskId, { inputRequests, ...change })
    const { status, ttl = null } = server.tasks.get(taskId) ?? { status: "working" }
    truth.past.push({ at: yield* Clock.currentTimeMillis, status, ttl })
  })

  const end = Effect.fnUntraced(function*(server: Server, taskId: string, how: Exclude<Truth["end"], undefined>) {
    const truth = truthOf(taskId)
    if (truth === undefined || truth.end !== undefined) return
    yield* move(server, taskId, endOf(era, taskId, how))
    truth.end = how
  })

  const unknown = refuse(-32602, "Task not found")

  const { client, mock, server } = yield* connect(era, {
    methods: (server) => ({
      "tools/call": ({ arguments: args }) =>
        Effect.gen(function*() {
          const { caller } = objectOf(args)
          const number = Number(caller)
          const created = yield* server.create({
            pollInterval: pick([undefined, 10, 300, 2_000], number),
            ttl: pick([null, null, 60_000], number)
          })
          const taskId = `task-${server.tasks.size + Array.from(truths.values()).filter((it) => it.isForgotten).length}`
          const { ttl = null } = server.tasks.get(taskId) ?? {}
          const at = yield* Clock.currentTimeMillis
          truths.set(taskId, {
            past: [{ at, status: "working", ttl }],
            keys: new Set(),
            open: new Set(),
            end: undefined,
            isForgotten: false
          })
          const waiter = callers.get(caller)
          if (waiter !== undefined) waiter.taskId = taskId
          return created
        }),
      "tasks/cancel": ({ taskId }) =>
        Effect.gen(function*() {
          const truth = truthOf(taskId)
          if (truth === undefined) return yield* unknown
          if (truth.end !== undefined && era === "legacy") return yield* refuse(-32602, "The task has ended")
          // It need not do it.
          if (truth.past.length % 3 > 0) yield* end(server, String(taskId), "cancelled")
          return { resultType: "complete" }
        }),
      "tasks/update": ({ inputResponses, taskId }) =>
        Effect.gen(function*() {
          const truth = truthOf(taskId)
          if (truth === undefined) return yield* unknown
          for (const [key, response] of Object.entries(objectOf(inputResponses))) {
            if (!truth.keys.has(key)) wrong.push(`${String(taskId)} never asked ${key}`)
            const it = String(objectOf(objectOf(response)["content"])["it"])
            const by = `${String(taskId)}/${key} by ${it.split(" ")[0]}`
            const before = answers.get(by)
            if (before !== undefined && before !== it) wrong.push(`two answers to ${by}`)
            if (before !== undefined && faults + interrupts === 0) wrong.push(`answered again: ${by}`)
            answers.set(by, it)
            // What has been answered may be listed for some time.
            if (truth.past.length % 2 === 0) truth.open.delete(key)
          }
          if (truth.end === undefined && truth.past.at(-1)?.status === "input_required") {
            yield* move(server, String(taskId), { status: truth.open.size === 0 ? "working" : "input_required" })
          }
          return { resultType: "complete" }
        })
    })
  }, { lazy, idleTimeToLive: "10 seconds" })
  const other = yield* clientOf(mock.transport, { protocol: era, lazy: true, idleTimeToLive: "10 seconds" })

  /** Somebody who is asked, and notes when they are asked once too often. */
  const user = (number: number, manner: Manner): McpHandlers.CallHandlers => {
    if (manner === "not") return {}
    return {
      elicitation: {
        form: ({ message }) =>
          Effect.suspend(() => {
            const question = `${message} by ${number}`
            if (asked.has(question)) wrong.push(`asked again: ${question}`)
            asked.set(question, "open")
            const answer = Effect.sync(() => {
              asked.set(question, "answered")
              return McpHandlers.accept({ it: `${number} ${++count}` })
            })
            const answered = {
              "at once": answer,
              slowly: Effect.delay(answer, "4 seconds"),
              never: Effect.never,
              badly: Effect.fail("no"),
              "by hand": Effect.die(new Error("asked a user who answers by hand"))
            }[manner]
            return Effect.onExit(answered, () =>
              Effect.sync(() => {
                if (asked.get(question) === "open") asked.delete(question)
              }))
          })
      }
    }
  }

  const fork = Effect.fnUntraced(function*(
    about: Pick<Waiter, "wants" | "by" | "manner" | "taskId"> & Partial<Pick<Waiter, "until" | "isLimited">>,
    make: (waiter: Waiter) => Effect.Effect<unknown, McpError | ToolError>
  ) {
    const waiter: Waiter = {
      until: [],
      isLimited: false,
      ...about,
      from: yield* Clock.currentTimeMillis,
      isInterrupted: false,
      fiber: undefined,
      exit: undefined,
      to: Number.POSITIVE_INFINITY
    }
    waiters.push(waiter)
    const noted = Effect.onExit(make(waiter), (exit) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        waiter.exit = exit
        waiter.to = now
      }))
    waiter.fiber = yield* Effect.forkChild(noted, { startImmediately: true })
  })

  const start = (how: number, client: McpClient.McpClient) => {
    const number = handles.length + ++count
    const manner = manners[how % manners.length] ?? "at once"
    const isLimited = how % 4 === 3
    if (isLimited) limited.add(number)
    const options = {
      handlers: user(number, manner),
      ...(manner === "by hand" ? { input: "manual" } as const : {}),
      ...(isLimited ? { timeout: "40 seconds", totalTimeout: "3 minutes" } as const : {})
    }
    const onInterrupt = how % 3 === 0 ? "cancel" as const : "leave" as const
    return {
      number,
      manner,
      isLimited,
      start: Effect.map(
        client.startTool("required", { caller: number }, { ...options, onInterrupt }),
        (task) => handles.push({ task, number, manner })
      ),
      resume: (saved: McpTask.Saved) =>
        Effect.map(
          client.resumeTool("required", saved, { ...options, onInterrupt }),
          (task) => handles.push({ task, number, manner })
        ),
      call: client.callTool("required", { caller: number }, options)
    }
  }

  const isOpen = Effect.map(mock.open, (open) => open > 0)

  const fault = (make: (match: Fault.Match, times: number) => Fault.Fault, how: number) => {
    const method = pick(["tasks/get", "tasks/get", "tasks/update", "tasks/result", "tasks/cancel"], how)
    const times = 1 + how % 3
    faults += times
    return mock.inject(make((request) => !isCalm && request.method === method, times))
  }

  /** Lets time pass, with no jumps in which everything would be late that is under way. */
  const pass = (millis: number): Effect.Effect<void> =>
    Effect.gen(function*() {
      yield* settled
      arrived.push((yield* mock.messages).length)
      if (millis === 0) return
      const step = Math.min(millis, 10_000)
      yield* TestClock.adjust(step)
      yield* pass(millis - step)
    })

  const take = ({ act, how, which }: Step): Effect.Effect<unknown> => {
    const handle = pick(handles, which)
    const taskId = pick(Array.from(truths.keys()), which)
    const truth = truthOf(taskId)
    const withHandle = (f: (handle: Handle) => Effect.Effect<unknown>) => handle === undefined ? Effect.void : f(handle)
    const about = ({ manner, number, task }: Handle) => ({ by: number, manner, taskId: task.id })
    const awaitFor = (handle: Handle) =>
      fork({ ...about(handle), wants: "outcome", isLimited: limited.has(handle.number) }, () => handle.task.await)
    const change = (change: Change) => taskId === undefined ? Effect.void : move(server, taskId, change)
    const forget = Effect.fnUntraced(function*(taskId: string) {
      const truth = truthOf(taskId)
      if (truth === undefined) return
      truth.isForgotten = true
      yield* server.forget(taskId)
    })
    switch (act) {
      case "start": {
        const { manner, number, start: started } = start(how, which % 4 === 0 ? other : client)
        return fork({ wants: "other", by: number, manner, taskId: undefined }, () => started)
      }
      case "call": {
        const { call, isLimited, manner, number } = start(how, which % 4 === 0 ? other : client)
        return fork({ wants: "outcome", by: number, manner, taskId: undefined, isLimited }, (waiter) => {
          callers.set(number, waiter)
          return call
        })
      }
      case "await":
        return withHandle(awaitFor)
      case "watch":
        return withHandle((handle) =>
          fork({ ...about(handle), wants: "changes" }, () => Stream.runCollect(handle.task.changes))
        )
      case "wait": {
        const until = how % 3 === 0 ? undefined : [statuses[how % 5] ?? "working", statuses[which % 5] ?? "working"]
        const timeout = how % 2 === 0 ? "20 seconds" : undefined
        return withHandle((handle) =>
          fork({
            ...about(handle),
            wants: "state",
            until: until ?? ["completed", "failed", "cancelled"],
            isLimited: timeout !== undefined
          }, () => handle.task.wait({ until, timeout }))
        )
      }
      case "look":
        return withHandle((handle) => fork({ ...about(handle), wants: "other" }, () => handle.task.status))
      case "cancel":
        return withHandle((handle) => fork({ ...about(handle), wants: "other" }, () => handle.task.cancel))
      case "interrupt": {
        const waiter = pick(waiters.filter(({ exit }) => exit === undefined), which)
        if (waiter?.fiber === undefined) return Effect.void
        interrupts++
        waiter.isInterrupted = true
        const left = Effect.forkChild(Fiber.interrupt(waiter.fiber), { startImmediately: true })
        const same = handles.find(({ number }) => number === waiter.by)
        return how % 2 === 0 || same === undefined ? left : Effect.andThen(left, awaitFor(same))
      }
      case "resume":
        return withHandle(({ task }) => {
          const { manner, number, resume } = start(how, which % 2 === 0 ? other : client)
          return fork({ wants: "other", by: number, manner, taskId: task.id }, () => resume(task.toJSON()))
        })
      case "answer":
        return withHandle((handle) => {
          const [key] = truthOf(handle.task.id)?.open ?? []
          if (handle.manner !== "by hand" || key === undefined) return Effect.void
          const answer = { action: "accept", content: { it: `${handle.number} manual` } }
          return fork({ ...about(handle), wants: "other" }, () => handle.task.answer({ [key]: answer }))
        })
      case "work":
        return change({ status: "working", statusMessage: `${how}` })
      case "ask": {
        if (taskId === undefined || truth === undefined || truth.end !== undefined) return Effect.void
        for (let index = 0; index <= how % 3; index++) {
          const key = `key ${truth.keys.size}`
          truth.keys.add(key)
          truth.open.add(key)
        }
        return Effect.gen(function*() {
          yield* change({ status: "input_required" })
          if (era === "modern" || !(yield* isOpen)) return
          const { params } = ask(taskId, `question ${++count}`)
          yield* Effect.forkChild(Effect.exit(server.ask(taskId, elicitation, params)), { startImmediately: true })
            .pipe(
              Effect.tap((fiber) => Effect.sync(() => questions.push(fiber)))
            )
        })
      }
      case "end": {
        const way = pick(["text", "text", "tool error", "error", "cancelled"] as const, how)
        return taskId === undefined || way === undefined ? Effect.void : end(server, taskId, way)
      }
      case "forget":
        return how % 3 === 0 && taskId !== undefined ? forget(taskId) : Effect.void
      case "tell":
        return Effect.gen(function*() {
          if (taskId === undefined || truth === undefined || !(yield* isOpen)) return
          for (let times = 0; times <= how % 4 && (yield* isOpen); times++) {
            yield* server.notify(taskId)
            yield* pass(5)
          }
        })
      case "lie":
        return Effect.gen(function*() {
          if (!(yield* isOpen)) return
          const status = pick(statuses, how)
          yield* mock.notify(
            era === "modern" ? "notifications/tasks" : "notifications/tasks/status",
            { taskId: taskId ?? "nobody knows", status, result: { content: [] }, error: { code: 1, message: "lie" } }
          )
        })
      case "pace":
        return change({ pollInterval: pick([undefined, 0, 10, 300, 2_000, 20_000, 1e9], how) })
      case "age":
        return change({ ttl: pick([null, null, 5_000, 60_000, 1e9], how) })
      case "hang up":
        faults++
        losses++
        return mock.disconnect()
      case "restart":
        faults++
        losses++
        return how % 4 === 0
          ? Effect.andThen(Effect.forEach(Array.from(truths.keys()), forget), mock.disconnect())
          : mock.disconnect()
      case "answer late":
        return fault((match, times) => Fault.delay(match, pick([200, 5_000, LATE], which) ?? 0, times), how)
      case "answer never":
        return fault(Fault.drop, how)
      case "answer with an error":
        return fault((match) => Fault.fail(match, { code: -32001, message: "Out of order" }, 1), how)
      case "hang up in place of an answer":
        losses++
        return fault(Fault.disconnect, how)
    }
  }

  // ---------------------------------------------------------------------------
  // What is true
  // ---------------------------------------------------------------------------

  /** Whether a task may have been taken for lost: because the server knows none, or did not change it for too long. */
  const mayBeLost = ({ isForgotten, past }: Truth, expired: boolean, at: number): boolean =>
    isForgotten || expired && past.some((state, index) => {
        const seenUntil = (past[index + 1]?.at ?? Number.POSITIVE_INFINITY) + (faults === 0 ? 0 : LATE)
        return state.ttl !== null && Math.min(at, seenUntil) - state.at >= state.ttl
      })

  /** Whether it can be that the server was out of reach for too long. */
  const mayBeOutOfReach = ({ taskId, wants }: Waiter): boolean => {
    const isPatient = taskId !== undefined && wants !== "other" && !(wants === "outcome" && era === "legacy")
    return faults >= (isPatient ? 5 : 1)
  }

  const mayFailWith = (waiter: Waiter, truth: Truth | undefined, error: McpError | ToolError): boolean => {
    if (error._tag === "ToolError") return truth?.end === "tool error"
    const { reason } = error
    const status = truth?.past.at(-1)?.status
    switch (reason._tag) {
      case "JsonRpcError":
        return reason.code === -32001 && faults > 0 ||
          truth?.end === "error" && reason.code === -32000 && reason.description === textOf(String(waiter.taskId)) ||
          // Nobody knows with what it failed.
          truth?.isForgotten === true && reason.code === -32602 &&
            (waiter.wants === "other" || era === "legacy" && status === "failed")
      case "TaskEndedError":
        return truth?.end !== undefined && reason.status === status &&
          (waiter.wants === "state" ? !waiter.until.includes(reason.status) : reason.status === "cancelled")
      case "TaskLostError":
        return truth !== undefined && mayBeLost(truth, reason.expired, waiter.to)
      case "TimeoutError":
        return waiter.isLimited || mayBeOutOfReach(waiter)
      case "ClosedError":
        return reason.by === "server" && mayBeOutOfReach(waiter)
      case "InputRequiredError":
        return era === "modern" && truth !== undefined && truth.keys.size > 0 &&
          ["badly", "not", "by hand"].includes(waiter.manner)
      case "ConfigurationError":
      case "UnsupportedError":
        return waiter.wants === "other" && waiter.manner === "by hand"
      default:
        return false
    }
  }

  const isTrue = (waiter: Waiter, exit: Exit.Exit<unknown, McpError | ToolError>): boolean => {
    const truth = waiter.taskId === undefined ? undefined : truths.get(waiter.taskId)
    if (Exit.isFailure(exit)) {
      return exit.cause.reasons.every((reason) =>
        Cause.isFailReason(reason)
          ? mayFailWith(waiter, truth, reason.error)
          : Cause.isInterruptReason(reason) && waiter.isInterrupted
      )
    }
    const was = (status: unknown) => truth?.past.some((state) => state.status === status) === true
    switch (waiter.wants) {
      case "outcome": {
        const { content } = objectOf(exit.value)
        return truth?.end === "text" && Array.isArray(content) &&
          objectOf(content[0])["text"] === textOf(String(waiter.taskId))
      }
      case "state": {
        const { status } = objectOf(exit.value)
        return was(status) && waiter.until.some((wanted) => wanted === status)
      }
      case "changes": {
        const states = Array.isArray(exit.value) ? exit.value.map((state) => objectOf(state)["status"]) : []
        return states.every(was) && truth?.end !== undefined && states.at(-1) === truth.past.at(-1)?.status
      }
      case "other":
        return true
    }
  }

  /** Ends what has not ended, and lets nothing go wrong any more. */
  const calm = Effect.gen(function*() {
    isCalm = true
    // Some may not even have begun.
    for (let times = 0; times < 2; times++) {
      for (const taskId of truths.keys()) yield* end(server, taskId, "text")
      yield* pass(300_000)
    }
    // Who asks over a connection that is lost waits for ever.
    yield* Fiber.interruptAll(questions)
  })

  const describeWaiter = ({ exit, fiber: _, ...waiter }: Waiter): string =>
    `${JSON.stringify({ ...waiter, truth: truths.get(String(waiter.taskId)) })}: ${
      exit === undefined ? "hangs" : Exit.isFailure(exit) ? Cause.pretty(exit.cause) : JSON.stringify(exit.value)
    }`

  const check = Effect.gen(function*() {
    for (const waiter of waiters) {
      if (waiter.exit === undefined || !isTrue(waiter, waiter.exit)) wrong.push(describeWaiter(waiter))
    }
    for (const taskId of truths.keys()) {
      const watching = waiters.filter((waiter) => waiter.taskId === taskId)
      const polls = server.log.flatMap(({ at, method, params }) =>
        method === "tasks/get" && params["taskId"] === taskId ? [at] : []
      )
      // What a lost session cut off is asked again at once, twice at most.
      const drivers = new Set(watching.map(({ by }) => by)).size * (losses === 0 ? 1 : 3)
      for (const at of polls) {
        if (!watching.some(({ from, to }) => from <= at && at <= to)) wrong.push(`${taskId} polled for nobody at ${at}`)
        const looks = watching.filter(({ from, to, wants }) => wants === "other" && from < at + 50 && at <= to).length
        const close = polls.filter((next) => at <= next && next < at + 49.9).length
        if (close > drivers + looks) wrong.push(`${taskId} polled ${close} times from ${at} on`)
      }
    }
    const begun = new Set<string>()
    const answeredAt = new Map<string, number>()
    for (const [index, { connection, from, message }] of (yield* mock.messages).entries()) {
      const { id, method, params } = message
      const key = (id: unknown) => `${connection} ${String(id)}`
      if (from === "client" && method !== undefined) begun.add(key(id))
      if (from === "server" && method === undefined) answeredAt.set(key(id), index)
      if (from === "server" || method !== "notifications/cancelled") continue
      const cancelled = key(objectOf(params)["requestId"])
      const answered = answeredAt.get(cancelled) ?? index
      // What has not arrived yet is under way.
      const isOver = arrived.some((count) => answered < count && count <= index)
      if (!begun.delete(cancelled) || isOver) wrong.push(`cancelled what is not under way: ${JSON.stringify(message)}`)
    }
    return wrong
  })

  return { calm, check, handles, mock, take, fork, pass }
})

const ask = (taskId: string, key: string): { readonly method: string; readonly params: JsonObject } => ({
  method: elicitation,
  params: { ...form({ it: { type: "string" } }), message: `${taskId}/${key}` }
})

describe.each(eras)("in the %s era, whatever becomes of tasks, and whoever waits", { concurrent: false }, (era) => {
  it.effect.prop(
    "everybody learns what is true, is asked once, and nothing is left",
    { lazy: Schema.Boolean, steps: Schema.Array(Step).check(Schema.isMaxLength(60)) },
    ({ lazy, steps }) =>
      Effect.gen(function*() {
        const { alive, counting } = census()
        const scope = yield* Scope.make()
        const { calm, check, fork, handles, mock, pass, take } = yield* world(era, lazy).pipe(
          Scope.provide(scope),
          counting
        )
        yield* counting(
          Effect.forEach(steps, (step) => Effect.andThen(take(step), pass(step.pause)), { discard: true })
        )
        yield* counting(calm)
        // Now that nothing stands in the way, each handle has its truth.
        yield* counting(
          Effect.forEach(handles, ({ number, task }) =>
            fork({ wants: "outcome", by: number, manner: "at once", taskId: task.id }, () =>
              task.await))
        )
        yield* pass(180_000)
        const wrong = yield* check
        assert.isEmpty(wrong, wrong.join("\n"))
        yield* Scope.close(scope, Exit.void)
        yield* settled
        assert.deepStrictEqual([yield* mock.open, yield* mock.answering], [0, 0])
        assert.strictEqual(alive(), 0)
      }).pipe(Random.withSeed("chaos")),
    { arbitrary: { runs: 24, size: 60 } }
  )
})

import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as CommandLine from "effect/process/CommandLine"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as McpError from "../../McpError.ts"
import * as McpTransport from "../../McpTransport.ts"
import * as Lines from "../jsonrpc/lines.ts"
import { asksOrTells, idOfAnswer } from "../jsonrpc/remnants.ts"
import { childEnvironment } from "./childEnvironment.ts"
import * as Outbox from "./outbox.ts"
import * as Pipe from "./pipe.ts"
import { isBatchFile, windowsScript } from "./windowsCommand.ts"

/** How many messages may wait for a child that does not read. */
const OUTBOX_CAPACITY = 1024

/** How long a child may take to end by itself once its input has ended. Many servers do not watch for that. */
const INPUT_END_GRACE = "750 millis"

/** How long a child may take to end after SIGTERM. */
const SIGTERM_GRACE = "2 seconds"

/** How long after the first sign of an end to wait for the rest of it: exit code, last output. */
const LAST_WORDS_GRACE = "500 millis"

/** How much of the standard error is kept for error messages. */
const TAIL_CHARACTERS = 8192

/** The longest line of standard error that is shown whole. */
const STDERR_LINE_BYTES = 65_536

export interface Options {
  readonly command: string
  readonly args: ReadonlyArray<string | Redacted.Redacted<string>>
  readonly env?: Readonly<Record<string, string | Redacted.Redacted<string> | undefined>> | undefined
  readonly extendEnv?: boolean | undefined
  readonly cwd?: string | undefined
  readonly stderr: "collect" | "inherit"
  readonly maxMessageBytes: number
}

export const make = (spawner: ChildProcessSpawner["Service"], options: Options): McpTransport.McpTransport => {
  const label = CommandLine.display([options.command, ...options.args])
  return McpTransport.make({ label, connect: connect(spawner, options, label) })
}

const connect = Effect.fnUntraced(function*(spawner: ChildProcessSpawner["Service"], options: Options, label: string) {
  const child = yield* Effect.mapError(spawn(spawner, options), (error) => spawnError(error, options, label))
  const stderr = makeTail()
  const outbox = Outbox.make<string>(OUTBOX_CAPACITY)
  const pipe = yield* Pipe.make({
    outlet: outbox,
    encode: (message) => JSON.stringify(message) + "\n",
    detail: () => `\`${label}\` is running.${stderr.text() === "" ? "" : ` Its stderr ends with:\n${stderr.text()}`}`
  })

  const encoder = new TextEncoder()
  // All that gathered since the last write leaves in one.
  const writes = Stream.fromPull(Effect.succeed(
    Effect.map(outbox.take, (lines) => [encoder.encode(lines.join(""))] as const)
  ))
  const writing = yield* Effect.forkScoped(Stream.run(writes, child.stdin))
  const reading = yield* Effect.forkScoped(drain(child.stdout, readMessages(pipe, options.maxMessageBytes)))
  const listening = yield* Effect.forkScoped(drain(child.stderr, readStderr(pipe, stderr)))
  const exiting = yield* Effect.forkScoped(Effect.map(Effect.exit(child.exitCode), ending))

  yield* Effect.raceAllFirst([Fiber.await(reading), Fiber.await(exiting), firstFailure(writing)]).pipe(
    // Output written just before the exit still arrives; a grandchild that holds the pipe must not make us wait for it.
    Effect.andThen(Effect.timeoutOption(Fiber.awaitAll([exiting, reading, listening]), LAST_WORDS_GRACE)),
    Effect.andThen(Effect.sync(() => {
      const exit = exiting.pollUnsafe()
      pipe.close(
        exit !== undefined && Exit.isSuccess(exit)
          ? new McpError.ProcessExitError({ command: label, stderr: stderr.text(), ...exit.value })
          : new McpError.TransportError({ description: `\`${label}\` closed its standard input or output` })
      )
    })),
    Effect.forkScoped
  )

  // https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#stdio: end its input, wait, SIGTERM, wait,
  // SIGKILL. The signals go to the whole process group, once more by the spawner for what outlives the leader.
  const ended = Fiber.awaitAll([exiting, reading, listening])
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => pipe.close()).pipe(
      Effect.andThen(Effect.timeoutOption(ended, INPUT_END_GRACE)),
      Effect.flatMap(Option.match({
        onSome: () => Effect.void,
        onNone: () => Effect.ignore(child.kill({ killSignal: "SIGTERM", forceKillAfter: SIGTERM_GRACE }))
      })),
      // Pipes that are not read to their end stay open.
      Effect.andThen(Effect.timeoutOption(ended, LAST_WORDS_GRACE))
    )
  )
  return pipe.connection
})

const spawn = (spawner: ChildProcessSpawner["Service"], options: Options) => {
  // Only here does the library look at the process that it runs in: browsers have none.
  const { env: parent = {}, platform } = (globalThis as HostProcess).process ?? {}
  const windows = platform === "win32"
  const settings: ChildProcess.CommandOptions = {
    cwd: options.cwd,
    env: options.extendEnv === true
      ? options.env ?? {}
      : { ...childEnvironment(parent, windows ? "windows" : "posix"), ...options.env },
    extendEnv: options.extendEnv ?? false,
    stderr: options.stderr === "inherit" ? "inherit" : "pipe",
    forceKillAfter: SIGTERM_GRACE
  }
  const { args, command } = options
  const directly = spawner.spawn(ChildProcess.make(command, args, settings))
  if (!windows) return directly
  const byShell = Effect.suspend(() =>
    spawner.spawn(ChildProcess.make(windowsScript(command, args), [], { ...settings, shell: true }))
  )
  if (isBatchFile(command)) return byShell
  // A command that is no program file may be a shim, as `npx` is.
  return Effect.catchIf(directly, (error) => error.reason._tag === "NotFound", () => byShell)
}

interface HostProcess {
  readonly process?: {
    readonly platform?: string
    readonly env?: Readonly<Record<string, string | undefined>>
  }
}

const spawnError = (error: PlatformError.PlatformError, options: Options, label: string): McpError.McpError => {
  const missing = error.reason._tag === "NotFound"
  const hint = error.reason.module === "FileSystem"
    ? `The working directory ${String(options.cwd)} can not be used.`
    : missing && options.env?.["PATH"] !== undefined
    ? "It is not in the PATH of `env`."
    : missing
    ? "Is it installed, and in the PATH?"
    : undefined
  return McpError.make(new McpError.SpawnError({ command: label, code: error.reason._tag, hint, cause: error.cause }))
}

interface Ending {
  readonly exitCode?: number
  readonly signal?: string
}

const ending = (exit: Exit.Exit<number, PlatformError.PlatformError>): Ending => {
  if (Exit.isSuccess(exit)) return { exitCode: exit.value }
  const signal = /receipt of signal: '(SIG\w+)'/.exec(Cause.pretty(exit.cause))?.[1]
  return signal === undefined ? {} : { signal }
}

const firstFailure = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<unknown> =>
  Effect.flatMap(Fiber.await(fiber), (exit) => Exit.isSuccess(exit) ? Effect.never : Effect.void)

const drain = <E>(stream: Stream.Stream<Uint8Array, E>, lines: Lines.Lines): Effect.Effect<void> =>
  Stream.runForEach(stream, (chunk) => Effect.sync(() => lines.push(chunk))).pipe(
    Effect.ignore,
    Effect.andThen(Effect.sync(lines.end))
  )

const readMessages = (pipe: Pipe.Pipe, maxBytes: number): Lines.Lines =>
  Lines.make({
    maxBytes,
    onLine: (line) => pipe.receiveText(line),
    onOversized: (head, tail) => {
      const reason = new McpError.LimitError({
        what: "bytes in one message",
        limit: maxBytes,
        hint: "Raise `maxMessageSize` if the server may send so much."
      })
      const id = idOfAnswer(head, tail)
      // Nobody would ever answer a request whose answer can not be told from the rest of a lost message.
      if (id === undefined ? !asksOrTells(head) : !pipe.fail(id, reason)) pipe.close(reason)
      else pipe.notice({ _tag: "Oversized", limit: maxBytes })
    }
  })

interface Tail {
  readonly push: (text: string) => void
  readonly text: () => string
}

const makeTail = (): Tail => {
  let text = ""
  return {
    push: (more) => {
      text += more
      // Cutting only now and then keeps a flood of short pieces from being copied for each of them.
      if (text.length > 2 * TAIL_CHARACTERS) text = text.slice(-TAIL_CHARACTERS)
    },
    text: () => text.slice(-TAIL_CHARACTERS).trimEnd()
  }
}

/** Each line is shown when it is complete; the tail has also what no line end followed, such as a prompt. */
const readStderr = (pipe: Pipe.Pipe, tail: Tail): Lines.Lines => {
  const decoder = new TextDecoder()
  const lines = Lines.make({
    maxBytes: STDERR_LINE_BYTES,
    onLine: (line) => pipe.notice({ _tag: "Stderr", line }),
    onOversized: (head) => pipe.notice({ _tag: "Stderr", line: head })
  })
  return {
    push: (chunk) => {
      tail.push(decoder.decode(chunk, { stream: true }))
      lines.push(chunk)
    },
    end: lines.end
  }
}

/** What the tests with real child processes share. */
import * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as McpTool from "@effect-mcp/client/McpTool"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as StdioTransport from "@effect-mcp/client/StdioTransport"
import * as NodeMcp from "@effect-mcp/node/NodeMcp"
import { assert } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { ChildProcessSpawner, make as makeSpawner } from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

// ---------------------------------------------------------------------------
// The fixture server
// ---------------------------------------------------------------------------

export const fixture = (name: string): string => join(import.meta.dirname, "fixtures", name)

/** What the fixture server does, one after the other. In what it writes, `$ID` stands for the id of the request. */
export type Step =
  | { readonly stdout: string }
  /** `$PID` stands for the id of the process. */
  | { readonly stderr: string }
  /** Each part is written by itself. */
  | { readonly parts: ReadonlyArray<string> }
  /** In two parts, cut at a byte, or else byte by byte. */
  | { readonly split: { readonly text: string; readonly at?: number } }
  | { readonly notifications: { readonly count: number; readonly text: string } }
  | { readonly noise: { readonly count: number; readonly text: string } }
  | { readonly send: JsonObject }
  | { readonly answer: unknown }
  /** Writes what came in to a file. */
  | { readonly file: string }
  /** In milliseconds. */
  | { readonly pause: number }
  | { readonly never: true }
  | { readonly exit: number }
  | { readonly signal: string }
  | { readonly closeInput: true }
  | { readonly closeOutput: true }
  | { readonly stopReading: true }
  | { readonly readAgain: true }
  /** When it gets a signal. */
  | { readonly on: string; readonly steps: ReadonlyArray<Step> }

export interface ServerOptions {
  /** Before anything is read. */
  readonly start?: ReadonlyArray<Step>
  /** Before `initialize` is answered. */
  readonly initialize?: ReadonlyArray<Step>
  /** When its input has ended. */
  readonly end?: ReadonlyArray<Step>
}

const value = Schema.Struct({ value: Schema.Json })

export const Echo = McpTool.make("echo", { input: value, output: value })

export const EchoLater = McpTool.make("echoLater", {
  input: Schema.Struct({ value: Schema.Json, turns: Schema.Number }),
  output: value
})

export const Inspect = McpTool.make("inspect", {
  output: Schema.Struct({
    pid: Schema.Number,
    args: Schema.Array(Schema.String),
    cwd: Schema.String,
    env: Schema.Record(Schema.String, Schema.String)
  })
})

export const Received = McpTool.make("received", {
  output: Schema.Struct({
    messages: Schema.Array(Schema.Struct({
      method: Schema.optionalKey(Schema.String),
      id: Schema.optionalKey(Schema.Number),
      params: Schema.optionalKey(Schema.Any)
    })),
    outstanding: Schema.Array(Schema.Number)
  })
})

export const Large = McpTool.make("large", {
  input: Schema.Struct({ bytes: Schema.Number }),
  output: Schema.Struct({ text: Schema.String })
})

export const Pids = McpTool.make("pids", { output: Schema.Struct({ pids: Schema.Array(Schema.Number) }) })

/** Lets the server do something in a call. */
export const perform = (client: McpClient.McpClient, ...steps: ReadonlyArray<Step>) =>
  client.callTool("perform", { steps: steps as ReadonlyArray<never> })

export const pid = (client: McpClient.McpClient) => Effect.map(client.call(Inspect, {}), ({ pid }) => pid)

/** The line with which a server answers the request at hand. */
export const answerLine = (structuredContent: unknown): string =>
  `{"jsonrpc":"2.0","id":$ID,"result":${JSON.stringify({ content: [], structuredContent })}}\n`

// ---------------------------------------------------------------------------
// Connecting
// ---------------------------------------------------------------------------

export interface Connected {
  readonly client: McpClient.McpClient
  /** The processes started so far. */
  readonly spawned: ReadonlyArray<number>
}

export interface ConnectOptions extends Partial<StdioTransport.Options> {
  readonly server?: ServerOptions
  readonly client?: McpClient.Options
}

/**
 * Connects to a fixture on this Node.js. When the scope closes, nothing that was started may be left: what is, is ended,
 * and the test fails.
 */
export const connect: (
  options?: ConnectOptions
) => Effect.Effect<Connected, McpError.McpError, Scope.Scope> = Effect.fnUntraced(
  function*({ client: clientOptions, server, ...stdio }: ConnectOptions = {}) {
    const spawned: Array<number> = []
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        const left = spawned.filter(isRunning)
        for (const pid of left) kill(-pid)
        assert.deepStrictEqual(left, [], "processes that outlived their client")
      })
    )
    const spawner = yield* ChildProcessSpawner
    const recording = makeSpawner((command) =>
      Effect.tap(spawner.spawn(command), ({ pid }) => Effect.sync(() => spawned.push(pid)))
    )
    const transport = yield* StdioTransport.make({
      command: process.execPath,
      args: [fixture("server.mjs"), JSON.stringify(server ?? {})],
      ...stdio
    }).pipe(Effect.provideService(ChildProcessSpawner, recording))
    const client = yield* McpClient.make({ protocol: "legacy", ...clientOptions }).pipe(
      Effect.provideService(McpTransport.McpTransport, transport)
    )
    return { client, spawned }
  },
  // what the server says in its log is nobody's interest here
  Effect.provide(Layer.merge(NodeMcp.layer, Logger.layer([])))
)

/** Connects to a server with a stubborn child of its own. */
export const connectFamily = (options: { readonly stubborn: boolean; readonly sharesOutput?: boolean }) =>
  connect({ args: [fixture("family.mjs"), JSON.stringify(options)] })

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // gone already
  }
}

/** Waits until processes have ended. */
export const untilEnded = (pids: ReadonlyArray<number>): Effect.Effect<void, Cause.TimeoutError> =>
  Effect.suspend(() => pids.some(isRunning) ? Effect.sleep("10 millis") : Effect.void).pipe(
    Effect.repeat({ while: () => pids.some(isRunning) }),
    Effect.timeout("10 seconds")
  )

/** A folder that goes with the scope. */
export const temporaryFolder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "stdio-")))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Whether a process runs. One that has ended and that nobody has buried does not. */
export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return process.platform !== "linux"
  }
}

/** Runs one of the programs of this folder to its end, and yields what it printed. */
export const runProgram = (
  name: string,
  options: { readonly node?: ReadonlyArray<string>; readonly args?: ReadonlyArray<string> } = {}
) =>
  Effect.callback<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resume) => {
    const args = [...options.node ?? [], join(import.meta.dirname, "programs", name), ...options.args ?? []]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    const printed = { stdout: "", stderr: "" }
    child.stdout.setEncoding("utf8").on("data", (text: string) => printed.stdout += text)
    child.stderr.setEncoding("utf8").on("data", (text: string) => printed.stderr += text)
    child.on("close", (code) => resume(Effect.succeed({ code, ...printed })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

// ---------------------------------------------------------------------------
// Reading
// ---------------------------------------------------------------------------

type Diagnostic<Tag> = Extract<McpTransport.Diagnostic, { readonly _tag: Tag }>

/** Collects diagnostics of a kind: the latest, and what happens from now on. */
export const watch = <const Tag extends McpTransport.Diagnostic["_tag"]>(
  client: McpClient.McpClient,
  tag: Tag,
  count: number
) =>
  client.diagnostics.pipe(
    Stream.filter((diagnostic): diagnostic is Diagnostic<Tag> => diagnostic._tag === tag),
    Stream.take(count),
    Stream.runCollect,
    Effect.forkScoped({ startImmediately: true })
  )

type Reason<Tag> = Extract<McpError.McpErrorReason, { readonly _tag: Tag }>

/** Why something failed, which has to be for a reason of this kind. */
export const failure = <A, R, const Tag extends McpError.McpErrorReason["_tag"]>(
  effect: Effect.Effect<A, McpError.McpError | McpError.ToolError, R>,
  tag: Tag
): Effect.Effect<{ readonly error: McpError.McpError; readonly reason: Reason<Tag> }, A, R> =>
  Effect.map(Effect.flip(effect), (error) => {
    assert(McpError.isMcpError(error), String(error))
    const { reason } = error
    assert(isReason(reason, tag), `${reason._tag} instead of ${tag}: ${error.message}`)
    return { error, reason }
  })

const isReason = <Tag extends McpError.McpErrorReason["_tag"]>(
  reason: McpError.McpErrorReason,
  tag: Tag
): reason is Reason<Tag> => reason._tag === tag

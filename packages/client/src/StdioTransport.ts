/**
 * A server as a child process that speaks on its standard input and output.
 *
 * The process belongs to the connection: when the connection's scope closes, its input is ended, and what does not go
 * by itself is made to go, with everything that it started.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as Redacted from "effect/Redacted"
import { messageSize } from "./internal/transport/messageSize.ts"
import * as stdio from "./internal/transport/stdio.ts"
import type * as McpError from "./McpError.ts"
import * as McpTransport from "./McpTransport.ts"

/**
 * How to start a server, and how to treat it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The program, by name or by path. */
  readonly command: string
  readonly args?: ReadonlyArray<string | Redacted.Redacted<string>> | undefined
  /** Variables to add to the child's environment. `undefined` removes one. */
  readonly env?: Readonly<Record<string, string | Redacted.Redacted<string> | undefined>> | undefined
  /**
   * Whether the child gets the whole environment of this process, secrets included. By default it gets what programs
   * need to run (`PATH`, `HOME`, …) and `env`.
   *
   * @default false
   */
  readonly extendEnv?: boolean | undefined
  /** The child's working directory. */
  readonly cwd?: string | undefined
  /**
   * What to do with the child's standard error: `collect` keeps the tail for error messages and shows each line in the
   * client's diagnostics, `inherit` forwards it to this process's own.
   *
   * @default "collect"
   */
  readonly stderr?: "collect" | "inherit" | undefined
  /**
   * The largest message that is accepted. The request that a larger one answers fails with a `LimitError`.
   *
   * @default "64 MiB"
   */
  readonly maxMessageSize?: ByteSize.Input | undefined
}

/**
 * Makes a transport that starts a child process for each connection.
 *
 * Connecting fails with `SpawnError` when the command can not be started, and with `ProcessExitError` (exit code, tail
 * of the standard error) when the process ends before the session is open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options
): Effect.Effect<McpTransport.McpTransport, McpError.McpError, ChildProcessSpawner> =>
  Effect.gen(function*() {
    const spawner = yield* ChildProcessSpawner
    return stdio.make(spawner, {
      ...options,
      args: options.args ?? [],
      stderr: options.stderr ?? "collect",
      maxMessageBytes: yield* messageSize(options.maxMessageSize)
    })
  })

/**
 * Provides a transport that starts a child process for each connection.
 *
 * **Example** (Connecting to a server of the npm registry)
 *
 * ```ts check
 * import * as McpClient from "@effect-mcp/client/McpClient"
 * import * as StdioTransport from "@effect-mcp/client/StdioTransport"
 * import * as NodeMcp from "@effect-mcp/node/NodeMcp"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const Everything = McpClient.layer().pipe(
 *   Layer.provide(StdioTransport.layer({ command: "mcp-server-everything" })),
 *   Layer.provide(NodeMcp.layer)
 * )
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* McpClient.McpClient
 *   const result = yield* client.callTool("echo", { message: "hi" })
 *   return result.content[0]
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Everything))) // => { type: "text", text: "Echo: hi" }
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options
): Layer.Layer<McpTransport.McpTransport, McpError.McpError, ChildProcessSpawner> =>
  Layer.effect(McpTransport.McpTransport, make(options))

import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as HttpClient from "effect/http/HttpClient"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as CommandLine from "effect/process/CommandLine"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as HttpTransport from "../../HttpTransport.ts"
import * as McpError from "../../McpError.ts"
import type { McpTransport, Target } from "../../McpTransport.ts"
import type * as StdioTransport from "../../StdioTransport.ts"

type Services = ChildProcessSpawner | FileSystem.FileSystem | HttpClient.HttpClient

/** The programs that run a script, by the end of its name. */
const INTERPRETERS: ReadonlyMap<string, string> = new Map([
  ["js", "node"],
  ["mjs", "node"],
  ["cjs", "node"],
  ["ts", "node"],
  ["mts", "node"],
  ["py", "python3"]
])

export const infer = <R>(
  target: Target<R>
): Effect.Effect<McpTransport, McpError.McpError, Exclude<R, Scope.Scope> | Services> => {
  if (typeof target === "string") return inferText(target.trim())
  if (target instanceof URL) return byUrl({ url: target })
  if ("connect" in target) return Effect.succeed(target)
  if ("serve" in target) return Effect.flatMap(load(() => import("../../MemoryTransport.ts")), (_) => _.make(target))
  if ("command" in target) return byCommand(target)
  return target.type === "sse"
    ? Effect.flatMap(load(() => import("../../SseTransport.ts")), (_) => _.make(target))
    : byUrl(target)
}

const inferText = Effect.fnUntraced(function*(
  text: string
): Effect.fn.Return<McpTransport, McpError.McpError, Services> {
  if (/^https?:\/\//i.test(text)) return yield* byUrl({ url: text })
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]
  if (scheme !== undefined) return yield* unclear(`${scheme}: is neither http: nor https:`)
  // Programs may have such names, too, but who writes one more likely means a URL.
  if (/^http(\w*$|s?:)/i.test(text)) return yield* unclear("it begins as a URL does, and is none")

  const script = /\.(\w+)$/.exec(text)?.[1]?.toLowerCase() ?? ""
  const interpreter = INTERPRETERS.get(script)
  const fs = yield* FileSystem.FileSystem
  // The name of a script may have spaces, and so may the command line that ends with one.
  if (interpreter !== undefined && (yield* Effect.orElseSucceed(fs.exists(text), () => false))) {
    return yield* byCommand({ command: interpreter, args: [text] })
  }
  if (interpreter !== undefined && !/\s/.test(text)) return yield* unclear(`there is no file ${text}`)

  const words = CommandLine.template(Object.assign([text], { raw: [text] }))
  if (Result.isFailure(words)) return yield* unclear(`it is no command line: ${toProse(words.failure)}`)
  if (!Arr.isArrayNonEmpty(words.success)) return yield* unclear("it is empty")
  const [command, ...args] = words.success
  return typeof command === "string" && command !== ""
    ? yield* byCommand({ command, args })
    : yield* unclear("it names no program")
})

const byUrl = (options: HttpTransport.Options) =>
  Effect.flatMap(load(() => import("../../HttpTransport.ts")), (_) => _.make(options))

const byCommand = (options: StdioTransport.Options) =>
  Effect.flatMap(load(() => import("../../StdioTransport.ts")), (_) => _.make(options))

/** What is wrong with a command line, without the place in a template, of which the user knows nothing. */
const toProse = ({ message }: CommandLine.CommandLineError): string => message.replace(/ in template part 0$/, "")

/** Only the transport that is used is loaded. */
const load = <A>(module: () => Promise<A>): Effect.Effect<A> => Effect.promise(module)

const unclear = (why: string): Effect.Effect<never, McpError.McpError> => {
  const description =
    `No transport can be inferred: ${why}. Give a URL, the path of a script, a command line, or an object with \`url\` or \`command\`.`
  return Effect.fail(McpError.make(new McpError.ConfigurationError({ description })))
}

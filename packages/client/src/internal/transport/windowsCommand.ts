import * as CommandLine from "effect/process/CommandLine"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/** Programs that Windows starts by itself. All else may be a `.cmd` shim, as `npx` and `uvx` are, and needs a shell. */
const startsWithoutShell = /\.(?:exe|com)$/i

/** Characters that `cmd.exe` reads as syntax, also within quotes. */
const metaCharacters = /[()%!^"<>&|;, *?[\]`]/g

/**
 * The script with which `cmd.exe` starts a command, or `undefined` when it needs no shell. Arguments pass two readers:
 * `cmd.exe` itself and, as a shim hands them on with `%*`, `cmd.exe` once more; so what these could read as syntax is
 * escaped twice.
 */
export const windowsScript = (
  command: string,
  args: ReadonlyArray<string | Redacted.Redacted<string>>
): string | undefined => {
  if (startsWithoutShell.test(command)) return undefined
  const escape = (text: string) => text.replace(metaCharacters, "^$&")
  const quoted = args.map((arg) => {
    const word = Redacted.isRedacted(arg) ? Redacted.value(arg) : arg
    return escape(escape(Result.getOrElse(CommandLine.quote(word, { format: "windows" }), () => "\"\"")))
  })
  return [escape(command.replaceAll("/", "\\")), ...quoted].join(" ")
}

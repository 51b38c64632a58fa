import * as CommandLine from "effect/process/CommandLine"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/** What Windows starts only by way of `cmd.exe`. */
export const isBatchFile = (command: string): boolean => /\.(?:cmd|bat)$/i.test(command)

/** Characters that `cmd.exe` reads as syntax, also within quotes. */
const metaCharacters = /[()%!^"<>&|;, *?[\]`]/g

/**
 * The script with which `cmd.exe` starts a batch file, such as the shims `npx.cmd` and `uvx.cmd`. Arguments pass two
 * readers: `cmd.exe` itself and, as a shim hands them on with `%*`, `cmd.exe` once more; so what these could read as
 * syntax is escaped twice.
 */
export const windowsScript = (
  command: string,
  args: ReadonlyArray<string | Redacted.Redacted<string>>
): string => {
  const escape = (text: string) => text.replace(metaCharacters, "^$&")
  const quoted = args.map((arg) => {
    const word = Redacted.isRedacted(arg) ? Redacted.value(arg) : arg
    return escape(escape(Result.getOrElse(CommandLine.quote(word, { format: "windows" }), () => "\"\"")))
  })
  return [escape(command.replaceAll("/", "\\")), ...quoted].join(" ")
}

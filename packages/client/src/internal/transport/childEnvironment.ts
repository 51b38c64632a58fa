/**
 * The variables that a child process gets unasked: what programs need to run at all, and nothing that could be a secret.
 * The lists are those of the other MCP clients, so that servers find what they are used to.
 *
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/security_best_practices#local-mcp-server-compromise
 */
const inherited: Readonly<Record<"posix" | "windows", ReadonlyArray<string>>> = {
  posix: ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"],
  windows: [
    "APPDATA",
    "COMSPEC",
    "HOMEDRIVE",
    "HOMEPATH",
    "LOCALAPPDATA",
    "PATH",
    "PATHEXT",
    "PROCESSOR_ARCHITECTURE",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "PROGRAMFILES(X86)",
    "PROGRAMW6432",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "USERNAME",
    "USERPROFILE",
    "WINDIR"
  ]
}

export const childEnvironment = (
  parent: Readonly<Record<string, string | undefined>>,
  platform: "posix" | "windows"
): Record<string, string> => {
  const names = new Set(inherited[platform])
  return Object.fromEntries(
    Object.entries(parent).flatMap(([name, value]) => {
      const known = names.has(platform === "windows" ? name.toUpperCase() : name)
      // A value that starts with `()` is a shell function, which some shells would run.
      return known && value !== undefined && !value.startsWith("()") ? [[name, value]] : []
    })
  )
}

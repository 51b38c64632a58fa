/** A stdio server without any library: `node server.ts <ResponderOptions as JSON>`. */
import { type Incoming, makeResponder, type ResponderOptions } from "./fixture.ts"

const respond = makeResponder(JSON.parse(process.argv[2] ?? "{}") as ResponderOptions)

let rest = ""
process.stdin.setEncoding("utf8")
process.stdin.on("data", (chunk: string) => {
  const lines = chunk.split("\n")
  lines[0] = rest + lines[0]
  rest = lines.pop() ?? ""
  // One write for all answers to one chunk: a cheap server is one that writes seldom.
  let out = ""
  for (const line of lines) {
    if (line === "") continue
    const message = JSON.parse(line) as Incoming
    const member = respond(message)
    if (member !== undefined) out += `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},${member}}\n`
  }
  if (out !== "") process.stdout.write(out)
})
process.stdin.on("end", () => process.exit(0))

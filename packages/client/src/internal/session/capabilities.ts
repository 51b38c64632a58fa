import type { JsonObject } from "../../McpSchema.ts"
import type { SessionOptions } from "./session.ts"

/** What a client tells a server that it can do. */
export const capabilitiesOf = (
  { capabilities }: SessionOptions["handlers"],
  extensions: SessionOptions["extensions"]
): JsonObject =>
  extensions.length === 0
    ? capabilities
    : { ...capabilities, extensions: Object.fromEntries(extensions.map(({ id, settings = {} }) => [id, settings])) }

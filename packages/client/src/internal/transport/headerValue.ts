import * as Base64 from "effect/encoding/Base64"

/**
 * A value in the form of a header.
 *
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#value-encoding
 */
export const headerValue = (value: string): string =>
  /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/.test(value) &&
    !(value.startsWith("=?base64?") && value.endsWith("?="))
    ? value
    : `=?base64?${Base64.encode(value)}?=`

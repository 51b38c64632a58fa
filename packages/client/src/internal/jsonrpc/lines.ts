const NEWLINE = 10
const BYTE_ORDER_MARK = 0xfeff

/** How much of a line that was thrown away is kept at each end: enough to find the id of the message in it. */
const REMNANT_BYTES = 1024

export interface Lines {
  /** Takes bytes as they come. Lines may be split anywhere, also within a character. */
  readonly push: (chunk: Uint8Array) => void
  /** Gives out what stands after the last line end. */
  readonly end: () => void
}

/**
 * Cuts bytes into lines, in time linear in their number: a chunk is searched once, and what belongs to an unfinished
 * line is kept as it came until the line is complete. A line above `maxBytes` is dropped while it arrives.
 */
export const make = (options: {
  readonly maxBytes: number
  readonly onLine: (line: string) => void
  readonly onOversized: (head: string, tail: string) => void
}): Lines => {
  // Decoded piece by piece, a byte order mark would be dropped or kept as the chunks happen to fall.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  let held: Array<Uint8Array> = []
  let heldBytes = 0
  let oversized: { head: Uint8Array; tail: Uint8Array } | undefined

  const emit = (line: string): void => options.onLine(line.charCodeAt(0) === BYTE_ORDER_MARK ? line.slice(1) : line)

  const takeHeld = (): Uint8Array => {
    const whole = concat(held)
    held = []
    heldBytes = 0
    return whole
  }

  const hold = (bytes: Uint8Array): void => {
    if (bytes.length === 0) return
    if (oversized !== undefined) {
      const { head, tail } = oversized
      if (head.length < REMNANT_BYTES) oversized.head = concat([head, bytes.subarray(0, REMNANT_BYTES - head.length)])
      oversized.tail = concat([tail, bytes.subarray(-REMNANT_BYTES)]).slice(-REMNANT_BYTES)
      return
    }
    held.push(bytes)
    heldBytes += bytes.length
    if (heldBytes <= options.maxBytes) return
    const whole = takeHeld()
    // Copies, which do not keep the whole alive.
    oversized = { head: whole.slice(0, REMNANT_BYTES), tail: whole.slice(-REMNANT_BYTES) }
  }

  const finish = (): void => {
    if (oversized === undefined) return emit(decoder.decode(takeHeld()))
    const { head, tail } = oversized
    oversized = undefined
    options.onOversized(decoder.decode(head), decoder.decode(tail))
  }

  return {
    push(chunk) {
      const first = chunk.indexOf(NEWLINE)
      if (first === -1) return hold(chunk)
      let start = 0
      // A chunk that could hold a line above the limit takes the careful way, line by line.
      if (heldBytes > 0 || oversized !== undefined || chunk.length > options.maxBytes) {
        let end = first
        do {
          hold(chunk.subarray(start, end))
          finish()
          start = end + 1
          end = chunk.indexOf(NEWLINE, start)
        } while (end !== -1 && chunk.length > options.maxBytes)
      }
      const last = chunk.lastIndexOf(NEWLINE)
      if (last >= start) {
        const text = decoder.decode(chunk.subarray(start, last))
        let from = 0
        for (let to = text.indexOf("\n"); to !== -1; to = text.indexOf("\n", from)) {
          emit(text.slice(from, to))
          from = to + 1
        }
        emit(from === 0 ? text : text.slice(from))
      }
      hold(chunk.subarray(last + 1))
    },
    end() {
      if (heldBytes > 0 || oversized !== undefined) finish()
    }
  }
}

const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [first] = parts
  if (parts.length === 1 && first !== undefined) return first
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

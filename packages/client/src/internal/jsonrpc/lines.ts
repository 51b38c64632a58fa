const NEWLINE = 10

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
  const decoder = new TextDecoder()
  let held: Array<Uint8Array> = []
  let heldBytes = 0
  let oversized: { readonly head: string; tail: Uint8Array } | undefined

  const hold = (bytes: Uint8Array): void => {
    if (bytes.length === 0) return
    if (oversized !== undefined) {
      oversized.tail = concat([oversized.tail, bytes.subarray(-REMNANT_BYTES)]).subarray(-REMNANT_BYTES)
      return
    }
    held.push(bytes)
    heldBytes += bytes.length
    if (heldBytes > options.maxBytes) {
      const line = held
      held = []
      heldBytes = 0
      oversized = { head: decoder.decode(concat(line.slice(0, 1)).subarray(0, REMNANT_BYTES)), tail: new Uint8Array(0) }
      hold(concat(line.slice(-1)))
    }
  }

  const finish = (): void => {
    if (oversized !== undefined) {
      const { head, tail } = oversized
      oversized = undefined
      options.onOversized(head, decoder.decode(tail))
    } else if (heldBytes > 0) {
      const line = held
      held = []
      heldBytes = 0
      options.onLine(decoder.decode(concat(line)))
    }
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
          options.onLine(text.slice(from, to))
          from = to + 1
        }
        options.onLine(from === 0 ? text : text.slice(from))
      }
      hold(chunk.subarray(last + 1))
    },
    end: finish
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

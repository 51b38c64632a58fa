import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Lines from "../src/internal/jsonrpc/lines.ts"

type Event = { readonly line: string } | { readonly head: string; readonly tail: string }

/** What comes out when these chunks go in. */
const cut = (chunks: ReadonlyArray<Uint8Array>, maxBytes = Number.POSITIVE_INFINITY): ReadonlyArray<Event> => {
  const events: Array<Event> = []
  const lines = Lines.make({
    maxBytes,
    onLine: (line) => events.push({ line }),
    onOversized: (head, tail) => events.push({ head, tail })
  })
  for (const chunk of chunks) lines.push(chunk)
  lines.end()
  return events
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

const texts = (...parts: ReadonlyArray<string>) => cut(parts.map(encode))

/** Cuts bytes into chunks of these sizes, over and over. */
const chunked = (bytes: Uint8Array, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  if (sizes.length === 0) return [bytes]
  const chunks: Array<Uint8Array> = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

/** The lines of bytes that are all there. */
const split = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const lines: Array<Uint8Array> = []
  let from = 0
  for (let to = bytes.indexOf(10); to !== -1; to = bytes.indexOf(10, from)) {
    lines.push(bytes.subarray(from, to))
    from = to + 1
  }
  if (from < bytes.length) lines.push(bytes.subarray(from))
  return lines
}

// Line ends are frequent, and so are bytes that belong together, whole or torn apart.
const Bytes = Schema.Array(Schema.Union([
  Schema.Literals([10, 13, 32, 97]),
  Schema.Literals([0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xef, 0xbb, 0xbf]),
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
]))

const Sizes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })))

const ascii = (bytes: ReadonlyArray<number>): Uint8Array =>
  Uint8Array.from(bytes, (byte) => byte === 10 ? 10 : 97 + byte % 26)

const runs = { arbitrary: { runs: 500, size: 60 } }

describe("lines", () => {
  it("are what stands between line ends", () => {
    assert.deepStrictEqual(texts("one\ntwo\nthree\n"), [{ line: "one" }, { line: "two" }, { line: "three" }])
  })

  it("wait for their end, over any number of chunks", () => {
    assert.deepStrictEqual(texts("o", "", "n", "e", "\nt", "wo", "\n"), [{ line: "one" }, { line: "two" }])
  })

  it("need no end when the bytes end", () => {
    assert.deepStrictEqual(texts("one\ntw", "o"), [{ line: "one" }, { line: "two" }])
  })

  it("are given out as soon as they are complete", () => {
    const got: Array<string> = []
    const lines = Lines.make({ maxBytes: 100, onLine: (line) => got.push(line), onOversized: assert.fail })
    lines.push(encode("one\ntwo"))
    assert.deepStrictEqual(got, ["one"])
    lines.push(encode("\n"))
    assert.deepStrictEqual(got, ["one", "two"])
    lines.end()
    lines.end()
    assert.deepStrictEqual(got, ["one", "two"])
  })

  it("keep a carriage return, which is blank to JSON", () => {
    assert.deepStrictEqual(texts("{}\r\n", "[]\r", "\n"), [{ line: "{}\r" }, { line: "[]\r" }])
  })

  it("may be split within a character, also of a surrogate pair", () => {
    const bytes = encode("é€😀\n€\n")
    for (let at = 1; at < bytes.length; at++) {
      assert.deepStrictEqual(cut([bytes.subarray(0, at), bytes.subarray(at)]), [{ line: "é€😀" }, { line: "€" }])
    }
  })

  it("lose the byte order mark before them", () => {
    assert.deepStrictEqual(texts("\uFEFFa\n\uFEFFb\nc\uFEFF\n"), [{ line: "a" }, { line: "b" }, { line: "c\uFEFF" }])
  })

  it("may be empty", () => {
    for (const maxBytes of [1, 100]) {
      const expected = ["", "a", "", "b"].map((line) => ({ line }))
      assert.deepStrictEqual(cut([encode("\na\n\nb\n")], maxBytes), expected)
    }
  })

  it("with bytes that are no text do not spoil the next line", () => {
    const bytes = Uint8Array.of(0xf0, 0x9f, 10, 0x61, 10)
    for (const sizes of [[], [1], [2], [3]]) {
      assert.deepStrictEqual(cut(chunked(bytes, sizes)), [{ line: "\uFFFD" }, { line: "a" }])
    }
  })

  it("are not disturbed by chunks that are used again after they were read", () => {
    const shared = new Uint8Array(4)
    const got: Array<string> = []
    const lines = Lines.make({ maxBytes: 100, onLine: (line) => got.push(line), onOversized: assert.fail })
    shared.set(encode("one\n"))
    lines.push(shared)
    shared.set(encode("two\n"))
    lines.push(shared)
    assert.deepStrictEqual(got, ["one", "two"])
  })

  it.prop(
    "are the same however the bytes were split",
    { bytes: Bytes, sizes: Sizes },
    ({ bytes, sizes }) => {
      const whole = Uint8Array.from(bytes)
      const expected = split(whole).map((line) => ({ line: new TextDecoder().decode(line) }))
      assert.deepStrictEqual(cut(chunked(whole, sizes)), expected)
    },
    runs
  )
})

describe("the limit", () => {
  it("counts the bytes of one line, without its end", () => {
    assert.deepStrictEqual(cut([encode("four\nfive5\n€a\n€ab\n")], 4), [
      { line: "four" },
      { head: "five5", tail: "five5" },
      { line: "€a" },
      { head: "€ab", tail: "€ab" }
    ])
  })

  it("spares the lines around, in the same chunk and in others", () => {
    const oversized = "x".repeat(50)
    for (const sizes of [[], [1], [7], [49], [50], [51], [60]]) {
      const events = cut(chunked(encode(`before\n${oversized}\nafter\n${oversized}\nend`), sizes), 10)
      assert.deepStrictEqual(
        events.map((event) => "line" in event ? event.line : "oversized"),
        ["before", "oversized", "after", "oversized", "end"],
        `chunks of ${sizes.join()}`
      )
    }
  })

  it("leaves both ends of a line, enough to find an id", () => {
    const [event] = cut([encode(`{"id":1,"result":"${"x".repeat(10_000)}","last":2}\n`)], 100)
    assert(event !== undefined && "head" in event)
    assert.isTrue(event.head.startsWith("{\"id\":1,"))
    assert.isTrue(event.tail.endsWith(",\"last\":2}"))
    assert.isAtMost(event.head.length, 1024)
    assert.isAtMost(event.tail.length, 1024)
  })

  it("leaves the same ends however the line was split", () => {
    const line = Array.from({ length: 3000 }, (_, index) => String.fromCharCode(97 + index % 26)).join("")
    for (const sizes of [[], [1], [1000], [1999], [2000], [2001], [2999, 1], [3000, 1]]) {
      assert.deepStrictEqual(
        cut(chunked(encode(`${line}\n`), sizes), 2000),
        [{ head: line.slice(0, 1024), tail: line.slice(-1024) }],
        `chunks of ${sizes.join()}`
      )
    }
  })

  it("is told also of a line without an end", () => {
    assert.deepStrictEqual(cut([encode("one\nlonger than that")], 5).length, 2)
  })

  it.prop(
    "is the same however the bytes were split",
    { bytes: Bytes, sizes: Sizes, maxBytes: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 })) },
    ({ bytes, maxBytes, sizes }) => {
      const whole = ascii(bytes)
      const expected = split(whole)
      const events = cut(chunked(whole, sizes), maxBytes)
      assert.strictEqual(events.length, expected.length)
      for (const [index, event] of events.entries()) {
        const line = new TextDecoder().decode(expected[index])
        if (line.length <= maxBytes) {
          assert.deepStrictEqual(event, { line })
        } else {
          assert("head" in event, `${line} is too long`)
          assert.isTrue(line.startsWith(event.head) && line.endsWith(event.tail))
        }
      }
    },
    runs
  )
})

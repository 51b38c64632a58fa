/** The tools that the servers of the matrix have, without any library. */
export interface Caller {
  /** Aborts when the call has been cancelled. */
  readonly signal: AbortSignal
  readonly progress: (progress: number) => Promise<void>
}

export interface Result {
  [key: string]: unknown
  content: Array<{ type: "text"; text: string }>
  isError?: boolean
}

export interface Tools {
  readonly call: (name: string, args: Readonly<Record<string, unknown>>, caller: Caller) => Promise<Result>
}

export const serverInfo = { name: "matrix", version: "1.2.3" }

const described = (name: string, properties: Record<string, { type: string }> = {}) => ({
  name,
  description: `The tool ${name}`,
  inputSchema: { type: "object" as const, properties }
})

export const list = [
  described("echo", { text: { type: "string" } }),
  described("fail"),
  described("count", { steps: { type: "number" } }),
  described("hang", { key: { type: "string" } }),
  described("wasCancelled", { key: { type: "string" } })
]

const text = (text: string): Result => ({ content: [{ type: "text", text }] })

export const make = (): Tools => {
  const cancelled = new Set<string>()
  const waiting = new Map<string, () => void>()
  return {
    async call(name, args, { progress, signal }) {
      const key = String(args["key"])
      switch (name) {
        case "echo":
          return text(String(args["text"]))
        case "fail":
          return { ...text("it broke"), isError: true }
        case "count": {
          const steps = Number(args["steps"])
          for (let step = 1; step <= steps; step++) await progress(step)
          return text(`counted ${steps}`)
        }
        case "hang":
          await new Promise<void>((resolve) => {
            if (signal.aborted) resolve()
            else signal.addEventListener("abort", () => resolve())
          })
          cancelled.add(key)
          waiting.get(key)?.()
          return text("cancelled")
        default:
          if (!cancelled.has(key)) await new Promise<void>((resolve) => waiting.set(key, resolve))
          return text("yes")
      }
    }
  }
}

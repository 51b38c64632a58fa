/** The least that can talk to the server: a table of ids, `JSON.parse`, lines, and one write per tick. */
import { spawn } from "node:child_process"
import type { Contender, Session } from "../contender.ts"
import { DOCUMENT_TOOL, type Forecast, FORECAST_TOOL } from "../fixture.ts"
import { answer, load, openAll } from "./promises.ts"

interface Response {
  readonly id: number
  readonly result: {
    readonly structuredContent?: Forecast
    readonly content?: ReadonlyArray<{ readonly text: string }>
    readonly tools?: ReadonlyArray<unknown>
  }
}

const engine = (send: (message: object) => void) => {
  const pending = new Map<number, (response: Response) => void>()
  let nextId = 0
  const request = (method: string, params: object): Promise<Response> =>
    new Promise((resolve) => {
      const id = nextId++
      pending.set(id, resolve)
      send({ jsonrpc: "2.0", id, method, params })
    })
  const receive = (response: Response) => {
    const resolve = pending.get(response.id)
    pending.delete(response.id)
    resolve?.(response)
  }
  const call: Session["call"] = async (city) => {
    const { result } = await request("tools/call", { name: FORECAST_TOOL, arguments: { city } })
    if (result.structuredContent === undefined) throw new Error("no structured content")
    return result.structuredContent
  }
  return {
    receive,
    initialize: async () => {
      await request("initialize", {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "bench", version: "1.0.0" }
      })
      send({ jsonrpc: "2.0", method: "notifications/initialized" })
    },
    call,
    load: load(call),
    listTools: async () => (await request("tools/list", {})).result.tools?.length ?? 0,
    document: async (bytes: number) => {
      const { result } = await request("tools/call", { name: DOCUMENT_TOOL, arguments: { bytes } })
      return result.content?.[0]?.text.length ?? 0
    }
  }
}

export const contender: Contender = {
  stdio: async ({ args, command }) => {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] })
    let out = ""
    const flush = () => {
      child.stdin.write(out)
      out = ""
    }
    const session = engine((message) => {
      if (out === "") process.nextTick(flush)
      out += JSON.stringify(message) + "\n"
    })
    let rest = ""
    child.stdout.setEncoding("utf8")
    child.stdout.on("data", (chunk: string) => {
      let start = 0
      for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", start)) {
        session.receive(JSON.parse(rest + chunk.slice(start, end)) as Response)
        rest = ""
        start = end + 1
      }
      rest += chunk.slice(start)
    })
    await session.initialize()
    return {
      ...session,
      close: async () => {
        const exited = new Promise((resolve) => child.once("exit", resolve))
        child.stdin.end()
        await exited
      }
    }
  },
  memory: ({ count, respond }) =>
    openAll(count, async () => {
      const session = engine((message) =>
        queueMicrotask(() => {
          const response = answer(respond, message)
          if (response !== undefined) session.receive(response as Response)
        })
      )
      await session.initialize()
      return { ...session, close: async () => {} }
    })
}

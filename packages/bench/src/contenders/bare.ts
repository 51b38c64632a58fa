/**
 * The least that can talk to the server: `JSON.parse` and, over pipes, a table of ids, lines, and one write per tick.
 * Over HTTP it is a pool that connects for every request in flight, as the one of our client on Node does.
 */
import { Pool } from "@effect/platform-node/Undici"
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

type Request = (method: string, params: object) => Promise<Response>

const makeSession = (request: Request): Omit<Session, "close"> => {
  const call: Session["call"] = async (city) => {
    const { result } = await request("tools/call", { name: FORECAST_TOOL, arguments: { city } })
    if (result.structuredContent === undefined) throw new Error("no structured content")
    return result.structuredContent
  }
  return {
    call,
    load: load(call),
    listTools: async () => (await request("tools/list", {})).result.tools?.length ?? 0,
    document: async (bytes) => {
      const { result } = await request("tools/call", { name: DOCUMENT_TOOL, arguments: { bytes } })
      return result.content?.[0]?.text.length ?? 0
    }
  }
}

const INITIALIZE = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "bench", version: "1.0.0" }
}

const INITIALIZED = { jsonrpc: "2.0", method: "notifications/initialized" }

/** What carries all messages, told apart by their ids. */
const makePipe = (send: (message: object) => void) => {
  const pending = new Map<number, (response: Response) => void>()
  let nextId = 0
  const request: Request = (method, params) =>
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
  return {
    receive,
    open: async () => {
      await request("initialize", INITIALIZE)
      send(INITIALIZED)
      return makeSession(request)
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
    const pipe = makePipe((message) => {
      if (out === "") process.nextTick(flush)
      out += JSON.stringify(message) + "\n"
    })
    let rest = ""
    child.stdout.setEncoding("utf8")
    child.stdout.on("data", (chunk: string) => {
      let start = 0
      for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", start)) {
        pipe.receive(JSON.parse(rest + chunk.slice(start, end)) as Response)
        rest = ""
        start = end + 1
      }
      rest += chunk.slice(start)
    })
    return {
      ...await pipe.open(),
      close: async () => {
        const exited = new Promise((resolve) => child.once("exit", resolve))
        child.stdin.end()
        await exited
      }
    }
  },
  http: async (url) => {
    const { origin, pathname } = new URL(url)
    const pool = new Pool(origin)
    const headers: Record<string, string> = {
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      "mcp-protocol-version": "2025-11-25"
    }
    const post = async (message: object) => {
      const response = await pool.request({ method: "POST", path: pathname, headers, body: JSON.stringify(message) })
      const text = await response.body.text()
      if (response.statusCode >= 300) throw new Error(`HTTP ${response.statusCode}: ${text}`)
      return { headers: response.headers, text }
    }
    let nextId = 0
    const initialized = await post({ jsonrpc: "2.0", id: nextId++, method: "initialize", params: INITIALIZE })
    headers["mcp-session-id"] = String(initialized.headers["mcp-session-id"])
    await post(INITIALIZED)
    const request: Request = async (method, params) => {
      const { headers, text } = await post({ jsonrpc: "2.0", id: nextId++, method, params })
      const json = headers["content-type"] === "text/event-stream" ? text.slice(text.indexOf("data:") + 5) : text
      return JSON.parse(json) as Response
    }
    return { ...makeSession(request), close: () => pool.close() }
  },
  memory: ({ count, respond }) =>
    openAll(count, async () => {
      const pipe = makePipe((message) =>
        queueMicrotask(() => {
          const response = answer(respond, message)
          if (response !== undefined) pipe.receive(response as Response)
        })
      )
      return { ...await pipe.open(), close: async () => {} }
    })
}

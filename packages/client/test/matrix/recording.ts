/** Listens in on what goes out over the wire. */
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import { ChildProcessSpawner, make as makeSpawner } from "effect/process/ChildProcessSpawner"
import * as Sink from "effect/Sink"

/** What starts processes and makes HTTP requests, and tells of each message that goes out. */
export const recording = (
  onMessage: (message: JsonObject) => void
): Layer.Layer<ChildProcessSpawner | HttpClient.HttpClient, never, ChildProcessSpawner | HttpClient.HttpClient> => {
  const record = (text: string): void => onMessage(JSON.parse(text))
  return Layer.effectContext(Effect.gen(function*() {
    const spawner = yield* ChildProcessSpawner
    const http = yield* HttpClient.HttpClient
    return Context.make(
      ChildProcessSpawner,
      makeSpawner((command) =>
        Effect.map(spawner.spawn(command), (child) => {
          const lines = splitter(record)
          return { ...child, stdin: Sink.mapInput(child.stdin, (chunk: Uint8Array) => (lines(chunk), chunk)) }
        })
      )
    ).pipe(Context.add(
      HttpClient.HttpClient,
      HttpClient.mapRequestInput(http, (request) => {
        if (request.body._tag === "Raw" && typeof request.body.body === "string") record(request.body.body)
        return request
      })
    ))
  }))
}

/** Cuts what comes in chunks into lines. */
const splitter = (onLine: (line: string) => void) => {
  const decoder = new TextDecoder()
  let rest = ""
  return (chunk: Uint8Array): void => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = lines.pop() ?? ""
    lines.forEach(onLine)
  }
}

import * as McpError from "@effect-mcp/client/McpError"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const timeout = new McpError.TimeoutError({ budget: "call", millis: 5 })

describe("McpError", () => {
  it.effect("is caught by its tag, or by one of its reasons", () =>
    Effect.gen(function*() {
      const failing = Effect.fail(McpError.make(timeout))
      assert.strictEqual(
        yield* failing.pipe(Effect.catchTag("McpError", ({ reason }) => Effect.succeed(reason._tag))),
        "TimeoutError"
      )
      assert.strictEqual(
        yield* failing.pipe(
          Effect.catchReason("McpError", "TimeoutError", ({ millis }) => Effect.succeed(millis)),
          Effect.orDie
        ),
        5
      )
    }))

  it("says where it happened, in its message too", () => {
    const error = McpError.make(timeout)
    assert.strictEqual(error.message, "No answer within 5 ms (call timeout).")
    const located = McpError.at(error, "shop", "tools/call")
    assert.strictEqual(located.message, "shop: tools/call: No answer within 5 ms (call timeout).")
    assert.strictEqual(located.reason, timeout)
    assert.strictEqual(located.cause, timeout)
    assert.strictEqual(McpError.at(error, "shop", undefined).message, "shop: No answer within 5 ms (call timeout).")
  })

  it("keeps what it already says", () => {
    const inner = McpError.at(McpError.make(timeout), "inner", "tools/call")
    assert.strictEqual(McpError.at(inner, "outer", "tools/list"), inner)
    const half = McpError.at(McpError.make(timeout), "inner", undefined)
    const whole = McpError.at(half, "outer", "tools/list")
    assert.deepStrictEqual([whole.server, whole.method], ["inner", "tools/list"])
  })

  it("is told from other values", () => {
    const tool = new McpError.ToolError({ tool: "t", result: { content: [] } })
    assert.deepStrictEqual([McpError.make(timeout), tool, timeout, new Error("x"), null].map(McpError.isMcpError), [
      true,
      false,
      false,
      false,
      false
    ])
    assert.deepStrictEqual([tool, McpError.make(timeout), undefined].map(McpError.isToolError), [true, false, false])
  })

  it.each<{ readonly reason: McpError.McpErrorReason; readonly parts: ReadonlyArray<string> }>([
    { reason: new McpError.ConfigurationError({ description: "no such option" }), parts: ["no such option"] },
    {
      reason: new McpError.SpawnError({ command: "nope", code: "NotFound", hint: "Is it installed?" }),
      parts: ["nope", "NotFound", "Is it installed?"]
    },
    {
      reason: new McpError.ProcessExitError({ command: "node x", exitCode: 3, stderr: "boom" }),
      parts: ["node x", "code 3", "boom"]
    },
    {
      reason: new McpError.ProcessExitError({ command: "node x", signal: "SIGKILL", stderr: "" }),
      parts: ["node x", "SIGKILL"]
    },
    { reason: new McpError.TransportError({ description: "broken pipe" }), parts: ["broken pipe"] },
    {
      reason: new McpError.ClosedError({
        description: "The session ended",
        by: "server",
        requestSent: true,
        cause: new McpError.ProcessExitError({ command: "node x", exitCode: 1, stderr: "" })
      }),
      parts: ["The session ended", "node x", "code 1"]
    },
    {
      reason: new McpError.TimeoutError({ budget: "total", millis: 7, detail: "still busy" }),
      parts: ["7 ms", "total", "still busy"]
    },
    { reason: new McpError.JsonRpcError({ code: -32000, description: "busy" }), parts: ["busy", "-32000"] },
    {
      reason: new McpError.ResourceNotFoundError({ uri: "a:b", code: -32002, description: "not here" }),
      parts: ["a:b", "-32002", "not here"]
    },
    { reason: new McpError.ProtocolError({ description: "what?" }), parts: ["what?"] },
    { reason: new McpError.UnsupportedError({ description: "no tools" }), parts: ["no tools"] },
    {
      reason: new McpError.TaskEndedError({ taskId: "t1", status: "cancelled", statusMessage: "By hand" }),
      parts: ["t1", "cancelled", "By hand"]
    },
    { reason: new McpError.TaskLostError({ taskId: "t1", expired: false }), parts: ["t1", "does not know"] },
    { reason: new McpError.TaskLostError({ taskId: "t1", expired: true }), parts: ["t1", "time to live"] },
    { reason: new McpError.TimeoutError({ budget: "wait", millis: 5 }), parts: ["5 ms", "state"] },
    {
      reason: new McpError.LimitError({ what: "pages of a list", limit: 3, hint: "Raise it." }),
      parts: ["pages", "3", "Raise it."]
    },
    {
      reason: new McpError.ValidationError({
        side: "output",
        kind: "tool",
        name: "t",
        path: ["a", 0],
        value: 1,
        issues: [{ path: ["a", 0], message: "Expected string" }, { path: [], message: "odd" }]
      }),
      parts: ["output", "\"t\"", "a.0: Expected string", "odd"]
    }
  ])("explains itself to people: $reason._tag", ({ parts, reason }) => {
    for (const part of parts) assert.include(McpError.make(reason).message, part)
  })

  it.each<McpError.McpErrorReason>([
    timeout,
    new McpError.JsonRpcError({ code: 1, description: "x", data: { a: 1 } }),
    new McpError.ResourceNotFoundError({ uri: "a:b", code: 1, description: "x", data: { a: 1 } }),
    new McpError.ClosedError({ description: "x", by: "client", requestSent: false }),
    new McpError.TaskEndedError({ taskId: "t", status: "cancelled", statusMessage: "By hand" }),
    new McpError.TaskLostError({ taskId: "t", expired: true }),
    ...[1n, Symbol("s"), () => 1, undefined, new Date(0), new Map([[1, 2]])].map((payload) =>
      new McpError.ProtocolError({ description: "x", payload: { payload } })
    )
  ])("survives a journey as JSON: $_tag", (reason) => {
    const codec = Schema.toCodecJson(McpError.McpError)
    const error = McpError.at(McpError.make(reason), "shop", "tools/call")
    const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(error)))
    const back = Schema.decodeUnknownSync(codec)(json)
    assert.instanceOf(back, McpError.McpError)
    assert.strictEqual(back.message, error.message)
    assert.strictEqual(back.reason._tag, reason._tag)
  })
})

import type * as McpClient from "@effect-mcp/client/McpClient"
import * as McpError from "@effect-mcp/client/McpError"
import * as McpProtocol from "@effect-mcp/client/McpProtocol"
import type { JsonObject } from "@effect-mcp/client/McpSchema"
import * as McpTransport from "@effect-mcp/client/McpTransport"
import * as Fault from "@effect-mcp/testing/Fault"
import * as MockTransport from "@effect-mcp/testing/MockTransport"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { census, clientOf, failsWith, settled, start } from "./harness.ts"

const modern: ReadonlyArray<string> = McpProtocol.modernVersions
const legacy: ReadonlyArray<string> = McpProtocol.legacyVersions

type Mock = MockTransport.MockTransport["Service"]

/** A client that finds out by itself what a mocked server speaks. */
const find = (mock: Mock, options?: McpClient.Options) => clientOf(mock.transport, { protocol: "auto", ...options })

const connect = Effect.fnUntraced(function*(server?: MockTransport.Options, options?: McpClient.Options) {
  const mock = yield* MockTransport.make({ tools: {}, ...server })
  const client = yield* find(mock, options)
  yield* settled
  return { mock, client }
})

/** What opened the sessions so far. */
const openings = (mock: Mock) =>
  Effect.map(
    mock.messages,
    (messages) =>
      messages.flatMap(({ connection, message: { method } }) =>
        method === "server/discover" || method === "initialize" ? [`${connection} ${method}`] : []
      )
  )

const paramsOf = (mock: Mock, method: string) =>
  Effect.map(
    mock.messages,
    (messages) =>
      messages.flatMap(({ message }) => message["method"] === method ? [message["params"] as JsonObject] : [])
  )

const versionOf = (client: McpClient.McpClient) => Effect.map(client.session, ({ protocolVersion }) => protocolVersion)

const fails = (code: number, data?: unknown) => Fault.fail("server/discover", { code, message: "no", data })

/** A server whose answer to `server/discover` is this result. */
const discovers = (result: unknown): MockTransport.Options => ({
  methods: { "server/discover": () => Effect.succeed(result) }
})

describe("a server on a pipe", () => {
  it.effect("is asked first what it speaks, by the newest version, and a modern one needs nothing else", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({
        protocolVersions: [...modern, ...legacy],
        instructions: "Rhyme.",
        serverInfo: { name: "poet", version: "2.0.0", title: "Poet" },
        capabilities: { tools: {}, "x-vendor": { a: 1 } }
      }, { clientInfo: { name: "me", version: "3" } })
      assert.deepStrictEqual<unknown>(yield* client.session, {
        protocolVersion: "2026-07-28",
        serverInfo: { name: "poet", version: "2.0.0", title: "Poet" },
        capabilities: { tools: {}, "x-vendor": { a: 1 } },
        instructions: "Rhyme."
      })
      assert.deepStrictEqual(yield* mock.methods, ["server/discover"])
      assert.deepStrictEqual<unknown>(yield* paramsOf(mock, "server/discover"), [{
        _meta: {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": { name: "me", version: "3" },
          "io.modelcontextprotocol/clientCapabilities": { extensions: { "io.modelcontextprotocol/tasks": {} } }
        }
      }])
    }))

  it.effect.each([-32601, -32602, -32600, -32700, -32603, -32000, -32001, -32002, -32003, 0, 1, 404])(
    "that answers with an error of code %d is a legacy one",
    (code) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({ faults: [fails(code)] })
        assert.strictEqual(yield* versionOf(client), "2025-11-25")
        assert.deepStrictEqual(yield* mock.methods, ["server/discover", "initialize", "notifications/initialized"])
        const [initialize] = yield* paramsOf(mock, "initialize")
        assert.strictEqual(initialize?.["protocolVersion"], "2025-11-25")
      })
  )

  it.effect.each([
    {},
    null,
    42,
    "yes",
    [],
    { supportedVersions: "2026-07-28", capabilities: {} },
    { supportedVersions: ["2026-07-28"] }
  ])("that answers with %j, which is no discovery, is a legacy one", (result) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect(discovers(result))
      assert.strictEqual(yield* versionOf(client), "2025-11-25")
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect("whose answer is no message at all is a legacy one", () =>
    Effect.gen(function*() {
      const { client } = yield* connect({
        faults: [Fault.garble("server/discover", { jsonrpc: "2.0", id: "discover", result: undefined, error: 7 })]
      }).pipe(start, Effect.tap(() => TestClock.adjust("5 seconds")), Effect.flatMap(Fiber.join))
      assert.strictEqual(yield* versionOf(client), "2025-11-25")
    }))

  it.effect("that does not answer for five seconds is a legacy one, and may answer later", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ tools: {}, faults: [Fault.delay("server/discover", "6 seconds")] })
      const connecting = yield* start(find(mock))
      yield* TestClock.adjust(4999)
      assert.deepStrictEqual(yield* mock.methods, ["server/discover"])
      yield* TestClock.adjust(1)
      const client = yield* Fiber.join(connecting)
      assert.strictEqual(yield* versionOf(client), "2025-11-25")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* client.listTools(), [])
      assert.strictEqual(yield* mock.connections, 1)
    }))

  it.effect("that does not answer leaves half of a short time for the handshake", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({
        faults: [Fault.drop("server/discover"), Fault.delay("initialize", "900 millis")]
      })
      const connecting = yield* start(find(mock, { timeouts: { connect: "2 seconds" } }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* openings(mock), ["1 server/discover", "1 initialize"])
      yield* TestClock.adjust("900 millis")
      assert.strictEqual(yield* versionOf(yield* Fiber.join(connecting)), "2025-11-25")
    }))

  it.effect("that answers nothing at all fails in the time for connecting", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ faults: [Fault.drop(() => true)] })
      const connecting = yield* start(failsWith("TimeoutError")(find(mock)))
      yield* TestClock.adjust(29_999)
      assert.isUndefined(connecting.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.deepInclude(yield* Fiber.join(connecting), { budget: "connect", millis: 30_000 })
    }))

  it.effect("that is modern and was only slow to start is asked once more when it knows no handshake", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({
        protocolVersions: modern,
        tools: {},
        faults: [
          Fault.delay("server/discover", "7 seconds", 1),
          Fault.delay("initialize", "2 seconds")
        ]
      })
      const connecting = yield* start(find(mock))
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual(yield* versionOf(yield* Fiber.join(connecting)), "2026-07-28")
      assert.deepStrictEqual(yield* openings(mock), ["1 server/discover", "1 initialize", "1 server/discover"])
    }))

  it.effect("that goes when it is asked is started again, and asked nothing before the handshake", () =>
    Effect.gen(function*() {
      const { alive, counting } = census()
      yield* Effect.gen(function*() {
        const { client, mock } = yield* connect({ faults: [Fault.disconnect("server/discover")] })
        assert.strictEqual(yield* versionOf(client), "2025-11-25")
        assert.deepStrictEqual(yield* openings(mock), ["1 server/discover", "2 initialize"])
        yield* settled
        assert.strictEqual(yield* mock.open, 1)
      }).pipe(Effect.scoped, counting)
      yield* settled
      assert.strictEqual(alive(), 0)
    }))

  it.effect("that answers before it goes is started again, too", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ faults: [fails(-32600), Fault.disconnect("initialize", 1)] })
      assert.strictEqual(yield* versionOf(client), "2025-11-25")
      assert.deepStrictEqual(yield* openings(mock), ["1 server/discover", "1 initialize", "2 initialize"])
    }))

  it.effect("that always goes is not started for ever", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({
        faults: [Fault.disconnect("server/discover"), Fault.disconnect("initialize")]
      })
      yield* failsWith("TransportError")(find(mock))
      assert.deepStrictEqual(yield* openings(mock), ["1 server/discover", "2 initialize"])
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
    }))

  it.effect("that can not be reached is not asked twice", () =>
    Effect.gen(function*() {
      let connections = 0
      const transport = McpTransport.make({
        label: "nowhere",
        connect: Effect.suspend(() => {
          connections++
          return Effect.fail(McpError.make(new McpError.TransportError({ description: "no way" })))
        })
      })
      yield* failsWith("TransportError")(clientOf(transport, { protocol: "auto" }))
      assert.strictEqual(connections, 1)
    }))
})

describe("a server that names its versions", () => {
  /** Both ways in which servers say what they speak. */
  const ways: ReadonlyArray<readonly [string, (supported: ReadonlyArray<string>) => MockTransport.Options]> = [
    ["as it is asked", (supportedVersions) => discovers({ supportedVersions, capabilities: { tools: {} } })],
    ["in an error", (supported) => ({ faults: [fails(-32022, { supported, requested: "2026-07-28" })] })]
  ]

  it.effect.each(ways)(
    "%s, and knows only legacy ones, gets a handshake by the best of them",
    ([, server]) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect(server(["1999-01-01", "2024-11-05", "2025-06-18"]))
        assert.strictEqual(yield* versionOf(client), "2025-06-18")
        const [initialize] = yield* paramsOf(mock, "initialize")
        assert.strictEqual(initialize?.["protocolVersion"], "2025-06-18")
      })
  )

  it.effect.each(ways)(
    "%s, and none that we know, fails with both lists, and gets no handshake",
    ([, server]) =>
      Effect.gen(function*() {
        const mock = yield* MockTransport.make(server(["2099-01-01", "2098-01-01"]))
        const { description } = yield* failsWith("UnsupportedError")(find(mock))
        for (const version of ["2099-01-01", "2098-01-01", ...modern, ...legacy]) assert.include(description, version)
        assert.deepStrictEqual(yield* mock.methods, ["server/discover"])
      })
  )

  it.effect.each(ways)("%s, and makes up thousands, fails with a few of them", ([, server]) =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make(server(Array.from({ length: 100_000 }, (_, index) => `v${index}`)))
      const { description } = yield* failsWith("UnsupportedError")(find(mock))
      assert.isBelow(description.length, 500)
    }))

  it.effect.each(ways)(
    "%s, and no modern one, fails where only those are wanted",
    ([, server]) =>
      Effect.gen(function*() {
        const mock = yield* MockTransport.make(server(["2025-11-25"]))
        const { description } = yield* failsWith("UnsupportedError")(find(mock, { protocol: "modern" }))
        assert.include(description, "2025-11-25")
        assert.include(description, "2026-07-28")
        assert.notInclude(description, "2024-11-05")
        assert.deepStrictEqual(yield* mock.methods, ["server/discover"])
      })
  )

  it.effect("with one of ours among them is asked again by that one, once", () =>
    Effect.gen(function*() {
      const fault = (times?: number) =>
        Fault.fail("server/discover", {
          code: -32022,
          message: "no",
          data: { supported: ["2099-01-01", "2026-07-28", "2025-11-25"], requested: "?" }
        }, times)
      const { client, mock } = yield* connect({ protocolVersions: modern, faults: [fault(1)] })
      assert.strictEqual(yield* versionOf(client), "2026-07-28")
      assert.deepStrictEqual(yield* openings(mock), ["1 server/discover", "1 server/discover"])

      const stubborn = yield* MockTransport.make({ protocolVersions: modern, faults: [fault()] })
      assert.strictEqual((yield* failsWith("JsonRpcError")(find(stubborn))).code, -32022)
      assert.deepStrictEqual(yield* openings(stubborn), ["1 server/discover", "1 server/discover"])
    }))

  it.effect.each([undefined, null, {}, { supported: [] }, { supported: "2025-11-25" }, "2025-11-25"])(
    "in a way that nobody understands, %j, is modern all the same: it gets no handshake",
    (data) =>
      Effect.gen(function*() {
        const mock = yield* MockTransport.make({ faults: [fails(-32022, data)] })
        assert.strictEqual((yield* failsWith("JsonRpcError")(find(mock))).code, -32022)
        assert.deepStrictEqual(yield* mock.methods, ["server/discover"])
      })
  )

  it.effect.each([-32020, -32021])("with error %d is modern: it gets no handshake", (code) =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ faults: [fails(code, { supported: ["2025-11-25"] })] })
      assert.strictEqual((yield* failsWith("JsonRpcError")(find(mock))).code, code)
      assert.deepStrictEqual(yield* mock.methods, ["server/discover"])
    }))
})

describe("what a server speaks", () => {
  const connections = [1, 2, 3]

  it.effect("is not asked again when a legacy one is connected to again", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect()
      yield* mock.disconnect()
      yield* client.ping()
      yield* client.reconnect
      assert.deepStrictEqual(yield* openings(mock), [
        "1 server/discover",
        ...connections.map((number) => `${number} initialize`)
      ])
    }))

  it.effect("is not doubted when a modern one is connected to again", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ protocolVersions: [...modern, ...legacy] })
      yield* mock.disconnect()
      yield* client.listTools()
      yield* client.reconnect
      assert.deepStrictEqual(yield* openings(mock), connections.map((number) => `${number} server/discover`))
    }))

  it.effect("is known to all clients of a transport, and not to those of another", () =>
    Effect.gen(function*() {
      const { mock } = yield* connect()
      yield* find(mock)
      assert.deepStrictEqual(yield* openings(mock), ["1 server/discover", "1 initialize", "2 initialize"])
      const other = yield* MockTransport.make()
      yield* find(other)
      assert.deepStrictEqual(yield* openings(other), ["1 server/discover", "1 initialize"])
    }))

  it.effect("is not learned from those who were told", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ tools: {}, protocolVersions: [...modern, ...legacy] })
      yield* find(mock, { protocol: "legacy" })
      assert.strictEqual(yield* versionOf(yield* find(mock)), "2026-07-28")
    }))

  /** A server that may become another one. */
  const changing = (versions: ReadonlyArray<string>, options?: MockTransport.Options) => {
    const protocolVersions = Array.from(versions)
    const becomes = (versions: ReadonlyArray<string>) => protocolVersions.splice(0, Infinity, ...versions)
    return Effect.map(
      MockTransport.make({ tools: {}, ...options, protocolVersions }),
      (mock) => ({ mock, becomes })
    )
  }

  it.effect("is asked anew when a legacy one has become a modern one, and the other way round", () =>
    Effect.gen(function*() {
      const { becomes, mock } = yield* changing(legacy)
      const client = yield* find(mock)
      for (const [versions, expected] of [[modern, "2026-07-28"], [legacy, "2025-11-25"]] as const) {
        becomes(versions)
        yield* mock.disconnect()
        yield* settled
        assert.strictEqual(yield* versionOf(client), expected)
        assert.deepStrictEqual(yield* client.listTools(), [])
      }
      assert.deepStrictEqual(yield* openings(mock), [
        "1 server/discover",
        "1 initialize",
        "2 initialize",
        "2 server/discover",
        "3 server/discover",
        "3 initialize"
      ])
    }))

  it.effect.each([-32601, -32602, -32022, -32000])(
    "is asked anew when the handshake is refused with %d by what was a legacy one",
    (code) =>
      Effect.gen(function*() {
        const { becomes, mock } = yield* changing(legacy)
        const client = yield* find(mock)
        becomes(modern)
        yield* mock.inject(Fault.fail("initialize", { code, message: "no" }))
        yield* client.reconnect
        assert.strictEqual(yield* versionOf(client), "2026-07-28")
      })
  )

  it.effect("is still heard by one client alone after it turned out to be another", () =>
    Effect.gen(function*() {
      const { becomes, mock } = yield* changing(legacy, { resources: { "a:b": () => Effect.succeed("") } })
      const client = yield* find(mock)
      becomes(modern)
      yield* client.reconnect
      yield* settled
      // An acknowledgement that got lost would have to be waited for.
      assert.include(yield* mock.methods, "subscriptions/listen")
      const listens = (yield* mock.messages).filter(({ message }) => message["method"] === "subscriptions/listen")
      yield* TestClock.adjust("10 minutes")
      yield* settled
      const later = (yield* mock.messages).filter(({ message }) => message["method"] === "subscriptions/listen")
      assert.strictEqual(later.length, listens.length)
    }))
})

describe("a store", () => {
  const memory = (initial: Readonly<Record<string, McpProtocol.Era>> = {}) => {
    const eras = new Map(Object.entries(initial))
    const log: Array<string> = []
    const store: McpProtocol.EraStore = {
      get: (label) =>
        Effect.sync(() => {
          log.push(`get ${label}`)
          return eras.get(label)
        }),
      set: (label, era) =>
        Effect.sync(() => {
          log.push(`set ${label} ${era}`)
          eras.set(label, era)
        })
    }
    return { eras, log, store, remembering: Effect.provideService(McpProtocol.EraStore, store) }
  }

  it.effect("remembers what servers speak, by their labels, over transports", () =>
    Effect.gen(function*() {
      const { log, remembering } = memory()
      const first = yield* remembering(connect())
      const second = yield* remembering(connect())
      assert.deepStrictEqual(yield* openings(first.mock), ["1 server/discover", "1 initialize"])
      assert.deepStrictEqual(yield* openings(second.mock), ["1 initialize"])
      assert.deepStrictEqual(log, ["get mock", "set mock legacy", "get mock", "set mock legacy"])
    }))

  it.effect("knows more than the transport", () =>
    Effect.gen(function*() {
      const { eras, remembering } = memory()
      const mock = yield* MockTransport.make({ tools: {}, protocolVersions: [...modern, ...legacy] })
      const client = yield* remembering(find(mock))
      assert.deepStrictEqual(Array.from(eras), [["mock", "modern"]])
      eras.set("mock", "legacy")
      yield* client.reconnect
      assert.strictEqual(yield* versionOf(client), "2025-11-25")
    }))

  it.effect.each(
    [
      ["legacy", modern, "2026-07-28", "modern"],
      ["modern", legacy, "2025-11-25", "legacy"]
    ] as const
  )(
    "that is wrong in taking a server for a %s one does no harm, and is mended",
    ([wrong, versions, version, right]) =>
      Effect.gen(function*() {
        const { eras, remembering } = memory({ mock: wrong })
        const { client } = yield* remembering(connect({ protocolVersions: versions }))
        assert.strictEqual(yield* versionOf(client), version)
        assert.strictEqual(eras.get("mock"), right)
      })
  )

  it.effect("is not asked where it is said what to speak", () =>
    Effect.gen(function*() {
      const { log, remembering } = memory({ mock: "modern" })
      const { mock } = yield* remembering(connect({}, { protocol: "legacy" }))
      assert.deepStrictEqual(yield* openings(mock), ["1 initialize"])
      assert.notInclude(log, "get mock")
    }))

  it.effect("learns nothing from a server that can not be found out about", () =>
    Effect.gen(function*() {
      const { eras, remembering } = memory()
      const mock = yield* MockTransport.make({ faults: [fails(-32021)] })
      yield* remembering(failsWith("JsonRpcError")(find(mock)))
      assert.strictEqual(eras.size, 0)
    }))

  it.effect.each<readonly [string, Partial<McpProtocol.EraStore>]>([
    ["get", { get: () => Effect.never }],
    ["set", { set: () => Effect.never }]
  ])("whose %s never ends takes no longer than connecting may", ([, broken]) =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make()
      const connecting = yield* start(
        failsWith("TimeoutError")(find(mock)).pipe(
          Effect.provideService(McpProtocol.EraStore, { ...memory().store, ...broken })
        )
      )
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Fiber.join(connecting)).budget, "connect")
      yield* settled
      assert.strictEqual(yield* mock.open, 0)
    }))
})

describe("what to speak may be said:", () => {
  it.effect("legacy, to a server that could do more", () =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({ protocolVersions: [...modern, ...legacy] }, { protocol: "legacy" })
      assert.strictEqual(yield* versionOf(client), "2025-11-25")
      assert.deepStrictEqual(yield* mock.methods, ["initialize", "notifications/initialized"])
    }))

  it.effect("legacy, to a server that can not", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ protocolVersions: modern })
      const error = yield* failsWith("JsonRpcError")(find(mock, { protocol: "legacy" }))
      assert.strictEqual(error.code, -32022)
      assert.deepStrictEqual(yield* mock.methods, ["initialize"])
    }))

  it.effect.each(McpProtocol.legacyVersions)("%s", (version) =>
    Effect.gen(function*() {
      const { client, mock } = yield* connect({}, { protocol: version })
      assert.strictEqual(yield* versionOf(client), version)
      const [initialize] = yield* paramsOf(mock, "initialize")
      assert.strictEqual(initialize?.["protocolVersion"], version)
      assert.strictEqual((yield* mock.methods)[0], "initialize")
    }))

  it.effect.each(["modern", ...McpProtocol.modernVersions] as const)(
    "%s, also to a server on a pipe",
    (protocol) =>
      Effect.gen(function*() {
        const { client, mock } = yield* connect({ protocolVersions: [...modern, ...legacy] }, { protocol })
        assert.strictEqual(yield* versionOf(client), "2026-07-28")
        assert.deepStrictEqual(yield* openings(mock), ["1 server/discover"])
      })
  )

  it.effect.each(["modern", ...McpProtocol.modernVersions] as const)(
    "%s, to a server that can not, in whatever way it says so",
    (protocol) =>
      Effect.gen(function*() {
        const refusing = yield* MockTransport.make()
        assert.strictEqual((yield* failsWith("JsonRpcError")(find(refusing, { protocol }))).code, -32601)
        const going = yield* MockTransport.make({ faults: [Fault.disconnect("server/discover")] })
        yield* failsWith("ClosedError")(find(going, { protocol }))
        const silent = yield* MockTransport.make({ faults: [Fault.drop("server/discover")] })
        const connecting = yield* start(failsWith("TimeoutError")(find(silent, { protocol })))
        yield* TestClock.adjust("30 seconds")
        yield* Fiber.join(connecting)
        for (const mock of [refusing, going, silent]) {
          assert.notInclude(yield* mock.methods, "initialize")
          assert.strictEqual(yield* mock.connections, 1)
        }
      })
  )

  it.effect("modern, to a server that is slow", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({
        protocolVersions: modern,
        faults: [Fault.delay("server/discover", "20 seconds")]
      })
      const connecting = yield* start(find(mock, { protocol: "modern" }))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* versionOf(yield* Fiber.join(connecting)), "2026-07-28")
    }))
})

describe("finding out", () => {
  it.effect("can be interrupted at any point, and leaves nothing", () =>
    Effect.gen(function*() {
      for (const method of ["server/discover", "initialize"]) {
        const { alive, counting } = census()
        const mock = yield* MockTransport.make({ faults: [Fault.drop(method)] })
        yield* Effect.gen(function*() {
          const connecting = yield* start(Effect.scoped(find(mock)))
          yield* Fiber.interrupt(connecting)
          assert.isTrue(Exit.isFailure(yield* Fiber.await(connecting)))
        }).pipe(counting)
        yield* settled
        assert.strictEqual(alive(), 0)
        assert.strictEqual(yield* mock.open, 0)
      }
    }))

  it.effect("is not done where the transport has decided: HTTP+SSE is legacy", () =>
    Effect.gen(function*() {
      const mock = yield* MockTransport.make({ tools: {} })
      const client = yield* clientOf(
        McpTransport.make({
          label: "events",
          connect: Effect.map(
            mock.transport.connect,
            (connection): McpTransport.Connection => ({ ...connection, medium: "sse" })
          )
        }),
        { protocol: "auto" }
      )
      assert.strictEqual(yield* versionOf(client), "2025-11-25")
      assert.strictEqual((yield* mock.methods)[0], "initialize")
    }))
})

import type { Forecast, Responder } from "./fixture.ts"

export interface ServerCommand {
  readonly command: string
  readonly args: ReadonlyArray<string>
}

/** One connected client, used as its users would for typed tool output. */
export interface Session {
  /** Lists every tool and makes `call` ready, where a client needs the list for typed output. */
  readonly listTools: () => Promise<number>
  readonly call: (city: string) => Promise<Forecast>
  /** Makes `calls` calls with `concurrency` of them in flight, looping the way the client's users do. */
  readonly load: (options: { readonly calls: number; readonly concurrency: number }) => Promise<void>
  /** Fetches one text of the given size and returns its length. */
  readonly document: (bytes: number) => Promise<number>
  readonly close: () => Promise<void>
}

/** Many sessions of one process, each with a server of its own. */
export interface Sessions {
  /** One typed call in every session. */
  readonly callAll: () => Promise<void>
  readonly close: () => Promise<void>
}

export interface Contender {
  readonly stdio: (server: ServerCommand) => Promise<Session>
  /** Opens a session with the Streamable HTTP server at a URL. */
  readonly http: (url: string) => Promise<Session>
  /** Opens sessions over an in-memory transport and makes one call in each. */
  readonly memory: (options: { readonly count: number; readonly respond: Responder }) => Promise<Sessions>
}

export const PEERS = ["sdk-v2", "sdk-v1", "ai-sdk", "effect-ai"] as const

export const CONTENDERS = ["ours", "bare", ...PEERS] as const

export type Peer = typeof PEERS[number]

export type ContenderName = typeof CONTENDERS[number]

export const contenders: { readonly [Name in ContenderName]: () => Promise<Contender> } = {
  ours: async () => (await import("./contenders/ours.ts")).contender,
  bare: async () => (await import("./contenders/bare.ts")).contender,
  "sdk-v2": async () => (await import("./contenders/sdk-v2.ts")).contender,
  "sdk-v1": async () => (await import("./contenders/sdk-v1.ts")).contender,
  "ai-sdk": async () => (await import("./contenders/ai-sdk.ts")).contender,
  "effect-ai": async () => (await import("./contenders/effect-ai.ts")).contender
}

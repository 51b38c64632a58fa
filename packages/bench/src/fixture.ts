/**
 * The server that every contender talks to: what it lists, what it answers.
 *
 * Results are serialised once, so that a call costs the server next to nothing and the client is what is measured.
 */

export interface Forecast {
  readonly city: string
  readonly celsius: number
  readonly humidity: number
  readonly conditions: string
}

export interface Incoming {
  readonly id?: number | string
  readonly method?: string
  readonly params?: {
    readonly protocolVersion?: string
    readonly name?: string
    readonly arguments?: { readonly bytes?: number }
  }
}

/** Answers a message with the `"result":…` or `"error":…` member of its response, and a notification with nothing. */
export type Responder = (message: Incoming) => string | undefined

export const FORECAST_TOOL = "get_forecast"
export const DOCUMENT_TOOL = "get_document"

export const CITY = "Berlin"

const PROTOCOL_VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const

const forecast: Forecast = { city: CITY, celsius: 21.5, humidity: 0.48, conditions: "Partly cloudy, light wind" }

const forecastTool = {
  name: FORECAST_TOOL,
  title: "Weather forecast",
  description: "Returns today's weather forecast for a city.",
  inputSchema: {
    type: "object",
    properties: { city: { type: "string", description: "Name of the city" } },
    required: ["city"]
  },
  outputSchema: {
    type: "object",
    properties: {
      city: { type: "string" },
      celsius: { type: "number" },
      humidity: { type: "number" },
      conditions: { type: "string" }
    },
    required: ["city", "celsius", "humidity", "conditions"]
  }
}

const documentTool = {
  name: DOCUMENT_TOOL,
  description: "Returns a text of the given size.",
  inputSchema: { type: "object", properties: { bytes: { type: "integer" } }, required: ["bytes"] }
}

// Every tool has schemas of its own: a client that caches validators by content must not profit from repetition.
const recordTool = (index: number) => ({
  name: `search_records_${index}`,
  title: `Search record set ${index}`,
  description: `Searches record set ${index} by text and status and returns one page of matches with their owners.`,
  inputSchema: {
    type: "object",
    properties: {
      [`query_${index}`]: { type: "string", description: "Text to look for" },
      status: { type: "string", enum: ["open", "closed", `archived_${index}`] },
      limit: { type: "integer", minimum: 1, maximum: 100 }
    },
    required: [`query_${index}`]
  },
  outputSchema: {
    type: "object",
    properties: {
      [`records_${index}`]: {
        type: "array",
        items: {
          type: "object",
          properties: {
            id: { type: "string", description: `Identifier within record set ${index}` },
            title: { type: "string" },
            status: { type: "string", enum: ["open", "closed", `archived_${index}`] },
            score: { type: "number", minimum: 0, maximum: 1 },
            owner: {
              type: "object",
              properties: { name: { type: "string" }, email: { type: "string" } },
              required: ["name"]
            },
            tags: { type: "array", items: { type: "string" } }
          },
          required: ["id", "title", "status"]
        }
      },
      total: { type: "integer", minimum: 0 },
      nextCursor: { type: "string" }
    },
    required: [`records_${index}`, "total"]
  }
})

const LINE = "The quick brown fox jumps over the lazy dog, and then it does it all over again\n"

const document = (bytes: number): string => LINE.repeat(Math.ceil(bytes / LINE.length)).slice(0, bytes)

const member = (result: unknown): string => `"result":${JSON.stringify(result)}`

export interface ResponderOptions {
  /** How many tools are listed, of which the first two can be called. */
  readonly tools?: number
  /** Sizes of texts to have ready. */
  readonly documents?: ReadonlyArray<number>
}

export const makeResponder = ({ documents: sizes = [], tools = 2 }: ResponderOptions = {}): Responder => {
  const list = member({
    tools: [forecastTool, documentTool, ...Array.from({ length: Math.max(0, tools - 2) }, (_, i) => recordTool(i))]
  })
  const called = member({
    content: [{ type: "text", text: JSON.stringify(forecast) }],
    structuredContent: forecast
  })
  const documentOf = (bytes: number): string => member({ content: [{ type: "text", text: document(bytes) }] })
  const documents = new Map(sizes.map((bytes) => [bytes, documentOf(bytes)]))

  return ({ id, method, params }) => {
    if (id === undefined) return undefined
    switch (method) {
      case "tools/call": {
        if (params?.name !== DOCUMENT_TOOL) return called
        const bytes = params.arguments?.bytes ?? 0
        return documents.get(bytes) ?? documentOf(bytes)
      }
      case "tools/list": {
        return list
      }
      case "initialize": {
        return member({
          protocolVersion: PROTOCOL_VERSIONS.find((version) => version === params?.protocolVersion) ??
            PROTOCOL_VERSIONS[0],
          capabilities: { tools: {} },
          serverInfo: { name: "bench", version: "1.0.0" }
        })
      }
      case "ping": {
        return member({})
      }
      default: {
        return `"error":{"code":-32601,"message":"Method not found"}`
      }
    }
  }
}

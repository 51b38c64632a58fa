/** Asks a language model that is not there, and prints before and after whether `effect/ai` is loaded. */
import * as Effect from "effect/Effect"
import { registerHooks } from "node:module"

const loaded: Array<string> = []

registerHooks({
  load: (url, context, next) => {
    loaded.push(url)
    return next(url, context)
  }
})

const report = () => console.log(loaded.some((url) => /\/effect\/\w+\/ai\//.test(url)))

const { samplingFromLanguageModel } = await import("@effect-mcp/client/McpHandlers")
const { createMessage } = samplingFromLanguageModel<never>()
report()
await Effect.runPromiseExit(createMessage({
  server: "asking",
  messages: [],
  maxTokens: 1,
  systemPrompt: undefined,
  temperature: undefined,
  stopSequences: undefined,
  includeContext: undefined,
  modelPreferences: undefined,
  tools: undefined,
  toolChoice: undefined,
  metadata: undefined
}))
report()

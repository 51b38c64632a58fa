import * as Effect from "effect/Effect"
import type { Elicitation } from "../../McpHandlers.ts"
import type { JsonObject } from "../../McpSchema.ts"
import type { Completions } from "../session/completions.ts"
import * as Form from "./form.ts"
import { invalidParams } from "./invalidParams.ts"

/** https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation */
export const elicit =
  <R>(elicitation: Elicitation<R>, server: string, completions: Completions) =>
  (params: JsonObject): Effect.Effect<JsonObject, unknown, R> => {
    const message = typeof params["message"] === "string" ? params["message"] : ""
    const mode = params["mode"] ?? "form"
    if (mode === "form" && elicitation.form !== undefined) {
      return fillIn(elicitation.form, { server, message }, params["requestedSchema"])
    }
    if (mode === "url" && elicitation.url !== undefined) {
      return visit(elicitation.url, { server, message }, params, completions)
    }
    return Effect.fail(invalidParams(`This client did not declare elicitation of mode ${JSON.stringify(mode)}`))
  }

interface Question {
  readonly server: string
  readonly message: string
}

const fillIn = <R>(
  handler: NonNullable<Elicitation<R>["form"]>,
  question: Question,
  requestedSchema: unknown
): Effect.Effect<JsonObject, unknown, R> => {
  const form = Form.read(requestedSchema)
  return "fault" in form
    ? Effect.fail(invalidParams(form.fault))
    : Effect.flatMap(
      handler({ ...question, fields: form.fields, schema: form.schema, requestedSchema: form.requestedSchema }),
      (answer): Effect.Effect<JsonObject, unknown> =>
        answer.action === "accept"
          ? Effect.map(Form.complete(form, answer.content), (content) => ({ action: "accept", content }))
          : Effect.succeed({ action: answer.action })
    )
}

const visit = <R>(
  handler: NonNullable<Elicitation<R>["url"]>,
  question: Question,
  { elicitationId, url: text }: JsonObject,
  completions: Completions
): Effect.Effect<JsonObject, unknown, R> => {
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined
  // Other schemes run programs and read files.
  if (url === undefined || url.protocol !== "https:" && url.protocol !== "http:") {
    return Effect.fail(invalidParams("The url is no address of a web page"))
  }
  const id = typeof elicitationId === "string" ? elicitationId : undefined
  return Effect.map(
    handler({
      ...question,
      url,
      isConfusable: url.hostname.split(".").some((label) => label.startsWith("xn--")),
      elicitationId: id,
      completed: id === undefined ? Effect.never : completions.wait(id)
    }),
    ({ action }) => ({ action })
  )
}

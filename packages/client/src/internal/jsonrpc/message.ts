import { isJsonObject, type JsonObject, type JsonRpcErrorObject, type RequestId } from "../../McpSchema.ts"

/** A parsed line or body, told apart by hand: this runs once for each message that arrives. */
export type Arrived =
  | { readonly _tag: "Result"; readonly id: RequestId; readonly result: unknown }
  | { readonly _tag: "Error"; readonly id: RequestId | undefined; readonly error: JsonRpcErrorObject }
  | { readonly _tag: "Request"; readonly id: RequestId; readonly method: string; readonly params: JsonObject }
  | { readonly _tag: "Notification"; readonly method: string; readonly params: JsonObject }
  | { readonly _tag: "Invalid"; readonly payload: unknown }

const noParams: JsonObject = {}

const isRequestId = (id: unknown): id is RequestId => typeof id === "number" || typeof id === "string"

export const classify = (payload: unknown): Arrived => {
  if (!isJsonObject(payload)) return { _tag: "Invalid", payload }
  const { error, id, method } = payload
  if (typeof method === "string") {
    const params = isJsonObject(payload["params"]) ? payload["params"] : noParams
    if (isRequestId(id)) return { _tag: "Request", id, method, params }
    return id === undefined ? { _tag: "Notification", method, params } : { _tag: "Invalid", payload }
  }
  if (isJsonObject(error)) {
    return {
      _tag: "Error",
      id: isRequestId(id) ? id : undefined,
      error: {
        code: typeof error["code"] === "number" ? error["code"] : 0,
        message: typeof error["message"] === "string" ? error["message"] : "no message",
        data: error["data"]
      }
    }
  }
  return isRequestId(id) && "result" in payload
    ? { _tag: "Result", id, result: payload["result"] }
    : { _tag: "Invalid", payload }
}

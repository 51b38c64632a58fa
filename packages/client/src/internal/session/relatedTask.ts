import { isJsonObject, type JsonObject } from "../../McpSchema.ts"
import { RELATED_TASK } from "./legacyTasks.ts"

/** The task that a question belongs to. */
export const taskIdOf = ({ _meta: meta }: JsonObject): string | undefined => {
  const related = isJsonObject(meta) ? meta[RELATED_TASK] : undefined
  const taskId = isJsonObject(related) ? related["taskId"] : undefined
  return typeof taskId === "string" ? taskId : undefined
}

/** Says which task an answer belongs to. */
export const withTask = (result: JsonObject, taskId: string): JsonObject => {
  const { _meta: meta } = result
  return { ...result, _meta: { ...(isJsonObject(meta) ? meta : {}), [RELATED_TASK]: { taskId } } }
}

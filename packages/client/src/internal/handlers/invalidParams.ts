import { Refusal } from "../session/refusal.ts"

/** What the server is told when its question can not be understood. */
export const invalidParams = (description: string): Refusal => new Refusal(-32602, description)

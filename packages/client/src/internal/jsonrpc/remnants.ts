/** What can be told of a message that was too large to keep, from its two ends. */

/**
 * The id of an answer of which only the two ends are left. Servers write it either first or last. A request or a
 * notification has no id of ours, whatever stands in it.
 */
export const idOfAnswer = (head: string, tail: string): number | undefined => {
  const id = answerWithIdFirst.exec(head)?.[1] ?? (answer.test(head) ? idLast.exec(tail)?.[1] : undefined)
  return id === undefined ? undefined : Number(id)
}

/** Whether it was a request or a notification of the server, which answers nobody. */
export const asksOrTells = (head: string): boolean => request.test(head)

const request =
  /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?(?:"id"\s*:\s*(?:\d+|"[^"]*")\s*,\s*)?(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"method"\s*:/
const answer = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"(?:result|error)"\s*:/
const answerWithIdFirst =
  /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d+)\s*,\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"(?:result|error)"\s*:/
const idLast = /,\s*"id"\s*:\s*(\d+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/

import type { Session, Sessions } from "../contender.ts"
import { CITY, type Incoming, type Responder } from "../fixture.ts"

/** As many loops as calls may be in flight, each awaiting one call after the other. */
export const load = (call: Session["call"]): Session["load"] => async ({ calls, concurrency }) => {
  let left = calls
  const loop = async () => {
    while (left-- > 0) await call(CITY)
  }
  await Promise.all(Array.from({ length: concurrency }, loop))
}

export const openAll = async (
  count: number,
  connect: () => Promise<Pick<Session, "listTools" | "call" | "close">>
): Promise<Sessions> => {
  const sessions = await Promise.all(Array.from({ length: count }, async () => {
    const session = await connect()
    await session.listTools()
    return session
  }))
  const callAll = async () => {
    await Promise.all(sessions.map((session) => session.call(CITY)))
  }
  await callAll()
  return {
    callAll,
    close: async () => {
      await Promise.all(sessions.map((session) => session.close()))
    }
  }
}

/** The in-process server: parses its answer anew, since over a wire no two sessions would share a value. */
export const answer = (respond: Responder, message: unknown): unknown => {
  const request = message as Incoming
  const member = respond(request)
  return member === undefined
    ? undefined
    : JSON.parse(`{"jsonrpc":"2.0","id":${JSON.stringify(request.id)},${member}}`) as unknown
}

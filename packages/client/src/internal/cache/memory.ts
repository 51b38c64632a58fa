import * as Effect from "effect/Effect"

/** Texts by key. Where there is no room for one more, those go that were used least recently. */
export const make = (capacity: number) => {
  const texts = new Map<string, string>()
  let size = 0

  const remove = (key: string): void => {
    const text = texts.get(key)
    if (text === undefined) return
    texts.delete(key)
    size -= key.length + text.length
  }

  const put = (key: string, text: string): void => {
    remove(key)
    texts.set(key, text)
    size += key.length + text.length
  }

  return {
    get: (key: string) =>
      Effect.sync(() => {
        const text = texts.get(key)
        if (text !== undefined) put(key, text)
        return text
      }),
    set: (key: string, text: string) =>
      Effect.sync(() => {
        if (key.length + text.length > capacity) return remove(key)
        put(key, text)
        for (const oldest of texts.keys()) {
          if (size <= capacity) return
          remove(oldest)
        }
      }),
    clearPrefix: (prefix: string) =>
      Effect.sync(() => {
        for (const key of texts.keys()) {
          if (key.startsWith(prefix)) remove(key)
        }
      })
  }
}

import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/** Hands each value to all who watch. Without watchers it costs next to nothing, unlike a `PubSub`. */
export interface Hub<A> {
  readonly publish: (value: A) => void
  /** Ends the streams of all who watch. */
  readonly end: () => void
  /** The latest values, then each new one. Who does not keep up loses the oldest, and holds up nobody. */
  readonly stream: Stream.Stream<A>
  /** What a function makes of the values. What it makes nothing of takes no room from the rest. */
  readonly select: <B>(f: (value: A) => B | undefined) => Stream.Stream<B>
}

interface Watcher<A> {
  readonly tell: (value: A) => void
  readonly end: () => void
}

export const make = <A>(options: {
  /** How many values wait for one who watches. */
  readonly capacity: number
  /** How many of the latest values a new watcher gets. */
  readonly replay: number
}): Hub<A> => {
  const watchers = new Set<Watcher<A>>()
  const latest: Array<A> = []
  let ended = false

  const select: Hub<A>["select"] = <B>(f: (value: A) => B | undefined) =>
    Stream.callback<B>((queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const watcher: Watcher<A> = {
            tell(value) {
              const selected = f(value)
              if (selected !== undefined) Queue.offerUnsafe(queue, selected)
            },
            end: () => Queue.endUnsafe(queue)
          }
          for (const value of latest) watcher.tell(value)
          if (ended) watcher.end()
          else watchers.add(watcher)
          return watcher
        }),
        (watcher) => Effect.sync(() => watchers.delete(watcher))
      ), { bufferSize: options.capacity, strategy: "sliding" })

  return {
    publish(value) {
      latest.push(value)
      if (latest.length > options.replay) latest.shift()
      for (const watcher of watchers) watcher.tell(value)
    },
    end() {
      ended = true
      for (const watcher of watchers) watcher.end()
    },
    stream: select(identity),
    select
  }
}

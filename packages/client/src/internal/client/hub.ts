import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/** Hands each value to all who watch. Without watchers it costs next to nothing, unlike a `PubSub`. */
export interface Hub<A> {
  readonly publish: (value: A) => void
  /** Ends the streams of all who watch. */
  readonly end: () => void
  /** The latest values, then each new one. Who does not keep up loses the oldest, and holds up nobody. */
  readonly stream: Stream.Stream<A>
}

export const make = <A>(options: {
  /** How many values wait for one who watches. */
  readonly capacity: number
  /** How many of the latest values a new watcher gets. */
  readonly replay: number
}): Hub<A> => {
  const watchers = new Set<Queue.Enqueue<A, Cause.Done>>()
  const latest: Array<A> = []
  let ended = false
  return {
    publish(value) {
      latest.push(value)
      if (latest.length > options.replay) latest.shift()
      for (const watcher of watchers) Queue.offerUnsafe(watcher, value)
    },
    end() {
      ended = true
      for (const watcher of watchers) Queue.endUnsafe(watcher)
    },
    stream: Stream.callback<A>((queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          for (const value of latest) Queue.offerUnsafe(queue, value)
          if (ended) Queue.endUnsafe(queue)
          else watchers.add(queue)
        }),
        () => Effect.sync(() => watchers.delete(queue))
      ), { bufferSize: options.capacity, strategy: "sliding" })
  }
}

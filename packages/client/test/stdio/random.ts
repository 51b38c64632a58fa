/** A source of random numbers that gives the same ones for the same seed. */
export interface Random {
  /** From 0 up to, not including, `limit`. */
  readonly below: (limit: number) => number
  readonly shuffle: <A>(items: ReadonlyArray<A>) => ReadonlyArray<A>
}

export const make = (seed: number): Random => {
  let state = seed
  const below = (limit: number): number => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296 * limit)
  }
  return {
    below,
    shuffle: (items) => {
      const shuffled = [...items]
      for (let last = shuffled.length - 1; last > 0; last--) {
        const other = below(last + 1)
        const moved = shuffled.splice(other, 1)
        shuffled.push(...moved)
      }
      return shuffled
    }
  }
}

import type { Contender, ContenderName, Peer } from "./contender.ts"

export type Figures = Readonly<Record<string, number>>

/**
 * What must hold for a figure of ours: for itself, or as a ratio over the same figure of somebody else, or over another
 * figure of ours. `best` is the best of the peers in the same run.
 */
export interface Budget {
  readonly figure: string
  readonly over?: "best" | "bare" | Peer | { readonly ours: string }
  readonly max?: number
  readonly min?: number
}

export interface Workload {
  readonly name: string
  readonly title: string
  /** What the bare contender is here. */
  readonly bare: string
  readonly figure: string
  readonly unit: string
  readonly better: "less" | "more"
  /** CPU time of the client process, in µs; always the less the better. */
  readonly cpu: string
  /** Further figures, name and unit, for the table. */
  readonly also?: Readonly<Record<string, string>>
  readonly budgets: ReadonlyArray<Budget>
  /**
   * Seconds of a run that a peer may use up before its remaining rounds are skipped: one that is slower by orders of
   * magnitude needs no fifth proof.
   */
  readonly patience?: number
  /** Runs in a process of its own. `load` imports the contender. */
  readonly measure: (name: ContenderName, load: () => Promise<Contender>, turn: Turn) => Promise<Figures>
}

/**
 * Waits until it is this process's turn again. The contenders of a round that measure in slices take turns, so that a
 * busy spell of the machine hits all of them alike.
 */
export type Turn = () => Promise<void>

import * as Semaphore from "effect/Semaphore"

/** So much is forgotten piece by piece. Of more, all is. */
const MAX_STALE = 100

/** So many resources above one that changed are forgotten with it. Of more, all reads are. */
const MAX_ABOVE = 32

/** A request under way whose answer may be kept. */
export interface Flight {
  /** How the keys begin under which its answer may be kept, whoever asks. */
  readonly place: string
  /** Whether something has changed since it was sent. */
  isVoid: boolean
}

/** What is kept of one server, by keys. Things that go together begin alike, so that they are forgotten together. */
export interface Shelf {
  readonly placeOf: (method: string, argument: unknown) => string
  readonly flights: Set<Flight>
  /** How the keys begin of what does not count any more, but is still in the store. */
  readonly stale: Set<string>
  /** Held by whoever changes the store. */
  readonly lock: Semaphore.Semaphore
  /** Says that an answer has come: what was asked before it must not take its place. */
  readonly outdate: (flight: Flight) => void
  /** Forgets everything. */
  readonly clear: () => void
  /** Forgets the answers to a request. */
  readonly clearPlace: (flight: Flight) => void
  /** Forgets all pages of a list. */
  readonly clearList: (method: string) => void
  /** Forgets a resource, what is beneath it, and what it is a part of. */
  readonly clearResource: (uri: string) => void
}

/** As JSON, one thing can not be taken for another, and what begins alike still does. */
const text = (value: unknown): string => JSON.stringify(value ?? null)

export const make = (server: string): Shelf => {
  const root = `${text(server)} `
  const reads = `${root}resources/read `
  const flights = new Set<Flight>()
  const stale = new Set<string>()

  const forget = (begins: ReadonlyArray<string>): void => {
    for (const begin of begins) {
      stale.add(begin)
      for (const flight of flights) {
        if (flight.place.startsWith(begin)) flight.isVoid = true
      }
    }
    if (stale.size <= MAX_STALE) return
    stale.clear()
    stale.add(root)
  }

  return {
    placeOf: (method, argument) => `${root}${method} ${text(argument)} `,
    flights,
    stale,
    lock: Semaphore.makeUnsafe(1),
    outdate(flight) {
      for (const other of flights) {
        if (other === flight) return
        if (other.place === flight.place) other.isVoid = true
      }
    },
    clear: () => forget([root]),
    clearPlace: ({ place }) => forget([place]),
    clearList: (method) => forget([`${root}${method} `]),
    clearResource(uri) {
      const above = ancestors(uri)
      const beneath = text(uri.endsWith("/") ? uri : `${uri}/`).slice(0, -1)
      forget(
        above === undefined ? [reads] : [...[uri, ...above].map((uri) => `${reads}${text(uri)} `), reads + beneath]
      )
    }
  }
}

/** What a resource may be a part of, with a slash at the end and without; `undefined` if that is too much. */
const ancestors = (uri: string): ReadonlyArray<string> | undefined => {
  const found: Array<string> = []
  for (let slash = uri.indexOf("/"); slash >= 0; slash = uri.indexOf("/", slash + 1)) {
    found.push(uri.slice(0, slash), uri.slice(0, slash + 1))
    if (found.length > MAX_ABOVE) return undefined
  }
  return found
}

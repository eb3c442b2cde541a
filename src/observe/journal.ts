import type { Announcement } from '../model/protocol.ts'

/** What happened, told once by whoever saw it and read by any number of observers: logs, streams, metrics. */
export type Entry =
  | ({ readonly type: 'exchange' } & Exchange)
  | ({ readonly type: 'exchanges' } & ToldExchanges)
  | { readonly type: 'announcement'; readonly announcement: Announcement }
  | ({ readonly type: 'output' } & OutputLine)
  | { readonly type: 'notice'; readonly level: 'info' | 'warn' | 'error'; readonly message: string }

/** One request, whatever became of it. Never holds a credential. */
export interface Exchange {
  /** The X-Request-Id. */
  readonly id: string
  /** Milliseconds since the epoch, at the first byte of the head. */
  readonly at: number
  readonly client: string
  /** Who was authenticated, or null. */
  readonly subject: string | null
  readonly app: string | null
  readonly run: number | null
  readonly method: string
  readonly host: string
  /** As received; credentials in the query are masked. */
  readonly target: string
  /** What the client was told; 499 when it left first, 101 for a tunnel. */
  readonly status: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Milliseconds from the head to the last byte. */
  readonly took: number
  /** Milliseconds it was held waiting for its app. */
  readonly held: number
  readonly error: {
    readonly code: string
    readonly source: 'client' | 'gateway' | 'app'
    readonly detail: string
  } | null
}

/**
 * Many exchanges from afar, each as its line of JSON (`requestLine`) with the end of one: for most readers they need not
 * become objects. Some may be below what an observer looks at.
 */
export interface ToldExchanges {
  readonly lines: string
  readonly count: number
}

export interface OutputLine {
  readonly at: number
  readonly app: string
  readonly run: number
  readonly stream: 'stdout' | 'stderr'
  readonly line: string
}

export type Observer = (entry: Entry) => void

interface Seat {
  readonly observer: Observer
  /** The least gravity of an exchange that it looks at. */
  readonly least: () => number
}

/** A typed fan-out. An observer that throws is dropped, it cannot harm the writer or the others. */
export class Journal {
  /** Replaced whole, so that whoever leaves while an entry is told leaves nobody out. */
  #observers: readonly Seat[] = []

  /** Exchanges below this gravity interest nobody: whoever has to make them, or bring them from afar, may leave them out. */
  get least(): number {
    let least = noExchanges
    for (let at = 0; at < this.#observers.length; at++) least = Math.min(least, (this.#observers[at] as Seat).least())
    return least
  }

  write(entry: Entry): void {
    const observers = this.#observers
    for (let at = 0; at < observers.length; at++) {
      const seat = observers[at] as Seat
      try {
        if (isFor(seat, entry)) seat.observer(entry)
      } catch {
        this.#remove(seat)
      }
    }
  }

  /** `least` says from which gravity on exchanges are looked at: all by default, `noExchanges` for none. */
  subscribe(observer: Observer, least: () => number = () => 0): Disposable {
    const seat = { observer, least }
    this.#observers = [...this.#observers, seat]
    return { [Symbol.dispose]: () => this.#remove(seat) }
  }

  #remove(seat: Seat): void {
    this.#observers = this.#observers.filter((it) => it !== seat)
  }
}

function isFor(seat: Seat, entry: Entry): boolean {
  if (entry.type === 'exchange') return gravityOf(entry.status, entry.error) >= seat.least()
  return entry.type !== 'exchanges' || seat.least() < noExchanges
}

/** Its status; of one whose response the app broke off at least 500, whatever the client had been told before. */
export function gravityOf(status: number, error: Exchange['error']): number {
  return error?.source === 'app' ? Math.max(status, 500) : status
}

/** Above every gravity. */
export const noExchanges = 1_000

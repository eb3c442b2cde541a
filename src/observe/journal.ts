import type { Announcement } from '../model/protocol.ts'

/** What happened, told once by whoever saw it and read by any number of observers: logs, streams, metrics. */
export type Entry =
  | ({ readonly type: 'exchange' } & Exchange)
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

export interface OutputLine {
  readonly at: number
  readonly app: string
  readonly run: number
  readonly stream: 'stdout' | 'stderr'
  readonly line: string
}

export type Observer = (entry: Entry) => void

/** A typed fan-out. An observer that throws is dropped, it cannot harm the writer or the others. */
export class Journal {
  /** Each with the least status of an exchange that it looks at. */
  readonly #observers = new Map<Observer, () => number>()

  /** Exchanges below this status interest nobody: whoever would have to bring them from afar may leave them out. */
  get least(): number {
    return Math.min(noExchanges, ...this.#observers.values().map((least) => least()))
  }

  write(entry: Entry): void {
    for (const observer of this.#observers.keys()) {
      try {
        observer(entry)
      } catch {
        this.#observers.delete(observer)
      }
    }
  }

  /** `least` says from which status on exchanges are looked at: all by default, `noExchanges` for none. */
  subscribe(observer: Observer, least: () => number = () => 0): Disposable {
    this.#observers.set(observer, least)
    return { [Symbol.dispose]: () => void this.#observers.delete(observer) }
  }
}

/** Above every status. */
export const noExchanges = 1_000

import type { Clock } from '../lib/clock.ts'
import type { ErrorCode } from '../lib/errors.ts'

export interface InFlight {
  readonly app: string
  /** Null on a host we do not run. */
  readonly run: number | null
  readonly method: string
  readonly target: string
  /** Milliseconds. */
  readonly age: number
}

interface Entry {
  readonly app: string
  readonly run: number | null
  readonly method: string
  readonly target: string
  readonly since: number
  readonly end: AbortController
}

export interface Ticket extends Disposable {
  /** Aborted with `cut` when the exchange has to end. */
  readonly signal: AbortSignal
}

/** Every exchange under its run, from before it is sent until its last byte. Knows when a draining run is empty. */
export class Inflight {
  readonly #clock: Clock
  readonly #drained: (run: number) => void
  readonly #entries = new Set<Entry>()
  readonly #byRun = new Map<number, Set<Entry>>()
  /** Draining runs that were not reported yet. */
  readonly #draining = new Set<number>()
  #reported = new Set<number>()

  constructor(clock: Clock, drained: (run: number) => void) {
    this.#clock = clock
    this.#drained = drained
  }

  enter(about: { app: string; run: number | null; method: string; target: string }): Ticket {
    const entry = { ...about, since: this.#clock.now(), end: new AbortController() }
    const { run } = about
    this.#entries.add(entry)
    if (run !== null) this.#byRun.set(run, (this.#byRun.get(run) ?? new Set()).add(entry))
    return {
      signal: entry.end.signal,
      [Symbol.dispose]: () => {
        if (!this.#entries.delete(entry) || run === null) return
        const others = this.#byRun.get(run)
        others?.delete(entry)
        if (others?.size !== 0) return
        this.#byRun.delete(run)
        this.#reportEmpty(run)
      },
    }
  }

  count(run: number): number {
    return this.#byRun.get(run)?.size ?? 0
  }

  /** All runs with something in flight. */
  runs(): readonly number[] {
    return [...this.#byRun.keys()]
  }

  /** Says which runs are draining now. Each is reported once: when nothing is in flight on it any more. */
  drain(runs: readonly number[]): void {
    const now = new Set(runs)
    this.#reported = this.#reported.intersection(now)
    this.#draining.clear()
    for (const run of now) if (!this.#reported.has(run)) this.#draining.add(run)
    for (const run of now) if (this.count(run) === 0) this.#reportEmpty(run)
  }

  cut(run: number): void {
    for (const entry of this.#byRun.get(run) ?? []) entry.end.abort('cut' satisfies ErrorCode)
  }

  cutAll(): void {
    for (const entry of this.#entries) entry.end.abort('cut' satisfies ErrorCode)
  }

  list(): readonly InFlight[] {
    const now = this.#clock.now()
    return [...this.#entries].map(({ app, run, method, target, since }) => {
      return { app, run, method, target, age: now - since }
    })
  }

  #reportEmpty(run: number): void {
    if (!this.#draining.delete(run)) return
    this.#reported.add(run)
    this.#drained(run)
  }
}

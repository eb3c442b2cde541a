import type { Clock } from '../lib/clock.ts'

export interface InFlight {
  readonly app: string
  /** Null on a host we do not run. */
  readonly run: number | null
  readonly method: string
  readonly target: string
  /** Milliseconds. */
  readonly age: number
}

/** An exchange while it is in flight. */
export interface Flight {
  readonly app: string
  readonly run: number | null
  readonly method: string
  readonly target: string
  /** On the gateway's clock. */
  readonly since: number
  /** Where it stands among the others: the list's own, -1 outside of it. */
  slot: number
  /** It has to end, now. */
  cut(): void
}

/** Every exchange under its run, from before it is sent until its last byte. Knows when a draining run is empty. */
export class Inflight {
  readonly #clock: Clock
  readonly #drained: (run: number) => void
  /**
   * An array and a number a run, not sets: a set that is filled and emptied all the time replaces its table every few
   * dozen requests, and the old tables, once they are old to the collector, keep what they held (measured: a third of
   * all that was allocated survived its first collection).
   */
  readonly #flights: Flight[] = []
  readonly #counts = new Map<number, number>()
  /** Draining runs that were not reported yet. */
  readonly #draining = new Set<number>()
  #reported = new Set<number>()

  constructor(clock: Clock, drained: (run: number) => void) {
    this.#clock = clock
    this.#drained = drained
  }

  enter(flight: Flight): void {
    flight.slot = this.#flights.length
    this.#flights.push(flight)
    if (flight.run !== null) this.#counts.set(flight.run, this.count(flight.run) + 1)
  }

  /** Twice is harmless. */
  leave(flight: Flight): void {
    const { run, slot } = flight
    if (slot === -1) return
    flight.slot = -1
    const last = this.#flights.pop()
    if (last !== undefined && last !== flight) {
      last.slot = slot
      this.#flights[slot] = last
    }
    if (run === null) return
    const left = this.count(run) - 1
    this.#counts.set(run, left)
    if (left === 0 && this.#draining.has(run)) this.#reportEmpty(run)
  }

  count(run: number): number {
    return this.#counts.get(run) ?? 0
  }

  /** All runs with something in flight. */
  runs(): readonly number[] {
    return [...this.#counts].filter(([, count]) => count > 0).map(([run]) => run)
  }

  /** Says which runs are draining now. Each is reported once: when nothing is in flight on it any more. */
  drain(runs: readonly number[]): void {
    for (const [run, count] of this.#counts) if (count === 0) this.#counts.delete(run)
    const now = new Set(runs)
    this.#reported = this.#reported.intersection(now)
    this.#draining.clear()
    for (const run of now) if (!this.#reported.has(run)) this.#draining.add(run)
    for (const run of now) if (this.count(run) === 0) this.#reportEmpty(run)
  }

  cut(run: number): void {
    for (const flight of this.#flights.filter((one) => one.run === run)) flight.cut()
  }

  cutAll(): void {
    for (const flight of this.#flights.slice()) flight.cut()
  }

  list(): readonly InFlight[] {
    const now = this.#clock.now()
    return [...this.#flights].map(({ app, run, method, target, since }) => {
      return { app, run, method, target, age: now - since }
    })
  }

  #reportEmpty(run: number): void {
    this.#counts.delete(run)
    if (!this.#draining.delete(run)) return
    this.#reported.add(run)
    this.#drained(run)
  }
}

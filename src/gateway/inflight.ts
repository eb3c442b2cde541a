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
  /** It has to end, now. */
  cut(): void
}

/** Every exchange under its run, from before it is sent until its last byte. Knows when a draining run is empty. */
export class Inflight {
  readonly #clock: Clock
  readonly #drained: (run: number) => void
  readonly #flights = new Set<Flight>()
  readonly #byRun = new Map<number, Set<Flight>>()
  /** Draining runs that were not reported yet. */
  readonly #draining = new Set<number>()
  #reported = new Set<number>()

  constructor(clock: Clock, drained: (run: number) => void) {
    this.#clock = clock
    this.#drained = drained
  }

  enter(flight: Flight): void {
    const { run } = flight
    this.#flights.add(flight)
    if (run === null) return
    const others = this.#byRun.get(run)
    if (others) others.add(flight)
    else this.#byRun.set(run, new Set([flight]))
  }

  /** Twice is harmless. */
  leave(flight: Flight): void {
    const { run } = flight
    if (!this.#flights.delete(flight) || run === null) return
    const others = this.#byRun.get(run)
    others?.delete(flight)
    if (others?.size !== 0) return
    // An empty set of a run that serves is kept for its next request.
    if (this.#draining.has(run)) this.#reportEmpty(run)
  }

  count(run: number): number {
    return this.#byRun.get(run)?.size ?? 0
  }

  /** All runs with something in flight. */
  runs(): readonly number[] {
    return [...this.#byRun].filter(([, flights]) => flights.size > 0).map(([run]) => run)
  }

  /** Says which runs are draining now. Each is reported once: when nothing is in flight on it any more. */
  drain(runs: readonly number[]): void {
    for (const [run, flights] of this.#byRun) if (flights.size === 0) this.#byRun.delete(run)
    const now = new Set(runs)
    this.#reported = this.#reported.intersection(now)
    this.#draining.clear()
    for (const run of now) if (!this.#reported.has(run)) this.#draining.add(run)
    for (const run of now) if (this.count(run) === 0) this.#reportEmpty(run)
  }

  cut(run: number): void {
    for (const flight of [...(this.#byRun.get(run) ?? [])]) flight.cut()
  }

  cutAll(): void {
    for (const flight of [...this.#flights]) flight.cut()
  }

  list(): readonly InFlight[] {
    const now = this.#clock.now()
    return [...this.#flights].map(({ app, run, method, target, since }) => {
      return { app, run, method, target, age: now - since }
    })
  }

  #reportEmpty(run: number): void {
    this.#byRun.delete(run)
    if (!this.#draining.delete(run)) return
    this.#reported.add(run)
    this.#drained(run)
  }
}

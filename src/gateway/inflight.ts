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
  /** Of the final response, 0 before its head is there. */
  readonly status: number
  readonly traffic: { readonly out: number }
  /** `isEmpty`: the kernel has all there is for its client. */
  readonly connection: { readonly out: { readonly isEmpty: boolean } }
  /** Where it stands among the others: the list's own, -1 outside of it. */
  slot: number
  /** Its run gets nothing new any more: what would never end by itself has to take leave. */
  retire(): void
  /** It has to end, now. */
  cut(): void
}

/** All who ask how long requests have waited share one look at them in so many milliseconds. */
const lookEvery = 1_000

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
  /** When each of them entered: a request may be older than its try. */
  readonly #entered: number[] = []
  readonly #counts = new Map<number, number>()
  /** Runs that are waited for to be empty: draining ones to be reported, others only to be forgotten. */
  readonly #leaving = new Map<number, 'report' | 'forget'>()
  /** By run, since when its oldest request that has not got a byte is waiting; as of `#lookedAt`. */
  #oldest = new Map<number, number>()
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, drained: (run: number) => void) {
    this.#clock = clock
    this.#drained = drained
  }

  enter(flight: Flight, now: number): void {
    flight.slot = this.#flights.length
    this.#flights.push(flight)
    this.#entered.push(now)
    if (flight.run !== null) this.#counts.set(flight.run, this.count(flight.run) + 1)
  }

  /** Twice is harmless. */
  leave(flight: Flight): void {
    const { run, slot } = flight
    if (slot === -1) return
    flight.slot = -1
    const last = this.#flights.pop()
    const entered = this.#entered.pop() ?? 0
    if (last !== undefined && last !== flight) {
      last.slot = slot
      this.#flights[slot] = last
      this.#entered[slot] = entered
    }
    if (run === null) return
    const left = this.count(run) - 1
    this.#counts.set(run, left)
    if (left === 0 && this.#leaving.size > 0) this.#empty(run)
  }

  count(run: number): number {
    return this.#counts.get(run) ?? 0
  }

  /** Milliseconds that the oldest request without an answer has waited for a run; 0 when there is none. */
  waiting(run: number): number {
    const now = this.#clock.now()
    if (now - this.#lookedAt >= lookEvery) this.#look(now)
    const since = this.#oldest.get(run)
    return since === undefined ? 0 : now - since
  }

  /** Runs that begin to drain, and runs that no longer do. The first are reported when nothing is in flight on them. */
  drain(runs: readonly number[], over: readonly number[]): void {
    for (const run of over) this.#leaving.delete(run)
    for (const run of runs) this.#leaving.set(run, 'report')
    // Who is retired may end at once, and with that the list changes.
    if (runs.length > 0)
      for (const one of this.#flights.filter(({ run }) => run !== null && runs.includes(run))) one.retire()
    for (const run of runs) if (this.count(run) === 0) this.#empty(run)
  }

  /** Nothing more is sent to this run: its count goes when the last of it has ended. */
  forget(run: number): void {
    this.#leaving.set(run, 'forget')
    if (this.count(run) === 0) this.#empty(run)
  }

  on(run: number): readonly Flight[] {
    return this.#flights.filter((one) => one.run === run)
  }

  cut(run: number): void {
    for (const flight of this.on(run)) flight.cut()
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

  #look(now: number): void {
    this.#lookedAt = now
    this.#oldest.clear()
    for (const [at, { run, status }] of this.#flights.entries()) {
      if (run === null || status !== 0) continue
      const entered = this.#entered[at] ?? now
      if (entered < (this.#oldest.get(run) ?? Infinity)) this.#oldest.set(run, entered)
    }
  }

  #empty(run: number): void {
    const then = this.#leaving.get(run)
    if (then === undefined) return
    this.#leaving.delete(run)
    this.#counts.delete(run)
    if (then === 'report') this.#drained(run)
  }
}

/** Somebody who reads what a child says. */
export interface Paced {
  /** Works for a short while on what was read; true when there is more to do. */
  work(): boolean
  /** May read on. */
  resume(): void
}

/** Milliseconds of one turn of the event loop that may go into lines, of all children together. */
const turnBudget = 3

/**
 * What reading a flood may cost us, of all children together: 0.7 ms (in microseconds) of each 10 ms. Measured: without
 * a limit 90 % of a core at 1.2 GB/s; with it some 130 MB/s and, with garbage collection and the kernel's copying, a
 * quarter of a core. Meanwhile the writer waits, but never for longer than one such window.
 */
const floodBudget = 700
const floodWindow = 10

/** Microseconds to read and drop a chunk, measured: 18 for the chunk and 0.2 for each KiB. */
function costOf(bytes: number): number {
  return 18 + bytes / 5_120
}

/** Shares the time of the event loop between all children that talk, so that requests keep their latency. */
export class Pace {
  readonly #queue = new Set<Paced>()
  readonly #waiting = new Set<Paced>()
  #until = 0
  #resetting = false
  #scheduled = false
  #spent = 0
  #counting = false

  /** Whether this turn of the event loop has time left for lines. */
  hasTime(): boolean {
    if (!this.#resetting) {
      this.#resetting = true
      this.#until = performance.now() + turnBudget
      setImmediate(() => {
        this.#resetting = false
      })
    }
    return performance.now() < this.#until
  }

  /** `reader` has more to do than this turn has time for: it is called in later turns, in its turn. */
  queue(reader: Paced): void {
    this.#queue.add(reader)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#run())
  }

  /** Counts a chunk that was read and dropped; false when this window's budget is used up. */
  mayRead(bytes: number): boolean {
    this.#spent += costOf(bytes)
    if (!this.#counting) {
      this.#counting = true
      setTimeout(() => this.#openWindow(), floodWindow)
    }
    return this.#spent < floodBudget
  }

  /** Resumes `reader` when the next window opens. */
  wait(reader: Paced): void {
    this.#waiting.add(reader)
  }

  #openWindow(): void {
    this.#counting = false
    this.#spent = 0
    const readers = [...this.#waiting]
    this.#waiting.clear()
    for (const reader of readers) reader.resume()
  }

  #run(): void {
    this.#scheduled = false
    const until = performance.now() + turnBudget
    for (const reader of this.#queue) {
      // Round robin: who has more to do goes to the end of the line.
      this.#queue.delete(reader)
      if (reader.work()) this.#queue.add(reader)
      if (performance.now() >= until) break
    }
    const [next] = this.#queue
    if (next) this.queue(next)
  }
}

import { excessOf, type Limited } from '../model/recycle.ts'

export interface CensusOptions {
  /** Whom to look at. */
  runs(): readonly Limited[]
  /** Bytes that the tree of a run holds. Costs more than a glance where it is over `limit`. Null when nobody can tell. */
  memoryOf(run: number, limit: number): Promise<number | null>
  /** A run should make way, and why. Told again at every look for as long as it holds. */
  exceeded(run: number, reason: string): void
}

/** Between two looks (milliseconds): a leak is slow, and a look reads the whole process table. */
const every = 2_000

/** Looks after the limits of those that have some; without any it does nothing. */
export class Census implements Disposable {
  readonly #options: CensusOptions
  readonly #timer: NodeJS.Timeout
  #over = new Map<number, number>()
  #looking = false

  constructor(options: CensusOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.#look(), every).unref()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const runs = this.#options.runs()
      // All at once: they share one scan of the process table.
      await Promise.all(runs.map((one) => this.#judge(one)))
      const known = new Set(runs.map(({ run }) => run))
      for (const run of this.#over.keys()) if (!known.has(run)) this.#over.delete(run)
    } finally {
      this.#looking = false
    }
  }

  async #judge(one: Limited): Promise<void> {
    const { run, limits } = one
    // One that cannot be looked at says nothing about the others, nor about the next look.
    const memory = limits.memory > 0 ? await this.#options.memoryOf(run, limits.memory).catch(() => null) : null
    const over = memory !== null && memory > limits.memory ? (this.#over.get(run) ?? 0) + 1 : 0
    this.#over.set(run, over)
    const reason = excessOf(one, memory, over)
    if (reason !== null) this.#options.exceeded(run, reason)
  }
}

/** Lets a bounded number of tasks run at once; the rest wait in order. */
export class Lanes {
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(width: number) {
    this.#free = width
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await task()
    } finally {
      // The place is handed over, not given back, so that nobody overtakes.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}

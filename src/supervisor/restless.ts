/**
 * Folders in `apps/` that are written all the time, as by an app that keeps its database in its own: every write is an
 * event that costs some 80 µs (measured: 1,000 a second are 8 to 18 % of a processor). Such a folder is not watched for a
 * while and looked at every second instead.
 */
export class Restless {
  readonly #watching: Watching
  /** Events of this second, by folder. */
  readonly #events = new Map<string, number>()
  /** Seconds until it is watched again, by folder. */
  readonly #resting = new Map<string, number>()

  constructor(watching: Watching) {
    this.#watching = watching
  }

  /** Something in a folder was written. False: it has been so often that nobody looks before the next second. */
  stirs(folder: string): boolean {
    if (this.#resting.has(folder)) return false
    const events = (this.#events.get(folder) ?? 0) + 1
    this.#events.set(folder, events)
    if (events < mostEvents) return true
    this.#resting.set(folder, rest)
    this.#watching.unwatch(folder)
    return false
  }

  /** To be called every second. */
  second(): void {
    this.#events.clear()
    for (const [folder, left] of this.#resting) {
      if (left > 1) this.#resting.set(folder, left - 1)
      else {
        this.#resting.delete(folder)
        this.#watching.watch(folder)
      }
      this.#watching.look(folder)
    }
  }

  /** Everything is watched anew. */
  clear(): void {
    this.#events.clear()
    this.#resting.clear()
  }
}

export interface Watching {
  watch(folder: string): void
  unwatch(folder: string): void
  look(folder: string): void
}

/** A second. */
const mostEvents = 200

/** Seconds. */
const rest = 10

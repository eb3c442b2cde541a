import { OwnPlaces, type Places } from './places.ts'
import type { Named } from './shared-board.ts'
import { Counts } from './shared-counts.ts'

/** The places of a gateway that is one of several threads. */
export class SharedPlaces implements Places {
  readonly #counts: Counts
  readonly #row: number
  readonly #columns = new Map<string, number>()
  readonly #own = new OwnPlaces()

  /** `row` 0: there is none for this thread. */
  constructor(memory: SharedArrayBuffer, row: number) {
    this.#counts = new Counts(memory, row)
    this.#row = row
  }

  name({ apps }: Named): void {
    for (const [app, column] of apps) this.#columns.set(app, column)
  }

  /** Nobody begins to wait for it any more; who waits still gives back where it has taken. */
  forget(app: string): void {
    this.#columns.delete(app)
  }

  take(app: string, max: number): (() => void) | null {
    const column = this.#columnOf(app)
    if (column === null) return this.#own.take(app, max)
    // Not of the app's column then: it may have left meanwhile, or be back with another one.
    return this.#counts.take(column, max) ? () => this.#counts.give(column) : null
  }

  #columnOf(app: string): number | null {
    return this.#row === 0 ? null : (this.#columns.get(app) ?? null)
  }
}

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

  /** After those who wait for it were told that it has gone. */
  forget(app: string): void {
    this.#columns.delete(app)
  }

  take(app: string, max: number): boolean {
    const column = this.#columnOf(app)
    return column === null ? this.#own.take(app, max) : this.#counts.take(column, max)
  }

  giveBack(app: string): void {
    const column = this.#columnOf(app)
    if (column === null) this.#own.giveBack(app)
    else this.#counts.give(column)
  }

  #columnOf(app: string): number | null {
    return this.#row === 0 ? null : (this.#columns.get(app) ?? null)
  }
}

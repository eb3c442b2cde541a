import type { BoardMemory, Named } from './shared-board.ts'
import { Counts } from './shared-counts.ts'
import type { SharedSlots } from './shared-slots.ts'
import type { Turns } from './turns.ts'

/**
 * The turns of all threads, as one of them sees them. No wake is lost: who wants one says so before it looks again, and who
 * gives one up does so before it looks whether it is wanted.
 */
export class SharedTurns implements Turns {
  readonly #turns: Counts
  readonly #wanted: Counts
  readonly #lingering: Counts
  readonly #bell: Pick<SharedSlots, 'row' | 'ringOthers' | 'whenRung'>
  readonly #columns = new Map<string, number>()
  /** Whose turns are ours, with the column that was taken: the app may have left meanwhile, or have another one. */
  readonly #ours = new Map<string, number>()
  /** Columns that we want. */
  readonly #wants = new Set<number>()

  constructor(memory: BoardMemory, bell: Pick<SharedSlots, 'row' | 'ringOthers' | 'whenRung'>) {
    this.#bell = bell
    this.#turns = new Counts(memory.turns, bell.row)
    this.#wanted = new Counts(memory.wanted, bell.row)
    this.#lingering = new Counts(memory.lingering, bell.row)
  }

  name({ apps }: Named): void {
    for (const [app, column] of apps) this.#columns.set(app, column)
  }

  forget(app: string): void {
    const column = this.#columns.get(app)
    if (column !== undefined && this.#wants.delete(column)) this.#wanted.give(column)
    this.#columns.delete(app)
  }

  take(app: string): boolean {
    const column = this.#columnOf(app)
    if (column === undefined || this.#ours.has(app)) return true
    if (!this.#turns.take(column, 1)) {
      if (!this.#wants.has(column)) this.#wanted.take(column, Number.POSITIVE_INFINITY)
      this.#wants.add(column)
      if (!this.#turns.take(column, 1)) return false
    }
    this.#ours.set(app, column)
    return true
  }

  give(app: string): void {
    const column = this.#ours.get(app)
    if (column === undefined) return
    this.#ours.delete(app)
    this.#turns.give(column)
    if (this.#wanted.others(column) > 0) this.#bell.ringOthers()
  }

  linger(app: string): () => void {
    const column = this.#columnOf(app)
    if (column === undefined) return () => {}
    this.#lingering.take(column, Number.POSITIVE_INFINITY)
    return () => this.#lingering.give(column)
  }

  isLingering(app: string): boolean {
    const column = this.#columnOf(app)
    return column !== undefined && this.#lingering.others(column) > 0
  }

  listen(freed: () => void): void {
    this.#bell.whenRung(() => {
      if (this.#wants.size === 0) return
      for (const column of this.#wants) this.#wanted.give(column)
      this.#wants.clear()
      // What the main thread has said of the last death is read before the next is tried.
      setImmediate(freed)
    })
  }

  #columnOf(app: string): number | undefined {
    return this.#bell.row === 0 ? undefined : this.#columns.get(app)
  }
}

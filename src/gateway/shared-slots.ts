import type { BoardMemory, Named } from './shared-board.ts'
import { ring } from './shared-board.ts'
import { Counts } from './shared-counts.ts'
import { OwnSlots, type Slots } from './slots.ts'

/**
 * The connections of all threads to each instance, as one thread counts them. Who finds none free waits; who has one to
 * give wakes a thread that waits. No wake is lost: who waits says so before it looks whether one is free, and who gives one
 * up does so before it looks whether somebody waits.
 */
export class SharedSlots {
  readonly admitted: Counts
  readonly links: Counts
  readonly waiting: Counts
  readonly row: number
  readonly threads: number
  readonly #bells: Int32Array
  readonly #columns = new Map<number, number>()
  /** Who is to be told, by column. */
  readonly #rung = new Map<number, () => void>()
  /** Told whenever this thread is. */
  readonly #others: (() => void)[] = []
  readonly #failed: (error: unknown) => void
  /** All that have a meaning are below this. */
  #used = 0

  /** `row` 0: there is none for this thread. `failed` is told what those who are rung throw. */
  constructor(memory: BoardMemory, row: number, failed: (error: unknown) => void) {
    this.admitted = new Counts(memory.admitted, row)
    this.links = new Counts(memory.links, row)
    this.waiting = new Counts(memory.waiting, row)
    this.#bells = new Int32Array(memory.bells)
    this.row = row
    this.threads = this.#bells.length - 1
    this.#failed = failed
    void this.#hear()
  }

  name({ runs }: Named): void {
    for (const [run, column] of runs) {
      this.#columns.set(run, column)
      this.#used = Math.max(this.#used, column + 1)
    }
  }

  /** Of a new pool. */
  of(run: number): Slots {
    const column = this.row === 0 ? undefined : this.#columns.get(run)
    return column === undefined ? new OwnSlots(this.threads) : new RunSlots(this, column)
  }

  forget(run: number): void {
    this.#columns.delete(run)
  }

  ring(row: number): void {
    ring(this.#bells, row)
  }

  ringOthers(): void {
    for (let row = 1; row <= this.threads; row += 1) if (row !== this.row) this.ring(row)
  }

  /** For what has nothing to do with a run. */
  whenRung(act: () => void): void {
    this.#others.push(act)
  }

  listen(column: number, rung: () => void): void {
    this.#rung.set(column, rung)
  }

  unlisten(column: number): void {
    this.#rung.delete(column)
  }

  async #hear(): Promise<void> {
    for (let heard = 0; ;) {
      // A promise that waits keeps neither thread nor process alive, and goes with its thread.
      const { async, value } = Atomics.waitAsync(this.#bells, this.row, heard)
      // Rung once more meanwhile: whatever else this thread has to do comes first.
      await (async ? value : new Promise((resolve) => setImmediate(resolve)))
      heard = Atomics.load(this.#bells, this.row)
      for (let column = 0; column < this.#used; column += 1)
        if (this.waiting.total(column) > 0) this.#tell(this.#rung.get(column))
      for (const other of this.#others) this.#tell(other)
    }
  }

  #tell(rung: (() => void) | undefined): void {
    try {
      rung?.()
    } catch (error) {
      this.#failed(error)
    }
  }
}

/** Of one run. */
class RunSlots implements Slots {
  readonly #all: SharedSlots
  readonly #admitted: Counts
  readonly #links: Counts
  readonly #waiting: Counts
  readonly #column: number

  constructor(all: SharedSlots, column: number) {
    this.#all = all
    this.#admitted = all.admitted
    this.#links = all.links
    this.#waiting = all.waiting
    this.#column = column
  }

  admit(max: number, queue: number): boolean {
    // More than `max` are taken after an edit of the configuration that lowered it.
    return this.#admitted.take(this.#column, Math.max(max, this.taken) + queue)
  }

  dismiss(): void {
    this.#admitted.give(this.#column)
  }

  get taken(): number {
    return this.#links.total(this.#column)
  }

  take(max: number): boolean {
    return this.#links.take(this.#column, max)
  }

  give(): void {
    this.#links.give(this.#column)
  }

  wait(): void {
    this.#waiting.take(this.#column, Number.POSITIVE_INFINITY)
  }

  waited(): void {
    this.#waiting.give(this.#column)
  }

  get isWanted(): boolean {
    return this.#waiting.others(this.#column) > 0
  }

  share(max: number): number {
    return Math.floor(max / this.#all.threads)
  }

  pass(max: number): void {
    if (!this.isWanted || this.taken >= max) return
    const { row, threads } = this.#all
    for (let further = 0; further < threads - 1; further += 1) {
      const next = ((row + further) % threads) + 1
      if (this.#waiting.of(next, this.#column) > 0) return this.#all.ring(next)
    }
  }

  call(): void {
    for (let row = 1; row <= this.#all.threads; row += 1) {
      if (row !== this.#all.row && this.#links.of(row, this.#column) > 0) this.#all.ring(row)
    }
  }

  listen(rung: () => void): void {
    this.#all.listen(this.#column, rung)
  }

  [Symbol.dispose](): void {
    this.#all.unlisten(this.#column)
  }
}

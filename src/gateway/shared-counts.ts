/** Of each kind, so many can be counted for all threads together; one more is counted by each thread for itself. */
const maxColumns = 16_384

/** Memory for one kind of numbers, for so many threads. */
export function memoryOf(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer((threads + 1) * maxColumns * Int32Array.BYTES_PER_ELEMENT)
}

/**
 * Numbers that all threads count together, one a column: a row of totals, and a row for what each thread has added to
 * them, so that what a thread had can be taken out when it dies. A thread's row is 1 or more.
 */
export class Counts {
  readonly #cells: Int32Array
  readonly #row: number

  constructor(memory: SharedArrayBuffer, row: number) {
    this.#cells = new Int32Array(memory)
    this.#row = row
  }

  /** Adds one for this thread; false when there are `max` already. */
  take(column: number, max: number): boolean {
    for (;;) {
      const taken = Atomics.load(this.#cells, column)
      if (taken >= max) return false
      if (Atomics.compareExchange(this.#cells, column, taken, taken + 1) === taken) break
    }
    Atomics.add(this.#cells, this.#row * maxColumns + column, 1)
    return true
  }

  /** Takes one of this thread's away. */
  give(column: number): void {
    Atomics.sub(this.#cells, this.#row * maxColumns + column, 1)
    Atomics.sub(this.#cells, column, 1)
  }

  total(column: number): number {
    return Atomics.load(this.#cells, column)
  }

  /** What one thread has. */
  of(row: number, column: number): number {
    return Atomics.load(this.#cells, row * maxColumns + column)
  }

  /** What all other threads have. */
  others(column: number): number {
    return this.total(column) - this.of(this.#row, column)
  }

  /** The thread of this row is over, and with it all that it had in one of the first `columns`. */
  clear(row: number, columns: number): void {
    for (let column = 0; column < columns; column += 1) {
      const left = Atomics.exchange(this.#cells, row * maxColumns + column, 0)
      if (left !== 0) Atomics.sub(this.#cells, column, left)
    }
  }
}

/** Which column is whose. The main thread hands them out. */
export class Columns<Key> {
  /** All that were ever handed out are below this. */
  used = 0
  readonly #columns = new Map<Key, number>()
  readonly #freed: number[] = []
  readonly #isEmpty: (column: number) => boolean

  /** `isEmpty`: whether nothing is counted in it any more. */
  constructor(isEmpty: (column: number) => boolean) {
    this.#isEmpty = isEmpty
  }

  /** Its column, a new one if it has none; undefined when there are no more. */
  of(key: Key): number | undefined {
    const column = this.#columns.get(key) ?? (this.used < maxColumns ? this.used++ : this.#again())
    if (column !== undefined) this.#columns.set(key, column)
    return column
  }

  /** Nobody begins to count for it any more; who has counted for it still takes that back. */
  free(key: Key): void {
    const column = this.#columns.get(key)
    if (column === undefined) return
    this.#columns.delete(key)
    this.#freed.push(column)
  }

  /** The one that was freed first, so that every thread has long heard of it. */
  #again(): number | undefined {
    const at = this.#freed.findIndex(this.#isEmpty)
    return at === -1 ? undefined : this.#freed.splice(at, 1)[0]
  }
}

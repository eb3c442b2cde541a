import { OwnPlaces, type Places } from './places.ts'

/** Apps that can be counted for all threads together; one more is counted by each thread for itself. */
const maxApps = 16_384

/** Which column of the shared memory is whose. */
export type Column = readonly [app: string, column: number]

/**
 * Shared memory in which all threads count the same waiting requests: a row of totals, and a row for what each thread
 * has added to them, so that what a thread had can be taken out when it dies. A column an app; the main thread hands
 * them out.
 */
export class PlaceBoard {
  readonly memory: SharedArrayBuffer
  readonly #cells: Int32Array
  readonly #columns = new Map<string, number>()
  readonly #freeColumns: number[] = []
  readonly #freeRows: number[]
  #next = 0

  constructor(threads: number) {
    this.memory = new SharedArrayBuffer((threads + 1) * maxApps * Int32Array.BYTES_PER_ELEMENT)
    this.#cells = new Int32Array(this.memory)
    this.#freeRows = Array.from({ length: threads }, (_, at) => threads - at)
  }

  takeRow(): number {
    return this.#freeRows.pop() ?? 0
  }

  /** The thread of this row is over, and whoever waited at it. */
  freeRow(row: number): void {
    if (row === 0) return
    for (let column = 0; column < this.#next; column += 1) {
      const left = Atomics.exchange(this.#cells, row * maxApps + column, 0)
      if (left !== 0) Atomics.sub(this.#cells, column, left)
    }
    this.#freeRows.push(row)
  }

  /** The column of each of these apps, a new one where it has none. */
  columnsOf(apps: Iterable<string>): Column[] {
    const found: Column[] = []
    for (const app of apps) {
      const column = this.#columns.get(app) ?? this.#freeColumns.pop() ?? (this.#next < maxApps ? this.#next++ : null)
      if (column === null) continue
      this.#columns.set(app, column)
      found.push([app, column])
    }
    return found
  }

  /** An app has gone. Who still waits for it is told, and gives back what it took. */
  free(app: string): void {
    const column = this.#columns.get(app)
    if (column === undefined) return
    this.#columns.delete(app)
    this.#freeColumns.push(column)
  }
}

/** The places of a gateway that is one of several threads. */
export class SharedPlaces implements Places {
  readonly #cells: Int32Array
  readonly #row: number
  readonly #columns = new Map<string, number>()
  readonly #own = new OwnPlaces()

  /** `row` 0: there is none for this thread. */
  constructor(memory: SharedArrayBuffer, row: number) {
    this.#cells = new Int32Array(memory)
    this.#row = row
  }

  name(columns: readonly Column[]): void {
    for (const [app, column] of columns) this.#columns.set(app, column)
  }

  /** After those who wait for it were told that it has gone. */
  forget(app: string): void {
    this.#columns.delete(app)
  }

  take(app: string, max: number): boolean {
    const column = this.#columnOf(app)
    if (column === null) return this.#own.take(app, max)
    for (;;) {
      const taken = Atomics.load(this.#cells, column)
      if (taken >= max) return false
      if (Atomics.compareExchange(this.#cells, column, taken, taken + 1) === taken) break
    }
    Atomics.add(this.#cells, this.#row * maxApps + column, 1)
    return true
  }

  giveBack(app: string): void {
    const column = this.#columnOf(app)
    if (column === null) return this.#own.giveBack(app)
    Atomics.sub(this.#cells, this.#row * maxApps + column, 1)
    Atomics.sub(this.#cells, column, 1)
  }

  #columnOf(app: string): number | null {
    return this.#row === 0 ? null : (this.#columns.get(app) ?? null)
  }
}

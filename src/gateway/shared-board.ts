import { type Route, type RouteChange, runsOf } from '../model/route.ts'
import { Columns, Counts, memoryOf } from './shared-counts.ts'

/** What the threads count together, and what is told to each of them at its start. */
export interface BoardMemory {
  /** Requests that wait for their app, a column an app. */
  readonly places: SharedArrayBuffer
  /** Requests that have or await a connection to an instance, a column a run. */
  readonly admitted: SharedArrayBuffer
  /** Whose turn it is to try a suspect, which threads want it, and who is tried without: a column an app. */
  readonly turns: SharedArrayBuffer
  readonly wanted: SharedArrayBuffer
  readonly lingering: SharedArrayBuffer
  /** Connections to an instance, a column a run. */
  readonly links: SharedArrayBuffer
  /** Those of the requests that await one, a column a run. */
  readonly waiting: SharedArrayBuffer
  /** A number a row, which changes when that thread is to look whether it gets a connection, or holds one that it could spare. */
  readonly bells: SharedArrayBuffer
}

/** Which columns are whose, of apps and of runs. */
export interface Named {
  readonly apps: readonly (readonly [app: string, column: number])[]
  readonly runs: readonly (readonly [run: number, column: number])[]
}

/** The shared memory of all gateway threads, as the main thread keeps it: who has which row, and what each column means. */
export class Board {
  readonly memory: BoardMemory
  readonly #freeRows: number[]
  readonly #apps: Columns<string>
  readonly #runs: Columns<number>
  readonly #runsOf = new Map<string, readonly number[]>()
  /** What is counted for each app, and for each run. */
  readonly #perApp: readonly Counts[]
  readonly #perRun: readonly Counts[]
  readonly #bells: Int32Array

  constructor(threads: number) {
    const bells = new SharedArrayBuffer((threads + 1) * Int32Array.BYTES_PER_ELEMENT)
    const memory = (): SharedArrayBuffer => memoryOf(threads)
    const perApp = { places: memory(), turns: memory(), wanted: memory(), lingering: memory() }
    const perRun = { admitted: memory(), links: memory(), waiting: memory() }
    this.memory = { ...perApp, ...perRun, bells }
    this.#freeRows = Array.from({ length: threads }, (_, at) => threads - at)
    this.#perApp = Object.values(perApp).map((it) => new Counts(it, 0))
    this.#perRun = Object.values(perRun).map((it) => new Counts(it, 0))
    this.#bells = new Int32Array(bells)
    this.#apps = new Columns((column) => this.#perApp.every((it) => it.total(column) === 0))
    this.#runs = new Columns((column) => this.#perRun.every((it) => it.total(column) === 0))
  }

  /** 0 when there is none. */
  takeRow(): number {
    return this.#freeRows.pop() ?? 0
  }

  /** The thread of this row is over: who waited at it has gone, and its connections are closed. */
  freeRow(row: number): void {
    if (row === 0) return
    for (const counts of this.#perApp) counts.clear(row, this.#apps.used)
    for (const counts of this.#perRun) counts.clear(row, this.#runs.used)
    this.#freeRows.push(row)
    for (let bell = 1; bell < this.#bells.length; bell += 1) ring(this.#bells, bell)
  }

  /** The columns of what is new; those of what has gone are free. */
  change({ put, gone }: RouteChange): Named {
    for (const app of gone) {
      this.#apps.free(app)
      this.#keep(app, [])
    }
    for (const route of put) this.#keep(route.app, runsOf(route))
    return this.columnsOf(put)
  }

  columnsOf(routes: Iterable<Route>): Named {
    const apps: [string, number][] = []
    const runs: [number, number][] = []
    for (const route of routes) {
      const column = this.#apps.of(route.app)
      if (column !== undefined) apps.push([route.app, column])
      for (const run of runsOf(route)) {
        const its = this.#runs.of(run)
        if (its !== undefined) runs.push([run, its])
      }
    }
    return { apps, runs }
  }

  #keep(app: string, runs: readonly number[]): void {
    for (const run of this.#runsOf.get(app) ?? []) if (!runs.includes(run)) this.#runs.free(run)
    if (runs.length === 0) this.#runsOf.delete(app)
    else this.#runsOf.set(app, runs)
  }
}

/** Wakes a thread out of its wait; one that does not wait finds another number there before it does. */
export function ring(bells: Int32Array, row: number): void {
  Atomics.add(bells, row, 1)
  Atomics.notify(bells, row)
}

import type { Inflight } from './inflight.ts'

/** A run that left the table may have sent its last bytes a moment before; so often (milliseconds) what is left is looked at. */
const lastWords = 250

/**
 * What is in flight on runs that neither serve nor drain any more: it is cut. Where the process has ended by itself,
 * only what does not move: it says nothing more, but what it has said may be on its way to a client that reads slowly,
 * who has a deadline of its own. A connection that somebody holds open in its place says nothing either.
 */
export class Cuts implements Disposable {
  readonly #inflight: Inflight
  readonly #timers = new Map<number, NodeJS.Timeout>()
  readonly #stopped = new Set<number>()
  #isOver = false

  constructor(inflight: Inflight) {
    this.#inflight = inflight
  }

  /** The run gets nothing more. `isStopped`: it is past its deadline, and is ended by us. */
  soon(run: number, isStopped: boolean): void {
    this.#inflight.forget(run)
    if (isStopped) this.#stopped.add(run)
    if (!this.#timers.has(run)) this.#later(run)
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  #later(run: number): void {
    this.#timers.delete(run)
    if (this.#isOver) return
    if (this.#inflight.count(run) === 0) return void this.#stopped.delete(run)
    const timer = setTimeout(() => this.#look(run), lastWords)
    this.#timers.set(run, timer)
  }

  /** In two turns of the event loop: a client that has just taken all there was is given what comes next in the second. */
  #look(run: number): void {
    if (this.#stopped.has(run)) {
      this.#inflight.cut(run)
      return this.#later(run)
    }
    setImmediate(() => {
      const idle = this.#inflight.on(run).filter(({ connection }) => connection.out.isEmpty)
      const before = new Map(idle.map((flight) => [flight, flight.traffic.out]))
      setImmediate(() => {
        for (const [flight, out] of before) {
          if (flight.slot !== -1 && flight.traffic.out === out && flight.connection.out.isEmpty) flight.cut()
        }
        this.#later(run)
      })
    })
  }
}

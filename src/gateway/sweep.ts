import type { Clock } from '../lib/clock.ts'

/** Whoever waits for something. `Infinity` for nothing. Milliseconds on the gateway's clock. */
export interface Waiting {
  deadline: number
  /** Whether it is to `feel` at every beat. */
  readonly isPaused: boolean
  late(now: number): void
  /** Looks for what nothing tells of. */
  feel(): void
}

/** How late a deadline may be noticed, in ms: all are limits against the dead and the slow, none is a rhythm. */
const beat = 250

/**
 * All deadlines of the gateway on one timer. A connection is watched once, while it lives, and only writes a number
 * when it begins to wait: a timer a request would cost more than parsing it does. 10,000 connections take 0.1 ms a beat.
 */
export class Sweep implements Disposable {
  readonly #clock: Clock
  readonly #failed: (waiting: Waiting, error: unknown) => void
  readonly #watched = new Set<Waiting>()
  #timer: NodeJS.Timeout | null = null
  #coming: NodeJS.Immediate | null = null

  /** `failed` is told of whoever could not bear to be late. */
  constructor(clock: Clock, failed: (waiting: Waiting, error: unknown) => void) {
    this.#clock = clock
    this.#failed = failed
  }

  add(waiting: Waiting): void {
    this.#watched.add(waiting)
    this.#timer ??= setInterval(() => this.#beat(), beat).unref()
  }

  delete(waiting: Waiting): void {
    this.#watched.delete(waiting)
    if (this.#watched.size === 0) this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    if (this.#timer) clearInterval(this.#timer)
    if (this.#coming) clearImmediate(this.#coming)
    this.#timer = this.#coming = null
  }

  /**
   * Timers come before sockets. After a moment in which this thread did not run, asleep or crowded out, what came in time
   * would be judged unread: an immediate comes behind what the sockets have.
   */
  #beat(): void {
    this.#coming ??= setImmediate(() => {
      this.#coming = null
      this.#judge()
    })
  }

  #judge(): void {
    const now = this.#clock.now()
    for (const waiting of this.#watched) {
      try {
        if (now >= waiting.deadline) waiting.late(now)
        else if (waiting.isPaused) waiting.feel()
      } catch (error) {
        this.#failed(waiting, error)
      }
    }
  }
}

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

/** So many are late in one turn of the event loop; what comes for the others meanwhile is read before they are judged. */
const most = 32

/** A turn that took longer (milliseconds) may have left something unread, and is not judged after; so many a beat at most. */
const brief = 5
const patience = 20

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
   * would be judged unread: an immediate comes behind what the sockets have. When that was much, more has come meanwhile.
   */
  #beat(): void {
    if (this.#coming === null) this.#judgeSoon(this.#watched.values(), patience)
  }

  #judgeSoon(rest: SetIterator<Waiting>, patience: number): void {
    const asked = this.#clock.now()
    this.#coming = setImmediate(() => {
      this.#coming = null
      const now = this.#clock.now()
      if (now - asked > brief && patience > 0) this.#judgeSoon(rest, patience - 1)
      else this.#judge(rest, now, patience)
    })
  }

  #judge(rest: SetIterator<Waiting>, now: number, patience: number): void {
    let late = 0
    for (const waiting of rest) {
      try {
        if (now >= waiting.deadline) {
          late += 1
          waiting.late(now)
        } else if (waiting.isPaused) waiting.feel()
      } catch (error) {
        this.#failed(waiting, error)
      }
      // Of hundreds that are idle since the same moment, the last would be closed long after the sockets were read.
      if (late === most) return this.#judgeSoon(rest, patience)
    }
  }
}

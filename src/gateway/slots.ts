/** How many connections there may be to one instance, and who waits for one: what its pool counts. */
export interface Slots {
  /** Takes one of `max`; false when all are taken. */
  take(max: number): boolean
  give(): void
  /** How many are taken, by this pool and by those of other threads. */
  readonly taken: number
  /** Takes one of `max` places in the queue. */
  wait(max: number): boolean
  /** Gives that back. */
  waited(): void
  /** Whether somebody waits at another thread. */
  readonly isWanted: boolean
  /** How many of `max` this pool may go on with although others wait. */
  share(max: number): number
  /** If one of `max` is free, a thread that waits is told; each in turn. */
  pass(max: number): void
  /** Asks other threads for what they have and do not use. */
  call(): void
  /** `rung`: called when another thread has passed or called. */
  listen(rung: () => void): void
  [Symbol.dispose](): void
}

/** Of a pool that is alone, or one of `parts` that cannot know of one another and have an equal part each. */
export class OwnSlots implements Slots {
  taken = 0
  readonly isWanted: boolean = false
  readonly #parts: number
  #waiting = 0

  constructor(parts = 1) {
    this.#parts = parts
  }

  take(max: number): boolean {
    if (this.taken >= this.share(max)) return false
    this.taken += 1
    return true
  }

  give(): void {
    this.taken -= 1
  }

  wait(max: number): boolean {
    if (this.#waiting >= this.share(max)) return false
    this.#waiting += 1
    return true
  }

  waited(): void {
    this.#waiting -= 1
  }

  share(max: number): number {
    return Math.ceil(max / this.#parts)
  }

  pass(): void {}

  call(): void {}

  listen(): void {}

  [Symbol.dispose](): void {}
}

/** How many connections there may be to one instance, who has one and who waits for one: what its pool counts. */
export interface Slots {
  /**
   * Admits one request; false when so many have or await a connection that `queue` would wait behind `max` in use. One
   * that is idle or on its way from one to the next is nobody's, so whoever awaits it waits behind nothing.
   */
  admit(max: number, queue: number): boolean
  /** One that was admitted has no more need of a connection. */
  dismiss(): void
  /** Takes one of `max`; false when all are taken. */
  take(max: number): boolean
  give(): void
  /** How many are taken, by this pool and by those of other threads. */
  readonly taken: number
  /** One that was admitted begins to wait. */
  wait(): void
  /** It no longer does. */
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
  #admitted = 0

  constructor(parts = 1) {
    this.#parts = parts
  }

  admit(max: number, queue: number): boolean {
    if (this.#admitted >= Math.max(this.share(max), this.taken) + this.share(queue)) return false
    this.#admitted += 1
    return true
  }

  dismiss(): void {
    this.#admitted -= 1
  }

  take(max: number): boolean {
    if (this.taken >= this.share(max)) return false
    this.taken += 1
    return true
  }

  give(): void {
    this.taken -= 1
  }

  wait(): void {}

  waited(): void {}

  share(max: number): number {
    return Math.ceil(max / this.#parts)
  }

  pass(): void {}

  call(): void {}

  listen(): void {}

  [Symbol.dispose](): void {}
}

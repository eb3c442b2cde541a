import type { HoldSettings } from '../model/settings.ts'
import { OwnPlaces, type Places } from './places.ts'

export type Held = 'again' | 'expired' | 'full' | 'left'

type Settle = (result: Held) => void

/**
 * How many of an app are let go at once, and how many at most in one step; each step lets go twice as many as the one
 * before. An app that has just begun to serve would else have several hundred connections to accept before it answers
 * anybody, and we all of their requests to look at before the first is on the wire: measured, 25 to 70 ms.
 */
const first = 4
const most = 64
/** From one step to the next (milliseconds). */
const stepTime = 5

/** Requests that wait for their app, first come first served, a bounded queue an app. */
export class Hold implements Disposable {
  readonly #queues = new Map<string, Set<Settle>>()
  readonly #places: Places
  /** To be let go, by app. */
  readonly #woken = new Map<string, Set<Settle>>()
  #step: NodeJS.Timeout | null = null

  constructor(places: Places = new OwnPlaces()) {
    this.#places = places
  }

  /** How many wait for an app. */
  count(app: string): number {
    return this.#queues.get(app)?.size ?? 0
  }

  get isEmpty(): boolean {
    return this.#queues.size === 0
  }

  /** Waits up to `time` ms to be told to ask again. A client that leaves frees its place at once. */
  wait(app: string, settings: HoldSettings, time: number, left: AbortSignal): Promise<Held> {
    if (left.aborted) return Promise.resolve('left')
    const giveBack = this.#places.take(app, settings.max)
    if (giveBack === null) return Promise.resolve('full')
    const queue = this.#queues.get(app) ?? new Set()
    this.#queues.set(app, queue)
    return new Promise((resolve) => {
      const settle: Settle = (result) => {
        clearTimeout(timer)
        this.#woken.get(app)?.delete(settle)
        left.removeEventListener('abort', onLeave)
        if (queue.delete(settle)) giveBack()
        if (queue.size === 0 && this.#queues.get(app) === queue) this.#queues.delete(app)
        resolve(result)
      }
      const onLeave = (): void => settle('left')
      const timer = setTimeout(() => settle('expired'), time)
      left.addEventListener('abort', onLeave, { once: true })
      queue.add(settle)
    })
  }

  /** Lets everybody who waits for one of these apps ask again, one of each app in turn, the first few at once. */
  wake(apps: Iterable<string>): void {
    for (const app of apps) {
      const queue = this.#queues.get(app)
      // Who comes from now on has asked already.
      if (queue) this.#woken.set(app, new Set(queue))
    }
    if (this.#step === null) this.#letGo(first)
  }

  wakeAll(): void {
    this.wake(this.#queues.keys())
  }

  [Symbol.dispose](): void {
    if (this.#step) clearTimeout(this.#step)
    this.#woken.clear()
    for (const queue of this.#queues.values()) for (const settle of queue) settle('again')
  }

  #letGo(rounds: number): void {
    this.#step = null
    for (let round = 0; round < rounds && this.#woken.size > 0; round += 1) {
      for (const [app, woken] of this.#woken) {
        const [next] = woken
        if (next) next('again')
        else this.#woken.delete(app)
      }
    }
    if (this.#woken.size > 0) this.#step = setTimeout(() => this.#letGo(Math.min(most, 2 * rounds)), stepTime)
  }
}

import type { HoldSettings } from '../model/settings.ts'
import { OwnPlaces, type Places } from './places.ts'

export type Held = 'again' | 'expired' | 'full' | 'left'

/** Requests that wait for their app, first come first served, a bounded queue an app. */
export class Hold implements Disposable {
  readonly #queues = new Map<string, Set<(result: Held) => void>>()
  readonly #places: Places

  constructor(places: Places = new OwnPlaces()) {
    this.#places = places
  }

  /** How many wait for an app. */
  count(app: string): number {
    return this.#queues.get(app)?.size ?? 0
  }

  /** Waits up to `time` ms to be told to ask again. A client that leaves frees its place at once. */
  wait(app: string, settings: HoldSettings, time: number, left: AbortSignal): Promise<Held> {
    if (left.aborted) return Promise.resolve('left')
    if (!this.#places.take(app, settings.max)) return Promise.resolve('full')
    const queue = this.#queues.get(app) ?? new Set()
    this.#queues.set(app, queue)
    return new Promise((resolve) => {
      const settle = (result: Held): void => {
        clearTimeout(timer)
        left.removeEventListener('abort', onLeave)
        if (queue.delete(settle)) this.#places.giveBack(app)
        if (queue.size === 0 && this.#queues.get(app) === queue) this.#queues.delete(app)
        resolve(result)
      }
      const onLeave = (): void => settle('left')
      const timer = setTimeout(() => settle('expired'), time)
      left.addEventListener('abort', onLeave, { once: true })
      queue.add(settle)
    })
  }

  /** Lets everybody who waits for one of these apps ask again, one of each app in turn. */
  wake(apps: Iterable<string>): void {
    let queues = [...apps].map((app) => [...(this.#queues.get(app) ?? [])]).filter((queue) => queue.length > 0)
    for (let turn = 0; queues.length > 0; turn += 1) {
      for (const queue of queues) queue[turn]?.('again')
      queues = queues.filter((queue) => queue.length > turn + 1)
    }
  }

  [Symbol.dispose](): void {
    this.wake([...this.#queues.keys()])
  }
}

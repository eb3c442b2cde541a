import type { Clock } from '../lib/clock.ts'
import { advance } from '../model/advance.ts'
import { emptyFleet, nextDeadline, type Fleet } from '../model/fleet.ts'
import type { Announcement, Effect, Event } from '../model/protocol.ts'

export interface SupervisorOptions {
  readonly clock: Clock
  /** How many instances may be in their first second at once. */
  readonly parallelStarts: number
  /** Above the runs that an earlier gateway may have left. Default 1. */
  readonly nextRun?: number
  /** Performs an effect; whatever comes of it returns as an event through `send`. Must not throw. */
  perform(effect: Exclude<Effect, { readonly type: 'announce' }>): void
  announce(announcement: Announcement): void
  /**
   * Called with each new fleet, after the effects that led to it have been handed out. `touched`: the apps, by name, in
   * which it may differ from the one published before; in no others it does.
   */
  publish(fleet: Fleet, before: Fleet, touched: ReadonlySet<string>): void
  /** In [0, 1); spreads restarts. */
  chance(): number
}

/** So often it is noted that we run (milliseconds). */
const beat = 500

/** Nothing noted for so long (milliseconds) says that we were not running. */
const sleptFor = 1_000

/**
 * The single writer: takes events one after the other, advances the fleet, performs the effects, publishes the next
 * fleet. An event that arrives while another is being worked on waits its turn, so that no reader ever sees half a
 * change. There is one timer, set to the earliest deadline of the whole fleet.
 */
export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions
  readonly #queue: Event[] = []
  readonly #watchers = new Set<() => void>()
  #fleet: Fleet
  #timer: NodeJS.Timeout | null = null
  /** When we were last seen to run. */
  #awake: number
  readonly #pulse: NodeJS.Timeout
  /** Whether the timer, or its absence, is that of the present fleet. */
  #armed = false
  #working = false
  #closed = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#fleet = emptyFleet(options.parallelStarts, options.nextRun)
    this.#awake = options.clock.now()
    this.#pulse = setInterval(() => this.#wake(), beat).unref()
  }

  get fleet(): Fleet {
    return this.#fleet
  }

  send(event: Event): void {
    if (this.#closed) return
    // Whatever is heard first after a sleep: no deadline of before may be looked at without it.
    this.#wake()
    this.#queue.push(event)
    this.#proceed()
  }

  /** Makes up for a sleep that has just ended. */
  #wake(): void {
    const now = this.#options.clock.now()
    const gap = now - this.#awake
    this.#awake = now
    if (gap <= sleptFor || this.#closed) return
    this.#queue.push({ type: 'overslept', by: gap })
    this.#proceed()
  }

  #proceed(): void {
    if (this.#working) return
    this.#working = true
    try {
      // Publishing may bring further events; they are worked on before anyone else is let in.
      while (this.#queue.length > 0) this.#work()
    } finally {
      this.#working = false
    }
    if (!this.#armed) this.#arm()
  }

  /** Resolves with the first fleet, from now on, for which `predicate` holds; rejects when `signal` aborts. */
  until(predicate: (fleet: Fleet) => boolean, signal?: AbortSignal): Promise<Fleet> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#watchers.delete(look)
        reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
      }
      const look = (): void => {
        if (!predicate(this.#fleet)) return
        this.#watchers.delete(look)
        signal?.removeEventListener('abort', abort)
        resolve(this.#fleet)
      }
      if (signal?.aborted) return abort()
      signal?.addEventListener('abort', abort, { once: true })
      this.#watchers.add(look)
      look()
    })
  }

  /** Stops everything in order and resolves when nothing is left. */
  async close(): Promise<void> {
    this.send({ type: 'shutdown' })
    await this.until((fleet) => fleet.apps.values().every((app) => app.instances.length === 0))
  }

  /** Decides nothing any more: another gateway does. */
  letGo(): void {
    this.#closed = true
    clearInterval(this.#pulse)
    if (this.#timer) clearTimeout(this.#timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    await this.close()
    this.#closed = true
    clearInterval(this.#pulse)
    if (this.#timer) clearTimeout(this.#timer)
  }

  #work(): void {
    const before = this.#fleet
    const changed = new Set<string>()
    for (let event = this.#queue.shift(); event; event = this.#queue.shift()) {
      const now = this.#options.clock.now()
      const { fleet, effects, touched } = advance(this.#fleet, event, now, this.#options.chance())
      this.#fleet = fleet
      for (const name of touched) changed.add(name)
      for (const effect of effects) {
        if (effect.type === 'announce') this.#options.announce(effect.announcement)
        else this.#options.perform(effect)
      }
    }
    if (this.#fleet !== before) {
      this.#armed = false
      this.#options.publish(this.#fleet, before, changed)
      for (const look of this.#watchers) look()
    }
  }

  #arm(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#armed = true
    const now = this.#options.clock.now()
    const at = nextDeadline(this.#fleet, now)
    if (at === Infinity) return
    // setTimeout cannot hold more than 2^31 - 1 ms; a tick that comes too early just arms it again.
    const wait = Math.min(Math.max(1, Math.ceil(at - now)), 2 ** 31 - 1)
    this.#timer = setTimeout(() => {
      this.#armed = false
      this.send({ type: 'tick' })
    }, wait)
  }
}

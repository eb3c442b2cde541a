import type { Quarantined } from '../model/poison.ts'
import type { GatewayReport } from '../model/protocol.ts'
import type { Route } from '../model/route.ts'
import type { Clock } from '../lib/clock.ts'
import { Hold } from './hold.ts'

/** A hearing that takes longer than this does not keep the others waiting (milliseconds). */
const trialTime = 1_000
/** Shapes that are remembered as acquitted, an app. */
const maxAcquitted = 1_024

/** A request that may be what kills its app. */
export interface Suspect {
  /** Method, path and names of the query, see `model/poison.ts`. */
  readonly shape: string
  /** When it was in flight at a death; null when it never was. */
  readonly lostAt: number | null
  readonly tried: { readonly status: number }
}

export type Standing =
  | { readonly kind: 'free' }
  /** Alone among suspects: `over` is to be called with what became of it. */
  | { readonly kind: 'hearing'; readonly hearing: Hearing }
  | { readonly kind: 'wait' }
  | { readonly kind: 'quarantined'; readonly quarantined: Quarantined }

export interface Hearing {
  readonly app: string
  readonly shape: string
  readonly seq: number
  readonly began: number
  timer: NodeJS.Timeout
}

interface Acquittal {
  readonly seq: number
  readonly at: number
}

/** Tries suspected requests one at a time, an app; its other requests do not notice. */
export class Suspects implements Disposable {
  /** Suspects that wait for their turn. */
  readonly queue: Hold = new Hold()
  readonly #clock: Clock
  readonly #report: (report: GatewayReport) => void
  readonly #current = new Map<string, Hearing>()
  readonly #acquitted = new Map<string, Map<string, Acquittal>>()

  constructor(clock: Clock, report: (report: GatewayReport) => void) {
    this.#clock = clock
    this.#report = report
  }

  /** What is to be done with a request now. */
  ask({ app, poison }: Route, suspect: Suspect): Standing {
    const { shape, lostAt } = suspect
    const quarantined = poison?.quarantined.find((it) => it.shape === shape)
    const now = this.#clock.now()
    if (quarantined !== undefined && quarantined.until > now) return { kind: 'quarantined', quarantined }
    const acquitted = this.#acquitted.get(app)?.get(shape)
    const accused = poison !== null && poison.suspects.includes(shape) && (acquitted?.seq ?? 0) < poison.seq
    const lost = lostAt !== null && (acquitted?.at ?? -1) <= lostAt
    if (!accused && !lost) return { kind: 'free' }
    if (this.#current.has(app)) return { kind: 'wait' }
    const timer = setTimeout(() => this.over(hearing, suspect.tried.status !== 0), trialTime)
    const hearing: Hearing = { app, shape, seq: poison?.seq ?? 0, began: now, timer }
    this.#current.set(app, hearing)
    return { kind: 'hearing', hearing }
  }

  /** `answered`: the app has survived it. */
  over(hearing: Hearing, answered: boolean): void {
    const { app, shape, seq, began } = hearing
    if (answered) {
      const shapes = this.#acquitted.get(app) ?? new Map<string, Acquittal>()
      this.#acquitted.set(app, shapes)
      shapes.delete(shape)
      shapes.set(shape, { seq, at: began })
      for (const oldest of shapes.keys()) {
        if (shapes.size <= maxAcquitted) break
        shapes.delete(oldest)
      }
      this.#report({ type: 'acquitted', app, shape, seq })
    }
    this.#free(app, hearing)
  }

  /** Whether nobody else of its app is tried with it. */
  isAlone(hearing: Hearing): boolean {
    return this.#current.get(hearing.app) === hearing
  }

  /** The app has left. */
  forget(app: string): void {
    this.#acquitted.delete(app)
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#current.values()) clearTimeout(timer)
    this.#current.clear()
    this.queue[Symbol.dispose]()
  }

  #free(app: string, hearing: Hearing): void {
    clearTimeout(hearing.timer)
    if (this.#current.get(app) !== hearing) return
    this.#current.delete(app)
    this.queue.wake([app])
  }
}

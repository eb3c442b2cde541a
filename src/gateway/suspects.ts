import type { Quarantined } from '../model/poison.ts'
import type { GatewayReport } from '../model/protocol.ts'
import type { Route } from '../model/route.ts'
import type { Clock } from '../lib/clock.ts'
import { Hold } from './hold.ts'

/** A hearing that takes longer than this does not keep the others waiting (milliseconds). */
const trialTime = 1_000
/** Shapes that are remembered as acquitted, an app. */
const maxAcquitted = 1_024
/** For how long the next of a shape that was tried at a death waits for the sentence at most (milliseconds). */
const sentenceTime = 1_000

/** What became of a hearing; `open` when it says nothing of the request. */
export type Outcome = 'answered' | 'died' | 'open'

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
  readonly timer: NodeJS.Timeout
  /** Others that had not ended when this one began, but those that were answered since. */
  readonly beside: Set<Hearing>
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
  /** They took too long to keep the others waiting, and may still be what kills. */
  readonly #late = new Map<string, Set<Hearing>>()
  /** Tried at a death that the table does not know yet: app and shape, with the suspicions it was tried under. */
  readonly #awaited = new Map<string, { readonly seq: number; readonly timer: NodeJS.Timeout }>()
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
    const seq = poison?.seq ?? 0
    if ((this.#awaited.get(keyOf(app, shape))?.seq ?? -1) >= seq) return { kind: 'wait' }
    const timer = setTimeout(() => this.#overdue(hearing, suspect), trialTime)
    const hearing: Hearing = { app, shape, seq, began: now, timer, beside: new Set(this.#late.get(app)) }
    this.#current.set(app, hearing)
    return { kind: 'hearing', hearing }
  }

  /** Twice is harmless. */
  over(hearing: Hearing, outcome: Outcome): void {
    const { app, shape, seq, began } = hearing
    this.#late.get(app)?.delete(hearing)
    if (outcome === 'died') this.#await(app, shape, seq)
    if (outcome === 'answered') {
      this.#current.get(app)?.beside.delete(hearing)
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

  /** Whether nobody else of its app was tried with it. */
  isAlone(hearing: Hearing): boolean {
    return this.#current.get(hearing.app) === hearing && hearing.beside.size === 0
  }

  /** The app has left. */
  forget(app: string): void {
    this.#acquitted.delete(app)
    this.#late.delete(app)
  }

  [Symbol.dispose](): void {
    for (const { timer } of [...this.#current.values(), ...this.#awaited.values()]) clearTimeout(timer)
    this.#current.clear()
    this.#awaited.clear()
    this.queue[Symbol.dispose]()
  }

  #overdue(hearing: Hearing, { tried }: Suspect): void {
    const { app } = hearing
    if (tried.status !== 0) return this.over(hearing, 'answered')
    const late = this.#late.get(app) ?? new Set()
    this.#late.set(app, late.add(hearing))
    this.#free(app, hearing)
  }

  /** The next of its shape is not tried before the table says what follows from this death. */
  #await(app: string, shape: string, seq: number): void {
    const key = keyOf(app, shape)
    clearTimeout(this.#awaited.get(key)?.timer)
    const timer = setTimeout(() => {
      this.#awaited.delete(key)
      this.queue.wake([app])
    }, sentenceTime)
    this.#awaited.set(key, { seq, timer })
  }

  #free(app: string, hearing: Hearing): void {
    clearTimeout(hearing.timer)
    if (this.#current.get(app) !== hearing) return
    this.#current.delete(app)
    this.queue.wake([app])
  }
}

function keyOf(app: string, shape: string): string {
  return `${app} ${shape}`
}

import type { Quarantined } from '../model/poison.ts'
import type { GatewayReport } from '../model/protocol.ts'
import type { Route, RouteChange } from '../model/route.ts'
import type { Clock } from '../lib/clock.ts'
import { Hold } from './hold.ts'
import { ownTurns, type Turns } from './turns.ts'

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
  /** Another thread had such a one. */
  readonly isMixed: boolean
}

interface Acquittal {
  readonly seq: number
  readonly at: number
}

/** Tries suspected requests one at a time, an app, whatever thread has them; its other requests do not notice. */
export class Suspects implements Disposable {
  /** Suspects that wait for their turn. */
  readonly queue: Hold = new Hold()
  readonly #clock: Clock
  readonly #report: (report: GatewayReport) => void
  readonly #turns: Turns
  readonly #current = new Map<string, Hearing>()
  /** They took too long to keep the others waiting, and may still be what kills. With what to call when they end. */
  readonly #late = new Map<string, Map<Hearing, () => void>>()
  /** Tried at a death that the table does not know yet: app and shape, with the suspicions it was tried under. */
  readonly #awaited = new Map<string, { readonly seq: number; readonly timer: NodeJS.Timeout }>()
  /** By app: our turn is kept until the table knows of a death, lest another thread tries what it knows nothing of. */
  readonly #sentences = new Map<string, { readonly seq: number; readonly timer: NodeJS.Timeout }>()
  readonly #acquitted = new Map<string, Map<string, Acquittal>>()

  constructor(clock: Clock, report: (report: GatewayReport) => void, turns: Turns = ownTurns) {
    this.#clock = clock
    this.#report = report
    this.#turns = turns
    turns.listen(() => this.queue.wakeAll())
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
    if (!this.#turns.take(app)) return { kind: 'wait' }
    const timer = setTimeout(() => this.#overdue(hearing, suspect), trialTime)
    const beside = new Set(this.#late.get(app)?.keys())
    const hearing: Hearing = { app, shape, seq, began: now, timer, beside, isMixed: this.#turns.isLingering(app) }
    this.#current.set(app, hearing)
    return { kind: 'hearing', hearing }
  }

  /** Twice is harmless. */
  over(hearing: Hearing, outcome: Outcome): void {
    const { app, shape, seq, began } = hearing
    this.#late.get(app)?.get(hearing)?.()
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
    return this.#current.get(hearing.app) === hearing && hearing.beside.size === 0 && !hearing.isMixed
  }

  /** The table has changed: who waits asks again. */
  changed({ put, gone }: Pick<RouteChange, 'put' | 'gone'>): void {
    for (const { app, poison } of put) {
      const sentence = this.#sentences.get(app)
      if (sentence !== undefined && (poison?.seq ?? 0) > sentence.seq) this.#settle(app)
    }
    for (const app of gone) {
      this.#acquitted.delete(app)
      for (const over of this.#late.get(app)?.values() ?? []) over()
      this.#late.delete(app)
      this.#settle(app)
    }
    this.queue.wake([...put.map(({ app }) => app), ...gone])
  }

  [Symbol.dispose](): void {
    const all = [...this.#current.values(), ...this.#awaited.values(), ...this.#sentences.values()]
    for (const { timer } of all) clearTimeout(timer)
    const apps = [...this.#current.keys(), ...this.#sentences.keys()]
    this.#current.clear()
    this.#sentences.clear()
    for (const app of apps) this.#turns.give(app)
    this.#awaited.clear()
    this.queue[Symbol.dispose]()
  }

  #overdue(hearing: Hearing, { tried }: Suspect): void {
    const { app } = hearing
    if (tried.status !== 0) return this.over(hearing, 'answered')
    const late = this.#late.get(app) ?? new Map<Hearing, () => void>()
    this.#late.set(app, late.set(hearing, this.#turns.linger(app)))
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
    clearTimeout(this.#sentences.get(app)?.timer)
    this.#sentences.set(app, { seq, timer: setTimeout(() => this.#settle(app), sentenceTime) })
  }

  #settle(app: string): void {
    clearTimeout(this.#sentences.get(app)?.timer)
    this.#sentences.delete(app)
    this.#giveTurn(app)
  }

  #giveTurn(app: string): void {
    if (!this.#current.has(app) && !this.#sentences.has(app)) this.#turns.give(app)
  }

  #free(app: string, hearing: Hearing): void {
    clearTimeout(hearing.timer)
    if (this.#current.get(app) !== hearing) return
    this.#current.delete(app)
    this.queue.wake([app])
    this.#giveTurn(app)
  }
}

function keyOf(app: string, shape: string): string {
  return `${app} ${shape}`
}

import { deadline, isAlive, type Instance, type Release } from './instance.ts'
import type { Suspicions } from './poison.ts'
import type { AppSettings } from './settings.ts'
import type { Coped, Tally } from './tally.ts'

/** All apps by name. Immutable, replaced whole by `advance`. */
export interface Fleet {
  readonly apps: ReadonlyMap<string, App>
  readonly nextRun: number
  readonly nextGeneration: number
  /** Apps that wait for a place to start in, first come first served. */
  readonly queue: readonly string[]
  /** How many instances may be in their first second at once, so that a hundred apps do not boot on top of each other. */
  readonly parallelStarts: number
  readonly closing: boolean
}

/** A named thing under supervision. */
export interface App {
  readonly name: string
  readonly settings: AppSettings
  /** What the operator would recognise: the path in `apps/`, a command line, or a URL. */
  readonly source: string
  readonly standing: Standing
  /** The release that should serve: the newest one that was not rejected. */
  readonly current: Release | null
  /** The last release that proved itself by getting all its instances ready. `current` until proven otherwise. */
  readonly good: Release | null
  /** Whether `good` is kept serving beside a `current` that has not proved itself: true when it served at the offer. */
  readonly cover: boolean
  /**
   * The generation that cannot run beside its predecessor, because the app ignores PORT and insists on one of its own:
   * it starts once the predecessor has gone, and requests are held in between.
   */
  readonly apart: number | null
  /** From the offer of a candidate to its verdict; null when nothing is tried out. */
  readonly trial: Trial | null
  /** How `good` was seen to answer so far, for whatever is compared with it. */
  readonly record: Tally
  /** The newest offer that did not make it, and why: shown until another one does. */
  readonly rejected: { readonly version: string; readonly reason: string; readonly at: number } | null
  readonly falls: Falls
  /** The run that makes way for a fresh one of its release because it went beyond a limit. */
  readonly due: { readonly run: number; readonly reason: string } | null
  /** How many have made way like that. */
  readonly recycled: number
  /** Since the gateway knows of it. */
  readonly coped: Coped
  /** Requests that may be what kills it; of the version that crashed. */
  readonly suspicions: { readonly version: string; readonly found: Suspicions } | null
  readonly instances: readonly Instance[]
}

export interface Trial {
  readonly generation: number
  /** When the soak is over; null until it has begun, which it does with all instances ready. */
  readonly until: number | null
  /** How the candidate and, since the offer, the proven release were seen to answer. */
  readonly answers: Tally
  readonly proven: Tally
}

export type Standing =
  /** A file has been seen and is not yet at rest. `off`: it had been stopped before, and stays so. */
  | { readonly kind: 'settling'; readonly off: boolean }
  /** Cannot run as it is. */
  | { readonly kind: 'refused'; readonly off: boolean; readonly reason: string }
  | { readonly kind: 'on' }
  /** Fell too often: the next start is at `until`, or earlier when a request asks for it. */
  | { readonly kind: 'resting'; readonly until: number; readonly reason: string }
  /** Stopped by the operator. */
  | { readonly kind: 'off' }
  /** Left `apps/` and the configuration; forgotten once its instances are over. */
  | { readonly kind: 'gone' }
  /** A host we do not run. */
  | { readonly kind: 'remote'; readonly url: string }

/** Falls and backoff. */
export interface Falls {
  /** Falls that still count towards the backoff. */
  readonly streak: number
  /** All falls since the release was offered. */
  readonly total: number
  readonly last: { readonly at: number; readonly reason: string } | null
  /** When a request last woke a resting app early. */
  readonly woken: number
  /** Whether a request has asked for it since, and nothing was ready for it yet: good for waking it once. */
  readonly wished: boolean
}

/** An instance in its first `startSlot` milliseconds occupies one of `parallelStarts` places; a slow boot then frees it. */
const startSlot = 1_000

/** `nextRun` is above the runs of an earlier gateway that may still be adopted. */
export function emptyFleet(parallelStarts: number, nextRun: number = 1): Fleet {
  return { apps: new Map(), nextRun, nextGeneration: 1, queue: [], parallelStarts, closing: false }
}

/** A release is a candidate as long as an older one that proved itself could take over again. */
export function isCandidate(app: App): boolean {
  return app.current !== null && app.good !== null && app.good.generation !== app.current.generation
}

/** Whether the operator has stopped it, whatever became of its file since: it does not start by itself. */
export function isOff(app: App | undefined): boolean {
  if (!app) return false
  const { standing } = app
  return standing.kind === 'off' || ((standing.kind === 'settling' || standing.kind === 'refused') && standing.off)
}

export function aliveOf(app: App, release: Release): number {
  return app.instances.filter((it) => isAlive(it) && it.release.generation === release.generation).length
}

export function readyOf(app: App, release: Release): number {
  return app.instances.filter((it) => it.state === 'ready' && it.release.generation === release.generation).length
}

/** Whether one more instance may start now. */
export function hasStartSlot(fleet: Fleet, now: number): boolean {
  let taken = 0
  for (const app of fleet.apps.values()) {
    for (const it of app.instances) if (it.state === 'starting' && now - it.born < startSlot) taken += 1
  }
  return taken < fleet.parallelStarts
}

/** A request may wake a resting app early, but not more often than this (milliseconds): patience, not a hot loop. */
const wakeInterval = 2_000

/** When an app that rests until `until` starts again, given what was asked for. */
export function endOfRest(until: number, { wished, woken }: Falls): number {
  return wished ? Math.min(until, woken + wakeInterval) : until
}

/** When the fleet next needs a `tick`; Infinity when nothing waits for the clock. */
export function nextDeadline(fleet: Fleet, now: number): number {
  let next = Infinity
  for (const app of fleet.apps.values()) {
    if (app.standing.kind === 'resting') next = Math.min(next, endOfRest(app.standing.until, app.falls))
    if (app.trial?.until) next = Math.min(next, app.trial.until)
    for (const it of app.instances) {
      next = Math.min(next, deadline(it))
      const slotFree = it.born + startSlot
      if (it.state === 'starting' && fleet.queue.length > 0 && slotFree > now) next = Math.min(next, slotFree)
    }
  }
  return next
}

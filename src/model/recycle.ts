import { isCandidate, readyOf, type App, type Fleet } from './fleet.ts'
import type { Ready } from './instance.ts'
import type { LimitSettings } from './settings.ts'

/** A run that has to keep within limits. */
export interface Limited {
  readonly run: number
  readonly limits: LimitSettings
  /** Milliseconds that it has been ready. */
  readonly served: number
}

/** The runs whose limits have to be looked after. */
export function limitedRuns(fleet: Fleet, now: number): readonly Limited[] {
  const found: Limited[] = []
  for (const app of fleet.apps.values()) {
    const { limits } = app.settings
    if (limits.memory === 0 && limits.age === 0) continue
    for (const it of app.instances)
      if (it.state === 'ready') found.push({ run: it.run, limits, served: now - it.since })
  }
  return found
}

/** One look over the limit may be a moment's peak, before the garbage was collected. */
const patience = 2

/**
 * Why a run should make way for a fresh one, or null. `memory` is what its tree holds, in bytes; `over` how many looks in
 * a row, this one included, found it over its limit.
 */
export function excessOf({ run, limits, served }: Limited, memory: number | null, over: number): string | null {
  if (memory !== null && over >= patience) {
    return `it holds ${megabytes(memory)} of memory, more than its limit of ${megabytes(limits.memory)}`
  }
  if (limits.age > 0 && served >= ageOf(limits.age, run)) {
    return `it has served for ${(served / 3_600_000).toFixed(1)}h, its limits.age`
  }
  return null
}

/** Up to a tenth less, by its number: instances that began together do not age together. */
export function ageOf(age: number, run: number): number {
  const spread = ((run * 2_654_435_761) >>> 0) / 2 ** 32
  return age * (1 - spread / 10)
}

/** Writes down that a run is to be replaced by a fresh one of the same release: one at a time, and not amid a deploy. */
export function markDue(fleet: Fleet, run: number, reason: string): App | null {
  const app = fleet.apps.values().find((one) => one.instances.some((it) => it.run === run))
  if (!app || app.due !== null || app.standing.kind !== 'on' || isCandidate(app)) return null
  const marked = { ...app, due: { run, reason } }
  return dueOf(marked) === null ? null : marked
}

/** The instance that makes way as soon as there is one more of its release than wanted. */
export function dueOf(app: App): Ready | null {
  const { due, current } = app
  if (due === null) return null
  const it = app.instances.find((one) => one.run === due.run)
  return it?.state === 'ready' && it.release.generation === current?.generation ? it : null
}

export function mayGo(app: App): boolean {
  return app.current !== null && readyOf(app, app.current) > app.settings.instances
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)}mb`
}

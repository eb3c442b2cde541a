import type { Falls } from './fleet.ts'
import type { RestartSettings } from './settings.ts'

/** A release starts with a clean slate. */
export const noFalls: Falls = { streak: 0, total: 0, last: null, woken: 0, wished: false }

/**
 * Charges a fall. Time spent ready forgives earlier falls one by one, so that a crash after a good day restarts at
 * once, while a crash loop slows down; healthy *served* time counts, not wall time (an app that cannot boot for an
 * hour has not become any better).
 */
export function charge(falls: Falls, reason: string, healthy: number, settings: RestartSettings, now: number): Falls {
  const forgiven = Math.floor(healthy / Math.max(1, settings.forgive))
  const streak = Math.max(0, Math.min(falls.streak, streakAtMaximum(settings)) - forgiven) + 1
  return { ...falls, streak, total: falls.total + 1, last: { at: now, reason } }
}

/**
 * How long to rest before the next start, in milliseconds. The first fall costs nothing, the second `min`, then it
 * doubles up to `max`; jittered down by at most a quarter so that apps that fell together do not rise together.
 * `chance` is in [0, 1).
 */
export function backoff(streak: number, settings: RestartSettings, chance: number): number {
  if (streak <= 1) return 0
  const full = Math.min(settings.max, settings.min * 2 ** Math.min(streak - 2, 40))
  return Math.round(full * (1 - chance / 4))
}

/** Falls beyond the one that reaches `max` must not take longer to be forgiven. */
function streakAtMaximum(settings: RestartSettings): number {
  return 2 + Math.ceil(Math.log2(Math.max(1, settings.max / Math.max(1, settings.min))))
}

import { type App, endOfRest } from './fleet.ts'
import type { Instance, Ready } from './instance.ts'
import type { Announcement, Effect } from './protocol.ts'
import { addTallies } from './tally.ts'
import { backoff, charge, noFalls } from './restart.ts'

export interface Fallen {
  readonly app: App
  readonly announcement: Announcement | null
}

/** A release that falls before it has proved itself never replaces one that has. */
export function rejectCandidate(app: App, reason: string, now: number): Fallen {
  const { current, good } = app
  if (!current || !good) return { app, announcement: null }
  const { version } = current.launch
  return {
    app: {
      ...app,
      current: good,
      cover: false,
      trial: null,
      record: app.trial ? addTallies(app.record, app.trial.proven) : app.record,
      falls: noFalls,
      standing: app.standing.kind === 'resting' ? { kind: 'on' } : app.standing,
      rejected: { version, reason, at: now },
    },
    announcement: { kind: 'rejected', app: app.name, version, reason, kept: good.launch.version },
  }
}

/** Charges the fall and rests if it was not the first in a row. */
export function settleFall(app: App, instance: Instance, reason: string, now: number, chance: number): Fallen {
  const healthy = instance.state === 'ready' ? now - instance.since : 0
  const falls = charge(app.falls, reason, healthy, app.settings.restart, now)
  const rest = backoff(falls.streak, app.settings.restart, chance)
  const charged = { ...app, falls }
  if (rest === 0 || (app.standing.kind !== 'on' && app.standing.kind !== 'resting')) {
    return { app: charged, announcement: null }
  }
  return {
    app: { ...charged, standing: { kind: 'resting', until: now + rest, reason } },
    announcement: { kind: 'resting', app: app.name, falls: falls.streak, for: rest, reason },
  }
}

/** Ends a rest that is over, and forgets what was asked for once something serves. The same object if nothing changed. */
export function roused(app: App, now: number): App {
  const { standing, falls } = app
  if (standing.kind === 'resting' && endOfRest(standing.until, falls) <= now) {
    const early = standing.until > now
    return { ...app, standing: { kind: 'on' }, falls: early ? { ...falls, woken: now, wished: false } : falls }
  }
  const serves = falls.wished && app.instances.some((it) => it.state === 'ready')
  return serves ? { ...app, falls: { ...falls, wished: false } } : app
}

/** What is to be kept of an instance that served and is lost. */
export function crashOf(before: Ready, after: Instance, now: number): Effect {
  const { app, run, pid, release, born } = before
  const died = after.state === 'exited'
  const reason = 'cause' in after && after.cause.kind !== 'asked' ? after.cause.reason : ''
  const version = release.launch.version
  const cause = died ? 'died' : 'unhealthy'
  return {
    type: 'crash',
    fall: { app, run, pid, version, cause, reason, exit: died ? after.exit : null, uptime: now - born },
  }
}

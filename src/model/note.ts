import { adopted } from './adopt.ts'
import { isCandidate, isOff, type App, type Fleet, type Standing } from './fleet.ts'
import { isAlive, type Release } from './instance.ts'
import type { Effect, Event, Launch } from './protocol.ts'
import { noFalls } from './restart.ts'
import type { AppSettings } from './settings.ts'
import { addCoped, noAnswers, nothingToCopeWith } from './tally.ts'
import { newTrial, noteAnswers } from './trial.ts'

/** The events that concern an app as a whole: what the intake found, what the operator said, what a request wants. */
export type AppEvent = Extract<Event, { readonly app: string }>

/** Writes one of them down. Starts and stops nothing: that follows from what is written. */
export function note(fleet: Fleet, event: AppEvent, now: number): { fleet: Fleet; effects: readonly Effect[] } {
  const known = fleet.apps.get(event.app)
  const effects: Effect[] = []
  let { nextGeneration, nextRun } = fleet
  const release = (launch: Launch): Release => ({ generation: nextGeneration++, launch })
  let app: App | undefined
  switch (event.type) {
    case 'settling':
      app = known
        ? { ...known, settings: event.settings }
        : newborn(event.app, event.settings, event.source, { kind: 'settling', off: false })
      if (known?.standing.kind === 'refused')
        app = { ...app, standing: { kind: 'settling', off: known.standing.off }, source: event.source }
      break
    case 'offered':
      app = offered(known ?? newborn(event.app, event.settings, event.launch.source, { kind: 'on' }), event, release)
      break
    case 'refused':
      app = refused(known, event, now)
      effects.push({ type: 'announce', announcement: { kind: 'refused', app: event.app, reason: event.reason } })
      break
    case 'remote':
      app = {
        ...(known ?? newborn(event.app, event.settings, event.url, { kind: 'on' })),
        settings: event.settings,
        source: event.url,
        standing: { kind: 'remote', url: event.url },
        current: null,
        good: null,
        cover: false,
        trial: null,
        rejected: null,
      }
      break
    case 'settings':
      app = known && { ...known, settings: event.settings }
      break
    case 'vanished':
      app = known && { ...known, standing: { kind: 'gone' }, current: null, good: null, cover: false, trial: null }
      break
    case 'adopted': {
      // Only told of apps that nobody has heard of: what runs here is never confused with what ran before.
      if (known) break
      const [first] = event.instances
      const fresh = newborn(event.app, event.settings, first?.launch.source ?? event.app, { kind: 'on' })
      const taken = adopted(fresh, event, release, now)
      app = taken.app
      effects.push(...taken.effects)
      nextRun = Math.max(nextRun, ...event.instances.map(({ run }) => run + 1))
      break
    }
    case 'command':
      app = known && commanded(known, event.verb, release)
      break
    case 'suspected':
      app = known && { ...known, suspicions: event.found && { version: event.version, found: event.found } }
      break
    case 'wanted':
      app = known && wanted(known)
      break
    case 'coped':
      app = known && { ...known, coped: addCoped(known.coped, event.coped) }
      break
    case 'observed':
      app = known && noteAnswers(known, event.generation, event.answers, event.proven)
      break
  }
  if (!app || app === known) return { fleet, effects }
  const apps = new Map(fleet.apps).set(app.name, app)
  return { fleet: { ...fleet, apps, nextGeneration, nextRun }, effects }
}

function newborn(name: string, settings: AppSettings, source: string, standing: Standing): App {
  return {
    name,
    settings,
    source,
    standing,
    current: null,
    good: null,
    cover: false,
    trial: null,
    record: noAnswers,
    apart: null,
    rejected: null,
    falls: noFalls,
    due: null,
    recycled: 0,
    coped: nothingToCopeWith,
    suspicions: null,
    instances: [],
  }
}

function offered(
  app: App,
  { settings, launch, rejected }: Extract<AppEvent, { readonly type: 'offered' }>,
  release: (launch: Launch) => Release,
): App {
  const next: App = { ...app, settings, source: launch.source, rejected: rejected ?? null }
  const standing: Standing = { kind: isOff(app) ? 'off' : 'on' }
  if (app.current?.launch.version === launch.version && app.standing.kind !== 'gone') {
    // The same bytes and settings again: whatever was rejected meanwhile has been taken back.
    return app.standing.kind === 'resting' ? next : { ...next, standing }
  }
  const good = provenBy(app)
  return candidate({ ...next, standing, good }, release(launch))
}

function refused(known: App | undefined, event: Extract<AppEvent, { readonly type: 'refused' }>, now: number): App {
  const app = known ?? newborn(event.app, event.settings, event.source, { kind: 'on' })
  const { settings, source, reason } = event
  // A file that cannot run never takes the place of a version that proved itself.
  if (app.good && app.standing.kind !== 'gone') return { ...app, settings, rejected: { version: '-', reason, at: now } }
  return {
    ...app,
    settings,
    source,
    standing: { kind: 'refused', reason, off: isOff(app) },
    current: null,
    good: null,
    cover: false,
    rejected: null,
  }
}

function commanded(app: App, verb: 'start' | 'stop' | 'restart', release: (launch: Launch) => Release): App {
  if (!app.current || app.standing.kind === 'gone') return app
  // A trial is neither passed nor failed by being stopped: it begins again with the next start.
  const trial = isCandidate(app) ? newTrial(app.current) : null
  if (verb === 'stop') return { ...app, standing: { kind: 'off' }, trial }
  if (verb === 'start' && app.standing.kind === 'on') return app
  if (verb === 'start') return { ...app, standing: { kind: 'on' }, falls: noFalls, trial }
  const next: App = { ...app, standing: { kind: 'on' }, good: provenBy(app), rejected: null }
  return candidate(next, release(app.current.launch))
}

/** A release that has to prove itself before it replaces the one that serves. */
function candidate(app: App, current: Release): App {
  return { ...app, current, cover: serves(app, app.good), trial: app.good && newTrial(current), falls: noFalls }
}

/**
 * The wish is kept until it may wake the app or something serves: whoever waits says it once, maybe while the app still
 * starts, and another time only when something has changed.
 */
function wanted(app: App): App {
  const starts = app.standing.kind === 'on' || app.standing.kind === 'resting'
  return starts && !app.falls.wished ? { ...app, falls: { ...app.falls, wished: true } } : app
}

/** The release a new one has to beat. */
function provenBy(app: App): Release | null {
  return app.standing.kind === 'gone' ? null : app.good
}

function serves(app: App, release: Release | null): boolean {
  return app.instances.some((it) => isAlive(it) && it.release.generation === release?.generation)
}

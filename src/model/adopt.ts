import type { App } from './fleet.ts'
import { beget, type Cause, look, type Release, type Starting, type Stopping } from './instance.ts'
import type { Adoptee, Effect, Event, Launch } from './protocol.ts'
import type { AppSettings } from './settings.ts'
import { newTrial } from './trial.ts'

/**
 * Puts what an earlier gateway started into a fresh app, as if it had been started here: the newest version is current,
 * an older one that had proved itself covers for it. What the intake offers then decides: the same version stays, another
 * one replaces it.
 */
export function adopted(
  app: App,
  event: Extract<Event, { readonly type: 'adopted' }>,
  release: (launch: Launch) => Release,
  now: number,
): { readonly app: App; readonly effects: readonly Effect[] } {
  const { settings, off } = event
  const releases = new Map<string, Release>()
  const proven = new Set<Release>()
  const instances: (Starting | Stopping)[] = []
  const effects: Effect[] = []
  for (const adoptee of event.instances) {
    const { launch, address, told, run, pid } = adoptee
    effects.push({ type: 'adopt', run })
    if (told !== null) {
      const cause = { kind: 'asked', why: off ? 'stopped' : 'replaced' } as const
      instances.push(stopOn(adoptee, app.name, release(launch), cause, told + settings.stop.grace))
      continue
    }
    const its = releases.get(launch.version) ?? release(launch)
    releases.set(launch.version, its)
    if (address !== null) proven.add(its)
    const instance = goOn(adoptee, app.name, its, settings, now)
    instances.push(instance)
    effects.push({
      type: 'announce',
      announcement: { kind: 'adopted', app: app.name, run, pid, version: launch.version },
    })
    // At once, and where it was found before.
    effects.push(look(instance, settings, 0))
  }
  const current = [...releases.values()].at(-1) ?? null
  const [good = null] = proven
  const next: App = {
    ...app,
    settings,
    standing: off ? { kind: 'off' } : current === null ? { kind: 'settling' } : app.standing,
    current,
    good,
    cover: good !== null && good !== current,
    // A version that was on trial when that gateway ended begins its soak again.
    trial: good !== null && current !== null && good !== current ? newTrial(current) : null,
    instances,
  }
  return { app: next, effects }
}

function goOn(adoptee: Adoptee, app: string, release: Release, settings: AppSettings, now: number): Starting {
  const { run, pid, port, born, address } = adoptee
  return { ...beget(run, app, release, settings, now), pid, port, born, adopted: { at: now, address } }
}

/** Nothing of it is wanted any more: it has the rest of its grace, and is nobody's current release. */
function stopOn(adoptee: Adoptee, app: string, release: Release, cause: Cause, until: number): Stopping {
  const { run, pid, port, born } = adoptee
  return { state: 'stopping', run, app, release, born, pid, port, until, kills: 0, cause }
}

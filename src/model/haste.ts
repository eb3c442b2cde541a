import type { App, Fleet } from './fleet.ts'

/** What is said of a run whose app closes connections as soon as it has answered, without saying so. */
export const hasty =
  'It closes connections that it promised to keep (RFC 9112 §9.6: say Connection: close), so what must not be sent twice gets a new connection each. With connections: { idle: 0 } every request does.'

/** The app with a note of it at the run; null when it has one, or does not serve any more. */
export function markHasty(fleet: Fleet, run: number): App | null {
  for (const app of fleet.apps.values()) {
    const instance = app.instances.find((it) => it.run === run)
    if (instance?.state !== 'ready' || instance.note?.includes(hasty)) continue
    const note = instance.note === null ? hasty : `${instance.note} ${hasty}`
    return { ...app, instances: app.instances.map((it) => (it === instance ? { ...instance, note } : it)) }
  }
  return null
}

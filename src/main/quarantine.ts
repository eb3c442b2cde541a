import type { SuspectStatus } from '../model/crash.ts'
import { poisonOf } from '../model/derive.ts'
import type { Fleet } from '../model/fleet.ts'

/** Requests that are tried alone or not at all now, of one app or of all. `epoch` makes a date of the fleet's time. */
export function quarantineOf(fleet: Fleet, name: string | null, epoch: number): readonly SuspectStatus[] {
  const apps = [...fleet.apps.values()].filter((app) => name === null || app.name === name)
  return apps.flatMap((app): readonly SuspectStatus[] => {
    const found = poisonOf(app)
    if (found === null) return []
    return [
      ...found.quarantined.map(({ shape, until, crashes }) => {
        return { app: app.name, shape, quarantined: true, until: new Date(epoch + until).toISOString(), crashes }
      }),
      ...found.suspects.map((shape) => ({ app: app.name, shape, quarantined: false, until: null, crashes: [] })),
    ]
  })
}

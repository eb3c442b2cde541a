import type { Fleet } from './fleet.ts'
import type { Instance } from './instance.ts'

/** The most that is made up for (milliseconds): a boot or a stop that was nearly done needs no more. */
const most = 10_000

/**
 * The clock went on while nobody ran (a machine that slept, a stopped gateway): whoever should have been ready, proven or
 * gone meanwhile had no chance, and gets as much time again as is known to be lost.
 */
export function postponed(fleet: Fleet, lost: number, now: number): Fleet {
  const soonest = now + Math.min(lost, most)
  const apps = [...fleet.apps].map(([name, app]) => {
    const { trial } = app
    // Who died meanwhile is heard of after this: a soak in which nobody looked proves nothing.
    const later = trial?.until && trial.until < soonest ? { ...trial, until: soonest } : trial
    return [name, { ...app, trial: later, instances: app.instances.map((it) => notBefore(it, soonest, now)) }] as const
  })
  return { ...fleet, apps: new Map(apps) }
}

/**
 * All gaps together are made up for once: a machine that is too busy to run us for a second, again and again, must not put
 * off for ever what is due.
 */
function notBefore(instance: Instance, soonest: number, now: number): Instance {
  const { lent = 0 } = instance
  const at = Math.min(soonest, now + most - lent)
  const lentSince = (due: number): number => lent + at - Math.max(due, now)
  switch (instance.state) {
    case 'starting':
      return instance.deadline >= at ? instance : { ...instance, deadline: at, lent: lentSince(instance.deadline) }
    case 'draining':
    case 'stopping':
      return instance.until >= at ? instance : { ...instance, until: at, lent: lentSince(instance.until) }
    case 'ready':
    case 'exited':
      return instance
  }
}

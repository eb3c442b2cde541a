import type { Fleet } from './fleet.ts'
import type { Instance } from './instance.ts'

/** The most that a gap is made up for (milliseconds): a boot or a stop that was nearly done needs no more. */
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
    return [name, { ...app, trial: later, instances: app.instances.map((it) => notBefore(it, soonest)) }] as const
  })
  return { ...fleet, apps: new Map(apps) }
}

function notBefore(instance: Instance, soonest: number): Instance {
  switch (instance.state) {
    case 'starting':
      return instance.deadline >= soonest ? instance : { ...instance, deadline: soonest }
    case 'draining':
    case 'stopping':
      return instance.until >= soonest ? instance : { ...instance, until: soonest }
    case 'ready':
    case 'exited':
      return instance
  }
}

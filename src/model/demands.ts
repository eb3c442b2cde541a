import { isCandidate, readyOf, type App, type Standing } from './fleet.ts'
import type { Release } from './instance.ts'
import { dueOf } from './recycle.ts'
import { hasStandby } from './trial.ts'

/** How many instances of which release an app should have alive now. */
export function demandsOf(app: App, closing: boolean): readonly Demand[] {
  if (closing || !app.current || !runs(app.standing)) return []
  const { instances } = app.settings
  const demands: Demand[] = [{ release: app.current, count: dueOf(app) ? instances + 1 : instances }]
  if (app.good && app.cover && isCandidate(app)) {
    const { current, good } = app
    const isStandby = hasStandby(app)
    const serving = app.instances.filter(({ state, release: { generation } }) => {
      if (state !== 'ready' || generation === good.generation) return false
      return isStandby ? generation < current.generation : generation <= current.generation
    }).length
    // What stands by is not given up for leftovers of other releases, it is only not added to while those serve.
    const kept = isStandby ? Math.min(instances, readyOf(app, good)) : 0
    demands.push({ release: good, count: Math.max(kept, instances - serving) })
  }
  return demands
}

export interface Demand {
  readonly release: Release
  readonly count: number
}

/** A resting app keeps what it has; it only starts nothing. */
function runs(standing: Standing): boolean {
  return standing.kind === 'on' || standing.kind === 'resting'
}

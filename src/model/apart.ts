import { isCandidate, type App } from './fleet.ts'
import type { Instance, Ready } from './instance.ts'

/** It listens elsewhere than it was told to, so that no second one can listen beside it. */
export function insists(it: Ready): boolean {
  return it.address.port !== it.port
}

/** A candidate lost its port to its own predecessor, which listens elsewhere than it was told to. */
export function insistsOnPort(app: App, fallen: Instance): boolean {
  const { generation } = fallen.release
  if (!isCandidate(app) || generation !== app.current?.generation || app.apart === generation) return false
  return app.instances.some((it) => it.state === 'ready' && it.release.generation < generation && insists(it))
}

/** Whether its successor may start only when those before it are gone. */
export function awaitsPredecessor(app: App): boolean {
  const { apart, current, instances } = app
  return apart !== null && apart === current?.generation && instances.some((it) => it.release.generation < apart)
}

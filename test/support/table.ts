import type { FrontDoor } from '../../src/gateway/front-door.ts'
import type { Route } from '../../src/model/route.ts'

/** Says of a gateway what its whole table is, again and again; it is told what changed. */
export function tableOf(
  gateway: Pick<FrontDoor, 'change'>,
): (routes: readonly Route[], draining?: readonly number[]) => void {
  let known: readonly Route[] = []
  let drained: readonly number[] = []
  return (routes, draining = []) => {
    const change = {
      put: routes.filter((it) => !known.some((other) => JSON.stringify(other) === JSON.stringify(it))),
      gone: known.filter(({ app }) => !routes.some((it) => it.app === app)).map(({ app }) => app),
      drain: draining.filter((run) => !drained.includes(run)),
      over: drained.filter((run) => !draining.includes(run)),
    }
    known = routes
    drained = draining
    gateway.change(change)
  }
}

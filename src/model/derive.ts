import type { App, Fleet } from './fleet.ts'
import type { Route, RouteTable, Target } from './route.ts'

/** Where requests go, given this fleet. An app that has left has no route; every other one has, if only to say why not. */
export function deriveRoutes(fleet: Fleet): RouteTable {
  const routes: Route[] = []
  const draining: number[] = []
  for (const app of fleet.apps.values()) {
    for (const it of app.instances) if (it.state === 'draining') draining.push(it.run)
    if (app.standing.kind === 'gone') continue
    const { path, hosts, strip, auth, hold, timeouts } = app.settings.route
    routes.push({ app: app.name, path, hosts, strip, auth, hold, timeouts, target: targetOf(app, fleet.closing) })
  }
  return { routes, draining }
}

function targetOf(app: App, closing: boolean): Target {
  const { standing } = app
  const upstreams = app.instances.flatMap((it) =>
    it.state === 'ready' ? [{ run: it.run, host: it.address.host, port: it.address.port }] : [],
  )
  if (standing.kind === 'remote') return standing
  if (closing) return { kind: 'closed', why: 'the gateway is shutting down' }
  if (upstreams.length > 0) return { kind: 'ready', upstreams }
  switch (standing.kind) {
    case 'settling':
      return { kind: 'waiting', why: 'its file is still being written', until: null }
    case 'on':
      return { kind: 'waiting', why: 'it is starting', until: null }
    case 'resting':
      return { kind: 'waiting', why: `it keeps failing: ${standing.reason}`, until: standing.until }
    case 'refused':
      return { kind: 'closed', why: standing.reason }
    case 'off':
      return { kind: 'closed', why: 'it was stopped by the operator' }
    case 'gone':
      return { kind: 'closed', why: 'it was removed' }
  }
}

import { type App, endOfRest, type Fleet } from './fleet.ts'
import type { Suspicions } from './poison.ts'
import type { Ready } from './instance.ts'
import type { Ended, Rollout, Route, RouteChange, Target, Upstream } from './route.ts'
import { hasStandby } from './trial.ts'

/**
 * What is different about where requests go, between two fleets that differ in the apps named and in nothing else. An app
 * that has left has no route; every other one has, if only to say why not.
 */
export function routeChange(before: Fleet, after: Fleet, names: Iterable<string>): RouteChange {
  const change = { put: [] as Route[], gone: [] as string[], drain: [] as number[], over: [] as number[] }
  const ended: Ended[] = []
  for (const name of names) {
    const [old, now] = [before.apps.get(name), after.apps.get(name)]
    const [was, is] = [routeOf(old, before.closing), routeOf(now, after.closing)]
    if (is && JSON.stringify(is) !== JSON.stringify(was)) change.put.push(is)
    else if (was && !is) change.gone.push(name)
    const [drained, draining] = [drainingOf(old), drainingOf(now)]
    change.drain.push(...draining.filter((run) => !drained.includes(run)))
    change.over.push(...drained.filter((run) => !draining.includes(run)))
    ended.push(...endedOf(old, now))
  }
  return ended.length === 0 ? change : { ...change, ended }
}

function drainingOf(app: App | undefined): readonly number[] {
  return app?.instances.filter((it) => it.state === 'draining').map((it) => it.run) ?? []
}

function endedOf(old: App | undefined, now: App | undefined): readonly Ended[] {
  const served = old?.instances.filter(({ state }) => state === 'ready' || state === 'draining').map(({ run }) => run)
  return (
    now?.instances.flatMap((it) =>
      it.state === 'stopping' && served?.includes(it.run) ? [{ run: it.run, fell: it.cause.kind !== 'asked' }] : [],
    ) ?? []
  )
}

function routeOf(app: App | undefined, closing: boolean): Route | null {
  if (!app || app.standing.kind === 'gone') return null
  const { path, hosts, strip, auth, hold, timeouts, connections, replay } = app.settings.route
  // What takes leave needs a moment for it before it is cut.
  const streams = Math.min(app.settings.stop.streams, app.settings.stop.drain * 0.8)
  return {
    app: app.name,
    path,
    hosts,
    strip,
    auth,
    hold,
    timeouts,
    connections,
    replay: replay.idempotent || replay.key ? replay : null,
    streams,
    target: targetOf(app, closing),
    poison: poisonOf(app),
  }
}

/** Another version begins with a clean slate. */
export function poisonOf({ suspicions, current }: App): Suspicions | null {
  return suspicions !== null && suspicions.version === current?.launch.version ? suspicions.found : null
}

function targetOf(app: App, closing: boolean): Target {
  const { standing } = app
  const { upstreams, rollout } = readyIn(app)
  if (standing.kind === 'remote') return standing
  if (closing) return { kind: 'closed', why: 'the gateway is shutting down' }
  if (upstreams.length > 0) return { kind: 'ready', upstreams, ...(rollout && { rollout }) }
  switch (standing.kind) {
    case 'settling':
      return { kind: 'waiting', why: 'its file is still being written', until: null }
    case 'on':
      return { kind: 'waiting', why: 'it is starting', until: null }
    case 'resting':
      return {
        kind: 'waiting',
        why: `it keeps failing: ${standing.reason}`,
        until: endOfRest(standing.until, { ...app.falls, wished: true }),
      }
    case 'refused':
      return { kind: 'closed', why: standing.reason }
    case 'off':
      return { kind: 'closed', why: 'it was stopped by the operator' }
    case 'gone':
      return { kind: 'closed', why: 'it was removed' }
  }
}

/** While a version is tried out, it gets nothing before its soak begins, and then its share. */
function readyIn(app: App): { readonly upstreams: readonly Upstream[]; readonly rollout: Rollout | null } {
  const ready = app.instances.filter((it) => it.state === 'ready')
  const { trial } = app
  const onTrial = ready.filter((it) => it.release.generation === trial?.generation)
  if (!trial || !hasStandby(app) || onTrial.length === ready.length)
    return { upstreams: ready.map(upstreamOf), rollout: null }
  const upstreams = ready.filter((it) => !onTrial.includes(it)).map(upstreamOf)
  const { generation, until } = trial
  const rollout = {
    generation,
    trial: until === null ? [] : onTrial.map(upstreamOf),
    share: app.settings.rollout.share,
  }
  return { upstreams, rollout }
}

function upstreamOf({ run, address, pid }: Ready): Upstream {
  return { run, ...address, ...(pid !== null && { pid }) }
}

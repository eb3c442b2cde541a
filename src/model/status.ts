import type { App, Fleet } from './fleet.ts'
import type { Instance } from './instance.ts'
import { poisonOf } from './derive.ts'
import { hasStandby } from './trial.ts'

/** The whole fleet as it is told to people and programs. Never holds a value of an app's environment. */
export interface StatusDocument {
  /** Of Quaymaster. */
  readonly version: string
  readonly pid: number
  /** ISO 8601. */
  readonly startedAt: string
  readonly url: string
  readonly adminUrl: string | null
  readonly closing: boolean
  /** What a shutdown still waits for, a phrase each. */
  readonly waitingFor: readonly string[]
  readonly apps: readonly AppStatus[]
}

/**
 * - `degraded`: it serves, with fewer instances than wanted, and it has fallen
 * - `replacing`: an older release serves until the newer one is ready, or stands by until that one has proved itself
 */
type AppState =
  | 'settling'
  | 'refused'
  | 'starting'
  | 'ready'
  | 'degraded'
  | 'replacing'
  | 'resting'
  | 'stopping'
  | 'off'
  | 'remote'

export interface AppStatus {
  readonly name: string
  readonly state: AppState
  /** Why it is not simply ready, in a sentence. */
  readonly reason: string | null
  readonly source: string
  /** Where the main listener serves it by path. */
  readonly url: string
  /** Where the main listener serves it by host name. */
  readonly hostUrl: string | null
  /** Of the release that should serve. */
  readonly version: string | null
  /** How many instances should serve. */
  readonly wanted: number
  readonly instances: readonly InstanceStatus[]
  /** How many instances have made way for a fresh one because of a limit. */
  readonly recycled: number
  /** How many requests were sent once more because their instance died, or a version on trial failed them. */
  readonly replayed: number
  /** How many requests waited for an instance. */
  readonly held: number
  /** Requests that are not sent to it, because it crashed of them: the first of them. */
  readonly quarantined: readonly {
    readonly shape: string
    /** When it ends by itself. */
    readonly until: string
    readonly crashes: readonly string[]
  }[]
  readonly falls: {
    readonly total: number
    /** Those that still count towards the backoff. */
    readonly streak: number
    readonly last: { readonly at: string; readonly reason: string } | null
  }
  /** The newest version that did not make it; the one before it serves on. */
  readonly rejected: { readonly version: string; readonly reason: string; readonly at: string } | null
}

interface InstanceStatus {
  readonly run: number
  readonly state: Instance['state']
  readonly version: string
  readonly pid: number | null
  readonly host: string | null
  /** Where it listens, or before that is known the port it was given. */
  readonly port: number | null
  /** The path of the Unix socket it listens on. */
  readonly socket: string | null
  /** Milliseconds since it was spawned. */
  readonly uptime: number
  /** Resident bytes of its process tree, what is shared counted for each; null where the system does not tell. */
  readonly memory: number | null
  /** Milliseconds of processor time of its process tree so far. */
  readonly cpu: number | null
  readonly note: string | null
}

export interface StatusFacts {
  readonly version: string
  readonly pid: number
  /** Of the main listener, with a trailing slash. */
  readonly url: string
  readonly adminUrl: string | null
  /** Milliseconds on the fleet's clock. */
  readonly now: number
  readonly startedAt: number
  /** Milliseconds since the epoch at `now`. */
  readonly wall: number
  readonly waitingFor: readonly string[]
  /** Of one run. */
  usage(run: number): { readonly memory: number; readonly cpu: number } | null
}

export function describeFleet(fleet: Fleet, facts: StatusFacts): StatusDocument {
  const apps = [...fleet.apps.values()].map((app) => describeApp(app, facts))
  return {
    version: facts.version,
    pid: facts.pid,
    startedAt: dateOf(facts.startedAt, facts),
    url: facts.url,
    adminUrl: facts.adminUrl,
    closing: fleet.closing,
    waitingFor: facts.waitingFor,
    apps: apps.sort((a, b) => (a.name < b.name ? -1 : 1)),
  }
}

function describeApp(app: App, facts: StatusFacts): AppStatus {
  const { route } = app.settings
  const host = route.hosts[0]
  const state = stateOf(app)
  return {
    name: app.name,
    state,
    reason: reasonOf(app, state, facts.now),
    source: withoutPassword(app.source),
    url: new URL(route.path === '/' ? '/' : `${route.path}/`, facts.url).href,
    hostUrl: host === undefined ? null : withHost(facts.url, host),
    version: app.current?.launch.version ?? null,
    wanted: app.settings.instances,
    instances: app.instances.filter((it) => it.state !== 'exited').map((it) => describeInstance(it, facts)),
    recycled: app.recycled,
    replayed: app.coped.replayed,
    held: app.coped.held,
    quarantined: quarantinedOf(app, facts),
    falls: {
      total: app.falls.total,
      streak: app.falls.streak,
      last: app.falls.last && { at: dateOf(app.falls.last.at, facts), reason: app.falls.last.reason },
    },
    rejected: app.rejected && { ...app.rejected, at: dateOf(app.rejected.at, facts) },
  }
}

/** Shapes that are told; `crashes` tells all. */
const maxQuarantined = 20

function quarantinedOf(app: App, facts: StatusFacts): AppStatus['quarantined'] {
  const valid = (poisonOf(app)?.quarantined ?? []).filter(({ until }) => until > facts.now)
  return valid.slice(0, maxQuarantined).map((it) => ({ ...it, until: dateOf(it.until, facts) }))
}

function stateOf(app: App): AppState {
  const { standing } = app
  const ready = app.instances.filter((it) => it.state === 'ready')
  const current = ready.filter((it) => it.release.generation === app.current?.generation).length
  switch (standing.kind) {
    case 'settling':
    case 'refused':
    case 'remote':
      return standing.kind
    case 'gone':
      return 'stopping'
    case 'off':
      return app.instances.some((it) => it.state !== 'exited') ? 'stopping' : 'off'
    case 'resting':
      return ready.length > 0 ? 'degraded' : 'resting'
    case 'on':
      if (current >= app.settings.instances) return app.trial?.until && hasStandby(app) ? 'replacing' : 'ready'
      if (ready.length > current) return 'replacing'
      return current > 0 && app.falls.streak > 0 ? 'degraded' : 'starting'
  }
}

function reasonOf(app: App, state: AppState, now: number): string | null {
  const { standing } = app
  switch (state) {
    case 'refused':
      return standing.kind === 'refused' ? standing.reason : null
    case 'settling':
      return 'its file is still being written'
    case 'resting':
      return standing.kind === 'resting' ? restingReason(app, standing.reason, standing.until - now) : null
    case 'degraded': {
      const ready = app.instances.filter((it) => it.state === 'ready').length
      const why = app.falls.last?.reason
      return `${ready} of ${app.settings.instances} instances are ready${why === undefined ? '' : `: ${why}`}`
    }
    case 'starting':
      return complaintOf(app) ?? (app.falls.last ? `fell: ${app.falls.last.reason}` : null)
    case 'replacing':
      return complaintOf(app) ?? replacingReason(app, now)
    case 'off':
      return 'stopped by the operator'
    case 'ready':
    case 'stopping':
    case 'remote':
      return null
  }
}

function restingReason(app: App, reason: string, left: number): string {
  const falls = `${app.falls.streak} ${app.falls.streak === 1 ? 'fall' : 'falls'}`
  return `crash-looping: ${falls}, next start in ${(Math.max(0, left) / 1000).toFixed(1)}s: ${reason}`
}

function replacingReason({ trial }: App, now: number): string {
  if (!trial?.until) return 'an older version serves until the new one is ready'
  const left = (Math.max(0, trial.until - now) / 1000).toFixed(1)
  return `the new version serves on trial for another ${left}s, the one before it stands by`
}

function complaintOf(app: App): string | null {
  for (const it of app.instances) if (it.state === 'starting' && it.complaint !== null) return it.complaint
  return null
}

function describeInstance(instance: Instance, facts: StatusFacts): InstanceStatus {
  const usage = facts.usage(instance.run)
  const address = 'address' in instance ? instance.address : null
  return {
    run: instance.run,
    state: instance.state,
    version: instance.release.launch.version,
    pid: instance.pid,
    host: address?.host || null,
    port: (address?.port ?? instance.port) || null,
    socket: address?.path ?? null,
    uptime: Math.max(0, Math.round(facts.now - instance.born)),
    memory: usage?.memory ?? null,
    cpu: usage?.cpu ?? null,
    note: noteOf(instance),
  }
}

function noteOf(instance: Instance): string | null {
  switch (instance.state) {
    case 'starting':
      return instance.complaint
    case 'ready':
      return instance.note
    case 'draining':
    case 'stopping':
    case 'exited':
      return instance.cause.kind === 'asked' ? instance.cause.why : instance.cause.reason
  }
}

function withHost(url: string, host: string): string {
  const changed = new URL('/', url)
  changed.hostname = host
  return changed.href
}

/** The source of a remote app is a URL, and a URL can carry a password. */
function withoutPassword(source: string): string {
  return source.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1')
}

function dateOf(at: number, facts: StatusFacts): string {
  return new Date(facts.wall - (facts.now - at)).toISOString()
}

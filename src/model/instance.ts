import { describeExit, neverReady } from './ends.ts'
import { firstLook, paceOf } from './pace.ts'
import type { Address, Effect, Exit, Launch, ProbeResult, StopReason } from './protocol.ts'
import type { AppSettings } from './settings.ts'

/**
 * One run of one release of an app. A line, never a loop: it is born, it dies, and a restart is another Instance.
 *
 *     starting ─► ready ─► draining ─► stopping ─► exited
 *
 * Any state may go straight to `exited` (the process died by itself), `starting` may go straight to `stopping`.
 */
export type Instance = Starting | Ready | Draining | Stopping | Exited

interface Run {
  /** Unique in the fleet for as long as the gateway lives; a word from another life never matches. */
  readonly run: number
  readonly app: string
  readonly release: Release
  readonly born: number
  /** Null until the process exists. */
  readonly pid: number | null
  /** The port that was allocated for it; where it really listens is in `address`. */
  readonly port: number | null
  /** Milliseconds by which its deadlines were put off so far, because nobody ran. Default 0. */
  readonly lent?: number
}

export interface Starting extends Run {
  readonly state: 'starting'
  /** Becomes `never-ready` at this time. */
  readonly deadline: number
  /** How many readiness probes have failed. */
  readonly probes: number
  /** The last thing a readiness probe complained about. */
  readonly complaint: string | null
  /** It was started by an earlier gateway: since when it is ours, and where it is expected to listen. */
  readonly adopted: { readonly at: number; readonly address: Address | null } | null
}

export interface Ready extends Run {
  readonly state: 'ready'
  readonly since: number
  readonly address: Address
  readonly note: string | null
  /** Missed liveness probes in a row. */
  readonly misses: number
}

export interface Draining extends Run {
  readonly state: 'draining'
  readonly until: number
  readonly address: Address
  readonly cause: Cause
}

export interface Stopping extends Run {
  readonly state: 'stopping'
  /** When SIGKILL is due (again). */
  readonly until: number
  readonly kills: number
  readonly cause: Cause
}

export interface Exited extends Run {
  readonly state: 'exited'
  readonly exit: Exit
  readonly cause: Cause
}

/** Why an instance ends. Everything but `asked` costs its app a fall. */
export type Cause =
  | { readonly kind: 'asked'; readonly why: StopReason }
  | { readonly kind: 'never-ready'; readonly reason: string }
  | { readonly kind: 'unhealthy'; readonly reason: string }
  /** It accepts and says nothing: what waits for it is not worth waiting for once there is a replacement. */
  | { readonly kind: 'hung'; readonly reason: string }
  | { readonly kind: 'died'; readonly reason: string }

/** A launch that was accepted as the wanted one of its app; a restart of the same launch is a new generation too. */
export interface Release {
  readonly generation: number
  readonly launch: Launch
}

/** What happens to one instance. The fleet's events, narrowed. */
export type InstanceEvent =
  | { readonly type: 'spawned'; readonly pid: number; readonly port: number }
  | { readonly type: 'probed'; readonly result: ProbeResult }
  | { readonly type: 'suspect' }
  | { readonly type: 'end'; readonly cause: Cause }
  | { readonly type: 'drained' }
  | { readonly type: 'tick' }
  | { readonly type: 'exited'; readonly exit: Exit }

export interface Stepped {
  readonly instance: Instance
  readonly effects: readonly Effect[]
}

/** SIGKILL is repeated at this pace while something of the tree is still there (a process in uninterruptible sleep). */
const killAgain = 1_000

/** A newborn. */
export function beget(run: number, app: string, release: Release, settings: AppSettings, now: number): Starting {
  return {
    state: 'starting',
    run,
    app,
    release,
    born: now,
    pid: null,
    port: null,
    deadline: now + settings.health.boot,
    probes: 0,
    complaint: null,
    adopted: null,
  }
}

/** Every state answers every event; what does not concern it leaves it as it is. */
export function step(instance: Instance, event: InstanceEvent, settings: AppSettings, now: number): Stepped {
  switch (event.type) {
    case 'spawned':
      return spawned(instance, event.pid, event.port, settings)
    case 'probed':
      return probed(instance, event.result, settings, now)
    case 'suspect':
      // After a miss the next look is near already; more at once would only find the same moment again.
      return instance.state === 'ready' && instance.misses === 0
        ? { instance, effects: [look(instance, settings, 0)] }
        : same(instance)
    case 'end':
      return end(instance, event.cause, settings, now)
    case 'drained':
      return instance.state === 'draining' ? stop(instance, instance.cause, settings, now) : same(instance)
    case 'tick':
      return tick(instance, settings, now)
    case 'exited':
      return exited(instance, event.exit, now)
  }
}

/** When the clock next matters to this instance; Infinity when it does not. */
export function deadline(instance: Instance): number {
  switch (instance.state) {
    case 'starting':
      return instance.deadline
    case 'draining':
    case 'stopping':
      return instance.until
    case 'ready':
    case 'exited':
      return Infinity
  }
}

export function isAlive(instance: Instance): instance is Starting | Ready {
  return instance.state === 'starting' || instance.state === 'ready'
}

function same(instance: Instance): Stepped {
  return { instance, effects: [] }
}

function spawned(instance: Instance, pid: number, port: number, settings: AppSettings): Stepped {
  if (instance.pid !== null || instance.state === 'exited') return same(instance)
  const next = { ...instance, pid, port }
  return { instance: next, effects: next.state === 'starting' ? [look(next, settings, firstLook)] : [] }
}

function probed(instance: Instance, result: ProbeResult, settings: AppSettings, now: number): Stepped {
  if (instance.state === 'starting') {
    if (!result.ok) {
      const next = { ...instance, probes: instance.probes + 1, complaint: result.reason }
      return { instance: next, effects: [look(next, settings, paceOf(now - instance.born))] }
    }
    const { run, app, release, born, pid, port } = instance
    const { address, note } = result
    const ready: Ready = { state: 'ready', run, app, release, born, pid, port, since: now, address, note, misses: 0 }
    const from = instance.adopted?.at ?? born
    const next = look(ready, settings, settings.health.interval)
    return { instance: ready, effects: [next, announceReady(ready, from, settings)] }
  }
  if (instance.state !== 'ready') return same(instance)
  if (result.ok) {
    const well = instance.misses === 0 ? instance : { ...instance, misses: 0 }
    return { instance: well, effects: [look(well, settings, settings.health.interval)] }
  }
  const { reason, signs } = result
  // Too busy for the probe but not for others: no miss, and no all-clear either.
  if (signs?.silent && signs.answering)
    return { instance, effects: [look(instance, settings, settings.health.interval)] }
  const next = { ...instance, misses: instance.misses + 1 }
  if (next.misses >= settings.health.misses) {
    const told = `${reason} (${next.misses} times in a row)${signs?.vitals ? `: ${signs.vitals}` : ''}`
    return end(next, { kind: signs?.silent ? 'hung' : 'unhealthy', reason: told }, settings, now)
  }
  // After a miss look again sooner: a closed listener is found within a second, a busy app still gets its timeouts.
  return { instance: next, effects: [look(next, settings, settings.health.interval / 4)] }
}

function end(instance: Instance, cause: Cause, settings: AppSettings, now: number): Stepped {
  if (instance.state === 'starting') return stop(instance, cause, settings, now)
  if (instance.state !== 'ready') return same(instance)
  const { run, app, release, born, pid, port, address } = instance
  const until = now + settings.stop.drain
  const draining: Draining = { state: 'draining', run, app, release, born, pid, port, address, until, cause }
  const effects: Effect[] = []
  if (cause.kind === 'asked') {
    effects.push({ type: 'announce', announcement: { kind: 'draining', app, run, why: cause.why } })
  }
  return { instance: draining, effects }
}

function stop(instance: Starting | Draining, cause: Cause, settings: AppSettings, now: number): Stepped {
  const { run, app, release, born, pid, port } = instance
  const until = now + settings.stop.grace
  return {
    instance: { state: 'stopping', run, app, release, born, pid, port, until, kills: 0, cause },
    effects: [
      { type: 'terminate', run },
      { type: 'announce', announcement: { kind: 'stopping', app, run, pid } },
    ],
  }
}

function tick(instance: Instance, settings: AppSettings, now: number): Stepped {
  if (deadline(instance) > now) return same(instance)
  switch (instance.state) {
    case 'starting':
      return stop(
        instance,
        { kind: 'never-ready', reason: neverReady(settings.health.boot, instance.complaint) },
        settings,
        now,
      )
    case 'draining':
      return stop(instance, instance.cause, settings, now)
    case 'stopping': {
      const { app, run, pid } = instance
      const effects: Effect[] = [{ type: 'kill', run }]
      if (instance.kills === 0) {
        effects.push({ type: 'announce', announcement: { kind: 'killing', app, run, pid, grace: settings.stop.grace } })
      }
      return { instance: { ...instance, until: now + killAgain, kills: instance.kills + 1 }, effects }
    }
    case 'ready':
    case 'exited':
      return same(instance)
  }
}

function exited(instance: Instance, exit: Exit, now: number): Stepped {
  if (instance.state === 'exited') return same(instance)
  const { run, app, release, born, pid, port } = instance
  const cause: Cause =
    instance.state === 'draining' || instance.state === 'stopping'
      ? instance.cause
      : { kind: 'died', reason: describeExit(exit, instance.state === 'ready' ? now - instance.since : null) }
  return { instance: { state: 'exited', run, app, release, born, pid, port, exit, cause }, effects: [] }
}

/** Asks for a look at it, `after` ms from now. */
export function look(instance: Starting | Ready, settings: AppSettings, after: number): Effect {
  const { path, status, timeout, stall } = settings.health
  return {
    type: 'probe',
    run: instance.run,
    purpose: instance.state === 'ready' ? 'liveness' : 'readiness',
    after,
    address: instance.state === 'ready' ? instance.address : expected(instance),
    path,
    status,
    timeout,
    stall,
  }
}

/** One that was ready is asked where it was, and after a miss wherever it may be. */
function expected({ adopted, probes }: Starting): Address | null {
  return probes === 0 ? (adopted?.address ?? null) : null
}

function announceReady(ready: Ready, from: number, settings: AppSettings): Effect {
  const { app, run, address, note, since } = ready
  const version = ready.release.launch.version
  const announcement = {
    kind: 'ready',
    app,
    run,
    pid: ready.pid ?? 0,
    address,
    path: settings.route.path,
    version,
    took: since - from,
    note,
  } as const
  return { type: 'announce', announcement }
}

import { advance } from '../../src/model/advance.ts'
import { emptyFleet, nextDeadline, type Fleet } from '../../src/model/fleet.ts'
import type { Announcement, Effect, Event, Exit, Launch } from '../../src/model/protocol.ts'
import type { AppSettings } from '../../src/model/settings.ts'

/** How the processes of a version behave in the simulated world. */
export interface Temper {
  /** Milliseconds from spawn to listening; null = never listens. */
  readonly boots: number | null
  /** Milliseconds from spawn to its death by itself; null = lives. */
  readonly dies: number | null
  /** Milliseconds from SIGTERM to exit; null = ignores it. */
  readonly obeys: number | null
  /** Cannot even be spawned. */
  readonly unspawnable?: boolean
  /** Ignores PORT and listens on this one, if nobody else does. */
  readonly insistsOn?: number
}

export const well: Temper = { boots: 20, dies: null, obeys: 5 }

export function settings(name: string, change: Partial<AppSettings> = {}): AppSettings {
  return {
    name,
    route: {
      path: `/${name}`,
      hosts: [`${name}.localhost`],
      strip: true,
      auth: 'token',
      hold: { for: 30_000, max: 1000 },
      timeouts: { connect: 5_000, response: 0, idle: 0, total: 0 },
      connections: { max: 4_096, queue: 1_024, idle: null },
      replay: { idempotent: false, key: false, body: 65_536 },
    },
    instances: 1,
    command: null,
    args: [],
    listen: 'port',
    cwd: null,
    env: {},
    envFiles: [],
    uid: null,
    gid: null,
    umask: null,
    health: {
      path: null,
      status: [[200, 399]],
      interval: 2_000,
      timeout: 2_000,
      misses: 3,
      stall: 30_000,
      boot: 5_000,
    },
    stop: { drain: 1_000, streams: 0, grace: 1_000 },
    restart: { min: 100, max: 30_000, forgive: 1_000 },
    limits: { memory: 0, age: 0 },
    rollout: { soak: 0, share: 1 },
    poison: { strikes: 2, for: 600_000 },
    versions: { keep: 5 },
    target: null,
    ...change,
  }
}

export function launch(version: string): Launch {
  const nothing = { env: {}, envFiles: [], uid: null, gid: null, umask: null, listen: 'port' } as const
  return { version, file: `/versions/${version}`, args: [], cwd: '/', source: `apps/${version}`, ...nothing }
}

export const exitOf = (change: Partial<Exit>): Exit => {
  return {
    code: null,
    signal: null,
    error: null,
    lastLine: null,
    portTaken: false,
    outOfMemory: false,
    memory: null,
    ...change,
  }
}

/** A simulated machine: performs effects in simulated time, so that hours of a fleet's life pass in milliseconds. */
export class World {
  fleet: Fleet
  now: number = 1_000_000
  /** By the last event. */
  touched: ReadonlySet<string> = new Set()
  readonly announced: Announcement[] = []
  /** For the check: the generation that each app had proved by the event before. */
  readonly proven = new Map<string, number | null>()
  readonly spawned: { readonly app: string; readonly run: number; readonly version: string; readonly at: number }[] = []
  /** Runs whose process exists, and whether it listens. */
  readonly alive = new Map<number, { version: string; listens: boolean; hung: boolean; answers?: boolean }>()
  readonly tempers: Map<string, Temper>
  readonly #agenda: { at: number; order: number; event: Event | (() => void) }[] = []
  readonly #ended = new Set<number>()
  #order = 0
  #chance: () => number
  readonly check: (world: World) => void

  constructor(tempers: Record<string, Temper>, parallelStarts = 8, check: (world: World) => void = () => {}) {
    this.tempers = new Map(Object.entries(tempers))
    this.fleet = emptyFleet(parallelStarts)
    this.check = check
    let seed = 1
    this.#chance = () => (seed = (seed * 16807) % 2147483647) / 2147483647
  }

  send(event: Event): void {
    const { fleet, effects, touched } = advance(this.fleet, event, this.now, this.#chance())
    this.fleet = fleet
    this.touched = touched
    for (const effect of effects) this.#perform(effect)
    this.check(this)
  }

  /** Lets time pass, by events, up to `ms` from now. */
  pass(ms: number): void {
    const end = this.now + ms
    for (let i = 0; ; i++) {
      if (i > 200_000) throw new Error('the fleet spins')
      this.#agenda.sort((a, b) => a.at - b.at || a.order - b.order)
      const next = this.#agenda[0]
      const tick = nextDeadline(this.fleet, this.now)
      const at = Math.min(next?.at ?? Infinity, tick)
      if (at > end) break
      this.now = Math.max(this.now, at)
      if (next && next.at <= tick) {
        this.#agenda.shift()
        if (typeof next.event === 'function') next.event()
        else this.send(next.event)
      } else this.send({ type: 'tick' })
    }
    this.now = end
  }

  offer(app: string, version: string, change: Partial<AppSettings> = {}): void {
    this.send({ type: 'offered', app, settings: settings(app, change), launch: launch(version) })
  }

  /** The process of a run dies by itself. */
  die(run: number, change: Partial<Exit> = { signal: 'SIGKILL' }): void {
    if (this.#ended.has(run) || !this.alive.delete(run)) return
    this.#ended.add(run)
    this.send({ type: 'exited', run, exit: exitOf(change) })
  }

  app(name: string): NonNullable<ReturnType<Fleet['apps']['get']>> {
    const app = this.fleet.apps.get(name)
    if (!app) throw new Error(`no app ${name}`)
    return app
  }

  states(name: string): string[] {
    return (this.fleet.apps.get(name)?.instances ?? []).map((it) => `${it.release.launch.version}:${it.state}`)
  }

  #later(ms: number, event: Event | (() => void)): void {
    this.#agenda.push({ at: this.now + ms, order: this.#order++, event })
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'spawn': {
        const { app, run } = effect
        const { version } = effect.launch
        const temper = this.tempers.get(version) ?? well
        this.spawned.push({ app, run, version, at: this.now })
        if (temper.unspawnable) {
          this.#ended.add(run)
          this.#later(0, { type: 'exited', run, exit: exitOf({ error: 'permission denied' }) })
          return
        }
        this.#later(1, () => {
          if (this.#ended.has(run)) return
          this.alive.set(run, { version, listens: false, hung: false })
          this.send({ type: 'spawned', run, pid: 10_000 + run, port: 40_000 + run })
        })
        if (temper.boots !== null) this.#later(1 + temper.boots, () => this.#listen(run))
        if (temper.dies !== null) this.#later(1 + temper.dies, () => this.die(run, { code: 1 }))
        return
      }
      case 'probe': {
        const { run } = effect
        this.#later(effect.after, () => {
          const process = this.alive.get(run)
          if (!process) return
          const address = { host: '127.0.0.1', port: this.tempers.get(process.version)?.insistsOn ?? 40_000 + run }
          const ok = process.listens && !process.hung
          const signs = process.hung ? { silent: true, answering: process.answers ?? false, vitals: null } : null
          const bad = { reason: process.hung ? 'no answer' : 'connection refused', signs }
          this.send({ type: 'probed', run, result: ok ? { ok, address, note: null } : { ...bad, ok } })
        })
        return
      }
      case 'terminate': {
        const { run } = effect
        const process = this.alive.get(run)
        if (!process) {
          // Told to stop before it was born: it never is, and that is reported like any end.
          if (!this.#ended.has(run)) {
            this.#ended.add(run)
            this.#later(1, { type: 'exited', run, exit: exitOf({ error: 'stopped before it was started' }) })
          }
          return
        }
        const obeys =
          this.tempers.get(process.version)?.obeys ?? (this.tempers.has(process.version) ? null : well.obeys)
        if (obeys !== null) this.#later(obeys, () => this.die(run, { signal: 'SIGTERM' }))
        return
      }
      case 'kill':
        this.#later(1, () => this.die(effect.run, { signal: 'SIGKILL' }))
        return
      // Nothing is left of an earlier life in this world.
      case 'adopt':
      case 'forget':
      case 'crash':
        return
      case 'announce':
        this.announced.push(effect.announcement)
        if (effect.announcement.kind === 'draining') {
          const { run } = effect.announcement
          this.#later(3, { type: 'drained', run })
        }
    }
  }

  #listen(run: number): void {
    const process = this.alive.get(run)
    if (!process) return
    const port = this.tempers.get(process.version)?.insistsOn
    const owned = [...this.alive.values()].some((it) => it.listens && this.tempers.get(it.version)?.insistsOn === port)
    if (port !== undefined && owned) this.die(run, { code: 1, portTaken: true })
    else process.listens = true
  }
}

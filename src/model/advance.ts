import { aliveOf, endOfRest, hasStartSlot, isCandidate, readyOf, type App, type Fleet } from './fleet.ts'
import { demandsOf, type Demand } from './demands.ts'
import { awaitsPredecessor, insists, insistsOnPort } from './apart.ts'
import { crashOf, rejectCandidate, roused, settleFall } from './falls.ts'
import { beget, deadline, isAlive, step, type Instance, type InstanceEvent } from './instance.ts'
import { hasty, markHasty } from './haste.ts'
import { note } from './note.ts'
import { postponed } from './oversleep.ts'
import { dueOf, markDue, mayGo } from './recycle.ts'
import type { Announcement, Effect, Event, StopReason } from './protocol.ts'
import { tryCandidate } from './trial.ts'

export interface Advanced {
  /** The same object when nothing changed. */
  readonly fleet: Fleet
  readonly effects: readonly Effect[]
  /** Every app that may be another than before, by name: no other one is. */
  readonly touched: ReadonlySet<string>
}

/**
 * The one reducer. Notes the event, then asks of every app it touched, in this order: what must go, is the rest over,
 * what must come. Zero-downtime replacement, rollback, rolling restarts, scaling and shutdown all fall out of these
 * three questions; none of them has code of its own that starts or stops anything.
 *
 * `now` is milliseconds on a monotonic clock, `chance` in [0, 1) feeds the jitter.
 */
export function advance(fleet: Fleet, event: Event, now: number, chance: number): Advanced {
  const draft = new Draft(fleet, now, chance)
  for (const name of draft.note(event)) draft.settle(name)
  draft.startQueued()
  return draft.finish()
}

/** The working copy of one `advance`: nothing of it outlives the call. */
class Draft {
  readonly #before: Fleet
  readonly #now: number
  readonly #chance: number
  readonly #effects: Effect[] = []
  readonly #touched = new Set<string>()
  #fleet: Fleet

  constructor(fleet: Fleet, now: number, chance: number) {
    this.#before = fleet
    this.#fleet = fleet
    this.#now = now
    this.#chance = chance
  }

  finish(): Advanced {
    return { fleet: this.#fleet, effects: this.#effects, touched: this.#touched }
  }

  /** Writes the event down and says which apps must be looked at. */
  note(event: Event): readonly string[] {
    switch (event.type) {
      case 'tick':
        return this.#tick()
      case 'overslept':
        this.#fleet = postponed(this.#fleet, event.by, this.#now)
        return []
      case 'shutdown':
        this.#fleet = { ...this.#fleet, closing: true, queue: [] }
        return [...this.#fleet.apps.keys()]
      case 'spawned':
      case 'exited':
      case 'probed':
      case 'drained':
      case 'suspect':
        return this.#noteInstance(event.run, event)
      case 'exceeded':
        return this.#noteExcess(event.run, event.reason)
      case 'hasty':
        return this.#noteHaste(event.run)
      case 'settling':
      case 'offered':
      case 'refused':
      case 'remote':
      case 'settings':
      case 'vanished':
      case 'adopted':
      case 'command':
      case 'suspected':
      case 'wanted':
      case 'coped':
      case 'observed': {
        const noted = note(this.#fleet, event, this.#now)
        this.#fleet = noted.fleet
        this.#effects.push(...noted.effects)
        return [event.app]
      }
    }
  }

  /** What must go, is the rest over, what must come. */
  settle(name: string): void {
    this.#touched.add(name)
    let app = this.#fleet.apps.get(name)
    if (!app) return
    const tried = tryCandidate(app, this.#now)
    if (tried.app !== app) this.#put(tried.app)
    if (tried.announcement) this.#announce(tried.announcement)
    app = roused(tried.app, this.#now)
    if (app !== tried.app) this.#put(app)
    const demands = demandsOf(app, this.#fleet.closing)
    this.#retire(app, demands)
    this.#giveUpHung(name)
    this.#recycle(name)
    app = this.#fleet.apps.get(name) ?? app
    if (app.standing.kind === 'gone' && app.instances.length === 0) {
      this.#remove(name)
      return
    }
    const missing =
      app.standing.kind === 'on' && !awaitsPredecessor(app) && demands.some((it) => aliveOf(app, it.release) < it.count)
    const queued = this.#fleet.queue.includes(name)
    if (missing && !queued) this.#fleet = { ...this.#fleet, queue: [...this.#fleet.queue, name] }
    if (!missing && queued) this.#fleet = { ...this.#fleet, queue: this.#fleet.queue.filter((it) => it !== name) }
  }

  /** Gives free places to those who wait, one instance at a time, so that one app of many instances is not first. */
  startQueued(): void {
    while (this.#fleet.queue.length > 0 && hasStartSlot(this.#fleet, this.#now)) {
      const [name = '', ...rest] = this.#fleet.queue
      this.#fleet = { ...this.#fleet, queue: rest }
      const app = this.#fleet.apps.get(name)
      const wanted = app && demandsOf(app, this.#fleet.closing).find((it) => aliveOf(app, it.release) < it.count)
      if (!app || !wanted) continue
      const run = this.#fleet.nextRun
      const born = beget(run, name, wanted.release, app.settings, this.#now)
      this.#fleet = { ...this.#fleet, nextRun: run + 1 }
      this.#put({ ...app, instances: [...app.instances, born] })
      const { launch } = wanted.release
      this.#effects.push({ type: 'spawn', app: name, run, launch })
      this.#announce({ kind: 'starting', app: name, run, version: launch.version })
      this.settle(name)
    }
  }

  #tick(): readonly string[] {
    const touched: string[] = []
    for (const [name, app] of this.#fleet.apps) {
      if (app.standing.kind === 'resting' && endOfRest(app.standing.until, app.falls) <= this.#now) touched.push(name)
      if (app.trial?.until && app.trial.until <= this.#now) touched.push(name)
      for (const it of app.instances) {
        if (deadline(it) <= this.#now && this.#step(it, { type: 'tick' })) touched.push(name)
      }
    }
    return touched
  }

  #noteInstance(run: number, event: InstanceEvent): readonly string[] {
    for (const app of this.#fleet.apps.values()) {
      for (const it of app.instances) if (it.run === run) return this.#step(it, event) ? [app.name] : []
    }
    // A word from a life that is over.
    return []
  }

  /** Advances one instance and charges its fall, if this is where it falls. True when it changed. */
  #step(instance: Instance, event: InstanceEvent): boolean {
    const app = this.#fleet.apps.get(instance.app)
    if (!app) return false
    const stepped = step(instance, event, app.settings, this.#now)
    this.#effects.push(...stepped.effects)
    const next = stepped.instance
    if (next === instance) return false
    const over = next.state === 'exited'
    const instances = app.instances.flatMap((it) => (it.run !== next.run ? [it] : over ? [] : [next]))
    this.#put({ ...app, instances })
    // Charged when the instance falls, not when its exit arrives: a never-ready app would else be started again and
    // again while the old processes are still being stopped.
    if (isAlive(instance) && !isAlive(next) && 'cause' in next && next.cause.kind !== 'asked') {
      if (instance.state === 'ready') this.#effects.push(crashOf(instance, next, this.#now))
      this.#fall(instance, next.cause.reason, next.state === 'exited' && next.exit.portTaken)
    }
    if (over && next.cause.kind === 'asked') {
      this.#announce({ kind: 'stopped', app: app.name, run: next.run, why: next.cause.why })
    }
    return true
  }

  #fall(instance: Instance, reason: string, portTaken: boolean): void {
    const app = this.#fleet.apps.get(instance.app)
    if (!app) return
    this.#announce({ kind: 'fell', app: app.name, run: instance.run, pid: instance.pid, reason })
    if (portTaken && insistsOnPort(app, instance)) {
      this.#put({ ...app, apart: instance.release.generation, cover: false })
      return
    }
    const fallen =
      isCandidate(app) &&
      instance.release.generation === app.current?.generation &&
      !(portTaken && app.falls.streak < 3)
        ? rejectCandidate(app, reason, this.#now)
        : settleFall(app, instance, reason, this.#now, this.#chance)
    this.#put(fallen.app)
    if (fallen.announcement) this.#announce(fallen.announcement)
  }

  #retire(app: App, demands: readonly Demand[]): void {
    // Of equals, what has not begun to serve goes first, then the oldest.
    const alive = app.instances.filter(isAlive)
    // What still serves without being wanted any more (a predecessor that never fully proved itself) stays until its
    // successors are ready.
    let short =
      app.settings.instances - demands.reduce((sum, it) => sum + Math.min(it.count, readyOf(app, it.release)), 0)
    const order = [...alive.filter((it) => it.state === 'starting'), ...alive.filter((it) => it.state === 'ready')]
    for (const instance of order) {
      const current = this.#fleet.apps.get(app.name) ?? app
      const demand = demands.find((it) => it.release.generation === instance.release.generation)
      if (demand && aliveOf(current, demand.release) <= demand.count) continue
      const older =
        app.current !== null &&
        instance.release.generation < app.current.generation &&
        app.apart !== app.current.generation
      if (!demand && older && demands.length > 0 && instance.state === 'ready' && short-- > 0) continue
      this.#step(instance, { type: 'end', cause: { kind: 'asked', why: this.#whyEnd(app, instance, demand) } })
    }
  }

  #noteExcess(run: number, reason: string): readonly string[] {
    const app = markDue(this.#fleet, run, reason)
    if (app === null) return []
    this.#put(app)
    this.#announce({ kind: 'recycling', app: app.name, run, reason })
    const due = dueOf(app)
    // No second one can listen beside it: it is replaced in turn, as by an operator's restart.
    return due && insists(due) ? this.note({ type: 'command', app: app.name, verb: 'restart' }) : [app.name]
  }

  /** Each of the gateway's threads may say so. */
  #noteHaste(run: number): readonly string[] {
    const app = markHasty(this.#fleet, run)
    if (app === null) return []
    this.#put(app)
    this.#announce({ kind: 'noted', app: app.name, run, note: hasty })
    return [app.name]
  }

  /** What is due goes when there is one more ready than wanted; what went by itself meanwhile is due no more. */
  #recycle(name: string): void {
    const app = this.#fleet.apps.get(name)
    if (!app?.due) return
    const due = dueOf(app)
    if (due && !mayGo(app)) return
    this.#put({ ...app, due: null, recycled: app.recycled + 1 })
    if (due) this.#step(due, { type: 'end', cause: { kind: 'asked', why: 'recycled' } })
  }

  /** A hung instance had time to come to until its replacement is ready; what still waits for it is better off there. */
  #giveUpHung(name: string): void {
    const app = this.#fleet.apps.get(name)
    if (!app?.current || readyOf(app, app.current) < app.settings.instances) return
    for (const it of app.instances) {
      if (it.state === 'draining' && it.cause.kind === 'hung') this.#step(it, { type: 'drained' })
    }
  }

  #whyEnd(app: App, instance: Instance, demand: Demand | undefined): StopReason {
    if (this.#fleet.closing) return 'shutting down'
    if (app.standing.kind === 'gone') return 'removed'
    if (app.standing.kind === 'off') return 'stopped'
    if (demand && demand.release.generation === app.current?.generation) return 'scaled down'
    const newest = app.current?.generation ?? 0
    return instance.release.generation > newest ? 'rejected' : 'replaced'
  }

  #remove(name: string): void {
    const apps = new Map(this.#fleet.apps)
    apps.delete(name)
    this.#fleet = { ...this.#fleet, apps, queue: this.#fleet.queue.filter((it) => it !== name) }
    this.#effects.push({ type: 'forget', app: name })
    this.#announce({ kind: 'gone', app: name })
  }

  #put(app: App): void {
    const apps =
      this.#fleet.apps === this.#before.apps ? new Map(this.#fleet.apps) : (this.#fleet.apps as Map<string, App>)
    apps.set(app.name, app)
    this.#fleet = { ...this.#fleet, apps }
  }

  #announce(announcement: Announcement): void {
    this.#effects.push({ type: 'announce', announcement })
  }
}

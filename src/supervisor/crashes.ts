import type { Clock } from '../lib/clock.ts'
import { crashId, judge, type CrashReport } from '../model/crash.ts'
import { weightOf } from '../model/ends.ts'
import type { App } from '../model/fleet.ts'
import {
  accuse,
  acquit,
  type Evidence,
  expiryOf,
  forget,
  noEvidence,
  suspicionsOf,
  type Suspicions,
} from '../model/poison.ts'
import type { Announcement, Fall, Suspected } from '../model/protocol.ts'
import type { PoisonSettings } from '../model/settings.ts'
import { isWorthKeeping, type LostFlight, type Testimony } from '../model/testimony.ts'
import type { OutputLine } from '../observe/journal.ts'
import { CrashFiles } from './crash-files.ts'
import { EvidenceFile, type Held } from './evidence-file.ts'
import type { Notice } from './notice.ts'

export interface CrashesOptions {
  readonly stateDir: string
  readonly clock: Clock
  /** Of this life of the gateway, part of the ids. */
  readonly stamp: string
  app(name: string): Pick<App, 'settings'> | undefined
  /** The newest lines of an app, oldest first. */
  lines(app: string): readonly OutputLine[]
  announce(announcement: Announcement): void
  /** What is suspected has changed. */
  suspect(event: Suspected): void
  readonly notice: Notice
}

/** What the gateway knows of a death may come up to this much later than the exit (milliseconds): it ends what is left. */
const settleTime = 300
/** Lines of output in a report. */
const lastLines = 20
/** Runs whose lost flights are kept although nobody said yet that they fell; and for how long (milliseconds). */
const maxPending = 256
const pendingTime = 10_000

interface Pending {
  readonly at: number
  readonly flights: readonly LostFlight[]
  readonly more: number
  fall: Fall | null
}

interface Record {
  readonly version: string
  readonly evidence: Evidence
}

/**
 * Brings together what the gateway saw of a death and what the supervisor knows of it: a report of each crash, and
 * which requests are suspected. The only writer of both.
 */
export class Crashes implements AsyncDisposable {
  readonly #options: CrashesOptions
  readonly #files: CrashFiles
  readonly #pending = new Map<number, Pending>()
  readonly #records = new Map<string, Record>()
  readonly #evidence: EvidenceFile
  /** What an earlier gateway held against requests of apps that have not come yet. */
  readonly #left = new Map<string, Held>()
  /** One a fall, until it is settled. */
  readonly #timers = new Set<NodeJS.Timeout>()
  /** One an app that has a record: when the oldest of it is forgotten. */
  readonly #expiries = new Map<string, NodeJS.Timeout>()
  /** By app, which quarantines that now stand have been announced. */
  readonly #told = new Map<string, ReadonlySet<string>>()
  /** Apps with an acquittal to be told. */
  readonly #soon = new Set<string>()
  #timer: NodeJS.Immediate | null = null

  static async open(options: CrashesOptions): Promise<Crashes> {
    const crashes = new Crashes(options, await CrashFiles.open(options.stateDir, options.notice))
    for (const held of await crashes.#evidence.read()) crashes.#left.set(held.app, held)
    return crashes
  }

  private constructor(options: CrashesOptions, files: CrashFiles) {
    this.#options = options
    this.#files = files
    const held = (): Held[] => [...this.#records].map(([app, record]) => ({ app, ...record }))
    const all = (): Held[] => [...this.#left.values(), ...held()]
    this.#evidence = new EvidenceFile(options.stateDir, options.clock, options.notice, all)
  }

  /** Of these apps some may have come: what an earlier gateway held against their requests still holds. */
  see(names: Iterable<string>): void {
    if (this.#left.size === 0) return
    for (const name of names) {
      const left = this.#left.get(name)
      const settings = this.#options.app(name)?.settings.poison
      if (!left || settings === undefined) continue
      this.#left.delete(name)
      if (settings === null || this.#records.has(name)) continue
      const { version, evidence } = left
      this.#records.set(name, { version, evidence: forget(evidence, settings, this.#options.clock.now()) })
      this.#expireLater(name, evidence, settings)
      this.#tell(name)
    }
  }

  /** Another process goes on, and reads what is on file. */
  letGo(): Promise<void> {
    return this.#evidence[Symbol.asyncDispose]()
  }

  /** An instance that served is lost. */
  fell(fall: Fall): void {
    const seen = this.#pendingOf(fall.run)
    seen.fall = fall
    this.#accuse(fall, seen)
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#settle(fall)
    }, settleTime)
    this.#timers.add(timer)
  }

  heard(testimony: Testimony): void {
    if (testimony.type === 'acquitted') return this.#acquit(testimony.app, testimony.shape, testimony.seq)
    const before = this.#pendingOf(testimony.run)
    const flights = [...before.flights]
    for (const flight of testimony.flights) if (isWorthKeeping(flights, flight)) flights.push(flight)
    const total = before.flights.length + before.more + testimony.flights.length + testimony.more
    const seen = { ...before, flights, more: total - flights.length }
    this.#pending.set(testimony.run, seen)
    if (seen.fall) this.#accuse(seen.fall, seen)
  }

  /** Newest first; of all apps when `app` is null. */
  list(app: string | null): readonly CrashReport[] {
    return this.#files.list(app)
  }

  /** Nobody is suspected any more. False when nobody was. */
  clear(app: string): boolean {
    const record = this.#records.get(app)
    if (!record) return false
    this.#records.set(app, { ...record, evidence: noEvidence })
    this.#tell(app)
    this.forget(app)
    return true
  }

  forget(app: string): void {
    this.#records.delete(app)
    this.#told.delete(app)
    clearTimeout(this.#expiries.get(app))
    this.#expiries.delete(app)
    this.#evidence.changed()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of [...this.#timers, ...this.#expiries.values()]) clearTimeout(timer)
    for (const { fall } of this.#pending.values()) if (fall) this.#settle(fall)
    if (this.#timer) clearImmediate(this.#timer)
    await this.#evidence[Symbol.asyncDispose]()
    await this.#files[Symbol.asyncDispose]()
  }

  #pendingOf(run: number): Pending {
    const now = this.#options.clock.now()
    for (const [old, { at, fall }] of this.#pending) {
      if (fall === null && (now - at > pendingTime || this.#pending.size > maxPending)) this.#pending.delete(old)
    }
    const found: Pending = this.#pending.get(run) ?? { at: now, flights: [], more: 0, fall: null }
    this.#pending.set(run, found)
    return found
  }

  #accuse(fall: Fall, { flights, at }: Pending, isAll = false): void {
    const { app, run, version } = fall
    const settings = this.#options.app(app)?.settings.poison ?? null
    if (settings === null) return
    const now = this.#options.clock.now()
    const known = this.#records.get(app)
    const before = known?.version === version ? forget(known.evidence, settings, now) : noEvidence
    const crash = { id: this.#id(fall), run, at, weight: weightOf(fall) }
    const evidence = accuse(before, crash, flights, isAll)
    if (evidence === before) return
    this.#records.set(app, { version, evidence })
    this.#expireLater(app, evidence, settings)
    this.#tell(app)
    this.#tellQuarantine(app, settings.for)
  }

  #acquit(app: string, shape: string, seq: number): void {
    const record = this.#records.get(app)
    if (!record) return
    const evidence = acquit(record.evidence, shape, seq)
    if (evidence === record.evidence) return
    this.#records.set(app, { ...record, evidence })
    // Many may come at once, and none is waited for: whoever acquitted has let the others go.
    this.#soon.add(app)
    this.#timer ??= setImmediate(() => this.#tellSoon())
  }

  /** In place of what was to be before: an app that falls every second has one timer, not one a fall. */
  #expireLater(name: string, evidence: Evidence, settings: PoisonSettings): void {
    const ms = Math.max(1, expiryOf(evidence, settings) - this.#options.clock.now() + 1)
    clearTimeout(this.#expiries.get(name))
    // setTimeout cannot hold more than 2^31 - 1 ms; one that comes too early is set again.
    const late = setTimeout(() => this.#expire(name), Math.min(ms, 2 ** 31 - 1))
    this.#expiries.set(name, late)
  }

  #expire(name: string): void {
    const record = this.#records.get(name)
    const settings = this.#options.app(name)?.settings.poison
    if (!record || !settings) return
    const now = this.#options.clock.now() // one for both: what is still on record is also still told
    const evidence = forget(record.evidence, settings, now)
    if (evidence !== record.evidence) {
      this.#records.set(name, { ...record, evidence })
      this.#tell(name, now)
    }
    if (evidence.crashes.length === 0) this.forget(name)
    else this.#expireLater(name, evidence, settings)
  }

  #tellQuarantine(name: string, time: number): void {
    const before = this.#told.get(name)
    const now = new Set<string>()
    for (const { shape, crashes } of this.#found(name)?.quarantined ?? []) {
      const key = `${crashes.join()} ${shape}`
      now.add(key)
      if (before?.has(key)) continue
      this.#options.announce({ kind: 'quarantined', app: name, shape, crashes, for: time })
    }
    this.#told.set(name, now)
  }

  /** All is known that will be. */
  #settle(fall: Fall): void {
    const { app, run, pid, version, cause, reason, exit, uptime } = fall
    const seen = this.#pendingOf(run)
    const { flights, more } = seen
    this.#pending.delete(run)
    if (flights.length === 0) this.#accuse(fall, seen, true)
    const { culprit, suspects, blame } = judge(flights, more, this.#files.list(app))
    const output = this.#options
      .lines(app)
      .filter((line) => line.run === run)
      .slice(-lastLines)
      .map(({ at, stream, line }) => ({ at, stream, line }))
    const id = this.#id(fall)
    this.#files.put({
      id,
      app,
      run,
      pid,
      version,
      at: new Date(this.#options.clock.wall()).toISOString(),
      cause,
      reason,
      code: exit?.code ?? null,
      signal: exit?.signal ?? null,
      outOfMemory: exit?.outOfMemory ?? false,
      memory: exit?.memory ?? null,
      uptime: Math.round(uptime),
      flights,
      more,
      culprit,
      suspects,
      blame,
      output,
    })
    this.#options.announce({ kind: 'crashed', app, run, id, reason, blame })
  }

  #id({ app, run }: Fall): string {
    return crashId(app, run, this.#options.stamp)
  }

  #tellSoon(): void {
    const apps = [...this.#soon]
    this.#soon.clear()
    this.#timer = null
    for (const app of apps) this.#tell(app)
  }

  #tell(app: string, now = this.#options.clock.now()): void {
    const record = this.#records.get(app)
    this.#evidence.changed()
    if (record) this.#options.suspect({ type: 'suspected', app, version: record.version, found: this.#found(app, now) })
  }

  #found(name: string, now = this.#options.clock.now()): Suspicions | null {
    const record = this.#records.get(name)
    const settings = this.#options.app(name)?.settings.poison ?? null
    return record ? suspicionsOf(record.evidence, settings, now) : null
  }
}

import { realpath } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../lib/clock.ts'
import { Archive } from './archive.ts'
import { Claims } from './claims.ts'
import type { Settings } from './discover.ts'
import { shown } from './display.ts'
import { Entry } from './entry.ts'
import { findAbsence } from './absence.ts'
import { messageOf } from './errno.ts'
import { mostApps, type Household } from './household.ts'
import { judgeDeclared, told } from './judge.ts'
import { Lanes } from './lanes.ts'
import { Listing } from './listing.ts'
import { isIgnoredName, isLabel } from './names.ts'
import { Register, type IntakeEvent, type Told } from './register.ts'
import { Versions, type Inherited } from './versions.ts'
import { watchFolder } from './watch.ts'
import { findWriters } from './writers.ts'

export interface IntakeOptions {
  readonly appsDir: string
  readonly stateDir: string
  readonly clock: Clock
  readonly settings: Settings
  /** Milliseconds between two looks at what may change without an event. Default 1000. */
  readonly pollEvery?: number
  readonly emit: (event: IntakeEvent) => void
  /** What already runs; its files stay. Default: nothing. */
  readonly inherited?: readonly Inherited[]
  readonly notice: (level: 'info' | 'warn' | 'error', message: string) => void
}

/** Turns files and configuration into offers and refusals. Dispose it after the apps have stopped. */
export interface Intake extends AsyncDisposable {
  /** Resolves when every name in the folder and in the configuration has been seen once: who was not told of is not there. */
  readonly looked: Promise<void>
  /** Takes a new configuration: every app is judged again and what differs is told. */
  configure(settings: Settings): void
  /** The versions of an app that may still be started; older copies are deleted. */
  retain(app: string, versions: readonly string[]): void
  /** Nothing of the app runs any more. */
  forget(app: string): void
  /** What was offered before, and what is not to be tried again. */
  readonly archive: Archive
  /** Judges an app again, or `entry` of `apps/`, and resolves with what was told, changed or not. */
  judgeAnew(app: string, entry?: string): Promise<Told>
  /** The entry of `apps/` that is this app, if a file is. */
  entryOf(app: string): string | null
  /** Looks at nothing and takes nothing away any more: another gateway does, and runs from the copies. */
  letGo(): Promise<void>
}

/** Rejects when `appsDir` is no folder. Resolves when it is watched, whether or not it exists yet, and the first look through it has begun. */
export async function openIntake(options: IntakeOptions): Promise<Intake> {
  const appsDir = path.resolve(options.appsDir)
  const absence = await findAbsence(appsDir)
  const versions = await Versions.open({ ...options, appsDir }, options.inherited)
  const archive = await Archive.open(options)
  const intake = new WatchedFolder({ ...options, appsDir }, versions, archive)
  await intake.open(absence)
  return intake
}

/** How many polls pass between two looks through the whole folder. */
const pollsPerScan = 5

/** How many entries one poll looks at, so that ten thousand files cost no more than these. */
const pollMost = 256

/** How long whoever lets go waits for a large file that is being copied (milliseconds): clients may wait meanwhile. */
const patience = 1_000

/** Files read and copied at once: more would only wait for the same disk. */
const lanes = 8

class WatchedFolder implements Intake {
  readonly archive: Archive
  readonly #options: IntakeOptions
  readonly #household: Household<Entry> & { bench: { config: Settings } }
  readonly #folder: Listing
  readonly #entries = new Map<string, Entry>()
  readonly #register: Register
  looked: Promise<void> = Promise.resolve()
  #watching: AsyncDisposable | null = null
  #timer: NodeJS.Timeout | null = null
  #polls = 0
  #cursor = 0
  #scanning: Promise<void> | null = null
  #scanAgain = false
  #crowdTold = false
  #closed = false

  constructor(options: IntakeOptions, versions: Versions, archive: Archive) {
    this.archive = archive
    this.#options = options
    this.#folder = new Listing(options.appsDir, options.notice)
    const { appsDir, clock, settings, notice } = options
    this.#register = new Register((event) => {
      if (!this.#closed) options.emit(event)
    })
    this.#household = {
      bench: {
        appsDir,
        config: settings,
        versions,
        archive,
        machine: { platform: process.platform, arch: process.arch },
      },
      clock,
      claims: new Claims(),
      register: this.#register,
      writers: findWriters(),
      lanes: new Lanes(lanes),
      gone: (entry) => {
        if (this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name)
        entry[Symbol.dispose]()
      },
      unowned: (app) => void this.#settleUnowned(app),
      crowded: () => {
        if (this.#crowdTold) return
        this.#crowdTold = true
        notice('warn', `${shown(appsDir)} holds more than ${mostApps} apps; the others are left alone.`)
      },
      failed: (entry, error) =>
        notice('error', `Cannot judge ${shown(path.join(appsDir, entry))}: ${messageOf(error)}.`),
    }
  }

  /** `absence` is why the folder could not be looked at, if so. */
  async open(absence: unknown): Promise<void> {
    const { appsDir, notice } = this.#options
    if (absence !== null) this.#folder.tellAbsence(absence)
    this.#watching = await watchFolder({
      // Links are not followed, and this one has to be.
      appsDir: await realpath(appsDir).catch(() => appsDir),
      notice,
      changed: (entry) => {
        if (this.#closed) return
        if (entry === null) this.#scan()
        else this.#touch(entry)
      },
    })
    this.looked = this.#firstScan()
    this.#scanning = this.#scanOnce(this.looked)
    this.#timer = setInterval(() => this.#poll(), this.#options.pollEvery ?? 1_000)
  }

  configure(settings: Settings): void {
    this.#household.bench.config = settings
    for (const entry of this.#entries.values()) entry.force()
    for (const app of new Set([...this.#register.apps, ...settings.declared])) {
      if (!this.#household.claims.owner(app)) void this.#settleUnowned(app)
    }
  }

  retain(app: string, versions: readonly string[]): void {
    this.#household.bench.versions.retain(app, versions)
  }

  forget(app: string): void {
    const last = this.#register.last(app)
    this.#household.bench.versions.forget(app, last?.type === 'offered' ? last.launch.version : null)
    if (!last) this.archive.forget(app)
  }

  judgeAnew(app: string, entry?: string): Promise<Told> {
    const told = this.#register.next(app)
    if (entry !== undefined) this.#touch(entry)
    const owner = this.#household.claims.owner(app)
    if (owner) owner.force()
    else if (entry === undefined) void this.#settleUnowned(app)
    return told
  }

  entryOf(app: string): string | null {
    return this.#household.claims.owner(app)?.name ?? null
  }

  async letGo(): Promise<void> {
    this.#household.bench.versions.letGo()
    const given = new AbortController()
    const late = delay(patience, undefined, { signal: given.signal }).catch(() => {})
    await Promise.race([this.#rest(), late])
    given.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rest()
    await this.#household.bench.versions[Symbol.asyncDispose]()
  }

  /** Resolves when nothing is looked at any more and everything is on disk. */
  async #rest(): Promise<void> {
    this.#closed = true
    if (this.#timer) clearInterval(this.#timer)
    for (const entry of this.#entries.values()) entry[Symbol.dispose]()
    await this.#watching?.[Symbol.asyncDispose]()
    await this.#scanning
    await Promise.all([...this.#entries.values()].map(async (entry) => await entry.rest()))
    await this.archive.rest()
  }

  #touch(name: string, oldHand = false): Entry | undefined {
    if (this.#closed || isIgnoredName(name)) return undefined
    let entry = this.#entries.get(name)
    if (!entry) {
      entry = new Entry(name, this.#household, oldHand)
      this.#entries.set(name, entry)
    }
    entry.touch()
    return entry
  }

  async #firstScan(): Promise<void> {
    const names = await this.#folder.list()
    // Names are given out in their order, whichever file can be read first.
    const fresh = names.filter((name) => !this.#entries.has(name))
    const entries = fresh.map((name) => new Entry(name, this.#household, true))
    const appear = await Promise.all(entries.map(async (entry) => await entry.glance()))
    if (this.#closed) return
    for (const [index, entry] of entries.entries()) {
      if (this.#entries.has(entry.name)) continue
      this.#entries.set(entry.name, entry)
      appear[index]?.()
    }
    for (const entry of entries) entry.touch()
    const unowned = this.#household.bench.config.declared.filter((app) => !this.#household.claims.owner(app))
    await Promise.all(unowned.map(async (app) => await this.#settleUnowned(app)))
  }

  /** Looks at everything there is and everything there was; asked again meanwhile, it does so once more. */
  #scan(): void {
    if (this.#scanning) {
      this.#scanAgain = true
      return
    }
    this.#scanning = this.#scanOnce(this.#touchAll())
  }

  async #scanOnce(scan: Promise<void>): Promise<void> {
    await scan
    this.#scanning = null
    if (this.#scanAgain && !this.#closed) this.#scan()
    this.#scanAgain = false
  }

  async #touchAll(): Promise<void> {
    const names = await this.#folder.list()
    for (const name of new Set([...names, ...this.#entries.keys()])) this.#touch(name)
  }

  #poll(): void {
    const isScan = ++this.#polls % pollsPerScan === 0
    const entries = [...this.#entries.values()]
    // Whoever was not reached this time is reached the next.
    const start = entries.length === 0 ? 0 : this.#cursor % entries.length
    const order = [...entries.slice(start), ...entries.slice(0, start)].slice(0, pollMost)
    this.#cursor = start + order.length
    for (const entry of order) {
      if (isScan && entry.mayHeal) entry.force()
      else if (isScan || entry.needsPolling) entry.touch()
      if (isScan) void entry.mend()
    }
    if (isScan) void this.#findMissed()
  }

  /** What no event told of: new entries, and interpreters of declared commands that were installed meanwhile. */
  async #findMissed(): Promise<void> {
    for (const name of await this.#folder.list()) if (!this.#entries.has(name)) this.#touch(name)
    for (const app of this.#household.bench.config.declared) {
      if (!this.#household.claims.owner(app)) await this.#settleUnowned(app)
    }
  }

  /** No file has this name: it is the configuration's, or nobody's. */
  async #settleUnowned(app: string): Promise<void> {
    const { bench, claims } = this.#household
    const before = this.#register.last(app)
    if (!bench.config.declared.includes(app)) {
      // A key that is no name belongs to an entry that is listed under it, which takes it back by itself.
      if (isLabel(app)) this.#register.vanish(app)
      return
    }
    const judgement = await judgeDeclared(bench.appsDir, bench.config, app)
    if (this.#closed || claims.owner(app) || !bench.config.declared.includes(app)) return
    // Its file was deleted: what runs of it has to go, which a refusal alone would not make happen.
    if (judgement.kind === 'refused' && before && before.type !== 'refused') this.#register.vanish(app)
    this.#register.tell(told(app, judgement))
  }
}

import { mostApps, type Household } from './household.ts'
import { judgeSteadily, refusal, sourceOf, told, type Judgement } from './judge.ts'
import { appName, unnamedKey } from './names.ts'
import { looksLikeProgram } from './preflight.ts'
import {
  leastQuiet,
  lingering,
  observe,
  oldAge,
  pace,
  restsAt,
  unfinishedQuiet,
  writerPause,
  type Settling,
} from './settle.ts'
import { isLikelyApp, look, type Found, type Sight } from './sight.ts'
import { refuseUnowned } from './unnamed.ts'
import type { Copy } from './versions.ts'

/**
 * One entry of `apps/`, from the first sight of it until it is gone. It looks whenever it is told that something may
 * have changed, waits until what it sees is at rest, has it judged and tells the register. One look at a time.
 */
export class Entry implements Disposable {
  readonly name: string
  readonly #household: Household<Entry>
  /** Found at start-up: if it is old it need not settle. */
  #oldHand: boolean
  #settling: Settling | null = null
  /** The print that was last judged. */
  #judged: string | null = null
  #copy: Copy | null = null
  #extras: readonly string[] = []
  #missingSince: number | null = null
  #writersSeen = 0
  #claimed: string | null = null
  /** The key under which it is listed. */
  #listed: string | null = null
  #isLink = false
  #mayHeal = false
  #forced = false
  #looking: Promise<void> | null = null
  #lookedAt = -Infinity
  #again = false
  #timer: NodeJS.Timeout | null = null
  #closed = false
  #failing = false

  constructor(name: string, household: Household<Entry>, oldHand: boolean) {
    this.name = name
    this.#household = household
    this.#oldHand = oldHand
  }

  /** Something may have changed. */
  touch(): void {
    if (this.#closed) return
    if (this.#looking) {
      this.#again = true
      return
    }
    const early = this.#lookedAt + pace - this.#household.clock.now()
    if (early > 0) return this.#wait(early)
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#looking = this.#round()
  }

  /** Judges again although nothing changed: the settings did, or the name has become free. */
  force(): void {
    this.#forced = true
    this.touch()
  }

  /** A first look that only takes a place in the line for its name; start-up does this in the order of names. */
  async glance(): Promise<() => void> {
    const { lanes, bench } = this.#household
    const sight = await lanes.run(async () => await look(bench.appsDir, this.name, []))
    return () => {
      if (sight.kind === 'file' || sight.kind === 'folder') this.#appear(sight)
    }
  }

  /** Whether changes may go unnoticed: a link's target, or a chmod where it is no event. */
  get needsPolling(): boolean {
    const last = this.#listed === null ? undefined : this.#household.register.last(this.#listed)
    return this.#isLink || this.#missingSince !== null || (last !== undefined && last.type !== 'offered')
  }

  /** Whether something outside `apps/` is in its way that may be mended without a change here. */
  get mayHeal(): boolean {
    return this.#mayHeal
  }

  /** Judges again when somebody took away a copy that is needed: each is made anew, of the file or of what was kept. */
  async mend(): Promise<void> {
    const { versions } = this.#household.bench
    if (this.#listed === null || !(await versions.hasLost(this.#listed, this.#copy))) return
    this.#copy = null
    this.force()
  }

  /** Resolves when nothing of it is under way. */
  async rest(): Promise<void> {
    while (this.#looking) await this.#looking
  }

  [Symbol.dispose](): void {
    this.#closed = true
    if (this.#timer) clearTimeout(this.#timer)
  }

  async #round(): Promise<void> {
    let wait: number | null = null
    try {
      wait = await this.#look()
      this.#failing = false
    } catch (error) {
      // Looked at again with the next scan; told once.
      this.#judged = null
      if (!this.#failing && !this.#closed) this.#household.failed(this.name, error)
      this.#failing = true
    }
    this.#looking = null
    this.#lookedAt = this.#household.clock.now()
    if (this.#closed) return
    if (this.#again) wait = pace
    this.#again = false
    if (wait !== null) this.#wait(wait)
  }

  #wait(ms: number): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.touch(), Math.ceil(ms) + 1)
  }

  /** Returns after how many milliseconds to look again, or null: when something changes. */
  async #look(): Promise<number | null> {
    const { bench, clock, lanes, writers } = this.#household
    const sight = await lanes.run(async () => await look(bench.appsDir, this.name, this.#extras))
    if (this.#closed) return null
    const now = clock.now()
    if (sight.kind === 'missing') return this.#absent(now)
    this.#missingSince = null
    if (sight.kind === 'special') {
      this.#leave()
      return null
    }
    if (sight.print === this.#judged) {
      this.#settling = null
      return this.#forced ? await lanes.run(async () => await this.#decide(sight, now)) : null
    }
    const found = sight.kind === 'astray' ? null : sight
    this.#settling = observe(this.#settling, found?.stir ?? sight.print, now)
    if (found) this.#appear(found)
    if (!(this.#oldHand && found && clock.wall() - found.changedAt > oldAge)) {
      const base = leastQuiet(found?.kind === 'folder', writers.canTell)
      const soonest = this.#settling.changedAt + base - now
      if (soonest > 0) return soonest
      if (found && (await writers.anyOf(found.files))) return writerPause(++this.#writersSeen)
      // A writer that was seen and has gone is a better sign than any quiet.
      const quiet = this.#writersSeen > 0 ? 0 : restsAt(this.#settling, base) - clock.now()
      if (quiet > 0) return quiet
    }
    return this.#closed ? null : await lanes.run(async () => await this.#decide(sight, now))
  }

  /** First sight: takes its place in the line for its name and, if it is first, is listed as settling. */
  #appear(found: Found): void {
    const { bench, claims, register } = this.#household
    const named = appName(this.name, found.kind === 'folder')
    if (!named.ok || !(isLikelyApp(this.name, found) || bench.config.declared.includes(named.name))) return
    this.#claim(named.name)
    if (claims.owner(named.name) !== this || this.#isCrowdedOut(named.name)) return
    const last = register.last(named.name)
    if (last && last.type !== 'refused') return
    const source = sourceOf(bench.appsDir, this.name, found)
    const settings = last?.settings ?? bench.config.settingsFor(named.name)
    this.#list(named.name, () => register.tell({ type: 'settling', app: named.name, settings, source }))
  }

  async #decide(sight: Exclude<Sight, { kind: 'missing' | 'special' }>, now: number): Promise<number | null> {
    const { bench, claims } = this.#household
    const { config } = bench
    // From here on the settings are those of now: whoever forces later wants another round.
    this.#forced = false
    const named = appName(this.name, sight.kind === 'folder')
    const app = named.ok ? named.name : null
    const found = sight.kind === 'astray' ? null : sight
    const isApp =
      found === null ||
      isLikelyApp(this.name, found) ||
      (app !== null && config.declared.includes(app)) ||
      (await looksLikeProgram(found.real, bench.machine))
    if (!isApp) {
      this.#leave()
      this.#conclude(sight.print)
      return null
    }
    if (app !== null) this.#claim(app)
    const owner = app === null ? undefined : claims.owner(app)
    const key = app !== null && owner === this ? app : unnamedKey(this.name, sight.kind === 'folder')
    if (this.#isCrowdedOut(key)) return null
    let judgement: Judgement
    let print = sight.print
    if (app === null || owner !== this) {
      judgement = refuseUnowned(bench, this.name, key, sight, owner?.name)
    } else if (sight.kind === 'astray') {
      judgement = refusal(config.settingsFor(app), sourceOf(bench.appsDir, this.name), sight.reason)
    } else {
      const known = this.#judged === sight.print ? this.#copy : null
      const steady = await judgeSteadily(bench, app, this.name, sight, this.#extras, known)
      if (steady === null) {
        this.#forced = true
        return pace
      }
      judgement = steady.judgement
      print = steady.print
      this.#extras = steady.extras
      const quiet = this.#settling && !this.#oldHand ? now - this.#settling.changedAt : Infinity
      if (judgement.kind === 'refused' && judgement.unfinished && quiet < unfinishedQuiet)
        return unfinishedQuiet - quiet
    }
    if (this.#closed) return null
    this.#isLink = found === null || found.isLink
    this.#conclude(print)
    this.#tell(key, judgement)
    return null
  }

  #conclude(print: string): void {
    this.#judged = print
    this.#settling = null
    this.#writersSeen = 0
    this.#oldHand = false
  }

  #tell(key: string, judgement: Judgement): void {
    const { bench, register } = this.#household
    this.#mayHeal = judgement.kind === 'refused' && judgement.mayHeal
    this.#copy = judgement.kind === 'launch' ? judgement.copy : null
    this.#list(key, () => {
      if (judgement.kind === 'launch' && judgement.copy) {
        bench.versions.belongs(key, judgement.launch.version, judgement.copy.file)
      }
      register.tell(told(key, judgement))
    })
  }

  #list(key: string, tell: () => void): void {
    const { register } = this.#household
    if (this.#listed !== null && this.#listed !== key) register.vanish(this.#listed)
    this.#listed = key
    tell()
  }

  /** Then it is not judged, and looked at again by and by, in case others leave. */
  #isCrowdedOut(key: string): boolean {
    const { register, crowded } = this.#household
    if (register.last(key) || register.size < mostApps) return false
    crowded()
    return true
  }

  #absent(now: number): number | null {
    this.#missingSince ??= now
    const left = this.#missingSince + lingering - now
    if (this.#listed !== null && left > 0) return left
    this.#leave()
    this.#household.gone(this)
    return null
  }

  #claim(app: string): void {
    if (this.#claimed !== null && this.#claimed !== app) this.#leave()
    this.#claimed = app
    this.#household.claims.claim(app, this)
  }

  /** Is no app, or no longer: gives its name to whoever is next. */
  #leave(): void {
    const { claims, register, unowned } = this.#household
    const app = this.#claimed
    const owned = app !== null && claims.owner(app) === this
    const others = app === null ? [] : claims.release(app, this)
    this.#claimed = null
    const listed = this.#listed
    this.#listed = null
    this.#copy = null
    if (listed !== null && listed !== app) register.vanish(listed)
    if (app === null || !owned) return
    if (others.length === 0) return unowned(app)
    register.vanish(app)
    for (const other of others) other.force()
  }
}

import type { Clock } from '../lib/clock.ts'
import type { AppSettings } from '../model/settings.ts'
import type { Claims } from './claims.ts'
import { shown, typed } from './display.ts'
import { judge, refusal, sourceOf, type Bench, type Judgement } from './judge.ts'
import type { Lanes } from './lanes.ts'
import { appName, extensionOf, unnamedKey } from './names.ts'
import path from 'node:path'
import { looksLikeProgram } from './preflight.ts'
import type { Register } from './register.ts'
import { observe, quietBase, restsAt, type Settling } from './settle.ts'
import { look, type Found, type Sight } from './sight.ts'
import type { Copy } from './versions.ts'
import type { Writers } from './writers.ts'

/** What an entry needs of the intake it belongs to. */
export interface Household {
  readonly bench: Bench
  readonly clock: Clock
  readonly claims: Claims<Entry>
  readonly register: Register
  readonly writers: Writers
  readonly lanes: Lanes
  /** The entry has left `apps/` and is to be forgotten. */
  readonly gone: (entry: Entry) => void
  /** Nobody in `apps/` is called so any more. */
  readonly unowned: (app: string) => void
  /** There are more apps than anybody could mean. */
  readonly crowded: () => void
  readonly failed: (entry: string, error: unknown) => void
}

/** How long a deleted file may take to come back: linkers and editors delete and create what they write. */
const lingering = 500

/** Quiet after which an empty or cut-off file is believed to be meant so. */
const unfinishedQuiet = 1_000

/** Folders are filled by many small writes, and only some of them are seen. */
const folderQuiet = 250

/** Longest pause between two questions whether a writer has finished. */
const writerPollMost = 500

/** Quiet where nobody can say whether a file is still open for writing. */
const blindQuiet = 1_000

/** What was last changed so long before the gateway started is not being written. */
const oldAge = 2_000

/** Between two looks at an entry that keeps changing. */
const pace = 20

/** More apps than this are not a fleet but an accident. */
export const mostApps = 1_000

/**
 * One entry of `apps/`, from the first sight of it until it is gone. It looks whenever it is told that something may
 * have changed, waits until what it sees is at rest, has it judged and tells the register. One look at a time.
 */
export class Entry implements Disposable {
  readonly name: string
  readonly #household: Household
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
  #again = false
  #timer: NodeJS.Timeout | null = null
  #closed = false
  #failing = false

  constructor(name: string, household: Household, oldHand: boolean) {
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

  get mayHeal(): boolean {
    return this.#mayHeal
  }

  get copy(): Copy | null {
    return this.#copy
  }

  /** The copy was taken away by somebody. */
  recopy(): void {
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
    if (this.#closed) return
    if (this.#again) wait = pace
    this.#again = false
    if (wait !== null) this.#timer = setTimeout(() => this.touch(), Math.max(1, Math.ceil(wait)))
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
      const base = writers.canTell ? (found?.kind === 'folder' ? folderQuiet : quietBase) : blindQuiet
      const soonest = this.#settling.changedAt + base - now
      if (soonest > 0) return soonest
      if (found && (await writers.anyOf(found.files))) return Math.min(writerPollMost, 50 * 2 ** ++this.#writersSeen)
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
    if (!named.ok || !(this.#isLikely(found) || bench.config.declared.includes(named.name))) return
    this.#claim(named.name)
    if (claims.owner(named.name) !== this) return
    const last = register.last(named.name)
    if (last && last.type !== 'refused') return
    const source = sourceOf(bench.appsDir, this.name, found)
    const settings = last?.settings ?? bench.config.settingsFor(named.name)
    this.#list(named.name, () => register.tell({ type: 'settling', app: named.name, settings, source }))
  }

  /** Whether it will be an app before anybody has read it. */
  #isLikely(found: Found): boolean {
    return found.kind === 'folder' || (found.mode & 0o111) !== 0 || extensionOf(this.name) === ''
  }

  async #decide(sight: Exclude<Sight, { kind: 'missing' | 'special' }>, now: number): Promise<number | null> {
    const { bench, claims } = this.#household
    const { appsDir, config } = bench
    // From here on the settings are those of now: whoever forces later wants another round.
    this.#forced = false
    const named = appName(this.name, sight.kind === 'folder')
    const app = named.ok ? named.name : null
    const found = sight.kind === 'astray' ? null : sight
    const isApp =
      found === null ||
      this.#isLikely(found) ||
      (app !== null && config.declared.includes(app)) ||
      (await looksLikeProgram(found.real, bench.machine))
    if (!isApp) {
      this.#leave()
      this.#conclude(sight.print)
      return null
    }
    if (app !== null) this.#claim(app)
    const owner = app === null ? undefined : claims.owner(app)
    let judgement: Judgement
    let print = sight.print
    if (app === null || owner !== this) {
      const key = unnamedKey(this.name, sight.kind === 'folder')
      const fault = named.ok ? collision(appsDir, named.name, owner) : impossible(appsDir, this.name, named.suggestion)
      const reason = !named.ok && sight.kind === 'astray' ? sight.reason : fault
      judgement = refusal(unnamedSettings(key, bench), sourceOf(appsDir, this.name, found ?? undefined), reason)
    } else if (sight.kind === 'astray') {
      judgement = refusal(config.settingsFor(app), sourceOf(appsDir, this.name), sight.reason)
    } else {
      const judged = await this.#judgeWhole(app, sight)
      if (judged === null) return pace
      judgement = judged.judgement
      print = judged.print
      const quiet = this.#settling && !this.#oldHand ? now - this.#settling.changedAt : Infinity
      if (judgement.kind === 'refused' && judgement.unfinished && quiet < unfinishedQuiet)
        return unfinishedQuiet - quiet
    }
    if (this.#closed) return null
    this.#isLink = found === null || found.isLink
    this.#conclude(print)
    this.#tell(app !== null && owner === this ? app : unnamedKey(this.name, sight.kind === 'folder'), judgement)
    return null
  }

  /** Null when the file changed while it was being read and copied. */
  async #judgeWhole(app: string, found: Found): Promise<{ judgement: Judgement; print: string } | null> {
    const { bench } = this.#household
    let before = found
    for (let attempt = 0; attempt < 3; attempt++) {
      const known = this.#judged === before.print ? this.#copy : null
      const judgement = await judge(bench, app, this.name, before, known)
      const after = await look(bench.appsDir, this.name, this.#extras)
      if ((after.kind !== 'file' && after.kind !== 'folder') || after.print !== before.print) break
      if (sameNames(judgement.extras, this.#extras)) return { judgement, print: before.print }
      // A folder's command names files that were not looked at before: read it again with them in view.
      this.#extras = judgement.extras
      const wider = await look(bench.appsDir, this.name, this.#extras)
      if (wider.kind !== 'folder') break
      before = wider
    }
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
    const { settings } = judgement
    this.#mayHeal = judgement.kind === 'refused' && judgement.mayHeal
    this.#copy = judgement.kind === 'launch' ? judgement.copy : null
    this.#list(key, () => {
      switch (judgement.kind) {
        case 'remote':
          return register.tell({ type: 'remote', app: key, settings, url: judgement.url })
        case 'refused':
          return register.tell({
            type: 'refused',
            app: key,
            settings,
            source: judgement.source,
            reason: judgement.reason,
          })
        case 'launch': {
          const { launch, copy } = judgement
          if (copy) bench.versions.belongs(key, launch.version, copy.file)
          return register.tell({ type: 'offered', app: key, settings, launch })
        }
      }
    })
  }

  #list(key: string, tell: () => void): void {
    const { register, crowded } = this.#household
    if (!register.last(key) && register.size >= mostApps) {
      // Looked at again by and by, in case others leave.
      this.#judged = null
      return crowded()
    }
    if (this.#listed !== null && this.#listed !== key) register.vanish(this.#listed)
    this.#listed = key
    tell()
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
    const next = app === null ? undefined : claims.release(app, this)
    this.#claimed = null
    const listed = this.#listed
    this.#listed = null
    this.#copy = null
    if (listed !== null && listed !== app) register.vanish(listed)
    if (app === null || !owned) return
    if (next) {
      register.vanish(app)
      next.force()
    } else unowned(app)
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((it) => b.includes(it))
}

function collision(appsDir: string, app: string, owner: Entry | undefined): string {
  const by = owner ? shown(path.join(appsDir, owner.name)) : 'another app'
  return `the name ${app} is taken by ${by}; rename or remove one of them`
}

function impossible(appsDir: string, entry: string, suggestion: string): string {
  const move = `mv ${typed(path.join(appsDir, entry))} ${typed(path.join(appsDir, suggestion))}`
  return `its name cannot be a host name: use lower-case letters, digits and hyphens, at most 63; for example: ${move}`
}

/** Settings for what has no name of its own: complete, and reachable by nobody. */
function unnamedSettings(key: string, { config }: Bench): AppSettings {
  let stand = 'unnamed'
  while (config.declared.includes(stand)) stand += '-'
  const settings = config.settingsFor(stand)
  const route = { ...settings.route, path: `/${encodeURIComponent(key.toWellFormed())}`, hosts: [] }
  return { ...settings, name: key, route }
}

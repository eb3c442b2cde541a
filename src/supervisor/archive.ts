import { randomBytes } from 'node:crypto'
import { copyFile, link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Clock } from '../lib/clock.ts'
import { messageOf, reasonOf } from './errno.ts'

export interface ArchiveOptions {
  readonly stateDir: string
  readonly clock: Clock
  readonly notice: (level: 'info' | 'warn' | 'error', message: string) => void
}

/** One version of a single-file app as it is remembered. */
export interface Kept {
  /** SHA-256 of its bytes, hex. */
  readonly digest: string
  /** What `status` called it when it last ran: changes with the settings, too. */
  readonly version: string
  /** Of the file in `apps/`. */
  readonly name: string
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly seen: number
  /** When it last proved itself; null if it never did. */
  readonly proven: number | null
  /** Why it was refused, if that is the last that was heard of it. */
  readonly refused: string | null
}

/** While the file in `apps/` has the bytes `over`, the kept ones of `run` are run instead. */
interface Pin {
  readonly over: string
  readonly run: string
  readonly reason: string
  readonly at: number
}

interface Past {
  readonly kept: readonly Kept[]
  readonly pin: Pin | null
}

/** What runs in place of the bytes that lie in `apps/`. */
export interface Instead {
  /** The kept file. */
  readonly file: string
  /** Whose place it takes, and why. `at` is on the gateway's clock. */
  readonly version: string
  readonly reason: string
  readonly at: number
}

const nothing: Past = { kept: [], pin: null }

/**
 * The last few versions of each single-file app, with what became of them: `<stateDir>/history/<app>/<digest>/<name>`
 * and an `index.json`. Outlives the gateway, so that a refused file is not tried again by its next life, and a rollback
 * is possible after any restart. A disk that is full costs the memory, never an app.
 */
export class Archive {
  readonly #options: ArchiveOptions
  readonly #pasts = new Map<string, Past>()
  #work: Promise<void> = Promise.resolve()
  #told = false

  private constructor(options: ArchiveOptions) {
    this.#options = options
  }

  static async open(options: ArchiveOptions): Promise<Archive> {
    const archive = new Archive(options)
    for (const app of await readdir(archive.#home()).catch(() => [])) {
      const text = await readFile(path.join(archive.#home(app), 'index.json'), 'utf8').catch(() => '')
      const past = parse(text)
      if (past) archive.#pasts.set(app, past)
    }
    return archive
  }

  list(app: string): readonly Kept[] {
    return this.#past(app).kept
  }

  /** What is to be run instead of these bytes. */
  insteadOf(app: string, digest: string): Instead | null {
    const { pin, kept } = this.#past(app)
    const run = kept.find((it) => it.digest === pin?.run)
    if (!pin || !run || pin.over !== digest) return null
    const { clock } = this.#options
    const version = kept.find((it) => it.digest === digest)?.version ?? digest.slice(0, 12)
    const at = Math.floor(clock.now() - (clock.wall() - pin.at))
    return { file: this.#file(app, run), version, reason: pin.reason, at }
  }

  /** A version was offered, running from `file`; `most` are kept. */
  add(
    app: string,
    { version, digest, name }: Pick<Kept, 'version' | 'digest' | 'name'>,
    file: string,
    most: number,
  ): void {
    const past = this.#past(app)
    const before = past.kept.find((it) => it.digest === digest)
    const seen = before?.seen ?? this.#options.clock.wall()
    const next: Kept = { size: 0, proven: null, refused: null, ...before, version, digest, name, seen }
    const others = past.kept.filter((it) => it.digest !== digest)
    // Of other bytes than these it says nothing any more, and a restart must not take it for something to undo.
    const pin = past.pin?.over === digest ? past.pin : null
    const kept = prune([...others, next], pin, most)
    this.#put(app, { kept, pin }, async () => {
      const target = this.#file(app, next)
      await mkdir(path.dirname(target), { recursive: true, mode: 0o700 })
      // Copies are immutable, so one more name costs nothing; on another file system it is one more copy.
      if (!(await stat(target).catch(() => null))) await link(file, target).catch(() => copyFile(file, target))
      const { size } = await stat(target)
      this.#change(app, digest, { size })
      for (const gone of others.filter((it) => !kept.includes(it))) {
        await rm(path.dirname(this.#file(app, gone)), { recursive: true, force: true })
      }
    })
  }

  /** A version has proved itself. */
  proved(app: string, version: string): void {
    const it = this.#find(app, version)
    if (!it) return
    this.#change(app, it.digest, { proven: this.#options.clock.wall(), refused: null })
    this.#put(app, this.#past(app))
  }

  /** A version was refused and `good` serves on: from now on its bytes are not tried again by themselves. */
  refused(app: string, version: string, reason: string, good: string): void {
    const bad = this.#find(app, version)
    const well = this.#find(app, good)
    if (!bad || !well) return
    this.#change(app, bad.digest, { refused: reason })
    // A restart of the good one that failed says nothing against its bytes.
    if (bad.digest === well.digest) return
    const past = this.#past(app)
    const over = past.pin?.run === bad.digest ? past.pin.over : bad.digest
    this.#pin(app, over === well.digest ? null : { over, run: well.digest, reason })
  }

  /** The operator goes back: `digest` is run as long as the file in `apps/` has the bytes that it has now. */
  rollBack(app: string, digest: string): void {
    const { pin, kept } = this.#past(app)
    // What was offered last is what lies in `apps/`.
    const over = pin?.over ?? kept.at(-1)?.digest ?? digest
    const refused = kept.find((it) => it.digest === over)?.refused ?? null
    const reason = `rolled back by the operator${refused === null ? '' : `; it had been refused: ${refused}`}`
    this.#pin(app, over === digest ? null : { over, run: digest, reason })
  }

  /** The bytes in `apps/` count again. True when others ran instead. */
  unpin(app: string): boolean {
    const pinned = this.#past(app).pin !== null
    if (pinned) this.#pin(app, null)
    return pinned
  }

  forget(app: string): void {
    if (!this.#pasts.delete(app)) return
    this.#do(async () => {
      if (!this.#pasts.has(app)) await rm(this.#home(app), { recursive: true, force: true })
    })
  }

  /** Resolves when everything is on disk. */
  async rest(): Promise<void> {
    await this.#work
  }

  #past(app: string): Past {
    return this.#pasts.get(app) ?? nothing
  }

  /** The newest of this name: the same bytes have another one under other settings. */
  #find(app: string, version: string): Kept | undefined {
    return this.#past(app).kept.findLast((it) => it.version === version)
  }

  #change(app: string, digest: string, change: Partial<Kept>): void {
    const past = this.#past(app)
    if (!this.#pasts.has(app)) return
    this.#pasts.set(app, { ...past, kept: past.kept.map((it) => (it.digest === digest ? { ...it, ...change } : it)) })
  }

  #pin(app: string, pin: Omit<Pin, 'at'> | null): void {
    this.#put(app, { ...this.#past(app), pin: pin && { ...pin, at: this.#options.clock.wall() } })
  }

  #put(app: string, past: Past, before: () => Promise<void> = () => Promise.resolve()): void {
    this.#pasts.set(app, past)
    this.#do(async () => {
      await before()
      if (!this.#pasts.has(app)) return
      const home = this.#home(app)
      const fresh = path.join(home, `.new-${randomBytes(6).toString('hex')}`)
      await mkdir(home, { recursive: true, mode: 0o700 })
      await writeFile(fresh, JSON.stringify(this.#past(app)), { mode: 0o600 })
      await rename(fresh, path.join(home, 'index.json'))
    })
  }

  #do(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      // The copy went with the folder that it lay in: nothing is wrong here.
      if (this.#told || reasonOf(error) === 'ENOENT') return
      this.#told = true
      this.#options.notice(
        'warn',
        `Earlier versions cannot be kept: ${messageOf(error)}. Replacing goes on without them.`,
      )
    })
  }

  #home(app = ''): string {
    return path.join(this.#options.stateDir, 'history', app)
  }

  #file(app: string, { digest, name }: Kept): string {
    return path.join(this.#home(app), digest.slice(0, 12), path.basename(name))
  }
}

/**
 * What lies in `apps/` stays, what a pin speaks of, and the two that proved themselves last: the one that serves and the
 * one to go back to. Then the newest of those that proved themselves, however many were refused since, then the others.
 */
function prune(kept: readonly Kept[], pin: Pin | null, most: number): readonly Kept[] {
  const newest = kept.toReversed()
  const proven = newest.filter((it) => it.proven !== null).sort((a, b) => (b.proven ?? 0) - (a.proven ?? 0))
  const pinned = kept.filter((it) => it.digest === pin?.run || it.digest === pin?.over)
  const needed = new Set([...newest.slice(0, 1), ...pinned, ...proven.slice(0, 2)])
  const stay = new Set([...new Set([...needed, ...proven, ...newest])].slice(0, Math.max(most, needed.size)))
  return kept.filter((it) => stay.has(it))
}

function parse(text: string): Past | null {
  try {
    const past = JSON.parse(text) as Partial<Past>
    return Array.isArray(past.kept) ? { kept: past.kept as Kept[], pin: past.pin ?? null } : null
  } catch {
    return null
  }
}

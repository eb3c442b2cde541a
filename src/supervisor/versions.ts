import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, chmod, chown, copyFile, mkdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { digestOf } from './digest.ts'
import { shown } from './display.ts'
import { messageOf, reasonOf } from './errno.ts'
import { isOurs, prefix, removeLeftovers, tagOf } from './leftovers.ts'

export interface VersionsOptions {
  readonly appsDir: string
  readonly stateDir: string
  readonly notice: (level: 'info' | 'warn' | 'error', message: string) => void
}

export interface Copy {
  /** SHA-256 of the copy, hex. */
  readonly digest: string
  readonly file: string
  /** The user it was made for, when that is not ours. */
  readonly uid: number | null
  readonly gid: number | null
}

/** What an earlier gateway started and this one goes on with. */
export interface Inherited {
  readonly app: string
  readonly version: string
  /** The program; it need not be a copy of ours. */
  readonly file: string
}

export interface Original {
  readonly app: string
  readonly file: string
  /** Where it belongs, when `file` is only a kept copy of what lay there. */
  readonly home?: string
  /** A script must be able to find what lies beside it. */
  readonly form: 'script' | 'binary'
  /** The user who will run it, when it is not ours. */
  readonly uid: number | null
  readonly gid: number | null
}

interface Kept extends Copy {
  readonly app: string
  readonly versions: Set<string>
  /** Grows with every use: the highest is the newest. */
  used: number
}

/**
 * Immutable copies of what was dropped into `apps/`. An app never runs from the file that people write to, so that
 * overwriting, truncating or half-copying it touches nothing that runs, and ETXTBSY cannot happen.
 *
 * A binary's copy is `<stateDir>/versions/<app>/<digest>/<name>`. A script's copy is a hidden file beside the original,
 * `.quay-<digest>-<name>`: relative imports, `__file__`, `import.meta.url` and `$(dirname "$0")` mean what they meant.
 *
 * ETXTBSY could still come from a child that was forked while a copy was open for writing and has not yet reached its
 * exec. libuv forks on the main thread and returns only after the child's exec has closed its O_CLOEXEC descriptors,
 * so no such child exists when the copy is started.
 */
export class Versions implements AsyncDisposable {
  readonly #options: VersionsOptions
  readonly #kept: Kept[] = []
  readonly #retained = new Map<string, readonly string[]>()
  /** One thing at a time for each app: a copy must not be deleted while it is being found again. */
  readonly #busy = new Map<string, Promise<unknown>>()
  /** Of each app, what it had lost when that was last asked. */
  readonly #lost = new Map<string, string>()
  #uses = 0
  #fallbackTold = false
  /** Whether another gateway runs from the copies. */
  #others = false

  private constructor(options: VersionsOptions) {
    this.#options = options
  }

  /** Removes what an earlier life left behind, except what is still run from. */
  static async open(options: VersionsOptions, inherited: readonly Inherited[] = []): Promise<Versions> {
    const versions = new Versions({ ...options, stateDir: path.resolve(options.stateDir) })
    await removeLeftovers(versions.#options, new Set(inherited.map((it) => it.file)))
    for (const { app, version, file } of inherited) {
      const known = versions.#kept.find((it) => it.app === app && it.file === file)
      if (known) known.versions.add(version)
      else if (await versions.#isKept(file)) {
        const copy = { digest: '', file, uid: null, gid: null }
        versions.#kept.push({ ...copy, app, versions: new Set([version]), used: 0 })
      }
    }
    return versions
  }

  async keep(original: Original): Promise<Copy> {
    return await this.#alone(original.app, async () => {
      const beside = original.form === 'script' || original.uid !== null || original.gid !== null
      const copy = beside ? await this.#keepBeside(original) : await this.#keepInState(original)
      if (this.#lost.get(original.app)?.includes(JSON.stringify(copy.file))) this.#lost.delete(original.app)
      const known = this.#kept.find((it) => it.app === original.app && it.file === copy.file)
      if (known) known.used = ++this.#uses
      else this.#kept.push({ ...copy, app: original.app, versions: new Set(), used: ++this.#uses })
      return copy
    })
  }

  /** Says which version of an app is run from a copy, in the words that `retain` uses. */
  belongs(app: string, version: string, file: string): void {
    this.#kept.find((it) => it.app === app && it.file === file)?.versions.add(version)
    void this.#prune(app)
  }

  /** From now on only these, and the newest few, are needed. */
  retain(app: string, versions: readonly string[]): void {
    this.#retained.set(app, versions)
    void this.#prune(app)
  }

  /**
   * Whether somebody took away a copy that an app may be started from, or `copy`. Said once of each, and again when others
   * are needed: a copy may have come to be one that can be made again.
   */
  async hasLost(app: string, copy: Copy | null): Promise<boolean> {
    const needed = this.#retained.get(app) ?? []
    const isNeeded = (it: Kept): boolean => it.file === copy?.file || needed.some((version) => it.versions.has(version))
    const kept = this.#kept.filter((it) => it.app === app && isNeeded(it))
    const missing = await Promise.all(kept.map(async ({ file }) => ((await isMissing(file)) ? [file] : [])))
    const lost = missing.flat()
    const news = lost.length === 0 ? '' : JSON.stringify([lost, needed])
    const isNew = news !== '' && news !== this.#lost.get(app)
    this.#lost.set(app, news)
    return isNew
  }

  /** Nothing of the app is needed but `version`, if it has come back meanwhile. */
  forget(app: string, version: string | null): void {
    this.#retained.delete(app)
    this.#lost.delete(app)
    void this.#delete(app, () => this.#kept.filter((it) => it.app === app && !(version && it.versions.has(version))))
  }

  /** All copies stay: another gateway knows of them. */
  letGo(): void {
    this.#others = true
  }

  /** Takes the hidden files out of `apps/`. What runs from them has been opened and goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#busy.values())
    if (this.#others) return
    const hidden = this.#kept.filter((it) => path.basename(it.file).startsWith(prefix))
    for (const { file } of hidden) await rm(file, { force: true }).catch(() => undefined)
    this.#kept.length = 0
  }

  async #keepInState(original: Original): Promise<Copy> {
    const home = path.join(this.#options.stateDir, 'versions', original.app)
    await makeFolder(home)
    const fresh = path.join(home, `.new-${randomBytes(6).toString('hex')}`)
    return await this.#copy(original, fresh, async (digest) => {
      const folder = path.join(home, digest.slice(0, 12))
      await mkdir(folder, { recursive: true, mode: 0o700 })
      return path.join(folder, path.basename(original.file))
    })
  }

  async #keepBeside(original: Original): Promise<Copy> {
    const folder = path.dirname(original.home ?? original.file)
    const fresh = path.join(
      folder,
      `${prefix}new-${tagOf(this.#options.stateDir, '')}-${randomBytes(4).toString('hex')}`,
    )
    try {
      return await this.#copy(original, fresh, (digest) =>
        path.join(folder, `${prefix}${tagOf(this.#options.stateDir, digest)}-${path.basename(original.file)}`),
      )
    } catch (error) {
      if (!['EACCES', 'EPERM', 'EROFS', 'ENAMETOOLONG'].includes(reasonOf(error) ?? '')) throw error
      if (!this.#fallbackTold) {
        this.#fallbackTold = true
        this.#options.notice(
          'warn',
          `No copy can be kept in ${shown(folder)}: ${messageOf(error)}. Scripts run from the state folder instead and do not find what lies beside them.`,
        )
      }
      return await this.#keepInState(original)
    }
  }

  /** Written under another name, renamed when it is whole: whoever sees the final name sees all of it. */
  async #copy(
    { file, uid, gid }: Original,
    fresh: string,
    place: (digest: string) => string | Promise<string>,
  ): Promise<Copy> {
    try {
      await copyFile(file, fresh, constants.COPYFILE_FICLONE)
      const digest = await digestOf(fresh)
      // Without root the system will refuse the start itself, and say so.
      if ((uid !== null || gid !== null) && process.getuid?.() === 0) await chown(fresh, uid ?? -1, gid ?? -1)
      await chmod(fresh, 0o500)
      const final = await place(digest)
      await rename(fresh, final)
      return { digest, file: final, uid, gid }
    } catch (error) {
      await rm(fresh, { force: true }).catch(() => undefined)
      throw error
    }
  }

  async #prune(app: string): Promise<void> {
    await this.#delete(app, () => {
      const retained = this.#retained.get(app)
      const newestFirst = this.#kept.filter((it) => it.app === app).sort((a, b) => b.used - a.used)
      // Until somebody has said what is needed, more are kept.
      return newestFirst
        .slice(retained ? spare : spareUnasked)
        .filter((it) => !retained?.some((version) => it.versions.has(version)))
    })
  }

  async #delete(app: string, choose: () => readonly Kept[]): Promise<void> {
    await this.#alone(app, async () => {
      for (const it of this.#others ? [] : choose()) {
        this.#kept.splice(this.#kept.indexOf(it), 1)
        await rm(it.file, { force: true }).catch(() => undefined)
        // Fails, as it should, while another copy is in the same folder.
        if (!path.basename(it.file).startsWith(prefix)) await rmdir(path.dirname(it.file)).catch(() => undefined)
      }
    })
  }

  async #alone<T>(app: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#busy.get(app) ?? Promise.resolve()).then(work)
    const settled = turn.catch(() => undefined)
    this.#busy.set(app, settled)
    try {
      return await turn
    } finally {
      if (this.#busy.get(app) === settled) this.#busy.delete(app)
    }
  }

  async #isKept(file: string): Promise<boolean> {
    const inState = file.startsWith(path.join(this.#options.stateDir, 'versions') + path.sep)
    return inState || (path.basename(file).startsWith(prefix) && (await isOurs(file, this.#options.stateDir)))
  }
}

/** Copies of an app that stay although nobody asked for them: taking back the last edit or two costs nothing. */
const spare = 2
const spareUnasked = 8

async function isMissing(file: string): Promise<boolean> {
  return await access(file).then(
    () => false,
    (error: unknown) => reasonOf(error) === 'ENOENT',
  )
}

/** Node's own `recursive` tells of a read-only disk as ENOENT; one folder by itself says what is wrong. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(async (error: unknown) => {
    if (reasonOf(error) !== 'ENOENT') throw error
    const parent = path.dirname(folder)
    if (!(await stat(parent).catch(() => null))) await makeFolder(parent)
    await mkdir(folder, { mode: 0o700 })
  })
}

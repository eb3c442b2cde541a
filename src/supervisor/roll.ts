import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Address, Launch } from '../model/protocol.ts'
import { messageOf, reasonOf } from './errno.ts'
import { lookOnce, type ProcessId } from './process-table.ts'
import type { PipePair } from './pipes.ts'
import type { Notice } from './notice.ts'

/**
 * What is written down of an instance, for the gateway that comes after one that was killed. The launch holds the
 * variables that the configuration gives the app; hence the file's mode.
 */
export interface Recorded {
  readonly app: string
  readonly run: number
  /** Null between the decision to spawn and the spawn: then the marker alone tells. */
  readonly pid: number | null
  readonly startTime: string | null
  readonly marker: string
  readonly port: number
  /** The Unix socket it was given instead. */
  readonly socket: string | null
  /** The folder of the control group that it alone is in. Null where there are none. */
  readonly cgroup: string | null
  /** On the clock of this boot (CLOCK_MONOTONIC). */
  readonly born: number
  readonly launch: Launch
  /** Null: what it says goes to a pipe that ends with its gateway. */
  readonly pipes: PipePair | null
  /** Where it was found to listen; null: it has not been ready. */
  readonly address: Address | null
  /** It is to stop. */
  readonly ending: boolean
  /** When it was sent SIGTERM, on the clock of `born`. Null: it was not, or a version wrote this that does not tell. */
  readonly told: number | null
}

/** The file. */
interface Roll {
  readonly boot: string
  /** Whose it is. Null: that is not known. */
  readonly gateway: ProcessId | null
  /** The gateway's own, which the apps were told. */
  readonly url: string
  /** Apps that the operator has stopped. */
  readonly off: readonly string[]
  readonly instances: readonly Recorded[]
}

/** `<state>/instances.json`: every live instance, replaced atomically (mode 0600). */
export class InstanceRoll implements AsyncDisposable {
  readonly #stateDir: string
  readonly #notice: Notice
  readonly #instances = new Map<number, Recorded>()
  #url = ''
  readonly #off = new Set<string>()
  #writing: Promise<void> | null = null
  #next: Promise<void> | null = null
  /** Why what is on file is not what there is. */
  #fault: string | null = null
  #closed = false

  /** `left` is what an earlier gateway left; it stays on file until it is dropped. */
  constructor(stateDir: string, left: readonly Recorded[], notice: Notice, off: readonly string[] = []) {
    this.#stateDir = stateDir
    this.#notice = notice
    for (const one of left) this.#instances.set(one.run, one)
    for (const app of off) this.#off.add(app)
  }

  /** Resolves when it is on file. */
  put(one: Recorded): Promise<void> {
    this.#instances.set(one.run, one)
    return this.#write()
  }

  drop(run: number): Promise<void> {
    return this.#instances.delete(run) ? this.#write() : Promise.resolve()
  }

  setUrl(url: string): void {
    this.#url = url
    // It is ours from now on, whoever wrote it.
    if (this.#instances.size > 0 || this.#off.size > 0) void this.#write()
  }

  setOff(app: string, off: boolean): void {
    if (off === this.#off.has(app)) return
    if (off) this.#off.add(app)
    else this.#off.delete(app)
    void this.#write()
  }

  /** Writes everything once more; why it cannot, or null. */
  async check(): Promise<string | null> {
    await this.#write()
    return this.#fault
  }

  /** Another gateway goes on with what is on file, which is everything: somebody may have deleted it meanwhile. */
  async letGo(): Promise<void> {
    await this.#write()
    await this.#close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // After it was let go the file is another gateway's.
    if (this.#closed) return
    await this.#close()
    if (this.#instances.size === 0) await rm(pathIn(this.#stateDir), { force: true }).catch(() => {})
  }

  /** A write that another one waits for is followed by that one: until there is none, lest it brings the file back. */
  async #close(): Promise<void> {
    for (let one = this.#next ?? this.#writing; one !== null; one = this.#next ?? this.#writing) await one
    this.#closed = true
  }

  /** One write at a time; all changes that come meanwhile share the next. */
  #write(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    if (this.#writing === null) {
      this.#writing = this.#writeNow().finally(() => {
        this.#writing = null
      })
      return this.#writing
    }
    this.#next ??= this.#writing.then(() => {
      this.#next = null
      return this.#write()
    })
    return this.#next
  }

  async #writeNow(): Promise<void> {
    const instances = [...this.#instances.values()]
    const [boot, gateway] = await Promise.all([bootId(), ourselves()])
    const roll: Roll = { boot, gateway, url: this.#url, off: [...this.#off], instances }
    const path = pathIn(this.#stateDir)
    try {
      const text = `${JSON.stringify(roll, null, 1)}\n`
      await writeFile(`${path}.new`, text, { mode: 0o600 }).catch(async (error: unknown) => {
        if (reasonOf(error) !== 'ENOENT') throw error
        await mkdir(this.#stateDir, { recursive: true, mode: 0o700 })
        await writeFile(`${path}.new`, text, { mode: 0o600 })
      })
      await rename(`${path}.new`, path)
      this.#fault = null
    } catch (error) {
      // A full or read-only disk must not keep apps from running: said once, tried again with the next change.
      const fault = `cannot write ${path}: ${messageOf(error)}`
      if (this.#fault === null)
        this.#notice('warn', `${fault}; a killed gateway's apps would be left, and it cannot be upgraded`)
      this.#fault = fault
    }
  }
}

/** What is on file, of this boot; null when there is nothing. What cannot be read is told of and ignored. */
export async function readRoll(stateDir: string, notice: Notice): Promise<Roll | null> {
  const path = pathIn(stateDir)
  try {
    const parsed: unknown = JSON.parse(await readFile(path, 'utf8'))
    // Another version of ours may have written less.
    if (isRoll(parsed)) return parsed.boot === (await bootId()) ? { ...nothing, ...parsed } : null
    notice('warn', `${path} is not a list of instances; it is ignored`)
  } catch (error) {
    if (reasonOf(error) !== 'ENOENT') notice('warn', `cannot read ${path}: ${messageOf(error)}; it is ignored`)
  }
  return null
}

const nothing = { gateway: null, url: '', off: [] }

function pathIn(stateDir: string): string {
  return join(stateDir, 'instances.json')
}

/** Whether anything may be left. */
export function hasRoll(stateDir: string): boolean {
  return existsSync(pathIn(stateDir))
}

/** Nothing of it runs any more. */
export async function forgetRoll(stateDir: string): Promise<void> {
  await rm(pathIn(stateDir), { force: true }).catch(() => {})
}

/** As far as is needed to end one. Whether it can be adopted is looked at apart. */
function isRoll(value: unknown): value is Roll {
  if (!isObject(value) || typeof value['boot'] !== 'string' || !Array.isArray(value['instances'])) return false
  return value['instances'].every(
    (one: unknown) =>
      isObject(one) &&
      typeof one['app'] === 'string' &&
      Number.isSafeInteger(one['run']) &&
      typeof one['marker'] === 'string' &&
      /^[0-9a-f]{32}$/.test(one['marker']) &&
      (one['pid'] === null || (Number.isInteger(one['pid']) && Number(one['pid']) > 1)) &&
      (one['startTime'] === null || typeof one['startTime'] === 'string'),
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

let us: Promise<ProcessId | null> | null = null

/** This process, as others see it. */
function ourselves(): Promise<ProcessId | null> {
  us ??= lookOnce(process.pid)
  return us
}

/**
 * The gateway that has written this down, if it still lives and is neither this process nor `elder`, which lets it go on
 * here: whoever has the lock of the folder must not touch its apps all the same. So it is when the folder was deleted and
 * made anew, and the lock is another file.
 */
export async function livingOwner({ gateway }: Roll, elder: number | null = null): Promise<number | null> {
  if (gateway === null || gateway.pid === process.pid || gateway.pid === elder) return null
  const now = await lookOnce(gateway.pid)
  return now !== null && now.started === gateway.started ? gateway.pid : null
}

let boot: Promise<string> | null = null

/** Changes with every boot of the machine, so that PIDs and start times of another one are never believed. */
function bootId(): Promise<string> {
  boot ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8')
    .catch(async () => (await promisify(execFile)('sysctl', ['-n', 'kern.bootsessionuuid'], { timeout: 2_000 })).stdout)
    // Neither Linux nor macOS: start times there are dates (ps), which a reboot does not repeat.
    .catch(() => 'unknown')
    .then((text) => text.trim())
  return boot
}

import { execFile } from 'node:child_process'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { messageOf, reasonOf } from './errno.ts'
import { ProcessTable } from './process-table.ts'
import { ProcessTree } from './process-tree.ts'

export type Notice = (level: 'info' | 'warn' | 'error', message: string) => void

/** What is written down of an instance, for the gateway that comes after one that was killed. */
export interface Recorded {
  readonly app: string
  readonly run: number
  /** Null between the decision to spawn and the spawn: then the marker alone tells. */
  readonly pid: number | null
  readonly startTime: string | null
  readonly marker: string
  readonly port: number
}

/** The file. */
interface Roll {
  readonly boot: string
  readonly instances: readonly Recorded[]
}

/** From SIGTERM to SIGKILL for what a killed gateway left behind (milliseconds). */
const grace = 2_000

/** How long SIGKILL may take to show (milliseconds); longer waits for a device. */
const patience = 2_000

/**
 * Ends what an earlier gateway, which was killed, left running: known by PID and start time, by its group, and by the
 * marker in its environment. Returns how many instances there were. Nothing else is ever signalled: a PID that was given
 * to somebody else has another start time, and after a reboot the record is worth nothing.
 */
export async function endStrays(stateDir: string, notice: Notice): Promise<number> {
  const roll = await readRoll(stateDir, notice)
  if (roll === null || roll.instances.length === 0) return 0
  if (roll.boot === (await bootId())) {
    const table = new ProcessTable()
    const ended = await Promise.all(roll.instances.map((one) => endStray(table, one, notice)))
    await rm(pathIn(stateDir), { force: true })
    return ended.filter(Boolean).length
  }
  await rm(pathIn(stateDir), { force: true })
  return 0
}

async function endStray(table: ProcessTable, one: Recorded, notice: Notice): Promise<boolean> {
  const root = { pid: one.pid ?? 0, started: one.startTime ?? '0', marker: one.marker }
  const tree = new ProcessTree(table, root)
  const found = await tree.terminate()
  if (found.length === 0) return false
  const names = found.map((entry) => `${entry.name} (pid ${entry.pid})`).join(', ')
  notice('warn', `ending ${one.app}, which an earlier gateway left running: ${names}`)
  if (await isGone(tree, grace)) return true
  const begun = performance.now()
  while (performance.now() - begun < patience) {
    if ((await tree.kill()).length === 0) return true
    await delay(20)
  }
  notice('error', `${one.app} of an earlier gateway does not end even by SIGKILL: ${names}`)
  return true
}

async function isGone(tree: ProcessTree, within: number): Promise<boolean> {
  const begun = performance.now()
  while (performance.now() - begun < within) {
    // The full look is taken only when all that are known have gone.
    if (tree.remaining().length === 0 && (await tree.terminate()).length === 0) return true
    await delay(20)
  }
  return false
}

/** `<state>/instances.json`: every live instance, replaced atomically (mode 0600). */
export class InstanceRoll implements AsyncDisposable {
  readonly #stateDir: string
  readonly #notice: Notice
  readonly #instances = new Map<number, Recorded>()
  #writing: Promise<void> | null = null
  #next: Promise<void> | null = null
  #failed = false

  constructor(stateDir: string, notice: Notice) {
    this.#stateDir = stateDir
    this.#notice = notice
  }

  /** Resolves when it is on file. */
  put(one: Recorded): Promise<void> {
    this.#instances.set(one.run, one)
    return this.#write()
  }

  drop(run: number): Promise<void> {
    return this.#instances.delete(run) ? this.#write() : Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing
    await this.#next
    if (this.#instances.size === 0) await rm(pathIn(this.#stateDir), { force: true }).catch(() => {})
  }

  /** One write at a time; all changes that come meanwhile share the next. */
  #write(): Promise<void> {
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
    const roll: Roll = { boot: await bootId(), instances: [...this.#instances.values()] }
    const path = pathIn(this.#stateDir)
    try {
      await mkdir(this.#stateDir, { recursive: true, mode: 0o700 })
      await writeFile(`${path}.new`, `${JSON.stringify(roll, null, 1)}\n`, { mode: 0o600 })
      await rename(`${path}.new`, path)
      this.#failed = false
    } catch (error) {
      // A full or read-only disk must not keep apps from running: said once, tried again with the next change.
      if (!this.#failed)
        this.#notice('warn', `cannot write ${path}: ${messageOf(error)}; a killed gateway's apps would be left`)
      this.#failed = true
    }
  }
}

function pathIn(stateDir: string): string {
  return join(stateDir, 'instances.json')
}

async function readRoll(stateDir: string, notice: Notice): Promise<Roll | null> {
  try {
    const parsed: unknown = JSON.parse(await readFile(pathIn(stateDir), 'utf8'))
    if (isRoll(parsed)) return parsed
    notice('warn', `${pathIn(stateDir)} is not a list of instances; it is ignored`)
  } catch (error) {
    if (reasonOf(error) !== 'ENOENT')
      notice('warn', `cannot read ${pathIn(stateDir)}: ${messageOf(error)}; it is ignored`)
  }
  return null
}

function isRoll(value: unknown): value is Roll {
  if (!isObject(value) || typeof value.boot !== 'string' || !Array.isArray(value.instances)) return false
  return value.instances.every(
    (one: unknown) =>
      isObject(one) &&
      typeof one.app === 'string' &&
      typeof one.marker === 'string' &&
      /^[0-9a-f]{32}$/.test(one.marker) &&
      (one.pid === null || (Number.isInteger(one.pid) && Number(one.pid) > 1)) &&
      (one.startTime === null || typeof one.startTime === 'string'),
  )
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null
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

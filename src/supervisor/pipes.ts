import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, constants, openSync } from 'node:fs'
import { access, mkdir, readdir, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from './errno.ts'
import type { Notice } from './notice.ts'

/** The paths of a child's two pipes. */
export interface PipePair {
  readonly stdout: string
  readonly stderr: string
}

/** How many pairs one `mkfifo` makes: it costs 2 ms, whatever it makes. */
const batch = 8

/**
 * When so few are left the next are made, so that no start waits for them; a little later (milliseconds), because starting
 * a process holds us up for some milliseconds, and what is started now is waited for.
 */
const low = 3
const later = 500

/** After none could be made, for want of a descriptor or a process say, the next are not tried sooner (milliseconds). */
const rest = 10_000

/**
 * Named pipes for what children say: `<state>/pipes/`, mode 0600. They outlive us, which the pipes of a `spawn` do not: a
 * gateway that comes after one that was killed opens them and reads on, and meanwhile up to 64 KiB wait in the kernel. The
 * child has its end open for reading as well, so that there is always a reader and it never gets EPIPE.
 */
export class Pipes implements AsyncDisposable {
  readonly #folder: string
  readonly #notice: Notice
  readonly #rest: number
  readonly #stock: PipePair[] = []
  #making: Promise<void> | null = null
  #restsUntil = -Infinity
  #isTold = false
  #closed = false
  #timer: NodeJS.Timeout | null = null

  /** `keep` are those that are still in use, `pause` is how long nothing is tried after a failure. */
  constructor(stateDir: string, keep: readonly PipePair[], notice: Notice, pause: number = rest) {
    this.#rest = pause
    this.#folder = join(stateDir, 'pipes')
    this.#notice = notice
    this.#making = this.#clean(new Set(keep.flatMap((pair) => [basename(pair.stdout), basename(pair.stderr)])))
  }

  /** Null while no named pipe can be made: the child then gets one that ends with us, and cannot be adopted. */
  async take(): Promise<PipePair | null> {
    // Those in stock may have become useless since: the folder deleted, or its modes changed. That is not the app's fault.
    for (let tries = 0; tries < 2 * batch; tries += 1) {
      while (this.#stock.length === 0 && !this.#rests) await this.#refill()
      const pair = this.#stock.shift() ?? null
      if (this.#stock.length < low) this.#refillSoon()
      if (pair === null || (await isUsable(pair))) return pair
    }
    return null
  }

  async release(pair: PipePair): Promise<void> {
    await Promise.all([rm(pair.stdout, { force: true }), rm(pair.stderr, { force: true })]).catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    if (this.#timer) clearTimeout(this.#timer)
    await this.#making
    await Promise.all(this.#stock.splice(0).map(async (pair) => await this.release(pair)))
  }

  #refillSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      if (this.#stock.length < low) void this.#refill()
    }, later)
  }

  get #rests(): boolean {
    return this.#closed || performance.now() < this.#restsUntil
  }

  #refill(): Promise<void> {
    if (this.#rests) return Promise.resolve()
    this.#making ??= this.#make().finally(() => (this.#making = null))
    return this.#making
  }

  async #make(): Promise<void> {
    const pairs = Array.from({ length: batch }, () => {
      const path = join(this.#folder, randomBytes(6).toString('hex'))
      return { stdout: `${path}.out`, stderr: `${path}.err` }
    })
    const files = pairs.flatMap((pair) => [pair.stdout, pair.stderr])
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      await promisify(execFile)('mkfifo', ['-m', '600', ...files], { timeout: 5_000 })
      this.#stock.push(...pairs)
    } catch (error) {
      this.#restsUntil = performance.now() + this.#rest
      if (this.#isTold) return
      this.#isTold = true
      const why = `no named pipes can be made in ${this.#folder}: ${messageOf(error)}`
      this.#notice(
        'warn',
        `${why}; a gateway that comes after one that was killed starts anew what is started meanwhile`,
      )
    }
  }

  async #clean(keep: ReadonlySet<string>): Promise<void> {
    const names = await readdir(this.#folder).catch(() => [])
    const old = names.filter((name) => !keep.has(name))
    await Promise.all(old.map((name) => rm(join(this.#folder, name), { force: true }))).catch(() => {})
    this.#making = null
    await this.#refill()
  }
}

async function isUsable(pair: PipePair): Promise<boolean> {
  const mode = constants.R_OK | constants.W_OK
  return Promise.all([access(pair.stdout, mode), access(pair.stderr, mode)]).then(
    () => true,
    () => false,
  )
}

/** Both ends of a child's pipes, opened: ours to read, theirs as descriptors to be handed on and then closed. */
export interface OpenPipes {
  readonly stdout: Socket
  readonly stderr: Socket
  readonly theirs: readonly [stdout: number, stderr: number]
}

/** Throws what open(2) says. */
export function openPipes(pair: PipePair): OpenPipes {
  const fds: number[] = []
  const open = (path: string, flags: number): number => {
    const fd = openSync(path, flags)
    fds.push(fd)
    return fd
  }
  try {
    // Theirs first: a reader that comes before any writer would see the end at once.
    const theirs = [open(pair.stdout, constants.O_RDWR), open(pair.stderr, constants.O_RDWR)] as const
    const ours = [open(pair.stdout, reading), open(pair.stderr, reading)] as const
    return { stdout: reader(ours[0]), stderr: reader(ours[1]), theirs }
  } catch (error) {
    for (const fd of fds) closeSync(fd)
    throw error
  }
}

/** Our ends of pipes whose other ends a child has had for long. Throws what open(2) says. */
export function reopenPipes(pair: PipePair): Omit<OpenPipes, 'theirs'> {
  const stdout = openSync(pair.stdout, reading)
  try {
    return { stderr: reader(openSync(pair.stderr, reading)), stdout: reader(stdout) }
  } catch (error) {
    closeSync(stdout)
    throw error
  }
}

/** Without O_NONBLOCK the open itself would wait for a writer. */
const reading = constants.O_RDONLY | constants.O_NONBLOCK

function reader(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: false })
}

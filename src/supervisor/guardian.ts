import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Notice } from './notice.ts'

export interface GuardianOptions {
  readonly stateDir: string
  /** What ends a fleet; the state folder and the grace in milliseconds are added. */
  readonly command: readonly string[]
  /** How long it waits for another gateway (milliseconds). */
  readonly grace: number
  readonly notice: Notice
}

/** A guardian that died is replaced after this long (milliseconds). */
const replaceAfter = 200

/** How long it does not even look (milliseconds). */
const headStart = 1_000

/** How long it may take to go when it is told to (milliseconds). */
const farewell = 1_000

/**
 * A shell in a session of its own that does nothing but read from us: a megabyte, no processor time. A word from us is
 * the order to go. The end without a word is our death, however we died: then it becomes the command that ends what we
 * left, unless another gateway comes.
 */
export class Guardian implements AsyncDisposable {
  readonly #options: GuardianOptions
  #child: ChildProcess
  #closed = false
  #told = false

  constructor(options: GuardianOptions) {
    this.#options = options
    this.#child = this.#start()
  }

  /** Resolves when it has gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    const over = once(child, 'exit')
    child.stdin?.end('done\n')
    const given = new AbortController()
    const late = delay(farewell, undefined, { signal: given.signal }).catch(() => {})
    await Promise.race([over, late])
    given.abort()
    if (child.exitCode === null) child.kill('SIGKILL')
  }

  #start(): ChildProcess {
    const { command, stateDir, grace } = this.#options
    // A gateway that is started again at once shall have the processor to itself.
    const pause = Math.min(headStart, grace)
    const args = [String(pause / 1_000), ...command, stateDir, String(grace - pause)]
    const child = spawn('/bin/sh', ['-c', 'read -r word && exit 0; sleep "$0"; exec "$@"', ...args], {
      // Not a terminal's: Ctrl-C and the end of a session are for us.
      detached: true,
      cwd: '/',
      env: environment(),
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    child.once('exit', () => void this.#replace())
    child.once('error', () => void this.#replace())
    child.stdin?.on('error', () => {})
    return child
  }

  async #replace(): Promise<void> {
    if (this.#closed) return
    if (!this.#told)
      this.#options.notice(
        'warn',
        'The guardian, which ends the apps if the gateway dies, has ended; another one is started.',
      )
    this.#told = true
    await delay(replaceAfter)
    if (!this.#closed) this.#child = this.#start()
  }
}

/** What a Node needs to run; nothing that somebody may have thought only the gateway knows. */
function environment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG']
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}

/** Where what happened between two gateways is written down. */
export function reportFile(stateDir: string): string {
  return join(stateDir, 'since.txt')
}

/** What happened since the last gateway, told once. */
export async function readReport(stateDir: string): Promise<readonly string[]> {
  const text = await readFile(reportFile(stateDir), 'utf8').catch(() => '')
  await rm(reportFile(stateDir), { force: true }).catch(() => {})
  return text
    .split('\n')
    .filter((line) => line !== '')
    .slice(0, 100)
}

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Count, Inherited } from '../lib/running.ts'
import { reasonIn } from './reason.ts'

/** How long the new process may take to read its configuration, and then to take everything over (milliseconds). */
const patience = 20_000

/** The name of the variable that tells a new process what it inherits. */
export const inheritance = 'QUAYMASTER_INHERITS'

/** As much of what a process wrote as is looked at for the reason of its end (characters). */
const enough = 16 * 1024

/**
 * Starts the process that shall follow this one and resolves when it has read its configuration and is prepared to take
 * over; until then nothing has changed here. Rejects with why it is not. It ends when `signal` aborts.
 */
export async function prepareHeir(
  again: readonly string[],
  inherited: Inherited,
  signal: AbortSignal,
): Promise<ChildProcess> {
  const [file = '', ...args] = again
  const { descriptors } = inherited
  // 0 to 2 are as here, 3 is the channel between us.
  const theirs = { ...inherited, descriptors: descriptors.map((_, index) => index + 4) }
  const env = { ...process.env, [inheritance]: JSON.stringify(theirs) }
  const child = spawn(file, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', ...descriptors],
    serialization: 'advanced',
    env,
    signal,
    killSignal: 'SIGKILL',
  })
  // Whoever waits is told by the rejection.
  child.on('error', () => {})
  await hear(child, 'prepared', () => listenTo(file, args, env))
  return child
}

/** What the heir is told when it may take what has been let go: runs may have been started since it began. */
export type Take = { readonly take: Count }

/** The heir may take what has been let go; resolves when it serves. */
export async function handOver(child: ChildProcess, { stamp, nextRun }: Count): Promise<void> {
  child.send({ take: { stamp, nextRun } } satisfies Take)
  await hear(child, 'up', () => Promise.resolve(null))
}

/**
 * Why a process that told us nothing cannot start: it is started once more, with an ear at what it writes. Its stderr
 * has to be ours in earnest, which nobody could give it later, so we cannot listen at once. Null: that is not known.
 */
async function listenTo(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string | null> {
  const child = spawn(file, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
    env,
    timeout: patience,
    killSignal: 'SIGKILL',
  })
  // It can be prepared this time.
  child.on('message', () => child.kill('SIGKILL'))
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(0, enough)
  })
  await once(child, 'close').catch(() => {})
  return reasonIn(text)
}

async function hear(child: ChildProcess, word: 'prepared' | 'up', find: () => Promise<string | null>): Promise<void> {
  const over = new AbortController()
  const { signal } = over
  let why: string | null = null
  const heard = Promise.withResolvers<void>()
  const listen = (message: unknown): void => {
    if (message === word) heard.resolve()
    else if (typeof message === 'object' && message !== null && 'failed' in message) why = String(message.failed)
  }
  child.on('message', listen)
  const ended = once(child, 'exit', { signal }).then(async () => {
    throw new Error(`the new gateway ended before it was ${word}: ${why ?? (await find()) ?? 'see what it wrote'}`)
  })
  const late = delay(patience, undefined, { signal }).then(() => {
    child.kill('SIGKILL')
    throw new Error(`the new gateway was not ${word} within ${patience / 1_000} s`)
  })
  ended.catch(() => {})
  late.catch(() => {})
  try {
    await Promise.race([heard.promise, ended, late])
  } finally {
    over.abort()
    child.off('message', listen)
  }
}

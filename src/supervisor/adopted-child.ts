import { Readable } from 'node:stream'
import { reopenPipes } from './pipes.ts'
import { exists, lookUp } from './process-table.ts'
import type { Child } from './spawn.ts'
import type { Adoptable } from './left.ts'

/** Between two looks whether it still lives (milliseconds); one costs 10 µs. Most ends are told by their pipes, at once. */
const look = 100

/**
 * A process that an earlier gateway started, as if it were our own child. It is not: nobody tells us of its end and its
 * exit code is init's to know. Its pipes could not be opened when `deaf` is true: then it has to be ended, because nobody
 * would hear it.
 */
export function takeOver({ pid, startTime, pipes }: Adoptable): Child & { readonly deaf: boolean } {
  const { stdout, stderr, deaf } = listen(pipes)
  const { promise: ended, resolve } = Promise.withResolvers<Awaited<Child['ended']>>()
  const check = (): void => {
    if (isAlive(pid, startTime)) return
    clearInterval(timer)
    resolve({ code: null, signal: null })
  }
  const timer = setInterval(check, look)
  // The last descriptor closes a moment before the process is a zombie.
  for (const stream of [stdout, stderr]) stream.once('close', () => setTimeout(check, 1))
  return { pid, stdout, stderr, ended, deaf }
}

function listen(pipes: Adoptable['pipes']): Pick<Child, 'stdout' | 'stderr'> & { readonly deaf: boolean } {
  try {
    return { ...reopenPipes(pipes), deaf: false }
  } catch {
    return { stdout: Readable.from([]), stderr: Readable.from([]), deaf: true }
  }
}

function isAlive(pid: number, startTime: string): boolean {
  const entry = lookUp(pid)
  // Not to be able to tell must not end it.
  if (entry === undefined) return exists(pid)
  return entry !== null && entry.started === startTime && !entry.zombie
}

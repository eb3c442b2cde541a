import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Inherited } from '../lib/running.ts'
import { handOver, prepareHeir } from './heir.ts'
import type { Kin } from './kin.ts'

export interface SuccessionOptions {
  readonly again: readonly string[] | null
  readonly inherited: () => Inherited
  readonly kin: Pick<Kin, 'follow' | 'quiet'>
  /** Why another process would not find what runs, or null. */
  readonly checkRoll: () => Promise<string | null>
  /** Lets go of the apps and the state folder; the front door serves on. */
  readonly letGo: () => Promise<void>
  /** Closes the front door, last words included, and everything else. */
  readonly leave: () => Promise<void>
  /** Ends what is on file. */
  readonly abandon: () => Promise<unknown>
  /** Whether somebody does so when this process dies. */
  readonly guarded: boolean
  readonly notice: (level: 'info' | 'warn' | 'error', message: string) => void
  /** The new process has ended, with this exit code. */
  readonly over: (code: number) => void
}

export interface Succession {
  /** Resolves when a new process is prepared and is being given everything; rejects with why there is none. */
  upgrade(): Promise<void>
  /** The same when nobody waits for an answer: the log tells why there is none. */
  tryUpgrade(): Promise<void>
  /** Ends the new process in order, and resolves when it has; null while there is none. */
  close(): Promise<void> | null
  /** Ends it at once, after `close`: what a second Ctrl-C does here. */
  kill(): void
}

/**
 * From one process to the next. This one stays as a thin parent until the other ends, because whoever started it, a
 * terminal, npm or systemd, knows only this one.
 */
export function openSuccession(options: SuccessionOptions): Succession {
  const { abandon, again, checkRoll, guarded, inherited, kin, letGo, leave, notice, over } = options
  /** Aborts what is only prepared. */
  const ending = new AbortController()
  let begun = false
  let heir: ChildProcess | null = null
  let isClosing = false
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const succeed = async (child: ChildProcess): Promise<void> => {
    // The answer to whoever asked for it goes out first.
    await delay(50)
    const obstacle = obstacleTo(child)
    if (obstacle !== null) {
      begun = false
      return tellObstacle(obstacle)
    }
    const gone = putInCharge(child)
    await letGo()
    const last = await handOver(child, inherited()).then(
      () => ({ child, gone }),
      async (error: unknown) => {
        // It may have to be killed, and until it is gone it has the state folder.
        await gone
        return await tryAgain(messageOf(error))
      },
    )
    if (last === null) return finish(1)
    void last.gone.then(finish)
    notice('info', `Another process goes on: PID ${last.child.pid}.`)
    await leave()
    if (last.child.connected) last.child.disconnect()
  }
  /** Resolves with its exit code. */
  const putInCharge = (child: ChildProcess): Promise<number> => {
    heir = child
    kin.follow(child)
    return once(child, 'exit').then(([code]) => Number(code ?? 1))
  }
  const finish = (code: number): void => {
    over(code)
    end()
  }
  /** The apps and who is connected are still there, and all is on file: null when it could not be, and they have been ended. */
  const tryAgain = async (why: string): Promise<{ child: ChildProcess; gone: Promise<number> } | null> => {
    try {
      if (isClosing || again === null) throw new Error(why)
      notice('error', `The upgrade failed: ${why}. It is tried once more.`)
      const child = await prepareHeir(again, inherited(), new AbortController().signal)
      const gone = putInCharge(child)
      if (isClosing) child.kill('SIGTERM')
      await handOver(child, inherited()).catch(async (error: unknown) => {
        await gone
        throw error
      })
      return { child, gone }
    } catch (error) {
      // Nobody looks after the apps now. The guardian acts when this process has ended, which this does.
      if (guarded && !isClosing) throw error
      notice('error', `Nobody goes on with the apps, they are ended: ${messageOf(error)}.`)
      await abandon()
      return null
    }
  }
  /** Why an heir that is prepared is not put in charge: to let go amid an ordered end would cut that in half. */
  const obstacleTo = (child: ChildProcess): string | null => {
    if (ending.signal.aborted) return stopping
    return child.exitCode === null && child.signalCode === null ? null : 'the new gateway ended too soon'
  }
  const tellObstacle = (why: string): void => notice('error', `Not upgraded: ${why}.`)
  const succession: Succession = {
    async tryUpgrade() {
      await succession.upgrade().catch((error: unknown) => tellObstacle(messageOf(error)))
    },
    async upgrade() {
      // Whoever started the first of us knows only that one.
      if (heir?.kill('SIGUSR2') === true) return
      if (ending.signal.aborted) throw new Error(stopping)
      if (begun) throw new Error('an upgrade is under way already')
      if (again === null) throw new Error('it is not known how this gateway was started; restart it')
      begun = true
      try {
        const fault = await checkRoll()
        if (fault !== null) throw new Error(fault)
        const child = await prepareHeir(again, inherited(), ending.signal)
        await kin.quiet()
        const obstacle = obstacleTo(child)
        if (obstacle !== null) throw new Error(obstacle)
        void succeed(child)
      } catch (error) {
        begun = false
        throw ending.signal.aborted ? new Error(stopping) : error
      }
    },
    close() {
      isClosing = true
      if (heir !== null) {
        heir.kill('SIGTERM')
        return ended
      }
      // One that is not yet in charge ends at once: it has our listening sockets, and nothing else.
      ending.abort()
      return null
    },
    kill() {
      if (heir === null) return
      heir.kill('SIGINT')
      // Two within a second are one to it, and its first may have come a moment later than ours.
      const insist = setInterval(() => heir?.kill('SIGINT'), insistence)
      void ended.finally(() => clearInterval(insist))
    },
  }
  return succession
}

/** Between two signals to a process that is to end at once (milliseconds). */
const insistence = 500

const stopping = 'the gateway is being stopped'

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

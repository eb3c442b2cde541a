import type { Exit, Fall } from './protocol.ts'

/** Why a start was given up, after `boot` ms. */
export function neverReady(boot: number, complaint: string | null): string {
  return `not ready within ${boot / 1000}s${complaint === null ? '' : `: ${complaint}`}`
}

/** How an instance died by itself, after how long a time of service (milliseconds); null: it had not been ready. */
export function describeExit(exit: Exit, served: number | null): string {
  if (exit.error !== null) return exit.error
  const how = howItEnded(exit)
  const when =
    served === null
      ? `before it was ready${exit.code === 0 ? ' (an app has to stay in the foreground)' : ''}`
      : `after ${(served / 1000).toFixed(1)}s of service`
  return `${how} ${when}${exit.lastLine === null ? '' : `: ${exit.lastLine}`}`
}

/** `exited with code 1`, `was killed by SIGSEGV`. */
function howItEnded({ code, signal, outOfMemory }: Exit): string {
  if (outOfMemory) return 'ran out of memory and was killed by the kernel'
  if (signal === null) return exitedWith(code)
  return signal === 'SIGKILL' ? 'was killed by SIGKILL (not by us)' : `was killed by ${signal}`
}

function exitedWith(code: number | null): string {
  return code === null ? 'ended (exit code unknown: an earlier gateway had started it)' : `exited with code ${code}`
}

/**
 * How much a crash says about the requests in flight. An end by SIGTERM or a terminal's signals is somebody's hand.
 * SIGKILL usually is, too, but may be a shortage of memory that is not shown to us; a hang may be the machine's.
 */
export function weightOf({ cause, exit }: Pick<Fall, 'cause' | 'exit'>): number {
  if (cause === 'unhealthy') return 0.5
  if (exit === null || exit.outOfMemory) return 1
  if (exit.signal === 'SIGTERM' || exit.signal === 'SIGINT' || exit.signal === 'SIGHUP') return 0
  return exit.signal === 'SIGKILL' ? 0.5 : 1
}

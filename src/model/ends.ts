import type { Exit } from './protocol.ts'

/** Why a start was given up, after `boot` ms. */
export function neverReady(boot: number, complaint: string | null): string {
  return `not ready within ${boot / 1000}s${complaint === null ? '' : `: ${complaint}`}`
}

/** How an instance died by itself, after how long a time of service (milliseconds); null: it had not been ready. */
export function describeExit(exit: Exit, served: number | null): string {
  if (exit.error !== null) return exit.error
  const how = exit.signal === null ? exitedWith(exit.code) : `was killed by ${exit.signal}`
  const when =
    served === null
      ? `before it was ready${exit.code === 0 ? ' (an app has to stay in the foreground)' : ''}`
      : `after ${(served / 1000).toFixed(1)}s of service`
  return `${how} ${when}${exit.lastLine === null ? '' : `: ${exit.lastLine}`}`
}

function exitedWith(code: number | null): string {
  return code === null ? 'ended (exit code unknown: an earlier gateway had started it)' : `exited with code ${code}`
}

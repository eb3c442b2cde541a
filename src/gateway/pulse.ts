import { readFileSync } from 'node:fs'

/**
 * Whether a process of ours still runs, asked right now: a child that has ended is a zombie until its end is noticed, and
 * for those milliseconds its port may be anybody's. Linux reads /proc/PID/stat (15 µs, measured); elsewhere a zombie
 * counts as running. A PID is not given out again while its zombie lasts.
 */
export function isRunning(pid: number): boolean {
  const stat = process.platform === 'linux' ? readStat(pid) : null
  if (stat !== null) return !/^ [ZX]/.test(stat.slice(stat.lastIndexOf(')') + 1))
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function readStat(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return null
  }
}

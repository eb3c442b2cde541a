import { readProc } from '../lib/proc.ts'

/** PF_EXITING of the kernel's task flags. */
const exiting = 0x4

/**
 * Whether a process of ours still runs, asked right now: a child that has ended is a zombie until its end is noticed, and
 * for those milliseconds, as in its last ones, its port may be anybody's. Linux reads /proc/PID/stat (15 µs, measured);
 * elsewhere a zombie counts as running. A PID is not given out again while its zombie lasts.
 */
export function isRunning(pid: number): boolean {
  const stat = process.platform === 'linux' ? readStat(pid) : null
  if (stat !== null) {
    // proc_pid_stat(5): the name in parentheses may hold anything; then state, ppid, pgrp, session, tty, tpgid, flags.
    const [state, , , , , , flags] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 7)
    return state !== 'Z' && state !== 'X' && (Number(flags) & exiting) === 0
  }
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function readStat(pid: number): string | null {
  try {
    return readProc(`/proc/${pid}/stat`)
  } catch {
    return null
  }
}

import { readdirSync } from 'node:fs'
import { readProc } from '../lib/proc.ts'
import { acceptQueue } from './listeners.ts'

/** How a process is, as of now. Linux only. */
export interface Vitals {
  /** The kernel's letter: R runs, S sleeps, D waits for a device, T was stopped, t is held by a debugger. */
  readonly state: string
  readonly threads: number
  /** Resident bytes. */
  readonly memory: number
  /** Milliseconds of processor time so far. */
  readonly cpu: number
}

/** Null where there is no /proc, or no such process. */
export function vitalsOf(pid: number): Vitals | null {
  return parseVitals(read(`/proc/${pid}/stat`), pageSize)
}

/** proc_pid_stat(5), counted from the last `)` because the name may hold anything: fields 3, 14, 15, 20 and 24. */
export function parseVitals(stat: string, page: number): Vitals | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state = ''] = fields
  const [user, system, threads, pages] = [fields[11], fields[12], fields[17], fields[21]].map(Number)
  if (!/^[A-Za-z]$/.test(state) || user === undefined || system === undefined || !threads || pages === undefined)
    return null
  // A tick is 10 ms for every program on Linux, whatever the kernel's own is (USER_HZ).
  return { state, threads, memory: pages * page, cpu: (user + system) * 10 }
}

/** Stopped by SIGSTOP or Ctrl-Z. A process that a debugger holds is not meant: somebody is looking at it. */
export function isStopped(pid: number): boolean {
  return vitalsOf(pid)?.state === 'T'
}

/**
 * A clause for people about a process that says nothing: `stopped in do_signal_stop, 7 threads, 23 open files, 48 MB,
 * 3 connections wait to be accepted`. Null where nothing can be seen. `socket` is the number of its listening socket.
 */
export function describeVitals(pid: number, socket: number | null): string | null {
  const vitals = vitalsOf(pid)
  if (!vitals) return null
  const { state, threads, memory } = vitals
  const where = /^[a-z_]\w*$/i.exec(read(`/proc/${pid}/wchan`).trim())?.[0]
  // One that has ended has no socket any more, and the search for it would cost milliseconds while its clients wait.
  const queue = socket === null || state === 'Z' ? null : queueOf(socket)
  const clauses = [
    `${states[state] ?? state}${where === undefined ? '' : ` in ${where}`}`,
    count(threads, 'thread'),
    ...openFiles(pid),
    `${Math.round(memory / 1e6)} MB`,
    ...(queue === null ? [] : [`${count(queue, 'connection')} not yet accepted`]),
  ]
  return clauses.join(', ')
}

function queueOf(socket: number): number | null {
  try {
    return acceptQueue(socket)
  } catch {
    return null
  }
}

const states: Readonly<Record<string, string>> = {
  R: 'running',
  S: 'sleeping',
  D: 'waiting for a device',
  T: 'stopped',
  t: 'held by a debugger',
  Z: 'ended',
}

/** Resident memory is told in pages; how large they are, only our own numbers tell without another process. */
const pageSize = pageSizeOf(read('/proc/self/stat'), process.memoryUsage.rss())

function pageSizeOf(stat: string, bytes: number): number {
  const pages = parseVitals(stat, 1)?.memory ?? 0
  return pages === 0 ? 4_096 : 2 ** Math.round(Math.log2(bytes / pages))
}

function openFiles(pid: number): readonly string[] {
  try {
    return [count(readdirSync(`/proc/${pid}/fd`).length, 'open file')]
  } catch {
    return []
  }
}

function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`
}

function read(path: string): string {
  try {
    return readProc(path)
  } catch {
    return ''
  }
}

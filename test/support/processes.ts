import { execFileSync } from 'node:child_process'
import fs from 'node:fs'

export interface ProcessSeen {
  readonly pid: number
  readonly command: string
}

/** Every living process that mentions a folder in its command line, working folder or environment. */
export function processesOf(folder: string): ProcessSeen[] {
  if (process.platform !== 'linux') return processesByPs(folder)
  const found: ProcessSeen[] = []
  for (const entry of fs.readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid || !isAlive(pid)) continue
    const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()
    const mentions = [command, workingFolder(pid), read(`/proc/${pid}/environ`)]
    if (mentions.some((text) => text.includes(folder))) found.push({ pid, command })
  }
  return found
}

/** Whether a process runs. One that has ended and waits to be noticed (a zombie) does not. */
export function isAlive(pid: number): boolean {
  if (process.platform === 'linux') {
    const stat = read(`/proc/${pid}/stat`)
    return stat !== '' && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  }
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

export interface Usage {
  /** Milliseconds of processor time since the process began. */
  readonly cpu: number
  /** Resident bytes. */
  readonly rss: number
}

/** What a process has used so far. */
export function usageOf(pid: number): Usage {
  if (process.platform === 'linux') {
    const stat = read(`/proc/${pid}/stat`)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // Fields 14, 15 and 24 of proc(5), in ticks of 10 ms and pages of 4 kB on every Linux we run on.
    return {
      cpu: (Number(fields[11]) + Number(fields[12])) * 10,
      rss: Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1]) * 1024,
    }
  }
  const [time = '', rss = ''] = execFileSync('ps', ['-o', 'time=,rss=', '-p', String(pid)], { encoding: 'utf8' })
    .trim()
    .split(/\s+/)
  const seconds = time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return { cpu: seconds * 1000, rss: Number(rss) * 1024 }
}

/** The parent of a process, or null when the process is gone. */
export function parentOf(pid: number): number | null {
  const text = execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }).trim()
  return text === '' ? null : Number(text)
}

/** Ends a process that a test started, and only it; silent when it is gone already. */
export function end(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It was faster.
  }
}

/** Ends a process that a test started and all that came of it, as far as their parents still live. */
export function endTree(pid: number): void {
  for (const one of [pid, ...descendantsOf(pid)]) end(one)
}

/** Those that a process started, and theirs. */
export function descendantsOf(pid: number): readonly number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8', maxBuffer: 64e6 })
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  const found = [pid]
  // Grows while it is walked through.
  for (const one of found) for (const [child = 0, parent] of rows) if (parent === one) found.push(child)
  return found.slice(1)
}

function processesByPs(folder: string): ProcessSeen[] {
  // -E shows the environment of our own processes on macOS and BSD.
  const table = execFileSync('ps', ['-axEww', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 64e6 })
  return table
    .split('\n')
    .filter((line) => line.includes(folder))
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim().slice(0, 200) }))
    .filter(({ pid }) => pid !== process.pid)
}

function workingFolder(pid: number): string {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}

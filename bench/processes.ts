import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** A process of the bench. Disposal ends it and what it started, by PID. */
export interface Running extends AsyncDisposable {
  readonly child: ChildProcess
  readonly pid: number
  /** The last it said on stderr. */
  complaint(): string
}

export interface StartOptions {
  /** The one CPU it may use; ignored where taskset is missing. */
  readonly cpu: number
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Where its stdout goes: a pipe (default), nowhere, or a file descriptor. */
  readonly stdout?: 'pipe' | 'ignore' | number
}

const hasTaskset =
  process.env['BENCH_PIN'] !== '0' && ['0', '1'].every((cpu) => spawnSync('taskset', ['-c', cpu, 'true']).status === 0)
const live = new Set<number>()

// Whatever ends this program, nothing of it stays: disposal comes first, this is for what it could not reach.
process.on('exit', () => {
  for (const pid of live) signal(pid, 'SIGKILL')
})

/** With two CPUs, load and app run on 0 and gateways on 1; with `BENCH_PIN=0` all run where the kernel puts them. */
export function isPinned(): boolean {
  return hasTaskset
}

export function start(file: string, args: readonly string[], options: StartOptions): Running {
  const [command, ...rest] = hasTaskset ? ['taskset', '-c', String(options.cpu), file, ...args] : [file, ...args]
  const child = spawn(command ?? file, rest, {
    stdio: ['pipe', options.stdout ?? 'pipe', 'pipe'],
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  })
  let complaint = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-2_000)))
  child.stdin?.on('error', () => {})
  const { pid } = child
  if (pid === undefined) {
    child.on('error', () => {})
    throw new Error(`Cannot start ${command}: is it installed and executable?`)
  }
  live.add(pid)
  const gone = once(child, 'exit').then(() => void live.delete(pid))
  return {
    child,
    pid,
    complaint: () => complaint,
    async [Symbol.asyncDispose]() {
      const family = descendants(pid)
      signal(pid, 'SIGTERM')
      const ended = await Promise.race([gone.then(() => true), pause(10_000, false, { ref: false })])
      if (ended) return
      for (const one of [pid, ...family]) signal(one, 'SIGKILL')
      await gone
    },
  }
}

/** The first line of stdout that `find` accepts; fails when the process ends before or 20 s have passed. */
export async function firstLine<T>(running: Running, find: (line: string) => T | null): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const timer = setTimeout(() => reject(new Error(`No word within 20 s; it said: ${running.complaint()}`)), 20_000)
  const lost = (): void => reject(new Error(`The process ended too early; it said: ${running.complaint()}`))
  running.child.once('exit', lost)
  let text = ''
  running.child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    const lines = (text + piece).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      const found = find(line)
      if (found !== null) resolve(found)
    }
  })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    running.child.off('exit', lost)
  }
}

/** Children, and theirs. */
export function descendants(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)
  return children.flatMap((child) => [child, ...descendants(child)])
}

/** Resident memory of all, in bytes. */
export function residentOf(pids: readonly number[]): number {
  return pids.reduce(
    (sum, pid) => sum + 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0),
    0,
  )
}

/** Open file descriptors of all. */
export function descriptorsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + fs.readdirSync(`/proc/${pid}/fd`).length, 0)
}

/** How many descriptors a process may open; Node raises its own soft limit at start, and children inherit it. */
export function descriptorLimit(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(read('/proc/self/limits'))?.[1] ?? 1_024)
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone already.
  }
}

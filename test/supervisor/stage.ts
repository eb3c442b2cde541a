import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/lib/clock.ts'
import type { Effect, Event, Exit, Launch, ProbeResult, Traffic } from '../../src/model/protocol.ts'
import type { OutputLine } from '../../src/observe/journal.ts'
import { nothingLeft } from '../../src/supervisor/left.ts'
import { Processes } from '../../src/supervisor/processes.ts'
import { patience } from '../support/wait.ts'

type Report = Extract<Event, { type: 'spawned' | 'exited' | 'probed' }>
export type ProbeWish = Partial<Extract<Effect, { type: 'probe' }>>

/** A temp folder, real processes in it, and everything that was reported, to be awaited. */
export class Stage implements AsyncDisposable {
  readonly dir: string
  readonly processes: Processes
  readonly reports: Report[] = []
  readonly lines: OutputLine[] = []
  readonly notices: string[] = []
  /** What the gateway says about the requests of every run. */
  traffic: Traffic = { waiting: 0, quiet: 0, reads: 0 }
  readonly #watchers = new Set<() => void>()
  #run = 0

  static async open(): Promise<Stage> {
    return new Stage(await mkdtemp(join(tmpdir(), 'quaymaster-processes-')))
  }

  constructor(dir: string) {
    this.dir = dir
    this.processes = new Processes({
      stateDir: join(dir, 'state'),
      left: nothingLeft,
      clock: systemClock,
      report: (event) => this.#note(() => this.reports.push(event)),
      traffic: () => this.traffic,
      output: (line) => this.#note(() => this.lines.push(line)),
      urls: (app) => ({ publicUrl: `http://localhost:8080/${app}`, basePath: `/${app}` }),
      notice: (_, message) => this.notices.push(message),
    })
  }

  /** Starts `sh -c script`, or what `launch` says; answers with the run's number. */
  spawn(script: string, launch: Partial<Launch> = {}, app = 'app'): number {
    const run = ++this.#run
    const shell = { file: '/bin/sh', args: ['-c', script] }
    const rest = { version: 'v1', cwd: this.dir, source: 'apps/app', env: {}, envFiles: [] }
    const plain: Launch = { ...rest, ...shell, uid: null, gid: null, umask: null, listen: 'port', ...launch }
    this.processes.spawn({ type: 'spawn', app, run, launch: plain })
    return run
  }

  async file(name: string, text: string): Promise<string> {
    const path = join(this.dir, name)
    await writeFile(path, text)
    await chmod(path, 0o755)
    return path
  }

  /** One look; `{}` is a plain readiness probe. */
  async probe(run: number, wish: ProbeWish = {}): Promise<ProbeResult> {
    const seen = this.reports.length
    this.processes.probe({
      type: 'probe',
      run,
      purpose: 'readiness',
      after: 0,
      address: null,
      path: null,
      status: [[200, 399]],
      timeout: 2_000,
      stall: 0,
      ...wish,
    })
    return this.#when(() => {
      for (const event of this.reports.slice(seen)) {
        if (event.type === 'probed' && event.run === run) return event.result
      }
      return null
    })
  }

  /** Looks every 20 ms until a probe passes, or until it fails for a reason that `reason` matches. */
  async settled(run: number, wish: ProbeWish = {}, reason = /(?!)/): Promise<ProbeResult> {
    // As the reducer does: before there is a process a probe has nobody to look at, and is not answered.
    await this.spawned(run)
    const signal = AbortSignal.timeout(patience)
    for (;;) {
      const result = await this.probe(run, { after: 20, ...wish })
      if (result.ok || reason.test(result.reason) || signal.aborted) return result
    }
  }

  spawned(run: number): Promise<Extract<Report, { type: 'spawned' }>> {
    return this.#when(
      () => this.reports.find((event) => event.type === 'spawned' && event.run === run) ?? null,
    ) as never
  }

  async exited(run: number): Promise<Exit> {
    return this.#when(() => this.exits(run)[0] ?? null)
  }

  exits(run: number): readonly Exit[] {
    return this.reports.flatMap((event) => (event.type === 'exited' && event.run === run ? [event.exit] : []))
  }

  /** The first line that matches. */
  async said(pattern: RegExp): Promise<string> {
    return this.#when(() => this.lines.find((one) => pattern.test(one.line))?.line ?? null)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.processes[Symbol.asyncDispose]()
    await rm(this.dir, { recursive: true, force: true })
  }

  #note(add: () => void): void {
    add()
    for (const look of this.#watchers) look()
  }

  #when<T>(find: () => T | null): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find()
        if (found === null) return
        clearTimeout(timer)
        this.#watchers.delete(look)
        resolve(found)
      }
      const timer = setTimeout(() => {
        reject(new Error(`waited ${patience} ms; seen: ${JSON.stringify(this.reports)}`))
      }, patience)
      this.#watchers.add(look)
      look()
    })
  }
}

/** Whether a process runs; a zombie does not. */
export async function isRunning(pid: number): Promise<boolean> {
  if (!existsSync('/proc/self')) {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => ') Z')
  return !/\) [ZX]/.test(stat)
}

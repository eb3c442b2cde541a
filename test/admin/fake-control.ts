import type { Control, Verb } from '../../src/admin/control.ts'
import type { CrashReport, SuspectStatus } from '../../src/model/crash.ts'
import type { AppStatus, StatusDocument } from '../../src/model/status.ts'
import { Journal, type OutputLine } from '../../src/observe/journal.ts'

/** Records what it is asked and answers as a small fleet would. */
export class FakeControl implements Control {
  readonly journal: Journal = new Journal()
  readonly commands: (readonly [app: string, verb: Verb])[] = []
  readonly lines: OutputLine[] = []
  reports: readonly CrashReport[] = []
  suspects: readonly SuspectStatus[] = []
  apps: readonly AppStatus[] = [appStatus('hello'), appStatus('clock', { state: 'refused', reason: 'needs python3' })]
  url = 'http://localhost:8080/'
  downs = 0
  onDown: () => void = () => {}
  closing = false
  waiting: readonly string[] = []

  status(): StatusDocument {
    return {
      version: '1.2.3',
      pid: process.pid,
      startedAt: new Date(0).toISOString(),
      url: this.url,
      adminUrl: null,
      closing: this.closing,
      waitingFor: this.waiting,
      apps: this.apps,
    }
  }

  command(app: string, verb: Verb): Promise<Awaited<ReturnType<Control['command']>>> {
    this.commands.push([app, verb])
    const known = this.apps.find(({ name }) => name === app)
    if (!known) return Promise.resolve({ ok: false, reason: 'there is none', known: false })
    if (known.reason !== null) return Promise.resolve({ ok: false, reason: known.reason, known: true })
    return Promise.resolve({ ok: true, state: verb === 'stop' ? 'off' : 'ready' })
  }

  versions(): null {
    return null
  }

  rollBack(app: string): Promise<Awaited<ReturnType<Control['command']>>> {
    return Promise.resolve({ ok: false, reason: `nothing of ${app} is kept`, known: true })
  }

  deploy(app: string): Promise<Awaited<ReturnType<Control['command']>>> {
    return Promise.resolve({ ok: false, reason: `${app} is not taken`, known: true })
  }
  async upgrade(): Promise<void> {}

  down(): void {
    this.downs += 1
    this.onDown()
  }

  output(app: string | null, last: number): readonly OutputLine[] {
    return this.lines.filter((line) => app === null || line.app === app).slice(-last)
  }

  crashes(app: string | null): readonly CrashReport[] {
    return this.reports.filter((it) => app === null || it.app === app)
  }

  quarantine(): readonly SuspectStatus[] {
    return this.suspects
  }

  clear(app: string): boolean {
    const before = this.suspects.length
    this.suspects = this.suspects.filter((it) => it.app !== app)
    return this.suspects.length < before
  }

  write(app: string, line: string, stream: 'stdout' | 'stderr' = 'stdout'): void {
    const entry = { at: 0, app, run: 1, stream, line }
    this.lines.push(entry)
    this.journal.write({ type: 'output', ...entry })
  }
}

export function appStatus(name: string, change: Partial<AppStatus> = {}): AppStatus {
  return {
    name,
    state: 'ready',
    reason: null,
    source: `apps/${name}`,
    url: `http://localhost:8080/${name}/`,
    hostUrl: `http://${name}.localhost:8080/`,
    version: '0123456789abcdef',
    wanted: 1,
    instances: [
      {
        run: 1,
        state: 'ready',
        version: '0123456789abcdef',
        pid: 77,
        host: '127.0.0.1',
        port: 40_001,
        socket: null,
        uptime: 65_000,
        memory: 48 * 2 ** 20,
        cpu: 1_200,
        note: null,
      },
    ],
    recycled: 0,
    replayed: 0,
    held: 0,
    quarantined: [],
    falls: { total: 0, streak: 0, last: null },
    rejected: null,
    ...change,
  }
}

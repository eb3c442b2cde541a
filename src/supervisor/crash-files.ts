import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CrashReport } from '../model/crash.ts'
import { messageOf, reasonOf } from './errno.ts'
import type { Notice } from './notice.ts'

/** Reports that are kept, the newest of an app and of all. */
const mostOfApp = 20
const mostOfAll = 200
/** A file that is larger is none of ours (bytes). */
const largest = 1024 * 1024

/** `<state>/crashes/`: one JSON file a report (mode 0600). A disk that cannot be written costs the files, nothing else. */
export class CrashFiles implements AsyncDisposable {
  readonly #folder: string
  readonly #notice: Notice
  /** Oldest first. */
  #reports: readonly CrashReport[]
  #work: Promise<void> = Promise.resolve()
  #failed = false

  static async open(stateDir: string, notice: Notice): Promise<CrashFiles> {
    const folder = join(stateDir, 'crashes')
    const reports = await readAll(folder).catch((error: unknown) => {
      if (reasonOf(error) !== 'ENOENT') notice('warn', `cannot read ${folder}: ${messageOf(error)}`)
      return []
    })
    return new CrashFiles(folder, notice, reports)
  }

  private constructor(folder: string, notice: Notice, reports: readonly CrashReport[]) {
    this.#folder = folder
    this.#notice = notice
    this.#reports = reports
  }

  /** Newest first; of all apps when `app` is null. */
  list(app: string | null): readonly CrashReport[] {
    return this.#reports.filter((it) => app === null || it.app === app).toReversed()
  }

  put(report: CrashReport): void {
    const all = [...this.#reports, report]
    const kept = bounded(all)
    this.#reports = kept
    const surplus = all.filter((it) => !kept.includes(it))
    this.#work = this.#work.then(() => this.#write(report, surplus))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#work
  }

  async #write(report: CrashReport, surplus: readonly CrashReport[]): Promise<void> {
    const path = this.#pathOf(report.id)
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      for (const { id } of surplus) await rm(this.#pathOf(id), { force: true })
      await writeFile(`${path}.new`, `${JSON.stringify(report, null, 1)}\n`, { mode: 0o600 })
      await rename(`${path}.new`, path)
      this.#failed = false
    } catch (error) {
      await rm(`${path}.new`, { force: true }).catch(() => {})
      if (!this.#failed)
        this.#notice(
          'warn',
          `cannot keep crash reports in ${this.#folder}: ${messageOf(error)}; they are in memory only`,
        )
      this.#failed = true
    }
  }

  #pathOf(id: string): string {
    return join(this.#folder, `${id}.json`)
  }
}

/** The newest of each app, of those the newest. */
function bounded(reports: readonly CrashReport[]): readonly CrashReport[] {
  const counts = new Map<string, number>()
  const kept = reports.toReversed().filter(({ app }) => {
    const count = (counts.get(app) ?? 0) + 1
    counts.set(app, count)
    return count <= mostOfApp
  })
  return kept.slice(0, mostOfAll).toReversed()
}

async function readAll(folder: string): Promise<readonly CrashReport[]> {
  const reports: CrashReport[] = []
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.json')) continue
    const text = await readFile(join(folder, name), 'utf8').catch(() => '')
    const report = text.length > largest ? null : parsed(text)
    if (report && `${report.id}.json` === name) reports.push(report)
  }
  return bounded(reports.sort((a, b) => (a.at < b.at ? -1 : 1)))
}

/** A file that was cut short, or is of another make, is no report. */
function parsed(text: string): CrashReport | null {
  try {
    const { id, app, at, flights, output } = JSON.parse(text) as Partial<CrashReport>
    const isWhole =
      typeof id === 'string' &&
      typeof app === 'string' &&
      typeof at === 'string' &&
      Array.isArray(flights) &&
      Array.isArray(output)
    return isWhole ? (JSON.parse(text) as CrashReport) : null
  } catch {
    return null
  }
}

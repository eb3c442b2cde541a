import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../lib/clock.ts'
import type { Evidence } from '../model/poison.ts'
import { messageOf, reasonOf } from './errno.ts'
import type { Notice } from './notice.ts'

/** What is held against requests of one app. */
export interface Held {
  readonly app: string
  /** That crashed. */
  readonly version: string
  readonly evidence: Evidence
}

/** Characters of the file; the apps whose last crash is the oldest are left out beyond it. */
const largest = 1024 * 1024
/** Changes of so many milliseconds are written at once. */
const batchTime = 20

/**
 * `<state>/suspicions.json` (mode 0600): what is held against requests, for the gateway that comes next. Its times are
 * dates, because its clock may be another one. A disk that cannot be written costs the memory, nothing else.
 */
export class EvidenceFile implements AsyncDisposable {
  readonly #path: string
  readonly #clock: Clock
  readonly #notice: Notice
  readonly #held: () => readonly Held[]
  #timer: NodeJS.Timeout | null = null
  #work: Promise<void> = Promise.resolve()
  #failed = false
  #closed = false

  /** `held` is asked whenever the file is written. */
  constructor(stateDir: string, clock: Clock, notice: Notice, held: () => readonly Held[]) {
    this.#path = join(stateDir, 'suspicions.json')
    this.#clock = clock
    this.#notice = notice
    this.#held = held
  }

  /** What an earlier gateway left. What cannot be read holds nothing against anybody. */
  async read(): Promise<readonly Held[]> {
    const text = await readFile(this.#path, 'utf8').catch((error: unknown) => {
      if (reasonOf(error) !== 'ENOENT') this.#notice('warn', `cannot read ${this.#path}: ${messageOf(error)}`)
      return ''
    })
    const now = this.#clock.now()
    const epoch = this.#clock.wall() - now
    return text.length > largest ? [] : parsed(text).map((one) => dated(one, (at) => Math.min(now, at - epoch)))
  }

  changed(): void {
    if (!this.#closed) this.#timer ??= setTimeout(() => this.#begin(), batchTime)
  }

  /** Writes what is due, and nothing more. Twice is harmless. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer) this.#begin()
    this.#closed = true
    await this.#work
  }

  #begin(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const epoch = this.#clock.wall() - this.#clock.now()
    const text = written(this.#held().map((one) => dated(one, (at) => Math.round(at + epoch))))
    this.#work = this.#work.then(() => this.#write(text))
  }

  async #write(text: string): Promise<void> {
    const path = this.#path
    try {
      if (text === '') return await rm(path, { force: true })
      await mkdir(join(path, '..'), { recursive: true, mode: 0o700 })
      await writeFile(`${path}.new`, text, { mode: 0o600 })
      await rename(`${path}.new`, path)
      this.#failed = false
    } catch (error) {
      await rm(`${path}.new`, { force: true }).catch(() => {})
      if (!this.#failed)
        this.#notice('warn', `cannot keep ${path}: ${messageOf(error)}; the next gateway will suspect nobody`)
      this.#failed = true
    }
  }
}

function dated({ app, version, evidence }: Held, date: (at: number) => number): Held {
  return {
    app,
    version,
    evidence: { ...evidence, crashes: evidence.crashes.map((it) => ({ ...it, at: date(it.at) })) },
  }
}

/** A line an app, the newest first; empty when there is nothing to be held against anybody. */
function written(held: readonly Held[]): string {
  const last = ({ evidence }: Held): number => Math.max(0, ...evidence.crashes.map(({ at }) => at))
  let text = ''
  for (const { app, version, evidence } of held.toSorted((a, b) => last(b) - last(a))) {
    const { seq, crashes, acquitted } = evidence
    if (crashes.length === 0) continue
    const line = `${JSON.stringify({ app, version, seq, crashes, acquitted: [...acquitted] })}\n`
    if (text.length + line.length > largest) break
    text += line
  }
  return text
}

function parsed(text: string): readonly Held[] {
  try {
    const lines = text.split('\n').filter((line) => line !== '')
    return lines.map((line) => JSON.parse(line) as unknown).flatMap((it) => heldOf(it) ?? [])
  } catch {
    return []
  }
}

function heldOf(it: unknown): Held | null {
  if (!isRecord(it) || !isText(it['app']) || !isText(it['version']) || !isNumber(it['seq'])) return null
  const { app, version, seq, crashes, acquitted } = it
  const isWhole = Array.isArray(crashes) && crashes.every(isCrash) && Array.isArray(acquitted)
  if (!isWhole || !acquitted.every(isAcquittal)) return null
  return { app, version, evidence: { seq, crashes, acquitted: new Map(acquitted) } }
}

function isCrash(it: unknown): it is Evidence['crashes'][number] {
  return (
    isRecord(it) &&
    isText(it['id']) &&
    [it['run'], it['seq'], it['at'], it['weight']].every(isNumber) &&
    [it['inFlight'], it['tried']].every((list) => Array.isArray(list) && list.every(isText)) &&
    typeof it['single'] === 'boolean'
  )
}

function isAcquittal(it: unknown): it is [string, number] {
  return Array.isArray(it) && it.length === 2 && isText(it[0]) && isNumber(it[1])
}

function isRecord(it: unknown): it is Record<string, unknown> {
  return typeof it === 'object' && it !== null
}

function isText(it: unknown): it is string {
  return typeof it === 'string'
}

function isNumber(it: unknown): it is number {
  return typeof it === 'number' && Number.isFinite(it)
}

import type { CrashesDocument, CrashReport, SuspectStatus } from '../model/crash.ts'
import { plainText } from '../observe/plain-text.ts'
import { duration, shortVersion } from '../observe/words.ts'
import { ask } from './client.ts'
import { CommandError } from './fail.ts'
import { findState } from './find-state.ts'
import type { GlobalOptions } from './global-options.ts'

export interface CrashesOptions extends GlobalOptions {
  /** An app, or the id of one crash; null for all. */
  readonly app: string | null
  readonly last: boolean
  readonly clear: boolean
  readonly json: boolean
}

export async function runCrashes({ app, last, clear, json, ...options }: CrashesOptions): Promise<number> {
  const state = await findState(options)
  if (clear) {
    if (app === null)
      throw new CommandError('Say whose suspects are to be cleared: quaymaster crashes <app> --clear', 2)
    const path = `/apps/${encodeURIComponent(app)}/clear`
    const { cleared } = await ask<{ cleared: boolean }>(state, 'POST', path)
    process.stdout.write(cleared ? `No request of ${app} is suspected any more.\n` : `${app} has no suspects.\n`)
    return 0
  }
  const all = await ask<CrashesDocument>(state, 'GET', '/crashes')
  const one = all.crashes.find(({ id }) => id === app)
  const found = one ? { crashes: [one], suspects: [] } : await of(state, app, all)
  const [newest] = found.crashes
  const shown = one ?? (last ? newest : undefined)
  if (json) process.stdout.write(`${JSON.stringify(last || one ? (shown ?? null) : found, null, 2)}\n`)
  else process.stdout.write(shown ? crashText(shown) : crashesText(found))
  return 0
}

async function of(state: string, app: string | null, all: CrashesDocument): Promise<CrashesDocument> {
  return app === null ? all : ask<CrashesDocument>(state, 'GET', `/crashes?app=${encodeURIComponent(app)}`)
}

/** Two lines a crash, newest first, and what is suspected now. */
export function crashesText({ crashes, suspects }: CrashesDocument): string {
  if (crashes.length === 0 && suspects.length === 0) return 'No crashes on record.\n'
  const lines = crashes.flatMap(({ id, at, app, run, reason, blame }) => [
    `${dateOf(at)}  ${id}  ${app} run ${run}: ${clipped(plainText(reason, false))}`,
    `    ${plainText(blame, false)}`,
  ])
  return `${[...lines, ...suspects.map(suspectText)].join('\n')}\n`
}

/** A reason ends with the last line of output, which may be a page: --last has it whole. */
function clipped(text: string): string {
  return text.length > widest ? `${text.slice(0, widest - 1)}…` : text
}

const widest = 200

function suspectText({ app, shape, quarantined, until, crashes }: SuspectStatus): string {
  const what = `${app}: ${plainText(shape, false)}`
  if (!quarantined || until === null) return `${what} is suspected and tried alone`
  return `${what} is in quarantine until ${dateOf(until)} (${crashes.join(', ')}); end it with: quaymaster crashes ${app} --clear`
}

/** One crash in full. */
export function crashText(crash: CrashReport): string {
  const { id, at, app, run, pid, version, reason, blame, uptime, memory, flights, more, output } = crash
  const megabytes = memory === null ? 'unknown' : `${Math.round(memory / 1024 / 1024)} MiB when last looked at`
  const lines = [
    `${id}  ${dateOf(at)}`,
    '',
    `App      ${app}, run ${run}, PID ${pid ?? '-'}, version ${shortVersion(version)}`,
    `End      ${plainText(reason, false)}`,
    `Uptime   ${duration(uptime)}`,
    `Memory   ${megabytes}`,
    `Blame    ${plainText(blame, false)}`,
  ]
  if (flights.length > 0) lines.push('', 'In flight:')
  for (const { method, target, age, size, subject, id, answering, alone } of flights) {
    const facts = [
      `for ${duration(age)}`,
      size === null ? 'length unknown' : `${size} bytes`,
      answering ? 'response begun' : 'no response yet',
      ...(alone ? ['tried alone'] : []),
      ...(subject === null ? [] : [`by ${subject}`]),
    ]
    lines.push(plainText(`  ${method} ${target}  ${facts.join(', ')}  (request ${id})`, false))
  }
  if (more > 0) lines.push(`  and ${more} more`)
  if (output.length > 0) lines.push('', 'Last words:')
  for (const { stream, line } of output) lines.push(`  ${stream === 'stderr' ? '!' : '│'} ${plainText(line, false)}`)
  return `${lines.join('\n')}\n`
}

/** `2026-01-31 12:00:01`, in local time. */
function dateOf(iso: string): string {
  const date = new Date(iso)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`
}

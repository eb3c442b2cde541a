import type { Announcement } from '../model/protocol.ts'
import { colorOf, type Paint } from './color.ts'
import { duration, tell } from './words.ts'
import type { Exchange, OutputLine } from './journal.ts'
import { plainText } from './plain-text.ts'

/** How lines look on a terminal. Pure: the same entry is always the same line. */
export interface Look {
  readonly paint: Paint
  readonly color: boolean
  /** How wide the names of apps are padded. */
  readonly width: number
  /** Of the gateway, without a slash at its end; empty until it is known. */
  readonly url?: string
}

/** `hello │ listening on 4000`; a line from stderr has `!` for the bar. */
export function outputLine({ app, stream, line }: OutputLine, look: Look): string {
  const bar = stream === 'stderr' ? look.paint('red', '!') : look.paint('dim', '│')
  return `${nameOf(app, look)} ${bar} ${plainText(line, look.color)}`
}

/** `hello ● http://localhost:8080/hello/ ready in 41ms: run 4, PID 123, port 40001`. */
export function announcementLine(announcement: Announcement, look: Look): string {
  const { text, mood } = tell(announcement, look.url)
  const safe = plainText(text, false)
  const { paint } = look
  const name = nameOf(announcement.app, look)
  switch (mood) {
    case 'good':
      return `${name} ${paint('green', '●')} ${safe}`
    case 'bad':
      return `${name} ${paint('red', '✗')} ${paint('red', safe)}`
    case 'quiet':
      return `${name} ${paint('dim', '·')} ${paint('dim', safe)}`
  }
}

/** `12:00:01 GET 200 /hello/ 3ms → hello#4`. */
export function accessLine(exchange: Exchange, look: Look): string {
  const { paint } = look
  const { at, method, status, target, took, held, app, run, error } = exchange
  const parts = [
    paint('dim', timeOf(at)),
    plainText(method, false),
    paint(statusStyle(status), String(status)),
    plainText(target, false),
    paint('dim', duration(took)),
  ]
  if (app !== null) parts.push(paint('dim', '→'), paint(colorOf(app), run === null ? app : `${app}#${run}`))
  if (held >= 1) parts.push(paint('dim', `(held ${duration(held)})`))
  if (error) parts.push(paint('yellow', `${error.source}: ${plainText(error.detail, false)}`))
  return parts.join(' ')
}

export function noticeLine(level: 'info' | 'warn' | 'error', message: string, { paint }: Look): string {
  const safe = plainText(message.replaceAll('\n', ' '), false)
  if (level === 'info') return `${paint('cyan', 'quaymaster')} ${safe}`
  return `${paint(level === 'warn' ? 'yellow' : 'red', `quaymaster ${level === 'warn' ? 'warning' : 'error'}:`)} ${safe}`
}

export interface Greeting {
  readonly version: string
  /** Milliseconds from the start of the process; null when unknown. */
  readonly took: number | null
  readonly url: string
  readonly adminUrl: string | null
  /** Shown in full: the one place where it is. Null when the operator configured tokens. */
  readonly token: string | null
  /** The watched folder. */
  readonly appsDir: string
  readonly apps: readonly {
    readonly name: string
    readonly state: string
    readonly reason: string | null
    readonly url: string
  }[]
}

/** What a person sees first. */
export function banner(greeting: Greeting, { paint, color, width }: Look): readonly string[] {
  const { version, took, url, adminUrl, token, apps } = greeting
  const label = (text: string): string => paint('dim', text.padEnd(9))
  const ready = took === null ? '' : `  ${paint('dim', `ready in ${duration(took)}`)}`
  const lines = ['', `  ${paint(['bold', 'cyan'], 'Quaymaster')} ${version}${ready}`, '']
  lines.push(`  ${label('Gateway')} ${paint('cyan', url)}`)
  if (adminUrl !== null) lines.push(`  ${label('Admin')} ${paint('cyan', adminUrl)}`)
  if (token !== null) lines.push(`  ${label('Token')} ${paint('bold', token)}`)
  lines.push('')
  for (const app of apps) {
    const name = nameOf(app.name, { paint, color, width })
    const state = paint(stateStyle(app.state), app.state.padEnd(9))
    const reason = app.reason === null ? paint('dim', app.url) : plainText(app.reason, false)
    lines.push(`  ${name} ${state} ${reason}`)
  }
  if (apps.length === 0) lines.push(`  No apps yet. Drop an executable into ${plainText(greeting.appsDir, false)}`)
  lines.push('')
  return lines
}

export function stateStyle(state: string): 'green' | 'red' | 'yellow' | 'dim' {
  if (state === 'ready' || state === 'remote') return 'green'
  if (state === 'refused' || state === 'resting') return 'red'
  if (state === 'off' || state === 'stopping') return 'dim'
  return 'yellow'
}

function nameOf(name: string, { paint, width }: Look): string {
  return paint(colorOf(name), name.padEnd(width))
}

function statusStyle(status: number): 'green' | 'red' | 'yellow' | 'cyan' {
  if (status >= 500) return 'red'
  if (status >= 400) return 'yellow'
  return status >= 300 ? 'cyan' : 'green'
}

function timeOf(at: number): string {
  const date = new Date(at)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((it) => String(it).padStart(2, '0')).join(':')
}

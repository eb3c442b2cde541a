import { gravityOf, type Exchange } from './journal.ts'

/**
 * One exchange as a line of JSON, without its end, in the form of the other lines. Made by hand: there may be tens of
 * thousands a second (measured: 2.5 µs where pino takes 9).
 */
export function requestLine(it: Exchange, now: number): string {
  const level = gravityOf(it.status, it.error) >= 500 ? 'error' : 'info'
  return (
    `{"level":"${level}","time":"${isoTime(now)}","event":"request","id":${quoted(it.id)},"at":${it.at}` +
    `,"client":${quoted(it.client)},"subject":${quoted(it.subject)},"app":${quoted(it.app)},"run":${it.run}` +
    `,"method":${quoted(it.method)},"host":${quoted(it.host)},"target":${quoted(it.target)},"status":${it.status}` +
    `,"bytesIn":${it.bytesIn},"bytesOut":${it.bytesOut},"took":${rounded(it.took)},"held":${rounded(it.held)}` +
    `,"error":${it.error === null ? 'null' : escapeControls(JSON.stringify(it.error))}}`
  )
}

/** The exchanges of lines that `requestLine` made. */
export function readRequestLines(lines: string): readonly Exchange[] {
  return JSON.parse(`[${lines.trimEnd().replaceAll('\n', ',')}]`) as readonly Exchange[]
}

/** Milliseconds to the microsecond: what a clock adds beyond is noise that doubles the length of a line. */
export function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}

/** Control characters above ASCII pass JSON unescaped, but some terminals obey them. */
export function escapeControls(json: string): string {
  return json.replace(c1, escapeUnicode)
}

function quoted(text: string | null): string {
  if (text === null) return 'null'
  return plain.test(text) ? `"${text}"` : escapeControls(JSON.stringify(text))
}

/** The moment of the last line, which was most often in the same millisecond. */
let last = Number.NaN
let lastText = ''

function isoTime(now: number): string {
  if (now !== last) {
    last = now
    lastText = new Date(now).toISOString()
  }
  return lastText
}

/** Needs no escapes in JSON. */
const plain = /^[ !#-[\]-~]*$/

// oxlint-disable-next-line no-control-regex
const c1 = /[\u007f-\u009f\u2028\u2029]/g

function escapeUnicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

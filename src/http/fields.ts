import { parseDecimal } from './framing.ts'
import type { Head } from './head.ts'
import { FRAMING, OTHER_FORWARDED_NAME, ROUTING, TRAITS, findName, nameNumber } from './names.ts'
import { CLASS, COMMA, TCHAR, skipSpace, spells, trimSpace } from './octets.ts'
import { refuse, type Refusal } from './refusal.ts'

/** Options of the Connection field, as bits. */
export const CLOSE_OPTION = 1
export const KEEP_ALIVE_OPTION = 2
export const UPGRADE_OPTION = 4

/**
 * Reads the Connection field (RFC 9110 §7.6.1): returns its options as bits, or -1 when it is no list of tokens, and
 * marks every field it nominates as omitted. Host and the framing fields cannot be nominated: they are rebuilt for
 * each side whatever the sender wishes. Call it once a head, before anything of our own is added.
 */
export function readConnection(head: Head): number {
  let index = head.indexOf(CONNECTION)
  if (index === -1) return 0
  let options = 0
  let budget = MAX_OPTIONS
  for (; index < head.count; index++) {
    if (head.names[index] !== CONNECTION) continue
    const end = head.valueEnd(index)
    let at = head.valueStart(index)
    while (at < end) {
      let stop = at
      while (stop < end && head.bytes[stop] !== COMMA) stop++
      const from = skipSpace(head.bytes, at, stop)
      const to = trimSpace(head.bytes, from, stop)
      // RFC 9110 §5.6.1 wants a reasonable number of empty elements ignored; they count, so that they stay reasonable.
      if (--budget < 0 || !isToken(head.bytes, from, to)) return -1
      if (to > from) options |= readOption(head, from, to)
      at = stop + 1
    }
  }
  return options
}

/** Whether the connection may carry another message after this one (RFC 9112 §9.3). */
export function persists(head: Head, options: number): boolean {
  if ((options & CLOSE_OPTION) !== 0) return false
  return head.minor > 0 || (options & KEEP_ALIVE_OPTION) !== 0
}

/**
 * Fields of which two would let us and the app read different ones (RFC 9110 §5.3). Host, Content-Length and
 * Transfer-Encoding are checked where they are read.
 */
export function checkSingletons(head: Head): Refusal | null {
  if (!head.hasRepeats) return null
  for (const name of SINGLETONS) {
    if (!head.isRepeated(name)) continue
    const index = head.indexOf(name)
    const text = head.text(head.nameStart(index), head.nameEnd(index))
    return refuse(head.side, 'field-repeated', `${text} is given more than once; send it once.`)
  }
  return null
}

/** Whether the client waits for a 100 before it sends the body. HTTP/1.0 cannot (RFC 9110 §10.1.1). */
export function readExpectation(head: Head): 'none' | 'continue' | Refusal {
  const index = head.indexOf(EXPECT)
  if (index === -1 || head.minor === 0) return 'none'
  if (spells(head.bytes, head.valueStart(index), head.valueEnd(index), '100-continue')) return 'continue'
  return refuse(head.side, 'unknown-expectation')
}

/** How many more hops an OPTIONS may take: -1 when it does not say, 0 when the answer is ours to give. */
export function readMaxForwards(head: Head): number | Refusal {
  const index = head.indexOf(MAX_FORWARDS)
  if (index === -1) return -1
  const hops = parseDecimal(head.bytes, head.valueStart(index), head.valueEnd(index))
  return hops === -1 ? refuse(head.side, 'bad-max-forwards') : hops
}

/** Whether the sender said `TE: trailers`. */
export function acceptsTrailers(head: Head): boolean {
  if (!head.has(TE)) return false
  return elements(head, TE).includes('trailers')
}

/** How often a gateway of this name has passed the message on (RFC 9110 §7.6.3). */
export function countHops(head: Head, pseudonym: string): number {
  return elements(head, VIA).filter((element) => element.split(' ')[1] === pseudonym).length
}

/** Seconds of `Keep-Alive: timeout=N`, or -1: how long the peer keeps an idle connection. */
export function keepAliveSeconds(head: Head): number {
  const index = head.indexOf(KEEP_ALIVE)
  if (index === -1) return -1
  // Nearly always it is `timeout=5` and nothing else, in every response.
  const start = head.valueStart(index) + TIMEOUT.length
  const end = head.valueEnd(index)
  if (end > start && end - start < 10 && spells(head.bytes, start - TIMEOUT.length, start, TIMEOUT)) {
    const seconds = parseDecimal(head.bytes, start, end)
    if (seconds !== -1) return seconds
  }
  for (const element of elements(head, KEEP_ALIVE)) {
    const match = /^timeout\s*=\s*"?(\d{1,9})"?$/.exec(element)
    if (match) return Number(match[1])
  }
  return -1
}

/**
 * The protocols a request offers to change to, in lower case and joined by ", "; empty when there are none, when the
 * Connection field does not say `upgrade`, or in HTTP/1.0 (RFC 9110 §7.8). HTTP/2 and TLS are never offered on: behind
 * such a tunnel requests would pass that nobody authorises (h2c smuggling).
 */
export function offeredProtocols(head: Head, options: number): string {
  if ((options & UPGRADE_OPTION) === 0 || head.minor === 0) return ''
  return elements(head, UPGRADE)
    .filter((protocol) => PROTOCOL.test(protocol) && !/^(?:h2c?|http|tls)(?:\/|$)/.test(protocol))
    .join(', ')
}

/** The protocol a 101 changes to, or empty when it is not exactly one of those that were offered. */
export function acceptedProtocol(head: Head, offered: string): string {
  const [protocol, ...others] = elements(head, UPGRADE)
  if (protocol === undefined || others.length > 0) return ''
  return offered.split(', ').includes(protocol) ? protocol : ''
}

const CONNECTION = nameNumber('connection')
const KEEP_ALIVE = nameNumber('keep-alive')
const TIMEOUT = 'timeout='
const UPGRADE = nameNumber('upgrade')
const TE = nameNumber('te')
const VIA = nameNumber('via')
const EXPECT = nameNumber('expect')
const MAX_FORWARDS = nameNumber('max-forwards')
/** Not Authorization and X-API-Token: `identify` refuses them where they decide, and a public app gets what is not ours. */
const SINGLETONS = (['content-type', 'content-range', 'expect', 'max-forwards'] as const).map(nameNumber)
/** Each may cost a walk over all fields. */
const MAX_OPTIONS = 64
const PROTOCOL = /^[!#$%&'*+.^_`|~0-9a-z-]+(?:\/[!#$%&'*+.^_`|~0-9a-z-]+)?$/

function readOption(head: Head, from: number, to: number): number {
  const { bytes } = head
  if (spells(bytes, from, to, 'keep-alive')) return KEEP_ALIVE_OPTION
  if (spells(bytes, from, to, 'close')) return CLOSE_OPTION
  if (spells(bytes, from, to, 'upgrade')) return UPGRADE_OPTION
  nominate(head, from, to)
  return 0
}

function nominate(head: Head, from: number, to: number): void {
  let classes = 0
  for (let at = from; at < to; at++) classes |= CLASS[head.bytes[at] as number] as number
  const name = findName(head.bytes, from, to, classes)
  if (((TRAITS[name] as number) & (FRAMING | ROUTING)) !== 0) return
  for (let index = 0; index < head.count; index++) {
    if (head.names[index] !== name) continue
    if (name > OTHER_FORWARDED_NAME || isSameName(head, index, from, to)) head.omitted[index] = 1
  }
}

function isSameName(head: Head, index: number, from: number, to: number): boolean {
  const start = head.nameStart(index)
  if (head.nameEnd(index) - start !== to - from) return false
  for (let i = 0; i < to - from; i++) {
    if (fold(head.bytes[start + i] as number) !== fold(head.bytes[from + i] as number)) return false
  }
  return true
}

function fold(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
}

function isToken(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (((CLASS[bytes[at] as number] as number) & TCHAR) === 0) return false
  return true
}

/** The elements of a list of tokens in lower case, over all fields of the name. Only for rare fields: it makes strings. */
function elements(head: Head, name: number): string[] {
  const found: string[] = []
  for (let index = Math.max(0, head.indexOf(name)); index < head.count; index++) {
    if (head.names[index] !== name) continue
    for (const element of head.text(head.valueStart(index), head.valueEnd(index)).split(',')) {
      const trimmed = element.trim().toLowerCase()
      if (trimmed !== '') found.push(trimmed)
    }
  }
  return found
}

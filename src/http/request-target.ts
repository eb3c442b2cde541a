import type { Head } from './head.ts'
import { CONNECT, OPTIONS, TRACE } from './method.ts'
import { nameNumber } from './names.ts'
import { CLASS, COLON, DIGIT, HEX, HOST, SLASH, spells } from './octets.ts'
import { refuse, type Refusal } from './refusal.ts'

const HOST_FIELD = nameNumber('host')

/**
 * Decides what a request is for (RFC 9112 §3.2, §3.3) and writes it into `head`: form, path and authority. Routing,
 * authorisation and the rebuilt head use these and nothing else, so that they cannot disagree.
 */
export function checkTarget(head: Head, scheme: 'http' | 'https'): Refusal | null {
  const refused = checkHost(head)
  if (refused !== null) return refused
  if (head.method === CONNECT) return refuse('request', 'connect-refused')
  if (head.method === TRACE) return refuse('request', 'trace-refused')
  const first = head.bytes[head.targetStart]
  if (first === SLASH) {
    head.form = 'origin'
    head.pathStart = head.targetStart
    head.pathEnd = head.targetEnd
    return null
  }
  if (first === ASTERISK && head.targetEnd - head.targetStart === 1) return checkAsterisk(head)
  return checkAbsolute(head, scheme)
}

/** Host of an authority, lower case, without port and without a final dot: what routes are looked up by. */
export function hostOf(head: Head): string {
  const { bytes, authorityStart } = head
  let end = head.authorityEnd
  if (bytes[authorityStart] !== OPENING) {
    for (let at = authorityStart; at < end; at++) if (bytes[at] === COLON) end = at
  } else {
    for (let at = authorityStart; at < end; at++) if (bytes[at] === CLOSING) end = at + 1
  }
  if (end > authorityStart + 1 && bytes[end - 1] === DOT) end--
  return head.text(authorityStart, end).toLowerCase()
}

/** Path and query as received; "/" where an absolute target has an empty path. */
export function pathOf(head: Head): string {
  const path = head.text(head.pathStart, head.pathEnd)
  return head.bytes[head.pathStart] === SLASH && path !== '' ? path : head.form === 'asterisk' ? '*' : `/${path}`
}

const DOT = 0x2e
const QUESTION = 0x3f
const AT_SIGN = 0x40
const ASTERISK = 0x2a
const OPENING = 0x5b
const CLOSING = 0x5d

function checkHost(head: Head): Refusal | null {
  const index = head.indexOf(HOST_FIELD)
  if (index === -1) {
    head.authorityStart = head.authorityEnd = head.start
    return head.minor === 0 ? null : refuse('request', 'host-missing')
  }
  if (head.isRepeated(HOST_FIELD)) return refuse('request', 'host-repeated')
  head.authorityStart = head.valueStart(index)
  head.authorityEnd = head.valueEnd(index)
  return isAuthority(head.bytes, head.authorityStart, head.authorityEnd) ? null : refuse('request', 'host-invalid')
}

/** `*` asks about the server as a whole, and only OPTIONS may. */
function checkAsterisk(head: Head): Refusal | null {
  if (head.method !== OPTIONS) return refuse('request', 'bad-target-form')
  head.form = 'asterisk'
  head.pathStart = head.pathEnd = head.targetEnd
  return null
}

/** The authority of an absolute target replaces the Host field (RFC 9112 §3.2.2), for us and for the app. */
function checkAbsolute(head: Head, scheme: 'http' | 'https'): Refusal | null {
  const { bytes, targetStart, targetEnd } = head
  let colon = targetStart
  while (colon < targetEnd && bytes[colon] !== COLON) colon++
  if (bytes[colon + 1] !== SLASH || bytes[colon + 2] !== SLASH || colon + 2 >= targetEnd) {
    return refuse('request', 'bad-target-form')
  }
  const isHttp = spells(bytes, targetStart, colon, 'http')
  if (!isHttp && !spells(bytes, targetStart, colon, 'https')) return refuse('request', 'bad-target-scheme')
  const start = colon + 3
  let end = start
  while (end < targetEnd && bytes[end] !== SLASH && bytes[end] !== QUESTION) {
    if (bytes[end] === AT_SIGN) return refuse('request', 'target-userinfo')
    end++
  }
  if (!isAuthority(bytes, start, end)) return refuse('request', 'host-invalid')
  if (isHttp !== (scheme === 'http')) return refuse('request', 'misdirected-scheme')
  head.authorityStart = start
  head.authorityEnd = end
  head.pathStart = end
  head.pathEnd = targetEnd
  head.form = head.method === OPTIONS && end === targetEnd ? 'asterisk' : 'absolute'
  return null
}

/** `host`, `host:port`, `[v6]`, `[v6]:port`; never empty, because an http URL has a host (RFC 9110 §4.2.1). */
function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  if (bytes[start] === OPENING && start < end) {
    at++
    let colons = 0
    while (at < end && (bytes[at] === COLON || bytes[at] === DOT || HEX[bytes[at] as number] !== 255)) {
      if (bytes[at++] === COLON) colons++
    }
    if (at === end || bytes[at] !== CLOSING || colons < 2) return false
    at++
  } else {
    while (at < end && ((CLASS[bytes[at] as number] as number) & HOST) !== 0) at++
    if (at === start) return false
  }
  return at === end || (bytes[at] === COLON && isPort(bytes, at + 1, end))
}

/** An empty port is legal and means the default one (RFC 3986 §3.2.3). */
function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 5) return false
  let port = 0
  for (let at = start; at < end; at++) {
    if (((CLASS[bytes[at] as number] as number) & DIGIT) === 0) return false
    port = port * 10 + (bytes[at] as number) - 0x30
  }
  return port <= 65_535
}

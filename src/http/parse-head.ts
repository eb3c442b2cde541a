import type { Head } from './head.ts'
import { findMethod } from './method.ts'
import { findName } from './names.ts'
import { CLASS, COLON, CR, DIGIT, HTAB, LF, SP, TARGET, TCHAR, VALUE, trimSpace } from './octets.ts'
import { refuse, type Refusal, type RefusalCode } from './refusal.ts'

/** What became of the bytes so far: the head needs more of them, it is complete and ends at `head.end`, or it is bad. */
export type Step = 'more' | 'done' | Refusal

/**
 * Reads a head that `head.begin…` started, from `bytes` up to `to`. After 'more' call it again with the same bytes and
 * a later `to`, or with other bytes after `head.moveTo`; every byte is looked at once, however the stream was split,
 * and the outcome depends only on the bytes, never on the splits.
 *
 * Strict on purpose (RFC 9112 lets a recipient repair much of this): what two parsers may read in two ways is refused,
 * so that nobody behind us can read it in the other way. Only a response's lines may end with LF alone (RFC 9112 §2.2
 * lets a recipient take it): a script of three lines answers so, and what goes on is written anew.
 */
export function parseHead(head: Head, bytes: Buffer, to: number): Step {
  head.bytes = bytes
  if (head.state < LINE_START) {
    if (head.isTrailer) {
      head.state = LINE_START
    } else {
      const stopped = head.side === 'request' ? parseRequestLine(head, bytes, to) : parseStatusLine(head, bytes, to)
      if (stopped !== null) return stopped
    }
  }
  return parseFields(head, bytes, to)
}

const EMPTY_LINES = 0
const EMPTY_LINE_LF = 1
const METHOD = 2
const REQUEST_TARGET = 3
const REQUEST_VERSION = 4
const STATUS = 5
const REASON = 6
const START_LINE_LF = 7
const LINE_START = 8
const NAME = 9
const SPACE = 10
const CONTENT = 11
const LINE_LF = 12
const FINAL_LF = 13

/** RFC 9112 §2.2 asks to ignore "at least one" empty line before a request; two clients in the wild send two. */
const MAX_EMPTY_LINES = 4
/** The longest registered method has 17 characters. */
const MAX_METHOD = 32

function parseRequestLine(head: Head, bytes: Buffer, to: number): Step | null {
  if (head.state <= EMPTY_LINE_LF) {
    const stopped = skipEmptyLines(head, bytes, to)
    if (stopped !== null) return stopped
    head.start = head.at
    head.methodStart = head.at
    head.state = METHOD
  }
  const limit = head.start + head.limits.head
  const end = to < limit ? to : limit
  let at = head.at
  if (head.state === METHOD) {
    const stop = Math.min(end, head.methodStart + MAX_METHOD + 1)
    while (at < stop && ((CLASS[bytes[at] as number] as number) & TCHAR) !== 0) at++
    if (at === stop) return starve(head, at, to, 'bad-method')
    if (bytes[at] !== SP || at === head.methodStart) return fail(head, bytes[at], 'bad-method')
    head.methodEnd = at
    head.method = findMethod(bytes, head.methodStart, at)
    head.targetStart = ++at
    head.state = REQUEST_TARGET
  }
  if (head.state === REQUEST_TARGET) {
    const stop = Math.min(end, head.targetStart + head.limits.target + 1)
    while (at < stop && ((CLASS[bytes[at] as number] as number) & TARGET) !== 0) at++
    if (at === stop) return starve(head, at, to, 'target-too-long')
    // HTTP/0.9: the line ends after the target.
    if (bytes[at] === CR) return refuse(head.side, 'bad-version')
    if (bytes[at] !== SP || at === head.targetStart) return fail(head, bytes[at], 'bad-target')
    head.targetEnd = at
    head.mark = ++at
    head.state = REQUEST_VERSION
  }
  if (head.state === REQUEST_VERSION) {
    for (; at - head.mark < 9; at++) {
      if (at === end) return starve(head, at, to, 'bad-version')
      const byte = bytes[at] as number
      const fault = at - head.mark < 8 ? versionFault(head, at - head.mark, byte) : byte === CR ? null : 'bad-version'
      if (fault !== null) return fail(head, byte, fault)
    }
    head.state = START_LINE_LF
  }
  return endStartLine(head, bytes, at, end, to)
}

function parseStatusLine(head: Head, bytes: Buffer, to: number): Step | null {
  const limit = head.start + head.limits.head
  const end = to < limit ? to : limit
  let at = head.at
  if (head.state < STATUS) {
    head.mark = head.start
    head.state = STATUS
  }
  if (head.state === STATUS) {
    for (; at - head.mark < 13; at++) {
      if (at === end) return starve(head, at, to, 'bad-start-line')
      const fault = statusFault(head, at - head.mark, bytes[at] as number)
      if (fault !== null) return fail(head, bytes[at], fault)
    }
    // RFC 9112 §4 wants the space even before an empty reason, but many leave it out and nobody reads that otherwise.
    head.reasonStart = at
    head.reasonEnd = at
    const last = bytes[at - 1]
    // The line feed that ends it alone is looked at once more, as the one behind a CR is.
    if (last === LF) at--
    head.state = last === SP ? REASON : START_LINE_LF
  }
  if (head.state === REASON) {
    const stop = Math.min(end, head.reasonStart + head.limits.field + 1)
    while (at < stop && ((CLASS[bytes[at] as number] as number) & VALUE) !== 0) at++
    if (at === stop) return starve(head, at, to, 'field-too-large')
    if (bytes[at] !== CR && bytes[at] !== LF) return fail(head, bytes[at], 'bad-start-line')
    head.reasonEnd = at
    if (bytes[at] === CR) at++
    head.state = START_LINE_LF
  }
  return endStartLine(head, bytes, at, end, to)
}

function parseFields(head: Head, bytes: Buffer, to: number): Step {
  const limit = head.start + head.limits.head
  const end = to < limit ? to : limit
  const offsets = head.offsets
  let at = head.at
  let state = head.state
  let slot = head.count * 4
  let stop = slot < offsets.length ? Math.min(end, (offsets[slot] as number) + head.limits.field + 1) : end
  for (;;) {
    if (state === LINE_START) {
      if (at === end) return pause(head, state, at, to, 'head-too-large')
      const first = bytes[at] as number
      if (first === CR || (first === LF && takesLf(head))) {
        if (first === CR) at++
        state = FINAL_LF
        continue
      }
      if (first === SP || first === HTAB) return refuse(head.side, 'folded-line')
      if (slot === offsets.length) return tooMany(head)
      offsets[slot] = at
      head.classes = 0
      stop = Math.min(end, at + head.limits.field + 1)
      state = NAME
    }
    if (state === NAME) {
      let classes = head.classes
      while (at < stop) {
        const kind = CLASS[bytes[at] as number] as number
        if ((kind & TCHAR) === 0) break
        classes |= kind
        at++
      }
      head.classes = classes
      if (at === stop) return pause(head, state, at, to, 'field-too-large')
      if (bytes[at] !== COLON || at === offsets[slot]) return badName(head, bytes[at], at === offsets[slot])
      offsets[slot + 1] = at++
      state = SPACE
    }
    if (state === SPACE) {
      while (at < stop && (bytes[at] === SP || bytes[at] === HTAB)) at++
      if (at === stop) return pause(head, state, at, to, 'field-too-large')
      offsets[slot + 2] = at
      state = CONTENT
    }
    if (state === CONTENT) {
      while (at < stop && ((CLASS[bytes[at] as number] as number) & VALUE) !== 0) at++
      if (at === stop) return pause(head, state, at, to, 'field-too-large')
      const ending = bytes[at]
      if (ending !== CR && !(ending === LF && takesLf(head))) return fail(head, ending, 'bad-field-value')
      offsets[slot + 3] = trimSpace(bytes, offsets[slot + 2] as number, at)
      if (ending === CR) at++
      state = LINE_LF
    }
    if (at === end) return pause(head, state, at, to, 'head-too-large')
    if (bytes[at] !== LF) return refuse(head.side, 'bare-cr')
    at++
    if (state === FINAL_LF) {
      head.end = at
      return 'done'
    }
    head.add(findName(bytes, offsets[slot] as number, offsets[slot + 1] as number, head.classes))
    slot += 4
    state = LINE_START
  }
}

function skipEmptyLines(head: Head, bytes: Buffer, to: number): Step | null {
  for (;;) {
    if (head.at === to) return 'more'
    const byte = bytes[head.at]
    if (head.state === EMPTY_LINE_LF) {
      if (byte !== LF) return refuse(head.side, 'bare-cr')
      if (++head.emptyLines > MAX_EMPTY_LINES) return refuse(head.side, 'too-many-empty-lines')
      head.state = EMPTY_LINES
    } else if (byte === CR) {
      head.state = EMPTY_LINE_LF
    } else {
      return byte === LF ? refuse(head.side, 'bare-lf') : null
    }
    head.at++
  }
}

const VERSION = 'HTTP/1.'

function versionFault(head: Head, position: number, byte: number): RefusalCode | null {
  if (position === 7) {
    if (((CLASS[byte] as number) & DIGIT) === 0) return 'bad-version'
    head.minor = byte === 0x30 ? 0 : 1
    return null
  }
  if (byte === VERSION.charCodeAt(position)) return null
  return position === 5 && ((CLASS[byte] as number) & DIGIT) !== 0 ? 'version-not-supported' : 'bad-version'
}

function statusFault(head: Head, position: number, byte: number): RefusalCode | null {
  if (position < 8) return versionFault(head, position, byte)
  if (position === 8) return byte === SP ? null : 'bad-start-line'
  if (position === 12) return byte === SP || byte === CR || byte === LF ? null : 'bad-start-line'
  if (((CLASS[byte] as number) & DIGIT) === 0) return 'bad-start-line'
  head.status = head.status * 10 + byte - 0x30
  return position === 11 && head.status < 100 ? 'bad-start-line' : null
}

function endStartLine(head: Head, bytes: Buffer, at: number, end: number, to: number): Step | null {
  if (at === end) return starve(head, at, to, 'head-too-large')
  if (bytes[at] !== LF) return refuse(head.side, 'bare-cr')
  head.at = at + 1
  head.state = LINE_START
  return null
}

function pause(head: Head, state: number, at: number, to: number, code: RefusalCode): Step {
  head.state = state
  return starve(head, at, to, code)
}

/** The bytes ended before `to`, so a limit was met; or they are all read, and more are needed. */
function starve(head: Head, at: number, to: number, code: RefusalCode): Step {
  head.at = at
  if (at === to) return 'more'
  if (at === head.start + head.limits.head) return tooLarge(head)
  if (code === 'target-too-long') {
    return refuse(head.side, code, `The request target is longer than ${head.limits.target} bytes.`)
  }
  if (code === 'field-too-large') {
    return refuse(head.side, code, `A header field is longer than ${head.limits.field} bytes.`)
  }
  return refuse(head.side, code)
}

function tooLarge(head: Head): Refusal {
  if (head.isTrailer) {
    return refuse(head.side, 'trailers-too-large', `The trailer section is longer than ${head.limits.head} bytes.`)
  }
  return refuse(head.side, 'head-too-large', `The header section is longer than ${head.limits.head} bytes.`)
}

function tooMany(head: Head): Refusal {
  return refuse(head.side, 'too-many-fields', `There are more than ${head.limits.fields} header fields.`)
}

/** In a trailer section a lone LF could end the body for one reader and not for the other. */
function takesLf(head: Head): boolean {
  return head.side === 'response' && !head.isTrailer
}

/** A misplaced line end is named as what it is, because that is what the sender must change. */
function fail(head: Head, byte: number | undefined, otherwise: RefusalCode): Refusal {
  return refuse(head.side, byte === LF ? 'bare-lf' : otherwise)
}

function badName(head: Head, byte: number | undefined, isEmpty: boolean): Refusal {
  if (!isEmpty && (byte === SP || byte === HTAB)) return refuse(head.side, 'space-before-colon')
  return fail(head, byte, 'bad-field-name')
}

import { writeChunkSize } from './chunked.ts'
import type { Framing } from './framing.ts'
import type { Head } from './head.ts'
import { UNKNOWN_METHOD, methodName } from './method.ts'
import { ALIAS, FORWARDING, FRAMING, HOP, IDENTITY, ROUTING, TRACE, TRAITS, UNKNOWN_NAME } from './names.ts'
import { CLASS, COLON, CR, LF, SP, VALUE } from './octets.ts'

/** What a client may not tell an app behind the gateway's back. */
export const REQUEST_OMITS: number = HOP | FRAMING | ROUTING | FORWARDING | IDENTITY | TRACE | ALIAS
/** What an app's response may not tell the client. */
export const RESPONSE_OMITS: number = HOP | FRAMING | ALIAS

/** How a request head goes on to an app. */
export interface RequestOut {
  /** Origin-form, ASCII. */
  target: string
  /** For the Host field. Never empty: a request that came without one (HTTP/1.0) goes on as 1.1, which must have it. */
  authority: string
  framing: Framing
  /** Bits of `names.ts`: fields with one of them are left out. */
  omits: number
  /** Whole lines of our own, each ended by CR LF; see `fieldLine`. */
  added: string
  /** More of the same in pieces, for what differs from request to request: joined to a string it would be copied twice. */
  pieces: readonly string[]
  /** Other values for some fields, by index; an empty one leaves the field out. */
  edits: ReadonlyMap<number, string> | null
  /** Protocols offered to change to, empty for none. */
  upgrade: string
  /** Whether to say that trailers are welcome. */
  trailers: boolean
}

/** How a response head goes on to a client. */
export interface ResponseOut {
  framing: Framing
  omits: number
  added: string
  /** As of a request. */
  pieces: readonly string[]
  edits: ReadonlyMap<number, string> | null
  /** The protocol a 101 changes to, empty for every other status. */
  upgrade: string
  /** What Connection shall say; empty when nothing needs to be said. */
  connection: '' | 'close' | 'keep-alive'
}

/**
 * Writes a request head into `out` from `at` and returns the position behind it. Everything is written anew from what
 * was understood: one space, one colon, CR LF, our version, our Host first, our framing. `out` must have room for
 * `requestBound` bytes.
 */
export function writeRequest(out: Buffer, at: number, head: Head, how: RequestOut): number {
  let to = at
  if (head.method === UNKNOWN_METHOD) to = copy(out, to, head.bytes, head.methodStart, head.methodEnd)
  else to = put(out, to, methodName(head.method))
  out[to++] = SP
  to = put(out, to, how.target)
  to = put(out, to, ' HTTP/1.1\r\n')
  to = put(out, to, 'Host: ')
  to = put(out, to, how.authority)
  to = endLine(out, to)
  to = writeFields(out, to, head, how.omits, how.edits)
  to = put(out, to, how.added)
  to = putAll(out, to, how.pieces)
  to = writeFraming(out, to, how.framing)
  if (how.upgrade !== '') {
    to = put(out, to, 'Upgrade: ')
    to = put(out, to, how.upgrade)
    to = put(out, to, how.trailers ? '\r\nTE: trailers\r\nConnection: Upgrade, TE\r\n' : '\r\nConnection: Upgrade\r\n')
  } else if (how.trailers) {
    to = put(out, to, 'TE: trailers\r\nConnection: TE\r\n')
  }
  return endLine(out, to)
}

/** The most bytes `writeRequest` can write. */
export function requestBound(head: Head, how: RequestOut): number {
  return bound(head, how) + how.target.length + how.authority.length + how.upgrade.length
}

/** Writes a final, interim or 101 response head, as `writeRequest` does. Our version is 1.1 whatever the client's is. */
export function writeResponse(out: Buffer, at: number, head: Head, how: ResponseOut): number {
  let to = put(out, at, 'HTTP/1.1 ')
  to = putDecimal(out, to, head.status)
  out[to++] = SP
  to = copy(out, to, head.bytes, head.reasonStart, head.reasonEnd)
  to = endLine(out, to)
  to = writeFields(out, to, head, how.omits, how.edits)
  to = put(out, to, how.added)
  to = putAll(out, to, how.pieces)
  to = writeFraming(out, to, how.framing)
  if (how.upgrade !== '') {
    to = put(out, to, 'Upgrade: ')
    to = put(out, to, how.upgrade)
    to = put(out, to, '\r\nConnection: Upgrade\r\n')
  } else if (how.connection !== '') {
    to = put(out, to, how.connection === 'close' ? 'Connection: close\r\n' : 'Connection: keep-alive\r\n')
  }
  return endLine(out, to)
}

/** The most bytes `writeResponse` can write. */
export function responseBound(head: Head, how: ResponseOut): number {
  return bound(head, how) + how.upgrade.length
}

/** Ends a chunked body: the last chunk and those trailers that may arrive late (RFC 9110 §6.5.1). */
export function writeLastChunk(out: Buffer, at: number, trailers: Head | null): number {
  let to = writeChunkSize(out, at, 0)
  if (trailers !== null) {
    for (let index = 0; index < trailers.count; index++) {
      // Whatever has a meaning to us or to a recipient's processing must not arrive after the fact.
      if (trailers.names[index] === UNKNOWN_NAME && trailers.omitted[index] === 0)
        to = writeField(out, to, trailers, index)
    }
  }
  return endLine(out, to)
}

/** The most bytes `writeLastChunk` can write. */
export function lastChunkBound(trailers: Head | null): number {
  return 8 + (trailers === null ? 0 : trailers.end - trailers.start + 2 * trailers.count)
}

/**
 * One line of our own. It throws on a value that could break out of its line: the values we add are ours, so that is
 * a mistake in our code, not in somebody's message.
 */
export function fieldLine(name: string, value: string): string {
  for (let i = 0; i < value.length; i++) {
    if (((CLASS[value.charCodeAt(i)] ?? 0) & VALUE) === 0) {
      throw new RangeError(`Cannot write the field ${name}: character ${i} of its value is not allowed in a header.`)
    }
  }
  return `${name}: ${value}\r\n`
}

/** Start line, separators, framing, Connection and the final empty line never need more than this. */
const FIXED_PARTS = 192

function bound(head: Head, { added, pieces, edits }: RequestOut | ResponseOut): number {
  // A field received as "a:b" grows by the space, one that ended with LF alone by the CR.
  let size = FIXED_PARTS + (head.end - head.start) + 2 * head.count + added.length
  for (let i = 0; i < pieces.length; i++) size += (pieces[i] as string).length
  if (edits !== null) for (const value of edits.values()) size += value.length
  return size
}

/** Neighbours that are kept and already spelt our way are copied as one run; most heads are two or three runs. */
function writeFields(
  out: Buffer,
  at: number,
  head: Head,
  omits: number,
  edits: ReadonlyMap<number, string> | null,
): number {
  const { bytes, offsets, names, omitted, count } = head
  let to = at
  let run = -1
  let runEnd = -1
  for (let index = 0, slot = 0; index < count; index++, slot += 4) {
    if (((TRAITS[names[index] as number] as number) & omits) !== 0 || omitted[index] !== 0) continue
    const edit = edits === null ? undefined : edits.get(index)
    const start = offsets[slot] as number
    const end = offsets[slot + 3] as number
    const isPlain =
      edit === undefined &&
      offsets[slot + 2] === (offsets[slot + 1] as number) + 2 &&
      bytes[(offsets[slot + 1] as number) + 1] === SP &&
      bytes[end] === CR
    if (isPlain && start === runEnd) {
      runEnd = end + 2
      continue
    }
    if (run !== -1) to = copy(out, to, bytes, run, runEnd)
    run = -1
    if (isPlain) {
      run = start
      runEnd = end + 2
    } else if (edit === undefined) {
      to = writeField(out, to, head, index)
    } else if (edit !== '') {
      to = copy(out, to, bytes, start, offsets[slot + 1] as number)
      to = put(out, to, ': ')
      to = put(out, to, edit)
      to = endLine(out, to)
    }
  }
  return run === -1 ? to : copy(out, to, bytes, run, runEnd)
}

function writeField(out: Buffer, at: number, head: Head, index: number): number {
  let to = copy(out, at, head.bytes, head.nameStart(index), head.nameEnd(index))
  out[to++] = COLON
  out[to++] = SP
  to = copy(out, to, head.bytes, head.valueStart(index), head.valueEnd(index))
  return endLine(out, to)
}

function writeFraming(out: Buffer, at: number, framing: Framing): number {
  if (framing.kind === 'chunked') return put(out, at, 'Transfer-Encoding: chunked\r\n')
  if (framing.length < 0) return at
  return endLine(out, putDecimal(out, put(out, at, 'Content-Length: '), framing.length))
}

function putAll(out: Buffer, at: number, texts: readonly string[]): number {
  let to = at
  for (let i = 0; i < texts.length; i++) to = put(out, to, texts[i] as string)
  return to
}

function put(out: Buffer, at: number, text: string): number {
  // A call into C++ is dearer than a few characters, and cheaper than many.
  if (text.length > SHORT) return at + out.write(text, at, 'latin1')
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i)
  return at + text.length
}

function putDecimal(out: Buffer, at: number, value: number): number {
  return put(out, at, String(value))
}

/** Below this many bytes a loop is faster than the view and the call that `set` needs. */
const SHORT = 64

function copy(out: Buffer, at: number, bytes: Uint8Array, start: number, end: number): number {
  if (end - start < SHORT) for (let i = start; i < end; i++) out[at + i - start] = bytes[i] as number
  else out.set(bytes.subarray(start, end), at)
  return at + end - start
}

function endLine(out: Buffer, at: number): number {
  out[at] = CR
  out[at + 1] = LF
  return at + 2
}

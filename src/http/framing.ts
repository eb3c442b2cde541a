import type { Head } from './head.ts'
import { HEAD } from './method.ts'
import { nameNumber } from './names.ts'
import { CLASS, COMMA, DIGIT, TCHAR, skipSpace, spells, trimSpace } from './octets.ts'
import { refuse, type Refusal } from './refusal.ts'

/** How a body is delimited. */
export interface Framing {
  /** `close`: the body ends with the connection; responses only. */
  readonly kind: 'none' | 'length' | 'chunked' | 'close'
  /** Bytes of a `length` body. Of a `none`: the length to be told anyway (HEAD, 304), -1 when none. Else -1. */
  readonly length: number
}

export const NONE: Framing = Object.freeze({ kind: 'none', length: -1 })
/** A length of 0. */
export const EMPTY: Framing = Object.freeze({ kind: 'length', length: 0 })
export const CHUNKED: Framing = Object.freeze({ kind: 'chunked', length: -1 })
export const CLOSE: Framing = Object.freeze({ kind: 'close', length: -1 })

const CONTENT_LENGTH = nameNumber('content-length')
const TRANSFER_ENCODING = nameNumber('transfer-encoding')

/** RFC 9112 §6.3 for a request. Every "two opinions" case it allows to be repaired is refused (§11.2). */
export function requestFraming(head: Head): Framing | Refusal {
  if (head.has(TRANSFER_ENCODING)) return codingOf(head)
  if (!head.has(CONTENT_LENGTH)) return NONE
  return lengthOf(head)
}

/**
 * RFC 9112 §6.3 for the response to a request with this method. A 204 or an interim response has no body and no
 * length, whatever it says; to HEAD and in a 304 a Content-Length describes what GET would have brought.
 */
export function responseFraming(head: Head, method: number): Framing | Refusal {
  if (head.status < 200 || head.status === 204) return NONE
  if (method === HEAD || head.status === 304) {
    if (head.has(TRANSFER_ENCODING) || !head.has(CONTENT_LENGTH)) return NONE
    const framing = lengthOf(head)
    return framing.kind === 'length' ? { kind: 'none', length: framing.length } : framing
  }
  if (head.has(TRANSFER_ENCODING)) return codingOf(head)
  return head.has(CONTENT_LENGTH) ? lengthOf(head) : CLOSE
}

/** The framing of a relayed response, for a client of this minor version: HTTP/1.0 knows no chunks (RFC 9112 §7). */
export function reframe(framing: Framing, minor: number): Framing {
  if (framing.kind !== 'chunked' && framing.kind !== 'close') return framing
  return minor === 0 ? CLOSE : CHUNKED
}

/** An interim response precedes the final one; 101 is final for HTTP. */
export function isInterim(status: number): boolean {
  return status < 200 && status !== 101
}

/** A decimal number of digits only, or -1. Leading zeros are legal; above 2^53-1 it is not. */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    if (((CLASS[bytes[at] as number] as number) & DIGIT) === 0) return -1
    // The digit first: a sum with the byte itself would be rounded near 2^53.
    value = value * 10 + ((bytes[at] as number) - 0x30)
    if (value > Number.MAX_SAFE_INTEGER) return -1
  }
  return value
}

function lengthOf(head: Head): Framing | Refusal {
  // Equal repetitions could be folded into one (RFC 9112 §6.3 rule 5), but no honest sender makes them.
  if (head.isRepeated(CONTENT_LENGTH)) return refuse(head.side, 'length-repeated')
  const index = head.indexOf(CONTENT_LENGTH)
  const length = parseDecimal(head.bytes, head.valueStart(index), head.valueEnd(index))
  return length === -1 ? refuse(head.side, 'length-invalid') : { kind: 'length', length }
}

function codingOf(head: Head): Framing | Refusal {
  if (head.minor === 0) return refuse(head.side, 'coding-in-old-version')
  if (head.has(CONTENT_LENGTH)) return refuse(head.side, 'length-and-coding')
  if (head.isRepeated(TRANSFER_ENCODING)) return refuse(head.side, 'coding-repeated')
  const index = head.indexOf(TRANSFER_ENCODING)
  const start = head.valueStart(index)
  const end = head.valueEnd(index)
  if (spells(head.bytes, start, end, 'chunked')) return CHUNKED
  return refuse(head.side, isOtherCoding(head.bytes, start, end) ? 'coding-unknown' : 'coding-invalid')
}

/** Well-formed codings that end in one `chunked`: framing is clear, but undoing the others is not our trade. */
function isOtherCoding(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  let isChunked = false
  for (;;) {
    let stop = at
    while (stop < end && bytes[stop] !== COMMA) stop++
    const from = skipSpace(bytes, at, stop)
    const to = trimSpace(bytes, from, stop)
    if (isChunked || from === to || spells(bytes, from, to, 'identity')) return false
    for (let i = from; i < to; i++) if (((CLASS[bytes[i] as number] as number) & TCHAR) === 0) return false
    isChunked = spells(bytes, from, to, 'chunked')
    if (stop === end) return isChunked
    at = stop + 1
  }
}

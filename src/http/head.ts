import { UNKNOWN_METHOD, methodName } from './method.ts'
import { NAME_COUNT, UNKNOWN_NAME } from './names.ts'
import { spells } from './octets.ts'
import type { Side } from './refusal.ts'

/** How large a head may be, in bytes, before it is refused with 414 or 431. */
export interface HeadLimits {
  /** The request target. RFC 9112 §3 asks for at least 8000. */
  readonly target: number
  /** Number of fields. */
  readonly fields: number
  /** One field line without its CR LF; of a response also the reason phrase. */
  readonly field: number
  /** Everything from the first byte of the start line to the empty line, inclusive. */
  readonly head: number
}

/** nginx takes 4 lines of 8 KiB, Node 16 KiB in all, HAProxy 101 fields: a head that passes here fits most of them. */
export const DEFAULT_HEAD_LIMITS: HeadLimits = { target: 8192, fields: 128, field: 16_384, head: 32_768 }

/** How the request target is written (RFC 9112 §3.2). The authority-form belongs to CONNECT, which is refused. */
export type TargetForm = 'origin' | 'absolute' | 'asterisk'

/**
 * One request head, response head or trailer section, as offsets into the bytes it was read from: nothing is copied
 * and no string is made until one is asked for. Filled by `parseHead`, reused for the next message by `begin…`; the
 * offsets are good only as long as the bytes are, see `moveTo`.
 */
export class Head {
  readonly limits: HeadLimits
  side: Side = 'request'
  isTrailer = false
  bytes: Buffer = NO_BYTES

  /** Where the parser stands: its state, position, and what it must remember inside a line. */
  state = 0
  at = 0
  mark = 0
  classes = 0
  emptyLines = 0

  /** The first byte of the start line, and one past the empty line that ends the head. */
  start = 0
  end = 0
  /** HTTP/1.0 or HTTP/1.1; a higher minor version counts as 1 (RFC 9110 §2.5). */
  minor = 1
  method: number = UNKNOWN_METHOD
  methodStart = 0
  methodEnd = 0
  targetStart = 0
  targetEnd = 0
  status = 0
  reasonStart = 0
  reasonEnd = 0

  /** Filled by `checkTarget`: the parts of the target. An empty path means "/". */
  form: TargetForm = 'origin'
  pathStart = 0
  pathEnd = 0
  /** The authority the request is for: of an absolute target, else of the Host field; empty for HTTP/1.0 without. */
  authorityStart = 0
  authorityEnd = 0

  /** Fields in the order received. */
  count = 0
  /** Whether any known name occurs twice. */
  hasRepeats = false
  /** Four offsets a field: start and end of the name, start and end of the value without outer white space. */
  readonly offsets: Int32Array
  /** The number of each field's name, see `names.ts`. */
  readonly names: Uint8Array
  /** 1 for a field that is not to be passed on, for a reason its name alone does not tell (nominated by Connection). */
  readonly omitted: Uint8Array
  /** By number of name: one more than the index of its first field, 0 when absent. */
  readonly #first: Int16Array = new Int16Array(NAME_COUNT)
  readonly #repeated: Uint8Array = new Uint8Array(NAME_COUNT)
  /** Where `own` copies to. */
  #room: Buffer = NO_BYTES

  constructor(limits: HeadLimits = DEFAULT_HEAD_LIMITS) {
    this.limits = limits
    this.offsets = new Int32Array(limits.fields * 4)
    this.names = new Uint8Array(limits.fields)
    this.omitted = new Uint8Array(limits.fields)
  }

  beginRequest(from: number): void {
    this.#begin('request', from)
  }

  beginResponse(from: number): void {
    this.#begin('response', from)
  }

  /** A trailer section has field lines only; it is parsed by the same rules. */
  beginTrailers(side: Side, from: number): void {
    this.#begin(side, from)
    this.isTrailer = true
  }

  /** Called by the parser: the field whose offsets stand at `count` is complete. */
  add(name: number): void {
    const index = this.count++
    this.names[index] = name
    this.omitted[index] = 0
    if (name === UNKNOWN_NAME) return
    if (this.#first[name] === 0) this.#first[name] = index + 1
    else {
      this.#repeated[name] = 1
      this.hasRepeats = true
    }
  }

  has(name: number): boolean {
    return this.#first[name] !== 0
  }

  isRepeated(name: number): boolean {
    return this.#repeated[name] !== 0
  }

  /** The index of the first field of this name, or -1. */
  indexOf(name: number): number {
    return (this.#first[name] as number) - 1
  }

  nameStart(index: number): number {
    return this.offsets[index * 4] as number
  }

  nameEnd(index: number): number {
    return this.offsets[index * 4 + 1] as number
  }

  valueStart(index: number): number {
    return this.offsets[index * 4 + 2] as number
  }

  valueEnd(index: number): number {
    return this.offsets[index * 4 + 3] as number
  }

  /** The first value of a known name as received, one character a byte; empty when absent, as an empty value is. */
  value(name: number): string {
    const index = this.indexOf(name)
    return index === -1 ? '' : this.text(this.valueStart(index), this.valueEnd(index))
  }

  /** The index of the first field from `from` on whose name is `lower` in any case, or -1: for names without a number. */
  find(lower: string, from = 0): number {
    for (let index = from; index < this.count; index++) {
      if (spells(this.bytes, this.nameStart(index), this.nameEnd(index), lower)) return index
    }
    return -1
  }

  /** Whether `text` would be this, without making it. */
  reads(start: number, end: number, text: string): boolean {
    if (end - start !== text.length) return false
    for (let i = 0; i < text.length; i++) if (this.bytes[start + i] !== text.charCodeAt(i)) return false
    return true
  }

  text(start: number, end: number): string {
    return this.bytes.toString('latin1', start, end)
  }

  methodText(): string {
    return this.method === UNKNOWN_METHOD ? this.text(this.methodStart, this.methodEnd) : methodName(this.method)
  }

  /** Copies its bytes if they are these, which are somebody else's in a moment. */
  own(lent: Buffer): void {
    if (this.bytes !== lent) return
    const size = this.end - this.start
    let room = this.#room
    if (size > room.length) room = Buffer.allocUnsafeSlow(size <= ROOM ? ROOM : size)
    if (size <= ROOM) this.#room = room
    this.bytes.copy(room, 0, this.start, this.end)
    this.moveTo(room, 0)
  }

  /** The same head in other bytes that begin at `start` there: after the caller copied or moved them. */
  moveTo(bytes: Buffer, start: number): void {
    const by = start - this.start
    this.bytes = bytes
    this.start += by
    this.end += by
    this.at += by
    this.mark += by
    this.methodStart += by
    this.methodEnd += by
    this.targetStart += by
    this.targetEnd += by
    this.reasonStart += by
    this.reasonEnd += by
    this.pathStart += by
    this.pathEnd += by
    this.authorityStart += by
    this.authorityEnd += by
    // One field more than is complete: the parser may stand in the middle of it.
    const used = Math.min(this.count + 1, this.limits.fields) * 4
    for (let i = 0; i < used; i++) this.offsets[i] = (this.offsets[i] as number) + by
  }

  #begin(side: Side, from: number): void {
    for (let index = 0; index < this.count; index++) {
      const name = this.names[index] as number
      this.#first[name] = 0
      this.#repeated[name] = 0
    }
    this.side = side
    this.isTrailer = false
    this.state = 0
    this.at = from
    this.start = from
    this.emptyLines = 0
    this.count = 0
    this.hasRepeats = false
    this.minor = 1
    this.method = UNKNOWN_METHOD
    this.status = 0
    this.form = 'origin'
    this.authorityStart = from
    this.authorityEnd = from
  }
}

const NO_BYTES = Buffer.alloc(0)
/** Most heads fit; what one keeps of its own is no more. */
const ROOM = 2_048

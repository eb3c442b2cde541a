import { Head, type HeadLimits } from './head.ts'
import { CLASS, CR, HEX, LF, SEMICOLON, VALUE } from './octets.ts'
import { parseHead } from './parse-head.ts'
import { refuse, type Refusal, type Side } from './refusal.ts'

/** What a reader of a body found: a run of data, the end, that it needs more bytes, or that they are bad. */
export type BodyStep = 'data' | 'more' | 'end' | Refusal

const SIZE = 0
const EXTENSION = 1
const SIZE_LF = 2
const DATA = 3
const DATA_CR = 4
const DATA_LF = 5
const TRAILER_START = 6
const TRAILER_LF = 7
const TRAILERS = 8
const ENDED = 9

/** Sixteen digits hold every size up to 2^53-1 and any honest number of leading zeros. */
const MAX_DIGITS = 16
/** One chunk's extensions. Nobody is known to use more than a hundred bytes. */
const MAX_EXTENSION = 1024
/** What the size lines of a body may weigh beyond 16 bytes a chunk and twice its data (Go's rule after CVE-2023-39326). */
const MAX_OVERHEAD = 16_384

const TRAILER_LIMITS: HeadLimits = { target: 0, fields: 32, field: 4096, head: 8192 }

/**
 * Takes chunked coding off (RFC 9112 §7.1), whatever way the stream is split. `read` is called with the bytes at hand
 * until it says 'more' or 'end'; after each call `at` tells where to go on, after 'data' the run is [start, end).
 */
export class ChunkedReader {
  /** Where the next `read` continues; after 'end' the first byte behind the body. */
  at = 0
  /** The run of data, in the bytes given to the last `read`. */
  start = 0
  end = 0
  #side: Side = 'request'
  #state = SIZE
  #size = 0
  #digits = 0
  #extension = 0
  #overhead = 0
  #trailers: Head | null = null
  #hasTrailers = false

  begin(side: Side): void {
    this.#side = side
    this.#state = SIZE
    this.#size = 0
    this.#digits = 0
    this.#extension = 0
    this.#overhead = 0
    this.#hasTrailers = false
  }

  /** The trailer section after 'end', or null when it was empty. Valid until the next `begin`. */
  get trailers(): Head | null {
    return this.#hasTrailers ? this.#trailers : null
  }

  read(bytes: Uint8Array, from: number, to: number): BodyStep {
    // Where it stays when it refuses: what it was at belongs to other bytes, and may lie behind the end of these.
    this.at = from
    let at = from
    while (at < to) {
      const byte = bytes[at] as number
      switch (this.#state) {
        case SIZE: {
          const digit = HEX[byte] as number
          if (digit === 255) {
            if (this.#digits === 0 || (byte !== CR && byte !== SEMICOLON)) return this.#refuseSize(byte)
            this.#state = byte === CR ? SIZE_LF : EXTENSION
          } else {
            if (++this.#digits > MAX_DIGITS) return refuse(this.#side, 'chunk-too-large')
            this.#size = this.#size * 16 + digit
            if (this.#size > Number.MAX_SAFE_INTEGER) return refuse(this.#side, 'chunk-too-large')
          }
          at++
          break
        }
        case EXTENSION:
          if (byte === CR) {
            this.#state = SIZE_LF
          } else {
            if (((CLASS[byte] as number) & VALUE) === 0) return refuse(this.#side, 'bad-chunk-line')
            if (++this.#extension > MAX_EXTENSION) return refuse(this.#side, 'chunk-overhead')
          }
          at++
          break
        case SIZE_LF:
          if (byte !== LF) return refuse(this.#side, 'bad-chunk-line')
          this.#overhead = Math.max(0, this.#overhead + this.#digits + this.#extension - 16 - 2 * this.#size)
          if (this.#overhead > MAX_OVERHEAD) return refuse(this.#side, 'chunk-overhead')
          this.#state = this.#size === 0 ? TRAILER_START : DATA
          at++
          break
        case DATA: {
          const run = Math.min(this.#size, to - at)
          this.start = at
          this.end = at + run
          this.at = at + run
          this.#size -= run
          if (this.#size === 0) this.#state = DATA_CR
          return 'data'
        }
        case DATA_CR:
          if (byte !== CR) return refuse(this.#side, 'bad-chunk-end')
          this.#state = DATA_LF
          at++
          break
        case DATA_LF:
          if (byte !== LF) return refuse(this.#side, 'bad-chunk-end')
          this.#state = SIZE
          this.#digits = 0
          this.#extension = 0
          at++
          break
        case TRAILER_START:
          if (byte === CR) {
            this.#state = TRAILER_LF
            at++
          } else {
            this.#beginTrailers()
          }
          break
        case TRAILER_LF:
          if (byte !== LF) return refuse(this.#side, 'bare-cr')
          this.#state = ENDED
          this.at = at + 1
          return 'end'
        case TRAILERS:
          return this.#readTrailers(bytes, at, to)
        default:
          this.at = at
          return 'end'
      }
    }
    this.at = at
    return this.#state === ENDED ? 'end' : 'more'
  }

  #refuseSize(byte: number): Refusal {
    return refuse(this.#side, byte === LF && this.#digits > 0 ? 'bad-chunk-line' : 'bad-chunk-size')
  }

  #beginTrailers(): void {
    this.#state = TRAILERS
    this.#hasTrailers = true
    this.#trailers ??= new Head(TRAILER_LIMITS)
    this.#trailers.bytes = Buffer.allocUnsafeSlow(TRAILER_LIMITS.head + 1)
    this.#trailers.beginTrailers(this.#side, 0)
  }

  /** Trailers are rare and small: they are gathered in bytes of their own, which makes them outlive the socket's. */
  #readTrailers(bytes: Uint8Array, from: number, to: number): BodyStep {
    const trailers = this.#trailers
    if (trailers === null) return 'more'
    const held = trailers.at
    const taken = Math.min(to - from, trailers.bytes.length - held)
    trailers.bytes.set(bytes.subarray(from, from + taken), held)
    const step = parseHead(trailers, trailers.bytes, held + taken)
    if (step === 'more') {
      this.at = from + taken
    } else if (step === 'done') {
      this.#state = ENDED
      this.at = from + trailers.end - held
      return 'end'
    }
    return step
  }
}

/** The most `writeChunkSize` writes: 14 digits of 2^53-1 and CR LF. */
export const CHUNK_SIZE_BOUND = 16

/** Writes the line that begins a chunk of `size` bytes, 0 for the last one, and returns the position behind it. */
export function writeChunkSize(out: Uint8Array, at: number, size: number): number {
  let digits = 1
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 16)) digits++
  let rest = size
  for (let i = at + digits - 1; i >= at; i--) {
    out[i] = DIGITS.charCodeAt(rest % 16)
    rest = Math.floor(rest / 16)
  }
  out[at + digits] = CR
  out[at + digits + 1] = LF
  return at + digits + 2
}

const DIGITS = '0123456789abcdef'

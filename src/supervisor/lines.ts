/** Bytes; a longer line is cut here, on a character's boundary, and both parts are marked with `…`. */
export const longestLine: number = 64 * 1024

const newline = 0x0a
const carriageReturn = 0x0d

/**
 * Cuts a stream of bytes into lines of bounded length. Bytes that are not UTF-8 become U+FFFD, characters that cannot be
 * shown are escaped (see `makePrintable`), a `\r` before the `\n` is dropped.
 */
export class LineSplitter {
  #held = Buffer.alloc(0)
  #size = 0
  #continued = false

  /** Gives at most `limit` lines of `chunk`, from `from` on, to `emit`. Returns where it stopped. */
  push(chunk: Buffer, from: number, limit: number, emit: (line: string) => void): number {
    let at = from
    for (let left = limit; at < chunk.length && left > 0;) {
      const found = chunk.indexOf(newline, at)
      const end = found < 0 ? chunk.length : found
      const room = longestLine - this.#size
      if (end - at > room) {
        emit(this.#take(chunk, at, at + room, true))
        at += room
        left--
      } else if (found < 0) {
        this.#hold(chunk, at, end)
        at = end
      } else {
        emit(this.#take(chunk, at, end, false))
        at = end + 1
        left--
      }
    }
    return at
  }

  /** Gives the last line, which has no end. */
  flush(emit: (line: string) => void): void {
    if (this.#size > 0) emit(this.#take(this.#held, 0, 0, false))
  }

  /** Forgets the line that has begun. */
  reset(): void {
    this.#size = 0
    this.#continued = false
  }

  #take(chunk: Buffer, from: number, end: number, cut: boolean): string {
    let bytes = chunk.subarray(from, end)
    if (this.#size > 0) {
      this.#hold(chunk, from, end)
      bytes = this.#held.subarray(0, this.#size)
    }
    if (!cut && bytes.at(-1) === carriageReturn) bytes = bytes.subarray(0, -1)
    const whole = cut ? boundary(bytes, chunk[end] ?? 0) : bytes.length
    const text = makePrintable(bytes.toString('utf8', 0, whole))
    const line = `${this.#continued ? '…' : ''}${text}${cut ? '…' : ''}`
    const begun = Buffer.from(bytes.subarray(whole))
    this.#size = 0
    this.#continued = cut
    if (cut) this.#hold(begun, 0, begun.length)
    return line
  }

  /** Copied, so that three held bytes do not keep a whole chunk of 64 KiB alive. */
  #hold(chunk: Buffer, from: number, end: number): void {
    const size = this.#size + end - from
    if (size > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(longestLine, Math.max(256, 2 ** Math.ceil(Math.log2(size)))))
      this.#held.copy(larger, 0, 0, this.#size)
      this.#held = larger
    }
    chunk.copy(this.#held, this.#size, from, end)
    this.#size = size
  }
}

/**
 * Text that can do nothing to a terminal: colours (`ESC [ … m`) stay, for the display to keep or strip; every other
 * control character but the tab becomes `\xHH`. Lossless: a run of backslashes before such an escape, or before text
 * that looks like one, is doubled. So an odd run before `xHH` is an escape and an even one is text.
 */
export function makePrintable(text: string): string {
  return suspicious.test(text) ? text.replace(escapable, escape) : text
}

/** What `makePrintable` was given. */
export function readPrintable(text: string): string {
  return text.replace(/(\\+)x([0-9a-f]{2})/g, (_, slashes: string, hex: string) => {
    const half = '\\'.repeat(slashes.length >> 1)
    return slashes.length % 2 === 0 ? `${half}x${hex}` : half + String.fromCharCode(Number.parseInt(hex, 16))
  })
}

// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const suspicious = /[\0-\x08\x0a-\x1f\x7f-\x9f]|\\x[0-9a-f]{2}/
// oxlint-disable-next-line no-control-regex -- a colour, a run of control characters, a lone ESC, text like an escape
const escapable = /\x1b\[[0-9;:]*m|(\\*)([\0-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]+|\x1b)|(\\+)(?=x[0-9a-f]{2})/g

const escapes: readonly string[] = Array.from({ length: 0xa0 }, (_, code) => `\\x${code.toString(16).padStart(2, '0')}`)

function escape(match: string, slashes?: string, controls?: string, before?: string): string {
  if (before !== undefined) return before + before
  if (controls === undefined) return match
  let text = slashes ? slashes + slashes : ''
  for (let at = 0; at < controls.length; at++) text += escapes[controls.charCodeAt(at)]
  return text
}

/**
 * Where `bytes` can be cut although they go on with `next`: not inside a UTF-8 sequence, which has at most three bytes
 * after its first (RFC 3629 section 3).
 */
function boundary(bytes: Buffer, next: number): number {
  if (!isContinuation(next)) return bytes.length
  for (let at = bytes.length - 1; at >= bytes.length - 3; at--) if (!isContinuation(bytes[at] ?? 0)) return at
  return bytes.length
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}

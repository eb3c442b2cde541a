/**
 * Where the frames of one direction of a WebSocket begin and end (RFC 6455 §5.2): it follows the lengths and takes no
 * interest in what is in them. An ill-formed stream is the two ends' affair; it only makes the marks meaningless.
 */
export class FrameMarks {
  /** Whether a Close frame (opcode 8) has begun; nothing but its rest may follow it (RFC 6455 §5.5.1). */
  closing = false
  /** Bytes of the head that were read, and how many it has. */
  #seen = 0
  #need = 2
  /** Where in the head the extended length ends. */
  #lengthEnd = 2
  #length = 0
  /** Bytes of the payload to come. */
  #left = 0

  /** Between two frames: a control frame may be put here, also between the fragments of a message (RFC 6455 §5.4). */
  get atBoundary(): boolean {
    return this.#seen === 0 && this.#left === 0
  }

  /** Reads from `at`; with `stop` no further than to the end of the frame that is under way. Returns how far it got. */
  follow(bytes: Uint8Array, at: number, end: number, stop: boolean): number {
    while (at < end) {
      if (stop && this.atBoundary) return at
      if (this.#left > 0) {
        const size = Math.min(this.#left, end - at)
        this.#left -= size
        at += size
      } else this.#head(bytes[at++] as number)
    }
    return at
  }

  #head(byte: number): void {
    if (this.#seen === 0) {
      if ((byte & 0x0f) === 8) this.closing = true
      this.#need = 2
    } else if (this.#seen === 1) {
      const short = byte & 0x7f
      this.#lengthEnd = short === 126 ? 4 : short === 127 ? 10 : 2
      this.#length = this.#lengthEnd === 2 ? short : 0
      this.#need = this.#lengthEnd + ((byte & 0x80) === 0 ? 0 : 4)
    } else if (this.#seen < this.#lengthEnd) {
      this.#length = this.#length * 256 + byte
    }
    this.#seen += 1
    if (this.#seen < this.#need) return
    this.#seen = 0
    this.#left = this.#length
  }
}

/** A Close frame with a status code (RFC 6455 §7.4.1) and no reason, as a server sends it. */
export function closeFrame(code: number): Buffer {
  return Buffer.from([0x88, 2, code >> 8, code & 0xff])
}

/** The same as a client sends it: masked (RFC 6455 §5.3) with four bytes of chance. */
export function maskedCloseFrame(code: number, mask: Uint8Array): Buffer {
  const [a = 0, b = 0, c = 0, d = 0] = mask
  return Buffer.from([0x88, 0x82, a, b, c, d, (code >> 8) ^ a, (code & 0xff) ^ b])
}

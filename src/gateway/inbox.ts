import type { BodyReader } from '../http/body.ts'
import type { Head } from '../http/head.ts'
import { borrow, giveBack } from './ahead.ts'
import { Basin } from './wide.ts'

/** Bytes that may come ahead of their turn: pipelined requests, a body nobody reads yet, early bytes of a tunnel. */
const maxAhead = 64 * 1024

/** Bytes that were received and not yet read: [at, end) of `bytes`. A head that is being read begins at `at`. */
export class Inbox {
  bytes: Buffer = nothing
  at = 0
  end = 0
  readonly #basin = new Basin()
  readonly #body: BodyReader
  #growing = false
  /** Beyond `maxAhead`. */
  #borrowed = 0

  /** `body`: what reads bodies out of it. */
  constructor(body: BodyReader) {
    this.#body = body
  }

  /** What the socket reads into; `next` after each read, `close` when there is no other. */
  get into(): Buffer {
    return this.#basin.bytes
  }

  next(): Buffer {
    return this.#basin.next(this.size === 0 ? this.#body.left : 0)
  }

  close(): void {
    this.#basin.close()
  }

  get size(): number {
    return this.end - this.at
  }

  /** Whether it holds as much as it may; that is up to its owner. */
  get isFull(): boolean {
    return this.end - this.at > maxAhead + this.#borrowed
  }

  /** Lets it hold more, if there is room for more. */
  extend(): void {
    this.#borrowed = borrow(this.#borrowed)
  }

  /** `head`: the one that is being read here, which has to follow its bytes. `chunk` may be lent until `own`. */
  add(chunk: Buffer, size: number, head: Head | null): void {
    this.#basin.size = size
    if (this.at === this.end) {
      this.bytes = chunk
      this.at = 0
      this.end = size
      this.#growing = false
      return
    }
    if (!this.#growing || this.end + size > this.bytes.length) this.#grow(size, head)
    chunk.copy(this.bytes, this.end, 0, size)
    this.end += size
  }

  /** Copies what is unread, for the bytes that were lent are somebody else's in a moment. */
  own(head: Head | null): void {
    if (this.#growing) return
    if (this.at === this.end) this.clear()
    else this.#grow(0, head)
  }

  /** What is left, taken out. */
  take(): Buffer {
    const rest = this.bytes.subarray(this.at, this.end)
    this.clear()
    return rest
  }

  /** Lets go of the bytes, so that an idle connection holds none. */
  clear(): void {
    this.bytes = nothing
    this.at = 0
    this.end = 0
    this.#growing = false
    if (this.#borrowed > 0) giveBack(this.#borrowed)
    this.#borrowed = 0
  }

  /** Doubling, so that a head that comes byte by byte is copied a few times only. */
  #grow(more: number, head: Head | null): void {
    const room = Buffer.allocUnsafeSlow(Math.max(1024, 2 * (this.size + more)))
    this.bytes.copy(room, 0, this.at, this.end)
    if (head !== null) head.moveTo(room, head.start - this.at)
    this.end -= this.at
    this.at = 0
    this.bytes = room
    this.#growing = true
  }
}

const nothing = Buffer.alloc(0)

import { ChunkedReader, type BodyStep } from './chunked.ts'
import type { Framing } from './framing.ts'
import type { Head } from './head.ts'
import type { Side } from './refusal.ts'

/**
 * Finds the data of one body and its end, however it is framed. Reused for the next message by `begin`. `read` is
 * called with the bytes at hand until it says 'more' or 'end'; after each call `at` tells where to go on, after 'data'
 * the run is [start, end).
 */
export class BodyReader {
  at = 0
  start = 0
  end = 0
  #kind: Framing['kind'] = 'none'
  #left = 0
  #chunked: ChunkedReader | null = null

  begin(framing: Framing, side: Side): void {
    this.#kind = framing.kind
    this.#left = framing.kind === 'length' ? framing.length : 0
    if (framing.kind === 'chunked') {
      this.#chunked ??= new ChunkedReader()
      this.#chunked.begin(side)
    }
  }

  /** After 'end': the trailer section, or null. */
  get trailers(): Head | null {
    return this.#kind === 'chunked' && this.#chunked !== null ? this.#chunked.trailers : null
  }

  /** So many bytes of data are known to come; 0 when that is not known. */
  get left(): number {
    return this.#left
  }

  /** Whether a FIN here is a proper end and no truncation. */
  get endsWithConnection(): boolean {
    return this.#kind === 'close'
  }

  read(bytes: Uint8Array, from: number, to: number): BodyStep {
    if (this.#kind === 'chunked' && this.#chunked !== null) {
      const step = this.#chunked.read(bytes, from, to)
      this.at = this.#chunked.at
      this.start = this.#chunked.start
      this.end = this.#chunked.end
      return step
    }
    this.at = from
    if (this.#kind !== 'close' && this.#left === 0) return 'end'
    if (from === to) return 'more'
    const run = this.#kind === 'close' ? to - from : Math.min(this.#left, to - from)
    this.#left -= this.#kind === 'close' ? 0 : run
    this.start = from
    this.end = from + run
    this.at = this.end
    return 'data'
  }

  /** Whether everything a length promised has been read, so that no further `read` is needed to know the end. */
  get isComplete(): boolean {
    return (this.#kind === 'length' || this.#kind === 'none') && this.#left === 0
  }
}

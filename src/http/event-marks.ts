/**
 * Where the events of an event stream end: behind an empty line, whose end is CR LF, LF or CR
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
 */
export class EventMarks {
  /** Whether all that was read is whole events, or nothing. */
  atBoundary = true
  #lineIsEmpty = true
  #afterCr = false

  /** Reads from `at`; with `stop` no further than to the end of the event that is under way. Returns how far it got. */
  follow(bytes: Uint8Array, at: number, end: number, stop: boolean): number {
    // Four bytes tell: no line end that matters is longer than CR LF CR LF.
    if (!stop && end - at > 4) {
      at = end - 4
      this.#lineIsEmpty = false
      this.#afterCr = false
    }
    while (at < end) {
      if (stop && this.atBoundary && !this.#isRestOfLineEnd(bytes[at])) return at
      this.#read(bytes[at++] as number)
    }
    return at
  }

  #isRestOfLineEnd(byte: number | undefined): boolean {
    return byte === LF && this.#afterCr
  }

  #read(byte: number): void {
    if (this.#isRestOfLineEnd(byte)) {
      this.#afterCr = false
      return
    }
    const ends = byte === LF || byte === CR
    this.atBoundary = ends && this.#lineIsEmpty
    this.#lineIsEmpty = ends
    this.#afterCr = byte === CR
  }
}

const LF = 0x0a
const CR = 0x0d

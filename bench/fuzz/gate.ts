import { type Step, valuesIn } from '../../test/conformance/strict.ts'

/**
 * Tells when it is worth reading a growing text again. A reader that begins anew with every piece takes time squared in
 * the number of pieces, and a gateway may well pass on a body in thousands.
 */
export class Gate {
  #size = 0
  #next = 0
  #tail = ''
  #chunked = false

  /** Whether the text with this piece at its end may hold more than it did at the last reading. */
  isDue(piece: string): boolean {
    this.#size += piece.length
    const around = this.#tail + piece
    this.#tail = around.slice(-3)
    return this.#size >= this.#next || (this.#chunked && around.includes('\r\n\r\n'))
  }

  /** Takes note of how the last reading ended. */
  note(step: Step): void {
    this.#next = 0
    this.#chunked = false
    if (step.kind !== 'more' || step.head === null) return
    const { framing, body, fields } = step.head
    this.#chunked = framing === 'chunked'
    if (framing === 'chunked') this.#next = this.#size + 1_000 + body.length
    if (framing === 'length') this.#next = this.#size + Number(valuesIn(fields, 'content-length')[0]) - body.length
    if (framing === 'close') this.#next = Number.MAX_SAFE_INTEGER
  }
}

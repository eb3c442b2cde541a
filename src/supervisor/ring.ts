import type { OutputLine } from '../observe/journal.ts'

const mostLines = 1_000
const mostCharacters = 1024 * 1024

/** The last lines of one app: at most 1000 lines and 1 Mi characters. */
export class Ring {
  readonly #slots: (OutputLine | undefined)[] = []
  #first = 0
  #count = 0
  #characters = 0

  push(line: OutputLine): void {
    this.#characters += line.line.length
    while (this.#count === mostLines || (this.#characters > mostCharacters && this.#count > 0)) this.#dropFirst()
    this.#slots[(this.#first + this.#count) % mostLines] = line
    this.#count++
  }

  /** Oldest first. */
  lines(): readonly OutputLine[] {
    const lines: OutputLine[] = []
    for (let at = 0; at < this.#count; at++) {
      const line = this.#slots[(this.#first + at) % mostLines]
      if (line) lines.push(line)
    }
    return lines
  }

  #dropFirst(): void {
    this.#characters -= this.#slots[this.#first]?.line.length ?? 0
    this.#slots[this.#first] = undefined
    this.#first = (this.#first + 1) % mostLines
    this.#count--
  }
}

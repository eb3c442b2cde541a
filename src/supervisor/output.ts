import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../lib/clock.ts'
import type { OutputLine } from '../observe/journal.ts'
import { LineSplitter } from './lines.ts'
import type { Pace, Paced } from './pace.ts'
import { isTelling, saysPortTaken } from './words.ts'

export interface OutputOptions {
  readonly app: string
  readonly run: number
  /** The port that was allocated, to tell a quarrel about it from one about another. */
  readonly port: number
  readonly clock: Clock
  readonly pace: Pace
  /** Every line that is kept. */
  line(line: OutputLine): void
}

/**
 * A child may say this much at once and in every second; the rest is read, counted and dropped. `time` is what its lines
 * cost us in milliseconds, whoever observes them included: 8 % of a core.
 */
const limits = {
  lines: { rate: 5_000, burst: 10_000 },
  bytes: { rate: 4 * 1024 * 1024, burst: 8 * 1024 * 1024 },
  time: { rate: 80, burst: 800 },
}

/** Dropping ends when this share of a second's allowance is there again, so that single lines are not torn out of a flood. */
const recovery = 0.2

/** Milliseconds between two lines that tell how much was dropped. */
const tellEvery = 1_000

/** How many lines are worked on before the time is looked at; the longest take a millisecond each. */
const batch = 8

/** What a child says on stdout and stderr: always drained, cut into lines, bounded in every direction. */
export class Output {
  readonly #options: OutputOptions
  readonly #readers: StreamReader[] = []
  readonly #allowance: Allowance
  #lastError: string | null = null
  #lastWord: string | null = null
  #portTaken = false

  constructor(options: OutputOptions) {
    this.#options = options
    this.#allowance = new Allowance(options.clock)
  }

  attach(stream: Readable, name: OutputLine['stream']): void {
    const take = (line: string): void => this.#take(name, line)
    this.#readers.push(new StreamReader(stream, this.#options.pace, this.#allowance, take))
  }

  /** The last line that tells something, of stderr, or of stdout when stderr stayed silent. */
  get lastLine(): string | null {
    return this.#lastError ?? this.#lastWord
  }

  /** Whether it complained that its port belongs to somebody else. */
  get portTaken(): boolean {
    return this.#portTaken
  }

  /** Waits for both streams to end, but at most `patience` ms (somebody else may hold them open), and closes them. */
  async finish(patience: number): Promise<void> {
    const timeout = AbortSignal.timeout(patience)
    await Promise.all(this.#readers.map((reader) => reader.ended(timeout)))
    for (const reader of this.#readers) reader.close()
  }

  #take(stream: OutputLine['stream'], line: string): void {
    const { app, run, port, clock } = this.#options
    if (isTelling(line)) {
      const short = line.trim().slice(0, 500)
      if (stream === 'stderr') this.#lastError = short
      else this.#lastWord = short
    }
    if (!this.#portTaken && saysPortTaken(line, port)) this.#portTaken = true
    this.#options.line({ at: clock.wall(), app, run, stream, line })
  }
}

/** Three token buckets, shared by the streams of one child. */
class Allowance {
  readonly #clock: Clock
  #lines = limits.lines.burst
  #bytes = limits.bytes.burst
  #time = limits.time.burst
  #at: number
  #exhausted = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#at = clock.now()
  }

  get exhausted(): boolean {
    const now = this.#clock.now()
    const passed = Math.max(0, now - this.#at) / 1_000
    this.#at = now
    this.#lines = Math.min(limits.lines.burst, this.#lines + passed * limits.lines.rate)
    this.#bytes = Math.min(limits.bytes.burst, this.#bytes + passed * limits.bytes.rate)
    this.#time = Math.min(limits.time.burst, this.#time + passed * limits.time.rate)
    const share = this.#exhausted ? recovery : 0
    this.#exhausted =
      this.#lines <= limits.lines.rate * share ||
      this.#bytes <= limits.bytes.rate * share ||
      this.#time <= limits.time.rate * share
    return this.#exhausted
  }

  spend(lines: number, bytes: number, time: number): void {
    this.#lines -= lines
    this.#bytes -= bytes
    this.#time -= time
  }
}

class StreamReader implements Paced {
  readonly #stream: Readable
  readonly #pace: Pace
  readonly #allowance: Allowance
  readonly #take: (line: string) => void
  readonly #splitter = new LineSplitter()
  /** A chunk that is being worked on, a batch at a time. */
  #chunk: Buffer | null = null
  #at = 0
  /** After a gap: the rest of a line whose begin was dropped is dropped as well. */
  #torn = false
  #dropped = { bytes: 0, lines: 0, tail: null as Buffer | null }
  #timer: NodeJS.Timeout | null = null
  #closed = false

  constructor(stream: Readable, pace: Pace, allowance: Allowance, take: (line: string) => void) {
    this.#stream = stream
    this.#pace = pace
    this.#allowance = allowance
    this.#take = take
    stream.on('data', (chunk: Buffer) => this.#onData(chunk))
    // A broken pipe ends what we hear, it is not our failure.
    stream.on('error', () => {})
  }

  /** Called by Pace: works for a few lines. True when there is more to do. */
  work(): boolean {
    if (this.#chunk === null || this.#closed) return false
    this.#step(batch)
    if (this.#chunk !== null) return true
    this.#stream.resume()
    return false
  }

  /** Called by Pace: the next window of a flood may be read. */
  resume(): void {
    if (!this.#closed) this.#stream.resume()
  }

  async ended(timeout: AbortSignal): Promise<void> {
    if (!this.#stream.readableEnded && !this.#stream.destroyed) {
      await once(this.#stream, 'end', { signal: timeout }).catch(() => {})
    }
    // A stream may end while its last chunk waits for its turn.
    while (this.#chunk !== null && !timeout.aborted) await nextTurn()
  }

  /** Gives the last words and closes. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    // What has been read but not worked on is at most one chunk, whose lines the allowance bounds.
    while (this.#chunk !== null) this.#step(batch)
    this.#tellDropped()
    this.#splitter.flush(this.#take)
    this.#stream.destroy()
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return
    if (this.#allowance.exhausted) return this.#drop(chunk, 0)
    this.#chunk = chunk
    this.#at = 0
    while (this.#chunk !== null && this.#pace.hasTime()) this.#step(batch)
    if (this.#chunk === null) return
    this.#stream.pause()
    this.#pace.queue(this)
  }

  /** Works on the chunk for at most `limit` lines; afterwards `#chunk` is null when it is done. */
  #step(limit: number): void {
    const chunk = this.#chunk
    if (chunk === null) return
    if (this.#allowance.exhausted) {
      this.#chunk = null
      return this.#drop(chunk, this.#at)
    }
    if (this.#torn) {
      this.#torn = false
      this.#at = chunk.indexOf(0x0a, this.#at) + 1 || chunk.length
    }
    let lines = 0
    const from = this.#at
    const begun = performance.now()
    this.#at = this.#splitter.push(chunk, from, limit, (line) => {
      lines++
      this.#take(line)
    })
    this.#allowance.spend(lines, this.#at - from, performance.now() - begun)
    if (this.#at >= chunk.length) this.#chunk = null
  }

  /** Costs no conversion and no pass over the bytes: a sample of each chunk is enough to count the lines. */
  #drop(chunk: Buffer, from: number): void {
    const dropped = this.#dropped
    const size = chunk.length - from
    const sample = Math.min(size, 1_024)
    let lines = 0
    for (let at = from; at < from + sample; at++) if (chunk[at] === 0x0a) lines++
    dropped.bytes += size
    dropped.lines += (lines * size) / Math.max(1, sample)
    dropped.tail = chunk
    this.#torn = true
    this.#splitter.reset()
    this.#timer ??= setTimeout(() => this.#tell(), tellEvery).unref()
    if (!this.#closed && !this.#pace.mayRead(size)) {
      this.#stream.pause()
      this.#pace.wait(this)
    }
  }

  #tell(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const { bytes, lines } = this.#dropped
    if (bytes === 0) return
    this.#dropped = { bytes: 0, lines: 0, tail: this.#dropped.tail }
    this.#take(
      `… about ${Math.max(1, Math.round(lines)).toLocaleString('en')} lines (${size(bytes)}) dropped: ` +
        `it writes more than ${limits.lines.rate.toLocaleString('en')} lines or ${size(limits.bytes.rate)} a second`,
    )
  }

  /** The last words of a flood say most about why it ended. */
  #tellDropped(): void {
    const { tail } = this.#dropped
    const torn = this.#torn
    this.#tell()
    if (!torn || tail === null) return
    const words = tail.subarray(Math.max(0, tail.length - 2_048))
    const begin = words.length === tail.length ? 0 : words.indexOf(0x0a) + 1
    this.#splitter.push(words, begin, 100, this.#take)
  }
}

function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`
  return `${Math.max(1, Math.round(bytes / 1e3))} kB`
}

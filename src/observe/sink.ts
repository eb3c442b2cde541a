import type { Writable } from 'node:stream'

export interface SinkOptions {
  /** Usually `process.stdout`; it is not ended. */
  readonly out: Writable
  /** Bytes that may wait for a slow reader. Beyond that lines are dropped and counted. Default 2 MiB. */
  readonly bound?: number
  /** The same for lines that may be lost first (the output of children), so that the rest has room. Default half of it. */
  readonly bulkBound?: number
  /** The line that tells how many were lost, written as soon as there is room again. */
  readonly lost: (lines: number) => string
}

/** Where log lines go: never waits, never grows without bound, survives a reader that has left. */
export class Sink implements AsyncDisposable {
  readonly #options: Required<SinkOptions>
  readonly #onError: (error: Error) => void
  #batch = ''
  #scheduled: NodeJS.Timeout | null = null
  #lost = 0
  #dead = false

  constructor(options: SinkOptions) {
    const bound = options.bound ?? 2 * 1024 * 1024
    this.#options = { ...options, bound, bulkBound: options.bulkBound ?? bound / 2 }
    // EPIPE: the reader has left; EIO: the terminal is gone. Nobody reads any more, so there is nothing left to say. A
    // stream may report it again for every write that was still under way: the listener stays for good.
    this.#onError = () => {
      this.#dead = true
      this.#batch = ''
    }
    options.out.on('error', this.#onError)
    setBlocking(options.out, false)
  }

  /** Whether a line of this kind would be dropped now: asked first, it saves making the line. Counts it (or so many) as lost if so. */
  isFull(bulk: boolean, count = 1): boolean {
    if (this.#dead) return true
    const { out, bound, bulkBound } = this.#options
    if (out.writableLength + this.#batch.length < (bulk ? bulkBound : bound)) return false
    this.#lost += count
    return true
  }

  /** One line, or so many, without the end of the last. */
  write(line: string, bulk = false, count = 1): void {
    if (this.isFull(bulk, count)) return
    if (this.#lost > 0 && !this.#isCrowded()) {
      const lost = this.#lost
      this.#lost = 0
      this.#batch += `${this.#options.lost(lost)}\n`
    }
    this.#batch += `${line}\n`
    // One write for many lines; but a long batch is handed over at once, lest a burst is dropped that a fast reader takes.
    if (this.#batch.length >= batchSize) this.#flush()
    else this.#scheduled ??= setTimeout(() => this.#flush(), batchTime)
  }

  /** Waits until all is read, or until `deadline` milliseconds have passed. */
  async drained(deadline: number): Promise<void> {
    this.#flush()
    if (this.#lost > 0 && !this.#dead && !this.#isCrowded()) {
      this.#options.out.write(`${this.#options.lost(this.#lost)}\n`)
      this.#lost = 0
    }
    const { out } = this.#options
    if (this.#dead || out.writableLength === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, deadline)
    const done = (): void => resolve()
    out.once('drain', done).once('error', done).once('close', done)
    await promise
    clearTimeout(timer)
    out.off('drain', done).off('error', done).off('close', done)
  }

  /** A second is enough for a reader that reads; one that does not must not keep the gateway from ending. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.drained(1_000)
    setBlocking(this.#options.out, true)
  }

  #isCrowded(): boolean {
    return this.#options.out.writableLength + this.#batch.length > this.#options.bulkBound / 2
  }

  #flush(): void {
    if (this.#scheduled) clearTimeout(this.#scheduled)
    this.#scheduled = null
    if (this.#batch === '') return
    const batch = this.#batch
    this.#batch = ''
    if (!this.#dead) this.#options.out.write(batch)
  }
}

const batchSize = 64 * 1024

/** How long a line may wait for others (milliseconds): too short for an eye, long enough to spare most writes under load. */
const batchTime = 5

/**
 * Node writes to a terminal synchronously, so that Ctrl-S in it would stop the whole gateway (measured: a process with
 * 5 MB to write to an unread pty never came to its next line; with this it did). There is no public way to say so; where
 * the handle has no such method, as pipes and files do not need it, nothing happens.
 */
function setBlocking(out: Writable, blocking: boolean): void {
  if (!('isTTY' in out) || out.isTTY !== true) return
  const handle = (out as { _handle?: { setBlocking?: (blocking: boolean) => void } })._handle
  handle?.setBlocking?.(blocking)
}

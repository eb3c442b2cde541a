import type { Link } from './link.ts'
import type { Parting } from './parting.ts'
import type { BodySink } from './served.ts'

/** The client's side of a tunnel: what it sends goes to the app as it comes. */
export class Inbound implements BodySink {
  readonly #link: Link
  readonly #traffic: { in: number }
  readonly #parting: Parting | null
  readonly #passed: () => void

  /** `passed` hears of every read that was passed on. */
  constructor(link: Link, traffic: { in: number }, parting: Parting | null, passed: () => void) {
    this.#link = link
    this.#traffic = traffic
    this.#parting = parting
    this.#passed = passed
  }

  bodyData(bytes: Buffer, start: number, end: number): void {
    const until = this.#parting === null ? end : this.#parting.toApp(bytes, start, end)
    this.#traffic.in += until - start
    this.#link.out.data(bytes, start, until)
  }

  bodyFlush(): boolean {
    const more = this.#link.out.flush()
    this.#passed()
    return more
  }

  bodyWhole(): void {
    this.#link.socket.end()
  }

  bodyBroken(): void {}
}

import type { Readable } from 'node:stream'
import { patience, within } from './wait.ts'

/** One line of `--json`: the fields depend on the event, tests name the ones they look at. */
export interface GatewayEvent {
  readonly event: string
  readonly name?: string
  readonly state?: string
  readonly run?: number | null
  readonly pid?: number | null
  readonly port?: number | null
  readonly [field: string]: unknown
}

/** Everything that a gateway says on stdout, as it comes, with a way to wait for a word. */
export class Events {
  readonly seen: GatewayEvent[] = []
  /** Lines that were no JSON object: there should be none with `--json`. */
  readonly text: string[] = []
  #partial = ''
  #waiting: (() => void)[] = []
  #over = false

  constructor(stream: Readable) {
    stream.setEncoding('utf8')
    stream.on('data', (piece: string) => {
      const lines = (this.#partial + piece).split('\n')
      this.#partial = lines.pop() ?? ''
      for (const line of lines) this.#take(line)
      this.#wake()
    })
    stream.on('close', () => {
      this.#over = true
      this.#wake()
    })
  }

  /** The first event from `since` on that fits; past ones count. */
  async waitFor(
    fits: (event: GatewayEvent) => boolean,
    what: string,
    { timeout = patience, since = 0 }: { timeout?: number; since?: number } = {},
  ): Promise<GatewayEvent> {
    let next = since
    const search = async (): Promise<GatewayEvent> => {
      for (;;) {
        while (next < this.seen.length) {
          const event = this.seen[next++]
          if (event && fits(event)) return event
        }
        if (this.#over) throw new Error(`The gateway ended without a word of: ${what}`)
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
      }
    }
    return within(search(), timeout, () => `${what}; the last events: ${this.last()}`)
  }

  /** An app has become ready. */
  async ready(name: string, options: { timeout?: number; since?: number } = {}): Promise<AppReady> {
    const event = await this.waitFor(isReady(name), `${name} ready`, options)
    const { run, pid, port } = event
    if (typeof run !== 'number' || typeof pid !== 'number' || typeof port !== 'number') {
      throw new Error(`A ready event lacks run, pid or port: ${JSON.stringify(event)}`)
    }
    return { run, pid, port }
  }

  /** The latest events, for a message. */
  last(): string {
    return this.seen
      .slice(-8)
      .map((event) => JSON.stringify(event).slice(0, 400))
      .join('\n')
  }

  /** Where in the stream we are, for `since`. */
  mark(): number {
    return this.seen.length
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  #take(line: string): void {
    if (line === '') return
    // A flood of output lines would only fill our own memory.
    if (this.seen.length > 50_000) return
    try {
      this.seen.push(JSON.parse(line) as GatewayEvent)
    } catch {
      this.text.push(line)
    }
  }
}

export interface AppReady {
  run: number
  pid: number
  port: number
}

export function isReady(name: string): (event: GatewayEvent) => boolean {
  return (event) => event.event === 'app' && event.name === name && event.state === 'ready'
}

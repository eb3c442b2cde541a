import type { GatewayReport } from '../model/protocol.ts'
import { type Coped, nothingToCopeWith } from '../model/tally.ts'

/** What is counted is told in batches (milliseconds). */
const batchTime = 50

/** Counts what clients did not notice, an app: requests that were sent again, and such as waited for their app. */
export class Coping implements Disposable {
  readonly #report: (report: GatewayReport) => void
  readonly #counts = new Map<string, { -readonly [K in keyof Coped]: Coped[K] }>()
  #timer: NodeJS.Timeout | null = null

  constructor(report: (report: GatewayReport) => void) {
    this.#report = report
  }

  add(app: string, what: keyof Coped): void {
    const counts = this.#counts.get(app) ?? { ...nothingToCopeWith }
    counts[what] += 1
    this.#counts.set(app, counts)
    this.#timer ??= setTimeout(() => this.#tell(), batchTime).unref()
  }

  [Symbol.dispose](): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#counts.clear()
  }

  #tell(): void {
    this.#timer = null
    for (const [app, coped] of this.#counts) this.#report({ type: 'coped', app, coped })
    this.#counts.clear()
  }
}

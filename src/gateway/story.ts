import { maskTarget } from '../http/target.ts'
import type { Clock } from '../lib/clock.ts'
import { type ErrorCode, errors } from '../lib/errors.ts'
import { gravityOf, type Entry, type Exchange } from '../observe/journal.ts'
import { newId } from './chance.ts'

/** What only the end of an exchange knows. */
interface Outcome {
  readonly app: string
  readonly run: number | null
  readonly method: string
  /** The authority the client used. */
  readonly authority: string
  readonly target: string
  readonly status: number
}

/** What is known of one exchange so far: its journal entry in the making. */
export class Story {
  readonly id: string = newId()
  /** On the gateway's clock. */
  readonly since: number
  /** Milliseconds since the epoch, at the first byte of the head. */
  readonly at: number
  /** Body bytes, counted as they move. */
  readonly traffic: { in: number; out: number } = { in: 0, out: 0 }
  /** Who was authenticated. */
  subject: string | null = null
  /** Milliseconds it waited for its app. */
  held = 0
  error: Exchange['error'] = null

  constructor(clock: Clock) {
    this.since = clock.now()
    this.at = clock.wall()
  }

  note(code: ErrorCode, detail: string): void {
    this.error = { code, source: errors[code].source, detail }
  }

  /** What is told as the status, for one that the client was told or would have been. */
  statusOf(status: number): number {
    return this.error?.code === 'client-left' ? 499 : status
  }

  gravityOf(status: number): number {
    return gravityOf(this.statusOf(status), this.error)
  }

  /** `now` on the gateway's clock. */
  entry(client: string, { app, run, method, authority, target, status }: Outcome, now: number): Entry {
    return {
      type: 'exchange',
      id: this.id,
      at: this.at,
      client,
      subject: this.subject,
      app: app === '' ? null : app,
      run,
      method,
      host: authority,
      target: maskTarget(target),
      status: this.statusOf(status),
      bytesIn: this.traffic.in,
      bytesOut: this.traffic.out,
      took: now - this.since,
      held: this.held,
      error: this.error,
    }
  }
}

import type { Return } from './incoming.ts'
import type { Kept } from './keep.ts'
import type { Passage } from './outgoing.ts'
import type { Failure } from './relay.ts'
import type { Try } from './trials.ts'

/** The exchange a delivery is made for. */
export interface Errand extends Passage, Return {
  /** When its head was there, on the clock. */
  readonly since: number
  /** Whether the connection may go on after this response, if nothing in the exchange forbids it. */
  readonly mayPersist: boolean
  readonly traffic: { in: number; out: number }
  /** Set while the app has a version on trial. */
  readonly trial: Try | null
  /** Its body, if it may be sent once more. */
  readonly kept: Kept | null
  /** Of the final response, once its head is on its way. */
  status: number
  /** Over: null when the client has got its response. `persist`: the connection may serve on. */
  ended(failure: Failure | null, persist: boolean): void
  /** A mistake of ours. Twice is harmless. */
  failed(error: unknown): void
}

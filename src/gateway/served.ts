import type { Head } from '../http/head.ts'
import type { Refusal } from '../http/refusal.ts'
import type { Clock } from '../lib/clock.ts'
import type { ClientTimeouts } from '../model/settings.ts'
import type { Origin } from './origin.ts'
import type { Sweep } from './sweep.ts'

/** Whom the bytes of a request's body are for. */
export interface BodySink {
  bodyData(bytes: Buffer, start: number, end: number): void
  /** All there was to read for now was told. False: read no more until `resume`. */
  bodyFlush(): boolean
  bodyWhole(): void
  bodyBroken(refusal: Refusal): void
}

/** The one request a connection is busy with. */
export interface Served {
  /** The client has closed its side or the connection is gone. */
  left(): void
  /** The deadline it has set is over. */
  late(): void
  /** The client takes bytes again. */
  drained(): void
  /** A mistake of ours. Twice is harmless. */
  failed(error: unknown): void
}

/** What was made for a request and holds for the next one like it. */
export interface Rewritten {
  authority: string
  /** What routes are looked up by. */
  host: string
  prefix: string
  subject: string | null
  /** For this prefix and subject; empty when they are to be made anew. */
  lines: string
}

/** What is done with what clients send; `Client` is a connection. */
export interface Front<Client> {
  readonly clock: Clock
  readonly sweep: Sweep
  readonly timeouts: ClientTimeouts
  /** Of a connection from this address. */
  originOf(remoteAddress: string | undefined): Origin
  /** A request; to be followed by one `next`, `close`, `abort` or `detach`. Sets `served`. */
  begin(client: Client, head: Head): void
  /** No request: answers and closes. */
  malformed(client: Client, refusal: Refusal): void
  late(client: Client): void
  gone(client: Client): void
}

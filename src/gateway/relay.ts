import type { Readable, Duplex, Writable } from 'node:stream'

import type { Framing } from '../http/framing.ts'
import type { FieldList } from '../http/rewrite.ts'
import type { ErrorCode } from '../lib/errors.ts'

/**
 * Moves one exchange between a client and an instance. It touches the client only once the instance has answered: a
 * failure before that leaves the client free for another try or for an error of ours. It never tries twice by itself.
 * Settles when the last byte is through (a tunnel: when both sides are closed). Never rejects.
 * An aborted `signal` ends the exchange at once; its reason is an ErrorCode.
 */
export type Relay = (exchange: RelayExchange, signal: AbortSignal) => Promise<Outcome>

export interface RelayExchange {
  readonly to: Destination
  readonly method: string
  /** Goes on the wire as it is. */
  readonly target: string
  /** End-to-end fields, in order, complete but for Connection, Upgrade, Expect and framing. */
  readonly fields: FieldList
  readonly framing: Framing
  /** The protocols the client offers to switch to; empty for an ordinary request. */
  readonly upgrade: readonly string[]
  readonly expectContinue: boolean
  readonly client: Client
  /** What it waits for once the connection stands is for the client to limit, by the signal. */
  readonly timeouts: { readonly connect: number }
  /** Body bytes, counted as they move. */
  readonly traffic: { in: number; out: number }
}

/** Where an exchange goes. Connections are pooled by `pool`: a run of ours, or the origin of a remote host. */
export interface Destination {
  readonly pool: string
  readonly secure: boolean
  readonly host: string
  readonly port: number
}

/** What a relay may do to a client. Response fields are given as received; the client strips and maps them. */
export interface Client {
  /** The request's body; nothing is read before somebody listens. */
  readonly body: Readable
  /** The connection stands, and the request begins to be sent. */
  sending(): void
  /** The last byte of it is with the kernel. */
  sent(): void
  /** Passes on an interim response. False: the client takes no more for now; `ready` follows when it does. */
  interim(status: number, fields: FieldList, ready: () => void): boolean
  /** Sends the response head at once. The relay writes and ends the result. */
  respond(head: ResponseHead): Writable
  /** Before the end of a response without length. */
  trailers(fields: FieldList): void
  /** Sends 101; from then on the bytes are the client's own, in both directions. */
  switchProtocols(fields: FieldList): Duplex
  /** Bytes went through the tunnel. */
  tunnelled(): void
  /** The response cannot be completed: the client must see that, never a clean end. */
  abort(): void
}

export interface ResponseHead {
  readonly status: number
  readonly reason: string
  readonly fields: FieldList
  /** The declared length, also of a body that is not sent (HEAD, 304); null when it ends by itself. */
  readonly length: number | null
}

export type Outcome = { readonly kind: 'answered' } | Failure

/** One try that brought the client no whole response. */
export interface Failure {
  readonly kind: 'failed'
  readonly code: ErrorCode
  readonly detail: string
  /** How far it got: no byte can have reached the instance; it was sent; the client has seen a response head. */
  readonly reached: 'nothing' | 'sent' | 'answering'
  /** No byte of a response came back, but a 100. */
  readonly silent: boolean
  /** It was sent on a connection that had served before, which the instance may have been about to close. */
  readonly reused: boolean
}

/** A relay and the connections it keeps. */
export interface RelayEngine extends Disposable {
  readonly relay: Relay
  /** Closes the idle connections of a pool. */
  dropIdle(pool: string): void
  /** Closes the idle connections of a pool now and the busy ones as they become idle; the pool is forgotten. */
  retire(pool: string): void
}

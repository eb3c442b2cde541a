/** What a client may take its time for, in ms; each is noticed up to 250 ms late. Those of an app are its route's. */
export interface Timeouts {
  /** From the first byte of a head (of the first one: from the connection) to its last. */
  readonly head: number
  /** A body is looked at this often: it must have come at `bodyRate`, or if it is chunked, have come at all. */
  readonly body: number
  /** Bytes a second of a body with a length. A chunked one may be a stream of rare events. */
  readonly bodyRate: number
  /** An idle connection is closed after this long. */
  readonly keepAlive: number
  /** A client that takes no byte of its response for so long is gone, an app that takes none of an upload stuck. */
  readonly stall: number
  /** A tunnel through which nothing went for so long is closed; 0 for never, TCP keep-alive finds the dead. */
  readonly tunnel: number
}

export const defaultTimeouts: Timeouts = {
  head: 15_000,
  body: 30_000,
  bodyRate: 100,
  keepAlive: 30_000,
  stall: 120_000,
  tunnel: 0,
}

import type { Framing } from '../http/framing.ts'
import type { Head } from '../http/head.ts'
import type { Clock } from '../lib/clock.ts'
import type { ErrorCode } from '../lib/errors.ts'

/** The exchange that uses a link, `L`. All calls but `drained` and `lost` come out of one read of the app's bytes. */
export interface LinkUser<L> {
  /** It must not be sent twice. */
  readonly isOnce: boolean
  /** The link is there, connected: send. */
  linked(link: L): void
  interim(head: Head): void
  /** A final head, with its body's framing. */
  responded(head: Head, framing: Framing): void
  data(bytes: Buffer, start: number, end: number): void
  /** The body is whole. */
  whole(trailers: Head | null): void
  /** All there was to read for now was told. False: read no more until `resume`. */
  flush(): boolean
  /** 101. False when it was not asked for; else the link is a `tunnel` from now on. */
  switched(head: Head): boolean
  /** The app has ended its side of the tunnel. */
  finished(): void
  /** The response is over and the link is somebody else's. */
  released(): void
  /** The app takes bytes again. */
  drained(): void
  /** Nothing more comes of it; the link is gone. `silent`: not one byte came back, but a 100. */
  lost(code: ErrorCode, detail: string, silent: boolean): void
  /** A mistake of ours was met on the way: the request ends, and with it the link. */
  failed(error: unknown): void
}

export interface LinkOwner<L> {
  readonly clock: Clock
  /** How long it may be idle when the app says so many seconds (-1: nothing). Milliseconds. */
  idleTime(seconds: number): number
  reads: number
  opened(link: L): void
  /** The backlog of its Unix socket is full: there is no connection, and somebody listens. */
  crowded(link: L): void
  /** Whoever asked is about to have the last of its answer, or gets none from here. */
  done(): void
  /** It may serve another. */
  freed(link: L): void
  closed(link: L): void
}

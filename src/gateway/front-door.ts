import type { ListeningSockets } from '../lib/running.ts'
import type { Traffic } from '../model/protocol.ts'
import type { RouteChange } from '../model/route.ts'
import type { Auth } from './auth/tokens.ts'
import type { InFlight } from './inflight.ts'

/** What main needs of the gateway, however many threads it runs on. */
export interface FrontDoor extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string
  readonly port: number
  /** Who came before waits until then: see `waits` of the options. */
  open(): void
  /** From the next request on, and for those that wait, this is where requests go. */
  change(routes: RouteChange): void
  configure(auth: Auth): void
  stopAccepting(): Promise<void>
  /** For a process that is to accept on them too: what waits in them is not lost when this one closes its own. */
  readonly sockets: ListeningSockets
  /** Another process accepts from now on; every client is served once more, streams take leave. Resolves when all have gone. */
  leave(): Promise<void>
  /** On several threads: as of a moment ago. */
  inflight(): readonly InFlight[]
  traffic(run: number): Traffic
}

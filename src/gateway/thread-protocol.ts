import type { ListeningSockets } from '../lib/running.ts'
import type { GatewayReport, Traffic } from '../model/protocol.ts'
import type { RouteChange } from '../model/route.ts'
import type { ClientTimeouts } from '../model/settings.ts'
import type { Auth } from './auth/tokens.ts'
import type { Entry } from '../observe/journal.ts'
import type { InFlight } from './inflight.ts'
import type { BoardMemory, Named } from './shared-board.ts'

/** Everything that passes between the main thread and a gateway thread. All of it is structured-cloneable. */

export interface ThreadStart {
  readonly host: string
  readonly port: number
  /** Sockets that listen already; undefined: it opens its own on the port. */
  readonly inherited: ListeningSockets | undefined
  readonly auth: Auth
  /** All of them. */
  readonly routes: RouteChange
  readonly sessionKey: Uint8Array
  /** One number that changes: exchanges below this gravity interest nobody in the main thread. */
  readonly least: SharedArrayBuffer
  /** Where all threads count, and this one's row in it. */
  readonly board: BoardMemory
  readonly row: number
  readonly columns: Named
  readonly timeouts: Partial<ClientTimeouts> | undefined
  readonly trustedProxies: readonly string[] | undefined
  readonly waits: boolean
  readonly stamp: string
  /** Its share of the files that the process may have open. */
  readonly files: number
}

export type ToThread =
  | { readonly type: 'routes'; readonly routes: RouteChange; readonly columns: Named }
  | { readonly type: 'auth'; readonly auth: Auth }
  /** A browser signed out at another thread. */
  | { readonly type: 'revoke'; readonly session: string }
  | { readonly type: 'open' }
  /** A sign-in failed at another thread. */
  | { readonly type: 'failure'; readonly address: string }
  | { readonly type: 'stop' }
  /** Another process accepts from now on. */
  | { readonly type: 'leave' }
  | { readonly type: 'close' }

export type FromThread =
  | { readonly type: 'listening'; readonly descriptors: readonly number[] }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'report'; readonly report: GatewayReport }
  /** For the journal. */
  | { readonly type: 'entry'; readonly entry: Entry }
  | {
      readonly type: 'inflight'
      readonly inflight: readonly InFlight[]
      readonly traffic: readonly (readonly [run: number, Traffic])[]
    }
  | { readonly type: 'revoke'; readonly session: string }
  | { readonly type: 'failure'; readonly address: string }
  /** The last client has gone. */
  | { readonly type: 'left' }
  | { readonly type: 'closed' }

import type { Clock } from '../lib/clock.ts'
import type { GatewayReport } from '../model/protocol.ts'
import type { RouteIndex } from '../model/route.ts'
import type { Journal } from '../observe/journal.ts'
import type { ClientTimeouts } from '../model/settings.ts'
import type { Attempts } from './auth/attempts.ts'
import type { Sessions } from './auth/sessions.ts'
import type { Credentials } from './auth/tokens.ts'
import type { Hold } from './hold.ts'
import type { Inflight } from './inflight.ts'
import type { Coping } from './coping.ts'
import type { Shelf } from './keep.ts'
import type { Losses } from './losses.ts'
import type { RelayEngine } from './relay.ts'
import type { Suspects } from './suspects.ts'
import type { Trials } from './trials.ts'
import type { Upstreams } from './upstreams.ts'

/** What of the gateway is told to apps and clients. */
export type Home = Readonly<Pick<Door, 'clock' | 'cookie' | 'port' | 'timeouts'>>

/** What every request passes on its way: the parts of one gateway. The first four are replaced while it runs. */
export interface Door {
  credentials: Credentials
  closing: boolean
  /** Another process accepts: connections are not kept alive. */
  leaving: boolean
  port: number
  /** The session cookie's name: cookies do not tell ports apart, so that two gateways on one host need two names. */
  cookie: string
  readonly index: RouteIndex
  readonly sessions: Sessions
  readonly attempts: Attempts
  readonly hold: Hold
  readonly inflight: Inflight
  readonly losses: Losses
  /** Bodies that are kept for another try. */
  readonly shelf: Shelf
  readonly suspects: Suspects
  readonly trials: Trials
  readonly coping: Coping
  /** Connections to instances of ours. */
  readonly upstreams: Upstreams
  /** To hosts we do not run. */
  readonly remotes: RelayEngine
  readonly journal: Journal
  readonly clock: Clock
  readonly timeouts: ClientTimeouts
  readonly report: (report: GatewayReport) => void
  /** Reports that a request waits for an app, at a bounded rate. */
  readonly want: (app: string) => void
  /** Something has become of these apps: whoever still waits for one says so again. */
  readonly changed: (apps: Iterable<string>) => void
}

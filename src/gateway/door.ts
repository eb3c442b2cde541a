import type { Clock } from '../lib/clock.ts'
import type { GatewayReport } from '../model/protocol.ts'
import type { RouteIndex } from '../model/route.ts'
import type { Exchange, Journal } from '../observe/journal.ts'
import type { Attempts } from './auth/attempts.ts'
import type { Sessions } from './auth/sessions.ts'
import type { Known } from './auth/tokens.ts'
import type { Hold } from './hold.ts'
import type { Inflight } from './inflight.ts'
import type { RelayEngine } from './relay.ts'

/** What every request passes on its way: the parts of one gateway. The first four change while it runs. */
export interface Door {
  index: RouteIndex
  known: readonly Known[]
  closing: boolean
  port: number
  readonly sessions: Sessions
  readonly attempts: Attempts
  readonly hold: Hold
  readonly inflight: Inflight
  readonly engine: RelayEngine
  readonly journal: Journal
  readonly clock: Clock
  readonly report: (report: GatewayReport) => void
  /** Reports that a request waits for an app, at a bounded rate. */
  readonly want: (app: string) => void
}

/** What is known of one exchange so far: its journal entry in the making. */
export interface Story {
  readonly id: string
  readonly at: number
  readonly since: number
  readonly traffic: { in: number; out: number }
  host: string
  subject: string | null
  app: string | null
  run: number | null
  held: number
  error: Exchange['error']
}

/** The session cookie's name: cookies do not tell ports apart, so that two gateways on one host need two names. */
export function cookieName(door: Door): string {
  return `quaymaster-${door.port}`
}

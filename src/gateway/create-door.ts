import { defaultTimeouts } from '../config/complete.ts'
import type { Clock } from '../lib/clock.ts'
import type { GatewayReport } from '../model/protocol.ts'
import type { RouteIndex } from '../model/route.ts'
import type { ClientTimeouts } from '../model/settings.ts'
import type { Journal } from '../observe/journal.ts'
import { Attempts } from './auth/attempts.ts'
import { Sessions, type SessionOptions } from './auth/sessions.ts'
import { type Auth, Credentials } from './auth/tokens.ts'
import { Coping } from './coping.ts'
import type { Door } from './door.ts'
import { Hold } from './hold.ts'
import { Inflight } from './inflight.ts'
import { Shelf } from './keep.ts'
import { Losses } from './losses.ts'
import type { Places } from './places.ts'
import { createProxyEngine } from './proxy-relay.ts'
import type { Room } from './room.ts'
import type { SharedSlots } from './shared-slots.ts'
import { Suspects } from './suspects.ts'
import type { Sweep } from './sweep.ts'
import type { Turns } from './turns.ts'
import { Trials } from './trials.ts'
import { Upstreams } from './upstreams.ts'

export interface DoorOptions {
  /** 0 takes a free one. */
  readonly port: number
  readonly auth: Auth
  readonly journal: Journal
  readonly clock: Clock
  readonly report: (report: GatewayReport) => void
  /** Default: a key of this gateway's own, and nobody else to tell of a sign-out. */
  readonly sessions?: SessionOptions
  /** Called with the address of each sign-in that fails. Default: there is nobody else to tell. */
  readonly failed?: (address: string) => void
  /** Where those who wait for an app are counted. Default: by this gateway alone. */
  readonly places?: Places
  /** Where connections to instances are counted. Default: by this gateway alone. */
  readonly slots?: SharedSlots
  /** Whose turn it is to try a suspect. Default: always ours. */
  readonly turns?: Turns
  /** Of this life of the gateway, part of the ids of crashes. */
  readonly stamp?: string
  /** Default: `defaultTimeouts`. */
  readonly timeouts?: Partial<ClientTimeouts> | undefined
}

/** At most one report that an app is wanted, an app, in this many ms, as long as nothing becomes of the app. */
const wantEvery = 1_000

/** Everything that the requests of one gateway pass. */
export function createDoor(options: DoorOptions, sweep: Sweep, index: RouteIndex, room: Room): Door {
  const { clock, journal, report, auth, port, timeouts, sessions, places, slots, turns, failed, stamp = '0' } = options
  const wanted = new Map<string, number>()
  return {
    index,
    credentials: new Credentials(auth),
    closing: false,
    leaving: false,
    port,
    cookie: '',
    sessions: new Sessions(sessions),
    attempts: new Attempts(failed),
    hold: new Hold(places),
    inflight: new Inflight(clock, (run) => report({ type: 'drained', run })),
    losses: new Losses(report, stamp),
    shelf: new Shelf(),
    suspects: new Suspects(clock, report, turns),
    upstreams: new Upstreams(clock, sweep, room, slots ?? null, report),
    trials: new Trials(report, clock),
    coping: new Coping(report),
    remotes: createProxyEngine(),
    journal,
    clock,
    timeouts: { ...defaultTimeouts, ...timeouts },
    report,
    want: (app) => {
      const now = clock.now()
      if (now - (wanted.get(app) ?? Number.NEGATIVE_INFINITY) < wantEvery) return
      wanted.set(app, now)
      report({ type: 'wanted', app })
    },
    changed: (apps) => {
      for (const app of apps) wanted.delete(app)
    },
  }
}

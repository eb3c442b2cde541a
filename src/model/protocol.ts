import type { Suspicions } from './poison.ts'
import type { AppSettings } from './settings.ts'
import type { Testimony } from './testimony.ts'
import type { Coped, Tally } from './tally.ts'

/**
 * Everything that can happen to a fleet and everything a fleet can ask for. Both unions are closed: a new word is
 * added here and the compiler names every place that must answer it. All of it is structured-cloneable.
 */

/** Where an instance listens. `host` is a literal address: `127.0.0.1` or `::1`; of a Unix socket empty, and the port 0. */
export interface Address {
  readonly host: string
  readonly port: number
  /** Of a Unix socket. */
  readonly path?: string
}

/** What one start of an app executes. Two launches with the same `version` are the same release. */
export interface Launch {
  /** Digest over the executable's bytes (or a folder's entry files) and every setting that shapes the process. */
  readonly version: string
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  /** What the operator would recognise: the path in `apps/`, or the command line. Shown, never executed. */
  readonly source: string
  readonly env: Readonly<Record<string, string>>
  readonly envFiles: readonly string[]
  readonly uid: number | null
  readonly gid: number | null
  readonly umask: number | null
  /** What PORT says: a port of 127.0.0.1 or the path of a Unix socket. */
  readonly listen: 'port' | 'socket'
}

export type Event =
  // from the intake (files and configuration)
  | { readonly type: 'settling'; readonly app: string; readonly settings: AppSettings; readonly source: string }
  | {
      readonly type: 'offered'
      readonly app: string
      readonly settings: AppSettings
      readonly launch: Launch
      /** Set when it runs in place of a newer version that was refused, or that the operator took back. */
      readonly rejected?: { readonly version: string; readonly reason: string; readonly at: number }
    }
  | {
      readonly type: 'refused'
      readonly app: string
      readonly settings: AppSettings
      readonly source: string
      readonly reason: string
    }
  | { readonly type: 'remote'; readonly app: string; readonly settings: AppSettings; readonly url: string }
  | { readonly type: 'settings'; readonly app: string; readonly settings: AppSettings }
  | { readonly type: 'vanished'; readonly app: string }
  /** An earlier gateway started these, and they still run: told before the intake's first word about the app. */
  | {
      readonly type: 'adopted'
      readonly app: string
      readonly settings: AppSettings
      /** The operator had stopped it. */
      readonly off: boolean
      readonly instances: readonly Adoptee[]
    }
  // from the operator
  | { readonly type: 'command'; readonly app: string; readonly verb: 'start' | 'stop' | 'restart' }
  | { readonly type: 'shutdown' }
  // from the processes
  | { readonly type: 'spawned'; readonly run: number; readonly pid: number; readonly port: number }
  | { readonly type: 'exited'; readonly run: number; readonly exit: Exit }
  | { readonly type: 'probed'; readonly run: number; readonly result: ProbeResult }
  /** It went beyond one of its app's limits. */
  | { readonly type: 'exceeded'; readonly run: number; readonly reason: string }
  // from the reports of crashes
  | Suspected
  // from the gateway
  | InstanceReport
  // from the clock
  | { readonly type: 'tick' }
  /** It was late for a deadline, by so many milliseconds: nobody ran meanwhile. */
  | { readonly type: 'overslept'; readonly by: number }

/** An instance of an earlier gateway, in the order of their runs. */
export interface Adoptee {
  readonly run: number
  readonly pid: number
  readonly port: number
  /** Where it was found ready; null: it was not, yet. */
  readonly address: Address | null
  readonly born: number
  /** When it was told to stop. Null: it was not. */
  readonly told: number | null
  readonly launch: Launch
}

/** Requests of an app that may be what kills it have changed. Null: there are none. */
export interface Suspected {
  readonly type: 'suspected'
  readonly app: string
  /** That crashed. */
  readonly version: string
  readonly found: Suspicions | null
}

/** What the gateway tells. */
export type GatewayReport = InstanceReport | Testimony

/** What it tells the supervisor. */
export type InstanceReport =
  | { readonly type: 'drained'; readonly run: number }
  /** A request is waiting for an app that has no ready instance. */
  | { readonly type: 'wanted'; readonly app: string }
  /** An instance refused a connection: look at it now rather than at the next probe. */
  | { readonly type: 'suspect'; readonly run: number }
  /** It closes connections at once, without a word, that it has said it would keep. */
  | { readonly type: 'hasty'; readonly run: number }
  /** Since the last such report. */
  | { readonly type: 'coped'; readonly app: string; readonly coped: Coped }
  /** How a version on trial and the proven one answered since the last such report. */
  | {
      readonly type: 'observed'
      readonly app: string
      readonly generation: number
      readonly answers: Tally
      readonly proven: Tally
    }

/** An instance that had been ready and ended without being asked. */
export interface Fall {
  readonly app: string
  readonly run: number
  readonly pid: number | null
  readonly version: string
  readonly cause: 'died' | 'unhealthy'
  readonly reason: string
  /** Null while the process is still being ended. */
  readonly exit: Exit | null
  /** Milliseconds since it was spawned. */
  readonly uptime: number
}

/** How a process ended, or why it never began. */
export interface Exit {
  readonly code: number | null
  readonly signal: string | null
  /** Set when the process could not be started at all: one sentence. */
  readonly error: string | null
  /** The last line the process wrote to stderr (or stdout when stderr stayed silent). */
  readonly lastLine: string | null
  /** The port we allocated turned out to be somebody else's. */
  readonly portTaken: boolean
  /** The kernel ended it because memory ran out. */
  readonly outOfMemory: boolean
  /** Bytes of memory it held when it was last looked at. */
  readonly memory: number | null
}

export type ProbeResult =
  | {
      readonly ok: true
      readonly address: Address
      /** One explaining sentence when the instance was found elsewhere than asked (other port, ::1, 0.0.0.0). */
      readonly note: string | null
    }
  | {
      readonly ok: false
      readonly reason: string
      /** What else was seen of an instance that had been ready; null while it is starting. */
      readonly signs: Signs | null
    }

/** What was seen of an instance that missed a liveness probe. */
export interface Signs {
  /** It took the connection and said nothing, as opposed to a refusal or a wrong answer. */
  readonly silent: boolean
  /** Some other request got a byte of it meanwhile: it is busy, not hung. */
  readonly answering: boolean
  /** State, memory and the like of the process, a clause for people; null where the system does not tell. */
  readonly vitals: string | null
}

/** What the gateway knows of one run's traffic, as of at most a second ago. */
export interface Traffic {
  /** Milliseconds since the oldest request that has not got a byte was sent to it; 0 when there is none. */
  readonly waiting: number
  /** Milliseconds since its last byte was noticed. */
  readonly quiet: number
  /** How often anything was read from it: another number means that it answers. */
  readonly reads: number
}

export type Effect =
  | { readonly type: 'spawn'; readonly app: string; readonly run: number; readonly launch: Launch }
  /** Go on with a run that an earlier gateway started. */
  | { readonly type: 'adopt'; readonly run: number }
  /** Look at an instance once, `after` ms from now, and answer with `probed`. */
  | {
      readonly type: 'probe'
      readonly run: number
      readonly purpose: 'readiness' | 'liveness'
      readonly after: number
      readonly address: Address | null
      readonly path: string | null
      readonly status: readonly (readonly [number, number])[]
      readonly timeout: number
      /** As in `HealthSettings`. */
      readonly stall: number
    }
  /** SIGTERM to the whole process tree of a run. Idempotent. */
  | { readonly type: 'terminate'; readonly run: number }
  /** SIGKILL to the whole process tree of a run. Idempotent. */
  | { readonly type: 'kill'; readonly run: number }
  /** An app has left the fleet, nothing of it runs any more. */
  | { readonly type: 'forget'; readonly app: string }
  /** An instance that served is lost: its report is to be written. */
  | { readonly type: 'crash'; readonly fall: Fall }
  /** Something an observer wants to know. */
  | { readonly type: 'announce'; readonly announcement: Announcement }

/** What is told about apps: one line in the log, one event in a stream. */
export type Announcement =
  | { readonly kind: 'refused'; readonly app: string; readonly reason: string }
  | { readonly kind: 'starting'; readonly app: string; readonly run: number; readonly version: string }
  | {
      readonly kind: 'adopted'
      readonly app: string
      readonly run: number
      readonly pid: number
      readonly version: string
    }
  | {
      readonly kind: 'ready'
      readonly app: string
      readonly run: number
      readonly pid: number
      readonly address: Address
      /** Where the gateway serves it: `/hello`. */
      readonly path: string
      readonly version: string
      /** Milliseconds from spawn to ready; of one that was adopted, from then to ready. */
      readonly took: number
      readonly note: string | null
    }
  | {
      readonly kind: 'fell'
      readonly app: string
      readonly run: number
      readonly pid: number | null
      readonly reason: string
    }
  | {
      readonly kind: 'crashed'
      readonly app: string
      readonly run: number
      /** Of the crash report. */
      readonly id: string
      readonly reason: string
      /** What was in flight, in words. */
      readonly blame: string
    }
  | {
      readonly kind: 'quarantined'
      readonly app: string
      readonly shape: string
      readonly crashes: readonly string[]
      readonly for: number
    }
  | { readonly kind: 'noted'; readonly app: string; readonly run: number; readonly note: string }
  | {
      readonly kind: 'resting'
      readonly app: string
      readonly falls: number
      readonly for: number
      readonly reason: string
    }
  | {
      readonly kind: 'rejected'
      readonly app: string
      readonly version: string
      readonly reason: string
      readonly kept: string
    }
  /** A fresh one of the same release is started beside it, and then it goes. */
  | { readonly kind: 'recycling'; readonly app: string; readonly run: number; readonly reason: string }
  | { readonly kind: 'draining'; readonly app: string; readonly run: number; readonly why: StopReason }
  | { readonly kind: 'stopping'; readonly app: string; readonly run: number; readonly pid: number | null }
  | {
      readonly kind: 'killing'
      readonly app: string
      readonly run: number
      readonly pid: number | null
      readonly grace: number
    }
  | { readonly kind: 'stopped'; readonly app: string; readonly run: number; readonly why: StopReason }
  | { readonly kind: 'gone'; readonly app: string }

/** Why we ourselves end an instance. */
export type StopReason = 'stopped' | 'replaced' | 'removed' | 'scaled down' | 'recycled' | 'rejected' | 'shutting down'

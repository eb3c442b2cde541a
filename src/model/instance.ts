import type { Address, Exit, Launch, StopReason } from './protocol.ts'

/**
 * One run of one release of an app. A line, never a loop: it is born, it dies, and a restart is another Instance.
 *
 *     starting ─► ready ─► draining ─► stopping ─► exited
 *
 * Any state may go straight to `exited` (the process died by itself), `starting` may go straight to `stopping`.
 */
export type Instance = Starting | Ready | Draining | Stopping | Exited

interface Run {
  /** Unique in the fleet for as long as the gateway lives; a word from another life never matches. */
  readonly run: number
  readonly app: string
  readonly release: Release
  readonly born: number
  /** Null until the process exists. */
  readonly pid: number | null
  /** The port that was allocated for it; where it really listens is in `address`. */
  readonly port: number | null
}

export interface Starting extends Run {
  readonly state: 'starting'
  /** Becomes `never-ready` at this time. */
  readonly deadline: number
  /** How many readiness probes have failed. */
  readonly probes: number
  /** The last thing a readiness probe complained about. */
  readonly complaint: string | null
}

export interface Ready extends Run {
  readonly state: 'ready'
  readonly since: number
  readonly address: Address
  readonly note: string | null
  /** Missed liveness probes in a row. */
  readonly misses: number
}

export interface Draining extends Run {
  readonly state: 'draining'
  readonly until: number
  readonly address: Address
  readonly cause: Cause
}

export interface Stopping extends Run {
  readonly state: 'stopping'
  /** When SIGKILL is due (again). */
  readonly until: number
  readonly kills: number
  readonly cause: Cause
}

export interface Exited extends Run {
  readonly state: 'exited'
  readonly exit: Exit
  readonly cause: Cause
}

/** Why an instance ends. Everything but `asked` costs its app a fall. */
export type Cause =
  | { readonly kind: 'asked'; readonly why: StopReason }
  | { readonly kind: 'never-ready'; readonly reason: string }
  | { readonly kind: 'unhealthy'; readonly reason: string }
  | { readonly kind: 'died'; readonly reason: string }

/** A launch that was accepted as the wanted one of its app; a restart of the same launch is a new generation too. */
export interface Release {
  readonly generation: number
  readonly launch: Launch
}

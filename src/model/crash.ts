import type { LostFlight } from './testimony.ts'

/** What was frozen when an instance was lost. As it is kept on disk and told by the API. */
export interface CrashReport {
  readonly id: string
  readonly app: string
  readonly run: number
  readonly pid: number | null
  readonly version: string
  /** ISO 8601. */
  readonly at: string
  readonly cause: 'died' | 'unhealthy'
  /** One sentence: signal or code, and the last line of its output. */
  readonly reason: string
  readonly code: number | null
  readonly signal: string | null
  readonly outOfMemory: boolean
  /** Bytes it held when it was last looked at. */
  readonly memory: number | null
  /** Milliseconds. */
  readonly uptime: number
  /** What was in flight, the first of them in full. */
  readonly flights: readonly LostFlight[]
  readonly more: number
  /** The shape that was in flight alone, or as the only suspect. */
  readonly culprit: string | null
  /** How many of the app's crashes on record each of these shapes was part of, the most frequent first. */
  readonly suspects: readonly { readonly shape: string; readonly crashes: number }[]
  /** The same in words. */
  readonly blame: string
  readonly output: readonly { readonly at: number; readonly stream: 'stdout' | 'stderr'; readonly line: string }[]
}

/**
 * Known before anybody has seen the process end, so that the answer to a lost request can name it. `stamp` tells the
 * lives of the gateway apart, which each count runs from 1.
 */
export function crashId(app: string, run: number, stamp: string): string {
  return `${app}-${run}-${stamp}`
}

export function stampOf(wall: number): string {
  return Math.floor(wall / 1000).toString(36)
}

type Finding = Pick<CrashReport, 'culprit' | 'suspects' | 'blame'>

/** Whom a crash is blamed on. `earlier` are those of the same app that are on record. */
export function judge(
  flights: readonly LostFlight[],
  more: number,
  earlier: readonly Pick<CrashReport, 'flights'>[],
): Finding {
  const shapes = [...new Set(flights.map(({ shape }) => shape))]
  const suspects = shapes
    .map((shape) => ({ shape, crashes: 1 + earlier.filter((it) => it.flights.some((f) => f.shape === shape)).length }))
    .sort((a, b) => b.crashes - a.crashes)
    .slice(0, most)
  const tried = [...new Set(flights.filter(({ alone }) => alone).map(({ shape }) => shape))]
  const [first] = shapes
  if (first === undefined) return { culprit: null, suspects, blame: 'no request was in flight' }
  if (tried.length === 1 && tried[0] !== undefined) {
    // Where the app also dies with nothing in flight, it may have been there by chance.
    const verdict = earlier.some((it) => it.flights.length === 0) ? 'likely culprit' : 'culprit'
    return { culprit: tried[0], suspects, blame: `${tried[0]} was being tried as the only suspect: ${verdict}` }
  }
  if (flights.length + more === 1) {
    return { culprit: first, suspects, blame: `${first} was in flight alone: likely culprit` }
  }
  const named = suspects.map(({ shape, crashes }) => (crashes === 1 ? shape : `${shape} (in ${crashes} crashes)`))
  const rest = shapes.length > named.length ? ` and ${shapes.length - named.length} others` : ''
  return {
    culprit: shapes.length === 1 ? first : null,
    suspects,
    blame: `${flights.length + more} requests were in flight, each a suspect: ${named.join(', ')}${rest}`,
  }
}

/** Suspects that are named. */
const most = 5

/** A shape of request that is tried alone, or not at all. */
export interface SuspectStatus {
  readonly app: string
  readonly shape: string
  readonly quarantined: boolean
  /** ISO 8601, when it ends by itself; null for a mere suspect. */
  readonly until: string | null
  readonly crashes: readonly string[]
}

/** What `quaymaster crashes` and the API tell. */
export interface CrashesDocument {
  /** Newest first. */
  readonly crashes: readonly CrashReport[]
  readonly suspects: readonly SuspectStatus[]
}

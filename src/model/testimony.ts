/** What the gateway tells of requests that were in flight when an instance died. */
export type Testimony =
  | {
      readonly type: 'lost'
      readonly app: string
      readonly run: number
      readonly flights: readonly LostFlight[]
      /** Further ones that are only counted. */
      readonly more: number
    }
  /** A request of a suspected shape was answered. `seq` is that of the suspicions it was tried under. */
  | { readonly type: 'acquitted'; readonly app: string; readonly shape: string; readonly seq: number }

/** A request that was in flight when its instance died. No header and no value of its query is in it. */
export interface LostFlight {
  /** The X-Request-Id. */
  readonly id: string
  readonly method: string
  /** What the app saw: the path, and the names in its query. */
  readonly target: string
  /** What it has in common with other requests like it, see `poison.ts`. */
  readonly shape: string
  /** Bytes of its body, if it said so. */
  readonly size: number | null
  /** Milliseconds since it came. */
  readonly age: number
  /** Who was authenticated. */
  readonly subject: string | null
  /** Whether its response had begun; its head was written to the instance in any case. */
  readonly answering: boolean
  /** It was suspected before, and no other suspect was at the instance with it. */
  readonly alone: boolean
}

/** Flights of one death that are kept in any case; and those beyond, of which only what they add is kept. */
const plenty = 64
const most = 128

/**
 * Whether one more flight is worth to be kept beside `kept`, of the same death: who takes down an app that hundreds are
 * waiting for must not be lost among them, so beyond 64 whoever is alone in suspicion, or the first of its shape, still is.
 */
export function isWorthKeeping(kept: readonly LostFlight[], flight: LostFlight): boolean {
  if (kept.length < plenty) return true
  return kept.length < most && (flight.alone || kept.every(({ shape }) => shape !== flight.shape))
}

import type { Clock } from '../lib/clock.ts'
import type { Claims } from './claims.ts'
import type { Bench } from './judge.ts'
import type { Lanes } from './lanes.ts'
import type { Register } from './register.ts'
import type { Writers } from './writers.ts'

/** What an entry needs of the intake it belongs to. */
export interface Household<Member> {
  readonly bench: Bench
  readonly clock: Clock
  readonly claims: Claims<Member>
  readonly register: Register
  readonly writers: Writers
  readonly lanes: Lanes
  /** The entry has left `apps/` and is to be forgotten. */
  readonly gone: (entry: Member) => void
  /** Nobody in `apps/` is called so any more. */
  readonly unowned: (app: string) => void
  /** There are more apps than anybody could mean. */
  readonly crowded: () => void
  readonly failed: (entry: string, error: unknown) => void
}

/** More apps than this are not a fleet but an accident. */
export const mostApps = 1_000

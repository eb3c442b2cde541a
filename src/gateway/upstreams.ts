import type { Clock } from '../lib/clock.ts'
import type { GatewayReport } from '../model/protocol.ts'
import type { Upstream } from '../model/route.ts'
import type { ConnectionSettings } from '../model/settings.ts'
import { Pool } from './pool.ts'
import type { Room } from './room.ts'
import type { SharedSlots } from './shared-slots.ts'
import type { Sweep } from './sweep.ts'
import { Trust } from './trust.ts'

/** The pools of all instances, one a run. */
export class Upstreams implements Disposable {
  readonly #clock: Clock
  readonly #sweep: Sweep
  readonly #room: Room
  /** Null: this gateway is alone. */
  readonly #slots: SharedSlots | null
  readonly #report: (report: GatewayReport) => void
  readonly #pools = new Map<number, Pool>()

  constructor(
    clock: Clock,
    sweep: Sweep,
    room: Room,
    slots: SharedSlots | null,
    report: (report: GatewayReport) => void,
  ) {
    this.#clock = clock
    this.#sweep = sweep
    this.#room = room
    this.#slots = slots
    this.#report = report
  }

  poolOf(upstream: Upstream, limits: ConnectionSettings): Pool {
    let pool = this.#pools.get(upstream.run)
    if (pool) {
      pool.limits = limits
      return pool
    }
    const { run } = upstream
    const trust = new Trust(this.#clock, () => this.#report({ type: 'hasty', run }))
    pool = new Pool(upstream, limits, this.#clock, this.#sweep, this.#room, this.#slots?.of(run), trust)
    this.#pools.set(run, pool)
    return pool
  }

  /** How long a run has been quiet, and how often anything was read from it. */
  heardOf(run: number): { readonly quiet: number; readonly reads: number } {
    const pool = this.#pools.get(run)
    return { quiet: pool?.quiet(this.#clock.now()) ?? 0, reads: pool?.reads ?? 0 }
  }

  /** A request on a kept connection of this run got no byte back. */
  distrust(run: number): void {
    this.#pools.get(run)?.trust.lost()
  }

  /** Closes the idle connections of a run. */
  dropIdle(run: number): void {
    this.#pools.get(run)?.dropIdle()
  }

  /**
   * A run has ended: its idle connections are closed, and those that become idle, because we may read the last answer of
   * one before its end. A request on it would be taken for one that was in flight at the death.
   */
  fallen(run: number): void {
    const pool = this.#pools.get(run)
    if (pool) pool.trust.isOver = true
    pool?.dropIdle()
  }

  /** Closes the idle connections of a run now and the busy ones as they become idle; the pool is forgotten. */
  retire(run: number): void {
    this.#pools.get(run)?.[Symbol.dispose]()
    this.#pools.delete(run)
    this.#slots?.forget(run)
  }

  [Symbol.dispose](): void {
    for (const run of this.#pools.keys()) this.retire(run)
  }
}

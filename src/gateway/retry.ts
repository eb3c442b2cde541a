import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import type { Upstream } from '../model/route.ts'
import type { Door } from './door.ts'
import type { Inflight } from './inflight.ts'
import { isRunning } from './pulse.ts'
import type { Failure } from './relay.ts'
import type { Try } from './trials.ts'

/** After an instance broke off in silence: how long the news of its death may take to be seen at its port. */
const deathTime = 25

/** How soon an instance that refused a connection is tried again while no other is offered. */
export const retryAfter = 250

/** No run to avoid: what a request begins with. */
export const none: ReadonlySet<number> = new Set()

/** The least busy instance; among equals one that was not chosen last. */
export function choose(upstreams: readonly Upstream[], inflight: Inflight): Upstream {
  const { length } = upstreams
  let best = upstreams[turn++ % length] as Upstream
  for (let step = 0; step < length - 1; step += 1) {
    const one = upstreams[(turn + step) % length] as Upstream
    if (inflight.count(one.run) < inflight.count(best.run)) best = one
  }
  return best
}

let turn = 0

interface Chances {
  /** Null for a host we do not run. */
  readonly upstream: Upstream | null
  readonly avoid: Set<number>
  /** What was made use of before. */
  readonly spent: readonly Again[]
  readonly repeatable: boolean
  readonly trial: Try | null
}

export type Again = 'again' | 'retry' | 'replay' | 'no'

/** What a request begins with. */
export const nothingSpent: readonly Again[] = []

/**
 * Whether a request that failed may be sent again: never twice to an instance that may have acted on it, unless
 * RFC 9110 §9.2.2 allows. `again`: nothing was sent. `retry`: a kept connection had gone stale, once. `replay`: the
 * instance died, once; a stale connection is often the first that is heard of a death, so one does not use up the other.
 * What a version on trial fails before a byte was delivered is a `replay` too: the proven one is asked.
 */
export function mayTryAgain(failure: Failure, chances: Chances, door: Door): Again | Promise<Again> {
  const { upstream, avoid, spent, repeatable, trial } = chances
  const { code, reached, silent, reused } = failure
  if (upstream && (code === 'unreachable' || code === 'connection-lost'))
    door.report({ type: 'suspect', run: upstream.run })
  if (reached === 'nothing') {
    if (!upstream || (code !== 'unreachable' && code !== 'cut')) return 'no'
    avoid.add(upstream.run)
    return 'again'
  }
  if (reached !== 'sent') return 'no'
  if (trial?.fails(code) && repeatable && !spent.includes('replay')) return 'replay'
  if (!silent || !repeatable || spent.includes('replay')) return 'no'
  if (code === 'cut' && upstream) {
    avoid.add(upstream.run)
    return 'replay'
  }
  if (code !== 'connection-lost') return 'no'
  if (reused && !spent.includes('retry')) {
    // It closed an idle connection just as we used it (RFC 9112 §9.3.1): the others of that age are no better.
    if (upstream) door.upstreams.dropIdle(upstream.run)
    return 'retry'
  }
  if (!upstream) return 'no'
  return hasFallen(upstream).then((fallen) => {
    if (!fallen) return 'no'
    avoid.add(upstream.run)
    return 'replay'
  })
}

/** Whether nobody listens any more where an instance listened: tells a death from an app that just hangs up. */
async function hasFallen({ host, port, pid }: Upstream): Promise<boolean> {
  if (pid !== undefined && !isRunning(pid)) return true
  await delay(deathTime)
  if (pid !== undefined && !isRunning(pid)) return true
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 })
    const settle = (fallen: boolean): void => {
      socket.destroy()
      resolve(fallen)
    }
    socket.once('connect', () => settle(false))
    socket.once('timeout', () => settle(false))
    socket.on('error', () => settle(true))
  })
}

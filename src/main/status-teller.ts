import type { FrontDoor } from '../gateway/front-door.ts'
import type { Clock } from '../lib/clock.ts'
import { quaymasterVersion } from '../lib/version.ts'
import type { Fleet } from '../model/fleet.ts'
import { describeFleet, type StatusDocument } from '../model/status.ts'
import { describeWaiting } from '../model/waiting.ts'
import type { Processes } from '../supervisor/processes.ts'

interface Told {
  readonly clock: Clock
  readonly gateway: Pick<FrontDoor, 'url' | 'inflight'>
  readonly processes: Pick<Processes, 'usage'>
  readonly fleet: () => Fleet
  readonly adminUrl: () => string | null
}

export interface StatusTeller {
  readonly status: () => StatusDocument
  /** What a shutdown still waits for, a phrase each. */
  readonly waitingFor: () => readonly string[]
  /** Milliseconds since the epoch at the zero of the fleet's clock. */
  readonly epoch: number
}

/** Tells, whenever asked, what there is; from now on. */
export function statusTeller({ clock, gateway, processes, fleet, adminUrl }: Told): StatusTeller {
  const startedAt = clock.now()
  const epoch = clock.wall() - startedAt
  const waitingFor = (): readonly string[] => describeWaiting(fleet(), gateway.inflight())
  const status = (): StatusDocument => {
    const now = clock.now()
    return describeFleet(fleet(), {
      version: quaymasterVersion(),
      pid: process.pid,
      url: gateway.url,
      adminUrl: adminUrl(),
      now,
      wall: epoch + now,
      startedAt,
      waitingFor: fleet().closing ? waitingFor() : [],
      usage: (run) => processes.usage(run),
    })
  }
  return { status, waitingFor, epoch }
}

import type { Clock } from '../lib/clock.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { ClientTimeouts, TimeoutSettings } from '../model/settings.ts'
import { answering, awaiting } from './delivery-state.ts'
import type { Errand } from './errand.ts'
import { takenFrom } from './taken.ts'

/** When a wait that begins now is over; a limit of 0 is none. */
export function until(clock: Clock, limit: number): number {
  return limit === 0 ? Number.POSITIVE_INFINITY : clock.now() + limit
}

/** The client has `stall` ms to take a byte of what waits for it. Returns what it has taken so far. */
export function awaitClient({ connection, door }: Errand): number {
  connection.deadline = door.clock.now() + door.timeouts.stall
  return takenFrom(connection.socket)
}

/** What it means that a response is late. `stalled`: what there is of it waits for the client. */
export function overdue(
  phase: number,
  stalled: boolean,
  { response, idle }: TimeoutSettings,
  { stall }: ClientTimeouts,
): [code: ErrorCode, detail: string] {
  if (phase === awaiting) return ['response-timeout', `The app did not answer within ${response} ms.`]
  if (phase === answering && !stalled)
    return ['response-timeout', `The app sent no byte of its response for ${idle} ms.`]
  return ['client-left', `The client took no byte of its response for ${stall} ms.`]
}

import type { Clock } from '../lib/clock.ts'
import type { Effect, ProbeResult } from '../model/protocol.ts'
import { messageOf } from './errno.ts'
import { probe, type Subject } from './probe.ts'

/** A probe that ends so much later than its deadline says that we were not running (milliseconds). */
const sleptFor = 1_000

/** After how many milliseconds to look again when a look was worth nothing. */
export const lookAgain = 500

/**
 * A probe, or null when a miss would not be the instance's fault: we are out of descriptors, or were not running ourselves
 * while its deadline passed (a machine that slept, a gateway that was stopped).
 */
export async function fairProbe(
  effect: Extract<Effect, { readonly type: 'probe' }>,
  subject: Subject,
  signal: AbortSignal,
  { clock, blind }: { readonly clock: Clock; readonly blind: (reason: string) => void },
): Promise<ProbeResult | null> {
  const begun = clock.now()
  try {
    const result = await probe(effect, subject, signal)
    return result.ok || clock.now() - begun <= effect.timeout + sleptFor ? result : null
  } catch (error) {
    blind(messageOf(error))
    return null
  }
}

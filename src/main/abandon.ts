import { announceEnding, takeLock } from '../admin/lock.ts'
import type { Notice } from '../supervisor/notice.ts'
import type { Recorded } from '../supervisor/roll.ts'
import { endAll } from '../supervisor/strays.ts'

/** Ends what a gateway that is gone has left on file, unless another one has come: then that one goes on with it. */
export async function abandon(stateDir: string, notice: Notice): Promise<readonly Recorded[]> {
  const lock = await takeLock(stateDir).catch(() => null)
  if (lock === null) return []
  using _lock = lock
  await using _ending = await announceEnding(stateDir)
  return await endAll(stateDir, notice)
}

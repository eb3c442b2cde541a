import type { Fleet } from '../model/fleet.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'

/** How long the greeting waits for the first look at the apps (milliseconds). */
const firstVerdicts = 300

/** So that the greeting can say of each app what became of it, or at least where it will be. */
export async function awaitFirstVerdicts(supervisor: Supervisor): Promise<void> {
  await supervisor.until(isSettled, AbortSignal.timeout(firstVerdicts)).catch(() => {})
}

function isSettled(fleet: Fleet): boolean {
  return fleet.apps.size > 0 && fleet.apps.values().every((app) => app.standing.kind !== 'settling')
}

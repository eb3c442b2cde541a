import type { Fleet } from '../model/fleet.ts'
import type { OutputLine } from '../observe/journal.ts'
import type { Processes } from '../supervisor/processes.ts'

/** The newest lines of one app, or of all apps in the order they were written. */
export function recentOutput(
  processes: Processes,
  fleet: Fleet,
  app: string | null,
  last: number,
): readonly OutputLine[] {
  const names = app === null ? [...fleet.apps.keys()] : [app]
  const lines = names.flatMap((name) => processes.recent(name))
  if (names.length > 1) lines.sort((a, b) => a.at - b.at)
  return last === 0 ? [] : lines.slice(-last)
}

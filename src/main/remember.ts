import type { Fleet } from '../model/fleet.ts'
import type { Announcement } from '../model/protocol.ts'
import type { OutputLine } from '../observe/journal.ts'
import { leaveNote, removeNote } from '../supervisor/failed-note.ts'
import type { Intake } from '../supervisor/intake.ts'

export interface Remembering {
  readonly appsDir: string
  readonly intake: () => Intake | null
  readonly fleet: () => Fleet
  /** The newest lines of an app. */
  readonly output: (app: string) => readonly OutputLine[]
  /** Milliseconds since the epoch. */
  readonly wall: () => number
}

export interface Memory {
  hear(announcement: Announcement): void
  see(fleet: Fleet, before: Fleet, touched: Iterable<string>): void
}

/** How many of its last lines a refused version leaves in the note. */
const lastLines = 20

/** Keeps, on disk and beside the apps, which versions proved themselves and which were refused. */
export function remember({ appsDir, intake, fleet, output, wall }: Remembering): Memory {
  // One note after the other: a later word about an app must not be overtaken by an earlier one.
  let writing = Promise.resolve()
  const write = (work: () => Promise<void>): void => {
    writing = writing.then(work).catch(() => {})
  }
  // The runs of each app's version that started last and is not the one that serves: whose lines a note shows.
  const trials = new Map<string, { readonly version: string; readonly runs: Set<number> }>()
  const begun = (app: string, version: string, run: number): void => {
    if (fleet().apps.get(app)?.good?.launch.version === version) return
    const trial = trials.get(app)
    const runs = trial?.version === version ? trial.runs : new Set<number>()
    trials.set(app, { version, runs: runs.add(run) })
  }
  const note = (app: string, version: string, reason: string): void => {
    const good = fleet().apps.get(app)?.good
    if (!good) return
    const trial = trials.get(app)
    const lines = trial?.version === version ? output(app).filter(({ run }) => trial.runs.has(run)) : []
    const said = lines.slice(-lastLines).map(({ line }) => line)
    const failure = { app, version, reason, kept: good.launch.version, at: wall(), lines: version === '-' ? [] : said }
    write(() => leaveNote(appsDir, failure))
  }
  return {
    hear(announcement) {
      const { kind, app } = announcement
      if (kind === 'starting') begun(app, announcement.version, announcement.run)
      else if (kind === 'rejected') {
        intake()?.archive.refused(app, announcement.version, announcement.reason, announcement.kept)
        note(app, announcement.version, announcement.reason)
        trials.delete(app)
      } else if (kind === 'refused') note(app, '-', announcement.reason)
      else if (kind === 'gone') {
        trials.delete(app)
        write(() => removeNote(appsDir, app))
      }
    },
    see(after, before, touched) {
      for (const name of touched) {
        const good = after.apps.get(name)?.good
        if (!good || good === before.apps.get(name)?.good) continue
        trials.delete(name)
        intake()?.archive.proved(name, good.launch.version)
        write(() => removeNote(appsDir, name))
      }
    },
  }
}

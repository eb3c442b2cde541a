import { isCandidate, readyOf, type App } from './fleet.ts'
import type { Release } from './instance.ts'

/** What became of an operator's command, or that it is not yet decided. */
export type Outcome =
  | { readonly decided: false }
  | { readonly decided: true; readonly ok: true; readonly state: string }
  | { readonly decided: true; readonly ok: false; readonly reason: string }

/** Named for a file that was refused before it was run. */
const unread = '-'

const undecided: Outcome = { decided: false }

/** Whether a command can be given to this app at all; null when it can. */
export function objection(app: App): string | null {
  switch (app.standing.kind) {
    case 'refused':
      return app.standing.reason
    case 'remote':
      return `it is relayed to ${app.standing.url}; nothing of it runs here`
    case 'settling':
      return 'its file is still being written'
    case 'gone':
      return 'it has been removed'
    case 'on':
    case 'resting':
    case 'off':
      return app.current ? null : 'it has nothing to run'
  }
}

/** `mine` is what was current right after the command; `since` is the fleet's time of the command. */
export function outcomeOf(
  app: App | undefined,
  verb: 'start' | 'stop' | 'restart',
  mine: Release | null,
  since: number,
): Outcome {
  const generation = mine?.generation ?? null
  if (!app || app.standing.kind === 'gone') return { decided: true, ok: false, reason: 'it was removed meanwhile' }
  if (verb === 'stop') return app.instances.length === 0 ? { decided: true, ok: true, state: 'off' } : undecided
  if (app.standing.kind === 'off') return { decided: true, ok: false, reason: 'it was stopped meanwhile' }
  // The same once more, by a second restart, is as good as this one.
  const newer = mine && app.current && app.current.generation > mine.generation ? app.current.launch.version : null
  if (newer !== null && newer !== mine?.launch.version) {
    if (app.good?.generation === mine?.generation) return { decided: true, ok: true, state: 'ready' }
    return { decided: true, ok: false, reason: `superseded by version ${newer} before it was ready` }
  }
  // What another rollback to the same version goes back from is told while that goes on, and says nothing against it.
  const stands = mine !== null && app.current !== null && app.current.generation >= mine.generation
  const isElse = stands && app.rejected?.version !== unread && app.rejected?.version !== mine.launch.version
  if (app.rejected && app.rejected.at >= since && !isElse)
    return { decided: true, ok: false, reason: app.rejected.reason }
  if (isProven(app, generation) && readyOf(app, app.current) >= app.settings.instances) {
    return { decided: true, ok: true, state: 'ready' }
  }
  // While a candidate is tried out, what falls is the release before it: a candidate that falls is rejected.
  const fall = app.falls.last
  if (fall && fall.at >= since && !isCandidate(app)) return { decided: true, ok: false, reason: fall.reason }
  if (!app.current) return { decided: true, ok: false, reason: 'it has nothing to run any more' }
  if (generation !== null && app.current.generation < generation) {
    return { decided: true, ok: false, reason: app.rejected?.reason ?? 'it was taken back' }
  }
  return undecided
}

/** Ready is not enough for a release that has one to replace: it has to outlast its trial. */
function isProven(app: App, generation: number | null): app is App & { readonly current: Release } {
  return app.current !== null && !isCandidate(app) && app.current.generation >= (generation ?? 0)
}

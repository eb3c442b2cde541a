import { isCandidate, readyOf, type App, type Trial } from './fleet.ts'
import { rejectCandidate, type Fallen } from './falls.ts'
import type { Release } from './instance.ts'
import { addTallies, complaintAbout, noAnswers, type Tally } from './tally.ts'

/**
 * What becomes of a candidate now: nothing yet, proven, or rejected. It has to get all its instances ready together and
 * then, where the proven release can stand by, to serve until the soak is over without a fall and without answering
 * clearly worse than that one did. A first release has nothing to be compared with and nothing to go back to.
 */
export function tryCandidate(app: App, now: number): Fallen {
  const { current } = app
  // Whoever is stopped proves nothing.
  if (!current || app.standing.kind === 'off') return unchanged(app)
  const ready = readyOf(app, current)
  if (!isCandidate(app)) {
    return unchanged(app.good === null && ready > 0 ? { ...app, good: current } : app)
  }
  const { trial } = app
  const isReady = ready >= app.settings.instances
  if (!trial || !hasStandby(app)) return unchanged(isReady ? proven(app) : begunAgain(app))
  const over = trial.until !== null && trial.until <= now
  const complaint = complaintAbout(trial.answers, addTallies(app.record, trial.proven), over)
  if (complaint !== null) return rejectCandidate(app, complaint, now)
  // More instances are wanted than when it began: it begins again with them.
  if (!isReady) return unchanged(over ? begunAgain(app) : app)
  if (over) return unchanged(proven(app))
  if (trial.until !== null) return unchanged(app)
  return unchanged({ ...app, trial: { ...trial, until: now + app.settings.rollout.soak } })
}

export function newTrial({ generation }: Release): Trial {
  return { generation, until: null, answers: noAnswers, proven: noAnswers }
}

/** Whether the proven release is kept in full strength beside the candidate, to take over at any moment. */
export function hasStandby(app: App): boolean {
  return app.cover && isCandidate(app) && app.settings.rollout.soak > 0
}

/** Adds what gateways saw. A word about another trial than this one is dropped. */
export function noteAnswers(app: App, generation: number, answers: Tally, before: Tally): App {
  const { trial } = app
  if (trial?.generation !== generation) return app
  return {
    ...app,
    trial: { ...trial, answers: addTallies(trial.answers, answers), proven: addTallies(trial.proven, before) },
  }
}

function proven(app: App): App {
  return { ...app, good: app.current, cover: false, trial: null, record: app.trial?.answers ?? noAnswers }
}

function begunAgain(app: App): App {
  return app.trial?.until ? { ...app, trial: { ...app.trial, until: null } } : app
}

function unchanged(app: App): Fallen {
  return { app, announcement: null }
}

/** Requests that met an app at a bad moment, and whose clients did not notice. */
export interface Coped {
  /** Sent once more because their instance died or a version on trial failed them. */
  readonly replayed: number
  /** Waited until an instance was ready. */
  readonly held: number
}

export const nothingToCopeWith: Coped = { replayed: 0, held: 0 }

export function addCoped(a: Coped, b: Coped): Coped {
  return { replayed: a.replayed + b.replayed, held: a.held + b.held }
}

/** How a version was seen to answer: counts only, so that tallies of several threads and moments can be added up. */
export interface Tally {
  readonly requests: number
  /** Answered 5xx, late or in no HTTP. */
  readonly failed: number
  /** The connection was closed without an answer. Of a version that died, its fall speaks; of one that lives, this does. */
  readonly lost: number
  /** Of those, the ones that the other version, asked as well, failed too: no fault of this version. */
  readonly excused: number
  /** Milliseconds to the response head, all together. */
  readonly time: number
  /** How many took less than 1, 2, 4, … ms; the last is everything slower. */
  readonly times: readonly number[]
}

/** Up to 2^15 ms: half a minute to a response head is as slow as anything. */
export const timeSteps = 16

export const noAnswers: Tally = {
  requests: 0,
  failed: 0,
  lost: 0,
  excused: 0,
  time: 0,
  times: Array(timeSteps).fill(0),
}

export function addTallies(a: Tally, b: Tally): Tally {
  return {
    requests: a.requests + b.requests,
    failed: a.failed + b.failed,
    lost: a.lost + b.lost,
    excused: a.excused + b.excused,
    time: a.time + b.time,
    times: Array.from({ length: timeSteps }, (_, i) => (a.times[i] ?? 0) + (b.times[i] ?? 0)),
  }
}

/** The place of a time in `times`. */
export function timeStep(ms: number): number {
  return ms < 1 ? 0 : Math.min(timeSteps - 1, 32 - Math.clz32(ms))
}

/**
 * Why a version that answered so must not replace one that answered like `proven`, or null. Few answers prove little,
 * so both counts and shares have to speak; `over` says that no more will come, which lowers the counts, not the shares.
 */
export function complaintAbout(answers: Tally, proven: Tally, over: boolean): string | null {
  return failing(answers, proven, over) ?? (over ? slow(answers, proven) : null)
}

/** One 5xx may be an accident, and 5 of them come within a moment when it is none. */
const enoughFailures = 5
const fewFailures = 2
/** The share has to be this far above twice the old one: 0 % becomes 10 %, 5 % becomes 20 %. */
const margin = 0.1
/** Where nothing is known of the old version, or little was asked, most answers have to be failures. */
const most = 0.5

function failing(answers: Tally, proven: Tally, over: boolean): string | null {
  const failed = answers.failed + (over ? answers.lost : 0) - answers.excused
  const share = failed / Math.max(1, answers.requests)
  const before = proven.failed / Math.max(1, proven.requests)
  if (share < 2 * before + margin) return null
  const isMuch = failed >= enoughFailures && (proven.requests > 0 || share >= most)
  const isMostOfLittle = over && failed >= fewFailures && share >= most
  if (!isMuch && !isMostOfLittle) return null
  const known = proven.requests === 0 ? '' : `; of the version before it ${proven.failed} of ${proven.requests} were`
  return `${failed} of its ${answers.requests} answers were 5xx${known}`
}

/** Answers on each side without which a time says nothing: the first ones of a new process are always slow. */
const enoughTimes = 40
/** Milliseconds. Less than this a busy machine does to any version: the old one's times were taken at other moments. */
const floor = 1_000
const timesSlower = 5

function slow(answers: Tally, proven: Tally): string | null {
  if (answers.requests < enoughTimes || proven.requests < enoughTimes) return null
  const mean = answers.time / answers.requests
  const before = proven.time / proven.requests
  // The median too, so that a slow start or one long poll does not condemn a version.
  const median = medianOf(answers)
  if (mean < Math.max(floor, timesSlower * before) || median < Math.max(floor, timesSlower * medianOf(proven)))
    return null
  return `its answers take ${Math.round(mean)} ms on average, those of the version before it ${Math.round(before)} ms`
}

/** The upper bound of the step that holds the median. */
function medianOf({ times, requests }: Tally): number {
  let seen = 0
  for (const [step, count] of times.entries()) {
    seen += count
    if (2 * seen >= requests) return 2 ** step
  }
  return 0
}

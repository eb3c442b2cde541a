import type { Head } from '../http/head.ts'
import { isSafe as isSafeMethod } from '../http/method.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { Refusal } from '../model/admission.ts'
import type { Route, Upstream } from '../model/route.ts'
import type { Door } from './door.ts'
import type { Inflight } from './inflight.ts'
import { type Sent, shapeOfRequest } from './losses.ts'
import { isRepeatable } from './read-head.ts'
import type { Failure } from './relay.ts'
import type { Hearing, Outcome } from './suspects.ts'
import type { Try } from './trials.ts'
import { notTried, quarantine, refusal } from './verdict.ts'

/** How soon an instance that refused a connection is tried again while no other is offered. */
export const retryAfter = 250

/** No run to avoid: what a request begins with. */
export const none: ReadonlySet<number> = new Set()

/** The least busy instance; among equals one that was not chosen last. */
export function choose(upstreams: readonly Upstream[], inflight: Inflight): Upstream {
  const { length } = upstreams
  let best = upstreams[turn++ % length] as Upstream
  for (let step = 0; step < length - 1; step += 1) {
    const one = upstreams[(turn + step) % length] as Upstream
    if (inflight.count(one.run) < inflight.count(best.run)) best = one
  }
  return best
}

let turn = 0

export type Again = 'again' | 'retry' | 'replay' | 'no'

/** The request whose tries are counted. */
export interface Tried extends Sent {
  readonly story: Sent['story'] & { readonly held: number }
  readonly head: Head
  readonly connection: { readonly received: number }
  /** Of its response, once its head is on its way to the client; 0 before. */
  readonly status: number
  /** At a version on trial, if it is. */
  readonly trial: Try | null
}

/** Failures that may be the death of the instance. */
const breaks: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'connection-lost',
  'bad-response',
  'truncated-response',
  'cut',
])

/** So often a further death is not held against a request that is known to be harmless. */
const maxExcuses = 3

/** What a request went through so far: most never fail and have none of this. */
export class Tries {
  readonly avoid: Set<number> = new Set()
  /** When it was in flight at a death. */
  #lostAt: number | null = null
  #hearing: Hearing | null = null
  /** Where a kept connection had gone stale: it is tried there once more, which also tells whether anybody is left. */
  #back: Upstream | null = null
  #retried = false
  #replayed = false
  /** How often it was sent. */
  #sent = 0
  #excuses = 0

  /** Where a request that may be suspected goes now: to an instance, into the queue of suspects, or nowhere. */
  turn(tried: Tried, route: Route, upstreams: readonly Upstream[], door: Door): Upstream | Refusal | 'wait' {
    if (this.#back !== null && isListed(this.#back.run, route)) return this.#back
    // The table knows already that the instance is gone.
    if (this.#back !== null && !this.#mayFollow(tried, this.#back, door)) return refusal('connection-lost', brokeOff)
    const body = tried.kept?.digest
    let standing = door.suspects.ask(route, { shape: shapeOfRequest(tried, body), lostAt: this.#lostAt, tried })
    // Those whose body was not known when they were lost are suspected whatever body they have.
    if (standing.kind === 'free' && body !== undefined && body !== '')
      standing = door.suspects.ask(route, { shape: shapeOfRequest(tried), lostAt: null, tried })
    switch (standing.kind) {
      case 'free':
        return choose(upstreams, door.inflight)
      case 'wait':
        // Its time for waiting is one, whatever it waits for.
        return tried.story.held < route.hold.for ? 'wait' : notTried(route)
      case 'quarantined':
        return quarantine(route, standing.quarantined, door.clock.now())
      case 'hearing':
        return this.#try(standing.hearing, upstreams)
    }
  }

  /**
   * Whether a request that failed may be sent again: never twice to an instance that may have acted on it, unless
   * RFC 9110 §9.2.2 allows. `again`: nothing was sent. `retry`: a kept connection had gone stale, once. `replay`: the
   * instance died, once; a stale connection is often the first that is heard of a death, so one does not use up the
   * other. What a version on trial fails before a byte was delivered is a `replay` too: the proven one is asked.
   * `upstream` is null for a host we do not run.
   */
  after(failure: Failure, tried: Tried, upstream: Upstream | null, door: Door): Again | Promise<Again> {
    const { code, reached, silent, reused } = failure
    // A safe one with a body of which nothing has come yet is like one without.
    const isSafe =
      isRepeatable(tried.head, tried.asked) || (isSafeMethod(tried.head.method) && tried.connection.received === 0)
    if (upstream && reused && silent && code === 'connection-lost') door.upstreams.distrust(upstream.run)
    if (reached === 'sent') this.#sent += 1
    // What is not safe is sent twice at most, and only when the process that got it cannot be at it any more.
    const mayRepeat = isSafe || (tried.kept?.isIntact === true && this.#sent === 1 && code !== 'cut')
    const isUnheard = reached === 'sent' && silent && mayRepeat
    if (reached === 'sent' && upstream && tried.trial?.fails(code) && !this.#replayed && isSafe) {
      // The proven version is asked, at once; whether the one on trial has died is found out meanwhile.
      if (breaks.has(code)) void door.losses.note(upstream, tried, { answering: false, alone: false }, code === 'cut')
      this.over(door, 'open')
      this.#replayed = true
      door.coping.add(tried.app, 'replayed')
      return 'replay'
    }
    // Any request may go to another connection then; but not one whose body has been read for this one in vain.
    const isUnsent = code === 'connection-lost' && reached === 'nothing' && upstream !== null
    if (isUnsent && tried.connection.received > 0 && tried.kept?.isIntact !== true) return 'no'
    const mayRetry = reused && !this.#retried && !this.#replayed
    const isStale = mayRetry && (isUnsent || (isUnheard && code === 'connection-lost'))
    if (upstream && (code === 'unreachable' || code === 'connection-lost'))
      door.report({ type: 'suspect', run: upstream.run })
    if (isStale) {
      // It closed an idle connection just as we used it (RFC 9112 §9.3.1): the others of that age are no better.
      if (upstream) door.upstreams.dropIdle(upstream.run)
      this.#retried = true
      this.#back = isUnsent ? null : upstream
      // It asks for its turn anew, and would wait for itself; nobody comes between.
      if (isUnsent) this.over(door, 'open')
      return 'retry'
    }
    if (upstream === null) return 'no'
    if (code === 'unreachable' && this.#back?.run === upstream.run)
      return this.#mayFollow(tried, upstream, door) ? 'replay' : 'no'
    this.#back = null
    if (reached === 'nothing' || !breaks.has(code)) {
      this.over(door, 'open')
      if (reached !== 'nothing' || !(isUnsent || code === 'unreachable' || code === 'cut')) return 'no'
      this.avoid.add(upstream.run)
      return 'again'
    }
    const seen = { answering: reached === 'answering', alone: this.#isAlone(door) }
    const verdict = door.losses.note(upstream, tried, seen, code === 'cut')
    if (reached === 'answering') {
      this.over(door, 'open')
      return 'no'
    }
    const isLost = isUnheard && (code === 'connection-lost' || code === 'cut')
    return verdict.then((fallen) => {
      const mayReplay = fallen && isLost && this.#mayReplay(upstream, tried, door)
      // Not before: who is tried next must not meet what is left of this instance, nor its connections, whose end we
      // may not have read yet.
      if (fallen) door.upstreams.fallen(upstream.run)
      this.over(door, fallen ? 'died' : 'open')
      return mayReplay ? 'replay' : 'no'
    })
  }

  /** Its trial, if it is on one, has ended. Twice is harmless. */
  over(door: Door, outcome: Outcome): void {
    const hearing = this.#hearing
    this.#hearing = null
    if (hearing) door.suspects.over(hearing, outcome)
  }

  /** It was in flight when its instance died. */
  #mayFollow(tried: Tried, upstream: Upstream, door: Door): boolean {
    this.#back = null
    void door.losses.note(upstream, tried, { answering: false, alone: this.#isAlone(door) }, true)
    const mayReplay = this.#mayReplay(upstream, tried, door)
    door.upstreams.fallen(upstream.run)
    this.over(door, 'died')
    return mayReplay
  }

  #mayReplay({ run }: Upstream, tried: Tried, door: Door): boolean {
    // Who is not tried as a suspect after a death has been acquitted: others like it were answered meanwhile. And who
    // is tried beside another one may be as harmless.
    const isCertain = this.#hearing !== null && this.#isAlone(door)
    if (this.#replayed && (isCertain || this.#excuses++ >= maxExcuses)) return false
    this.avoid.add(run)
    this.#lostAt = door.clock.now()
    door.coping.add(tried.app, 'replayed')
    this.#replayed = true
    return true
  }

  #isAlone(door: Door): boolean {
    return this.#hearing !== null && door.suspects.isAlone(this.#hearing)
  }

  /** Always the same of several: the newest, which is the one that was started again if the last trial went wrong. */
  #try(hearing: Hearing, upstreams: readonly Upstream[]): Upstream {
    const upstream = upstreams.reduce((newest, one) => (one.run > newest.run ? one : newest))
    this.#hearing = hearing
    return upstream
  }
}

function isListed(run: number, { target }: Route): boolean {
  if (target.kind !== 'ready') return false
  return [...target.upstreams, ...(target.rollout?.trial ?? [])].some((it) => it.run === run)
}

const brokeOff = 'The app closed the connection without a response.'

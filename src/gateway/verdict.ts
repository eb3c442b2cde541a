import type { Refusal as Unread, RefusalCode } from '../http/refusal.ts'
import type { Reply } from '../http/replies.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { Refusal } from '../model/admission.ts'
import type { Quarantined } from '../model/poison.ts'
import type { Route } from '../model/route.ts'
import type { Death } from './losses.ts'
import type { Failure } from './relay.ts'

/** An answer of ours. */
export type Verdict = Reply | Refusal

/** What helps when an app closes a kept connection as it is used again. */
const hint = 'It had kept it before: if it does not say Connection: close, give it connections: { idle: 0 }.'

const ended = 'The gateway stopped this instance of the app before its answer was complete.'
const died = 'The app ended before its answer was complete.'

export const allowed = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

export function refusal(code: ErrorCode, detail: string, retryAfter: number | null = null): Refusal {
  return { kind: 'refuse', code, detail, route: null, retryAfter }
}

/** To OPTIONS where the answer is ours to give. */
export const methods: Reply = { status: 204, fields: [['Allow', allowed]], body: '' }

export const closing: Refusal = refusal('shutting-down', 'The gateway is shutting down.', 2)

export function holdFull(route: Route): Refusal {
  const detail = `${route.hold.max} requests are already waiting for the app "${route.app}".`
  return { kind: 'refuse', code: 'hold-full', detail, route, retryAfter: 1 }
}

/** Its instance broke off. `death` is null unless it had died; `isKnown`: the caller may see the report of it. */
export function lost(failure: Failure, route: Route | null, death: Death | null, isKnown: boolean): Refusal {
  // What is cut because a dead process's connection stays open is lost with the process.
  const hasDied = failure.code === 'cut' && death?.isOurs === false
  const code = hasDied ? 'connection-lost' : failure.code
  const isOurs = code === 'cut' || (code === 'connection-lost' && death?.isOurs === true)
  // Of an instance that was not stopped for a fault, and of a request that alone was cut, there is no report.
  const crash = !isKnown || (isOurs && death?.isOurs !== true) ? null : (death?.crash ?? null)
  const isHasty = code === 'connection-lost' && failure.reused && death === null && route?.target.kind === 'ready'
  const detail = isOurs ? ended : hasDied ? died : isHasty ? `${failure.detail} ${hint}` : failure.detail
  // A connection is free again in a moment.
  const refused = { ...refusal(isOurs ? 'cut' : code, detail, code === 'busy' ? 1 : null), route }
  const story = isOurs ? 'It had failed' : 'It has crashed'
  return crash === null ? refused : { ...refused, detail: `${detail} ${story}: see crash ${crash}.`, crash }
}

/** Its turn among the suspects did not come in time. */
export function notTried(route: Route): Refusal {
  const detail = `Requests that were in flight when the app "${route.app}" crashed are tried one at a time, and others came first.`
  return { kind: 'refuse', code: 'not-ready', detail, route, retryAfter: 1 }
}

/** It has killed the app before; `now` on the gateway's clock. */
export function quarantine(route: Route, { shape, until }: Quarantined, now: number): Refusal {
  const seconds = Math.max(1, Math.ceil((until - now) / 1000))
  const detail = `${shape} is not sent to the app "${route.app}" for now, because it was in flight when the app crashed, more than once.`
  return { kind: 'refuse', code: 'quarantined', detail, route, retryAfter: seconds }
}

/** In the gateway's words: what the codec would not read. */
export function refusalOf({ code, status, detail }: Unread): Refusal {
  return refusal(byCode[code] ?? byStatus[status] ?? 'bad-request', detail)
}

/**
 * Whether nothing more may be read from the connection after this answer: the head was in doubt, so where the next one
 * begins is too (RFC 9112 §11.2), or there is to be no next one.
 */
export function isLast(code: ErrorCode): boolean {
  return lastWords.has(code)
}

const byStatus: Readonly<Record<number, ErrorCode>> = {
  405: 'method-not-allowed',
  408: 'request-timeout',
  414: 'target-too-long',
  417: 'expectation-failed',
  421: 'misdirected',
  431: 'head-too-large',
  501: 'unknown-coding',
  505: 'version-not-supported',
  508: 'loop',
}

const byCode: Partial<Record<RefusalCode, ErrorCode>> = {
  'host-missing': 'bad-host',
  'host-repeated': 'bad-host',
  'host-invalid': 'bad-host',
  'bad-target': 'bad-target',
  'bad-target-form': 'bad-target',
  'bad-target-scheme': 'bad-target',
  'target-userinfo': 'bad-target',
  'length-and-coding': 'bad-framing',
  'length-repeated': 'bad-framing',
  'length-invalid': 'bad-framing',
  'coding-in-old-version': 'bad-framing',
  'coding-repeated': 'bad-framing',
  'coding-invalid': 'bad-framing',
  'bad-chunk-size': 'bad-framing',
  'chunk-too-large': 'bad-framing',
  'bad-chunk-line': 'bad-framing',
  'chunk-overhead': 'bad-framing',
  'bad-chunk-end': 'bad-framing',
}

const lastWords: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'internal',
  'bad-request',
  'bad-target',
  'bad-host',
  'bad-framing',
  'ambiguous-credentials',
  'method-not-allowed',
  'request-timeout',
  'expectation-failed',
  'head-too-large',
  'target-too-long',
  'misdirected',
  'unknown-coding',
  'version-not-supported',
  'shutting-down',
])

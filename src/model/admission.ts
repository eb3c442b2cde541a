import type { ErrorCode } from '../lib/errors.ts'
import { type Match, matchRoute, type Route, type RouteIndex, type Upstream } from './route.ts'

/** What admission looks at. `host` is lower case without port, `path` is the very string that will be forwarded. */
export interface Ask {
  readonly method: string
  readonly host: string
  readonly path: string
  readonly query: string
  readonly caller: Caller
  /** Milliseconds it has waited for its app so far. */
  readonly held: number
  /** Runs that could not be reached or broke off while answering this very request. */
  readonly avoid: ReadonlySet<number>
  /** Where it was let in before it had to wait or to be sent again; null at first. */
  readonly was: Route | null
}

export type Caller =
  | { readonly kind: 'anonymous' }
  /** A credential was given, it is not one of ours. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'ambiguous'; readonly reason: string }
  | {
      readonly kind: 'known'
      readonly subject: string
      /** Null: all apps. */
      readonly apps: readonly string[] | null
      /** Set when a browser may have been made to send this by another site: one sentence why. */
      readonly crossSite: string | null
    }

export type Admission =
  | { readonly kind: 'relay'; readonly match: Match; readonly upstreams: readonly Upstream[] }
  | { readonly kind: 'remote'; readonly match: Match; readonly url: string }
  /** Wait up to `for` ms, then ask again. */
  | { readonly kind: 'hold'; readonly route: Route; readonly for: number }
  | { readonly kind: 'redirect'; readonly to: string; readonly route: Route }
  | Refusal

export interface Refusal {
  readonly kind: 'refuse'
  readonly code: ErrorCode
  readonly detail: string
  readonly route: Route | null
  /** Whole seconds. */
  readonly retryAfter: number | null
  /** Of the crash that is the reason, for a caller who may know. */
  readonly crash?: string
}

/** Decides about one request, in this order: route, identity, permission, target. The first refusal wins. */
export function admit(ask: Ask, index: RouteIndex, now: number): Admission {
  const match = matchRoute(index, ask.host, ask.path)
  // Of a public app everybody may know that it has gone, and it is no credential that this request lacks.
  if (!match && ask.was?.auth === 'none') return removed(ask.was)
  if (match?.route.auth !== 'none') {
    // Without a credential nobody learns which apps exist: 401 comes before 404.
    const refusal = refuseCaller(ask.caller) ?? (match ? refuseScope(ask.caller, match.route) : null)
    if (refusal) return refusal
  }
  if (!match && ask.was) return removed(ask.was)
  if (!match) return refuse('no-route', null, `No app is routed at ${ask.host}${ask.path}.`)
  return toSlash(ask, match) ?? aim(ask, match, now)
}

function removed(route: Route): Refusal {
  return refuse('no-route', route, `The app "${route.app}" was removed before it could answer.`)
}

/** Who the app is told is calling: only somebody who may call it, and who meant to. */
export function subjectFor(caller: Caller, route: Route): string | null {
  if (caller.kind !== 'known' || caller.crossSite !== null) return null
  return caller.apps === null || caller.apps.includes(route.app) ? caller.subject : null
}

function refuseCaller(caller: Caller): Refusal | null {
  switch (caller.kind) {
    case 'anonymous':
      return refuse('unauthenticated', null, 'Send a token as "X-API-Token" or as "Authorization: Bearer".')
    case 'unknown':
      return refuse('unauthenticated', null, 'The token is not valid here.')
    case 'ambiguous':
      return refuse('ambiguous-credentials', null, caller.reason)
    case 'known':
      return caller.crossSite === null ? null : refuse('cross-origin', null, caller.crossSite)
  }
}

function refuseScope(caller: Caller, route: Route): Refusal | null {
  if (caller.kind !== 'known' || caller.apps === null || caller.apps.includes(route.app)) return null
  return refuse('forbidden', route, `The token "${caller.subject}" is not for the app "${route.app}".`)
}

/** `/hello` is a folder to the app behind it: relative links only work from `/hello/`. */
function toSlash(ask: Ask, { route, prefix }: Match): Admission | null {
  if (!route.strip || prefix === '' || ask.path !== prefix) return null
  if (ask.method !== 'GET' && ask.method !== 'HEAD') return null
  return { kind: 'redirect', to: `${prefix}/${ask.query}`, route }
}

function aim(ask: Ask, match: Match, now: number): Admission {
  const { route } = match
  const { target } = route
  const left = route.hold.for - ask.held
  switch (target.kind) {
    case 'remote':
      return { kind: 'remote', match, url: target.url }
    case 'closed':
      return refuse('closed', route, `The app "${route.app}" is not available: ${target.why}.`)
    case 'ready': {
      const { avoid } = ask
      const upstreams = avoid.size === 0 ? target.upstreams : target.upstreams.filter(({ run }) => !avoid.has(run))
      if (upstreams.length > 0) return { kind: 'relay', match, upstreams }
      if (left > 0) return { kind: 'hold', route, for: left }
      return refuse('not-ready', route, `The app "${route.app}" does not accept connections.`, 1)
    }
    case 'waiting': {
      const wait = target.until === null ? 0 : target.until - now
      if (left > 0 && wait <= route.hold.for) return { kind: 'hold', route, for: left }
      // Too long for this one: it is told when the app will have been started, as `wishes` sees to it that it is.
      const seconds = Math.max(1, Math.ceil(wait / 1000))
      return refuse('not-ready', route, `The app "${route.app}" is not ready: ${target.why}.`, seconds)
    }
  }
}

/**
 * Whether a request asks for its app to be started: every one that waits for it, and one that a resting app sends away,
 * as it may not wait so long; whoever comes back finds it started.
 */
export function wishes(decision: Admission): decision is Admission & { readonly route: Route } {
  if (decision.kind === 'hold') return decision.route.target.kind === 'waiting'
  if (decision.kind !== 'refuse' || decision.code !== 'not-ready' || decision.route === null) return false
  const { target } = decision.route
  return target.kind === 'waiting' && target.until !== null
}

function refuse(code: ErrorCode, route: Route | null, detail: string, retryAfter: number | null = null): Refusal {
  return { kind: 'refuse', code, detail, route, retryAfter }
}

import { type Authority, isSameOrigin } from '../../http/authority.ts'
import { cookieOf, type FieldList, valuesOf } from '../../http/rewrite.ts'
import type { Caller } from '../../model/admission.ts'
import type { Sessions } from './sessions.ts'
import { findToken, type Known } from './tokens.ts'

export interface Identity {
  readonly caller: Caller
  /** The Authorization field held our credential, so no app may see it. */
  readonly authorizationIsOurs: boolean
}

export interface Showing {
  readonly fields: FieldList
  readonly method: string
  readonly upgrade: boolean
  readonly own: Authority
  readonly cookie: string
  readonly now: number
}

/** Who is calling, by the first that is there: X-API-Token, a Bearer of ours, the session cookie. */
export function identify(showing: Showing, known: readonly Known[], sessions: Sessions): Identity {
  const { fields } = showing
  const keys = valuesOf(fields, 'x-api-token')
  const authorizations = valuesOf(fields, 'authorization')
  if (keys.length > 1) return ambiguous('The field "X-API-Token" is given more than once.')
  if (authorizations.length > 1) return ambiguous('The field "Authorization" is given more than once.')

  const [key] = keys
  const bearer = /^bearer +(\S+)$/i.exec(authorizations[0] ?? '')?.[1]
  const byBearer = bearer === undefined ? null : findToken(known, bearer)
  const ours = byBearer !== null
  if (key !== undefined) {
    if (bearer !== undefined && bearer !== key)
      return {
        ...ambiguous('"X-API-Token" and "Authorization: Bearer" are given and differ.'),
        authorizationIsOurs: ours,
      }
    return { caller: toCaller(findToken(known, key)), authorizationIsOurs: ours }
  }
  if (byBearer) return { caller: toCaller(byBearer), authorizationIsOurs: true }

  // A page behind the gateway may well send a Bearer of its app's own: it is the app's business, the cookie is ours.
  const cookie = cookieOf(fields, showing.cookie)
  const bySession = cookie === null ? null : sessions.find(known, cookie, showing.now)
  if (bySession) return { caller: { ...toCaller(bySession), ...crossSite(showing) }, authorizationIsOurs: false }
  return { caller: { kind: bearer === undefined ? 'anonymous' : 'unknown' }, authorizationIsOurs: false }
}

/**
 * A browser attaches its cookie also to what another site makes it send. For reads its same-origin policy keeps the
 * answer from that site; for changes and for WebSockets, which that policy does not cover, the Origin must be ours.
 */
function crossSite({ fields, method, upgrade, own }: Showing): { readonly crossSite: string } | null {
  if (!upgrade && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS')) return null
  const origins = valuesOf(fields, 'origin')
  if (origins.length === 1 && isSameOrigin(origins[0] ?? '', own)) return null
  const got = origins.length === 0 ? 'no Origin' : `the Origin "${origins.join(', ')}"`
  return { crossSite: `A signed-in browser must send this from "${own.text}", got ${got}.` }
}

function toCaller(known: Known | null): Caller {
  if (!known) return { kind: 'unknown' }
  return { kind: 'known', subject: known.token.name, apps: known.token.apps, crossSite: null }
}

function ambiguous(reason: string): Identity {
  return { caller: { kind: 'ambiguous', reason }, authorizationIsOurs: false }
}

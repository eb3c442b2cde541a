import { isSameOrigin, parseAuthority } from '../../http/authority.ts'
import type { Head } from '../../http/head.ts'
import { isSafe } from '../../http/method.ts'
import { nameNumber } from '../../http/names.ts'
import { cookieOf } from '../../http/rewrite.ts'
import type { Caller } from '../../model/admission.ts'
import type { Sessions } from './sessions.ts'
import type { Credentials, Known } from './tokens.ts'

export interface Identity {
  readonly caller: Caller
  /** The Authorization field held our credential, so no app may see it; of several, each that does is omitted already. */
  readonly authorizationIsOurs: boolean
}

/** Before anybody looked. */
export const nobody: Identity = { caller: { kind: 'anonymous' }, authorizationIsOurs: false }

export interface Showing {
  readonly head: Head
  readonly upgrade: boolean
  /** The name of the session cookie. */
  readonly cookie: string
  readonly now: number
}

/** Who is calling, by the first that is there: X-API-Token, a Bearer of ours, the session cookie. */
export function identify(showing: Showing, credentials: Credentials, sessions: Sessions): Identity {
  const { head } = showing
  if (head.isRepeated(X_API_TOKEN)) return repeated('X-API-Token', head, credentials)
  if (head.isRepeated(AUTHORIZATION)) return repeated('Authorization', head, credentials)

  const bearer = head.has(AUTHORIZATION) ? bearerIn(head.value(AUTHORIZATION)) : undefined
  const byBearer = bearer === undefined ? null : credentials.find(bearer)
  if (head.has(X_API_TOKEN)) {
    const index = head.indexOf(X_API_TOKEN)
    const ours = byBearer !== null
    if (bearer !== undefined && bearer !== head.value(X_API_TOKEN))
      return {
        ...ambiguous('"X-API-Token" and "Authorization: Bearer" are given and differ.'),
        authorizationIsOurs: ours,
      }
    const known = credentials.findIn(head.bytes, head.valueStart(index), head.valueEnd(index))
    return { caller: toCaller(known), authorizationIsOurs: ours }
  }
  if (byBearer) return { caller: toCaller(byBearer), authorizationIsOurs: true }

  // A page behind the gateway may well send a Bearer of its app's own: it is the app's business, the cookie is ours.
  const cookie = head.has(COOKIE) ? sessionOf(head, showing.cookie) : null
  const bySession = cookie === null ? null : sessions.find(credentials.known, cookie, showing.now)
  if (bySession) return { caller: { ...bySession.caller, ...crossSite(showing) }, authorizationIsOurs: false }
  return { caller: { kind: bearer === undefined ? 'anonymous' : 'unknown' }, authorizationIsOurs: false }
}

/** The session cookie, or null. */
export function sessionOf(head: Head, name: string): string | null {
  return cookieOf(
    valuesOf(head, COOKIE).map((value) => ['Cookie', value]),
    name,
  )
}

const X_API_TOKEN = nameNumber('x-api-token')
const AUTHORIZATION = nameNumber('authorization')
const COOKIE = nameNumber('cookie')

function valuesOf(head: Head, name: number): string[] {
  const values: string[] = []
  for (let index = 0; index < head.count; index++)
    if (head.names[index] === name) values.push(head.text(head.valueStart(index), head.valueEnd(index)))
  return values
}

/**
 * A browser attaches its cookie also to what another site makes it send. For reads its same-origin policy keeps the
 * answer from that site; for changes and for WebSockets, which that policy does not cover, the Origin must be ours.
 */
function crossSite({ head, upgrade }: Showing): { readonly crossSite: string } | null {
  if (!upgrade && isSafe(head.method)) return null
  const origins: string[] = []
  for (let index = head.find('origin'); index !== -1; index = head.find('origin', index + 1))
    origins.push(head.text(head.valueStart(index), head.valueEnd(index)))
  const authority = head.text(head.authorityStart, head.authorityEnd)
  const own = parseAuthority(authority)
  if (own && origins.length === 1 && isSameOrigin(origins[0] ?? '', own)) return null
  const got = origins.length === 0 ? 'no Origin' : `the Origin "${origins.join(', ')}"`
  return { crossSite: `A signed-in browser must send this from "${authority}", got ${got}.` }
}

function toCaller(known: Known | null): Caller {
  return known?.caller ?? { kind: 'unknown' }
}

/** A public app is asked all the same: with what Authorization fields there are, but those that hold a bearer of ours. */
function repeated(name: string, head: Head, credentials: Credentials): Identity {
  for (let index = Math.max(0, head.indexOf(AUTHORIZATION)); index < head.count; index++) {
    if (head.names[index] !== AUTHORIZATION) continue
    const bearer = bearerIn(head.text(head.valueStart(index), head.valueEnd(index)))
    if (bearer !== undefined && credentials.find(bearer) !== null) head.omitted[index] = 1
  }
  return ambiguous(`The field "${name}" is given more than once.`)
}

function bearerIn(authorization: string): string | undefined {
  return /^bearer +(\S+)$/i.exec(authorization)?.[1]
}

function ambiguous(reason: string): Identity {
  return { caller: { kind: 'ambiguous', reason }, authorizationIsOurs: false }
}

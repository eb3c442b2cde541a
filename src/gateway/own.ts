import { isSameOrigin, parseAuthority } from '../http/authority.ts'
import type { Head } from '../http/head.ts'
import { loginPage, pageFields, type Reply } from '../http/replies.ts'
import type { Field } from '../http/rewrite.ts'
import { localTarget } from '../http/target.ts'
import type { Refusal } from '../model/admission.ts'
import { sessionOf } from './auth/identify.ts'
import type { Connection } from './connection.ts'
import type { Door } from './door.ts'
import { askForBody } from './gather.ts'
import type { Asked } from './read-head.ts'
import { refusal, refusalOf, type Verdict } from './verdict.ts'

/** A token in a form is far below this. */
const maxForm = 8 * 1024
const formTime = 10_000

/** A request for one of the gateway's own pages. */
export interface Visitor {
  readonly connection: Connection
  readonly head: Head
  readonly asked: Asked
  readonly method: string
  /** The authority the client used. */
  readonly authority: string
  readonly traffic: { in: number; out: number }
  readonly gone: AbortSignal
  readonly story: { subject: string | null }
  reply(reply: Reply): void
  refuse(refused: Refusal): void
  failed(error: unknown): void
}

/** `/-/…` is the gateway's own, on every host. False for every other path. */
export function serveOwn(visitor: Visitor, door: Door): boolean {
  const { path } = visitor.asked
  if (path !== '/-' && !path.startsWith('/-/')) return false
  const verdict = ownPage(visitor, door)
  if ('then' in verdict) {
    verdict.then(
      (later) => later && tell(visitor, later),
      (error: unknown) => visitor.failed(error),
    )
  } else {
    tell(visitor, verdict)
  }
  return true
}

function tell(visitor: Visitor, verdict: Verdict): void {
  if ('kind' in verdict) visitor.refuse(verdict)
  else visitor.reply(verdict)
}

function ownPage(visitor: Visitor, door: Door): Verdict | Promise<Verdict | null> {
  const { method, asked } = visitor
  const reading = method === 'GET' || method === 'HEAD'
  switch (asked.path) {
    case '/-/health':
      if (!reading) return notAllowed(method, asked.path)
      return door.closing ? refusal('shutting-down', 'The gateway is shutting down.', 2) : health()
    case '/-/login':
      if (method === 'POST') return signIn(visitor, door)
      if (!reading) return notAllowed(method, asked.path)
      return page(200, new URLSearchParams(asked.query).get('next') ?? '/', null)
    case '/-/logout':
      if (!reading && method !== 'POST') return notAllowed(method, asked.path)
      return signOut(visitor, door)
    default:
      return refusal('no-route', 'The gateway has no such page.')
  }
}

function health(): Reply {
  return {
    status: 200,
    fields: [
      ['Content-Type', 'application/json'],
      ['Cache-Control', 'no-store'],
    ],
    body: '{"status":"ok"}\n',
  }
}

function notAllowed(method: string, path: string): Verdict {
  return refusal('method-not-allowed', `${method} is not supported on ${path}.`)
}

async function signIn(visitor: Visitor, door: Door): Promise<Verdict | null> {
  // Another site must not sign its visitors in here under an identity of its choice.
  const { connection } = visitor
  const foreign = originObjection(visitor)
  if (foreign !== null) return refusal('cross-origin', `Signing in ${foreign}`)
  const form = await readForm(visitor)
  if (form === 'gone') return null
  if (form === 'long')
    return refusal('content-too-large', `The form is limited to ${maxForm} bytes in ${formTime / 1000} s.`)
  visitor.traffic.in = form.text.length
  const fields = new URLSearchParams(form.text)
  const next = localTarget(fields.get('next') ?? '/')
  const known = door.credentials.find((fields.get('token') ?? '').trim())
  if (!known) {
    const now = door.clock.now()
    const wait = door.attempts.wait(connection.origin.address, now)
    // After the token was looked at: behind a proxy many people share one address, and none may lock out the others.
    if (wait > 0) {
      const seconds = Math.ceil(wait / 1000)
      return refusal('too-many-attempts', `Too many failed attempts; try again in ${seconds} s.`, seconds)
    }
    door.attempts.failed(connection.origin.address, now)
    return page(401, next, 'This token is not valid here.')
  }
  visitor.story.subject = known.token.name
  return seeOther(next, setCookie(door, door.sessions.issue(known, door.clock.wall())))
}

function signOut(visitor: Visitor, door: Door): Verdict {
  const { head } = visitor
  const foreign = originObjection(visitor) ?? siteObjection(head)
  if (foreign !== null) return refusal('cross-origin', `Signing out ${foreign}`)
  const session = sessionOf(head, door.cookie)
  if (session !== null) door.sessions.signOut(session)
  return seeOther('/-/login', `${setCookie(door, '')}; Max-Age=0`)
}

function originObjection({ head, authority }: Visitor): string | null {
  const origin = fieldOf(head, 'origin')
  const own = parseAuthority(authority)
  if (origin === null || (own && isSameOrigin(origin, own))) return null
  return `must be sent from "${authority}", got the Origin "${origin}".`
}

/** An image or a link of another site carries no Origin; browsers say in this field where it came from. */
function siteObjection(head: Head): string | null {
  const site = fieldOf(head, 'sec-fetch-site')
  return site === null || site === 'same-origin' || site === 'none' ? null : `was asked for by another site (${site}).`
}

function fieldOf(head: Head, name: string): string | null {
  const index = head.find(name)
  return index === -1 ? null : head.text(head.valueStart(index), head.valueEnd(index))
}

/**
 * Lax, not Strict: with Strict a link from a chat or a mail to an app would show the sign-in page to somebody signed in.
 * What Lax leaves open (a change made by another site on this host's other ports) is closed by the Origin check.
 */
function setCookie(door: Door, session: string): string {
  return `${door.cookie}=${session}; Path=/; HttpOnly; SameSite=Lax`
}

function seeOther(to: string, cookie: string): Reply {
  return {
    status: 303,
    fields: [
      ['Location', to],
      ['Set-Cookie', cookie],
      ['Cache-Control', 'no-store'],
    ],
    body: '',
  }
}

function page(status: number, next: string, message: string | null): Reply {
  const challenge: Field[] = status === 401 ? [['WWW-Authenticate', 'Bearer realm="quaymaster"']] : []
  return { status, fields: [...pageFields, ...challenge], body: loginPage(localTarget(next), message) }
}

/** `long`: or too slow. `gone`: nobody waits for an answer any more. */
function readForm(visitor: Visitor): Promise<{ readonly text: string } | 'long' | 'gone'> {
  const { connection, gone } = visitor
  return new Promise((resolve) => {
    let text = ''
    const settle = (form: { readonly text: string } | 'long' | 'gone'): void => {
      clearTimeout(timer)
      gone.removeEventListener('abort', onLeave)
      connection.stopBody()
      resolve(form)
    }
    const onLeave = (): void => settle('gone')
    const timer = setTimeout(() => settle('long'), formTime)
    gone.addEventListener('abort', onLeave, { once: true })
    askForBody(visitor)
    connection.readBody({
      bodyData: (bytes, start, end) => {
        text += bytes.toString('latin1', start, end)
        if (text.length > maxForm) settle('long')
      },
      bodyFlush: () => true,
      bodyWhole: () => settle({ text }),
      bodyBroken: (refused) => {
        settle('gone')
        visitor.refuse(refusalOf(refused))
      },
    })
  })
}

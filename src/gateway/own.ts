import { isSameOrigin } from '../http/authority.ts'
import { loginPage, pageFields, type Reply } from '../http/replies.ts'
import { cookieOf, type Field, valuesOf } from '../http/rewrite.ts'
import { localTarget } from '../http/target.ts'
import { findToken } from './auth/tokens.ts'
import type { HttpClient } from './client.ts'
import { cookieName, type Door, type Story } from './door.ts'
import { type Head, refusal, type Verdict } from './verdict.ts'

/** A token in a form is far below this. */
const maxForm = 8 * 1024
const formTime = 10_000

/** `/-/…` is the gateway's own, on every host. Null for every other path. */
export async function serveOwn(client: HttpClient, door: Door, head: Head, story: Story): Promise<Verdict | null> {
  if (head.path !== '/-' && !head.path.startsWith('/-/')) return null
  const { method } = client
  const reading = method === 'GET' || method === 'HEAD'
  switch (head.path) {
    case '/-/health':
      if (!reading) return notAllowed(method, head.path)
      return door.closing ? refusal('shutting-down', 'The gateway is shutting down.', 2) : health()
    case '/-/login':
      if (method === 'POST') return signIn(client, door, head, story)
      if (!reading) return notAllowed(method, head.path)
      return page(200, new URLSearchParams(head.query).get('next') ?? '/', null)
    case '/-/logout':
      if (!reading && method !== 'POST') return notAllowed(method, head.path)
      return signOut(client, door)
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

async function signIn(client: HttpClient, door: Door, head: Head, story: Story): Promise<Verdict> {
  // Another site must not sign its visitors in here under an identity of its choice.
  const [origin] = valuesOf(client.fields, 'origin')
  if (origin !== undefined && !isSameOrigin(origin, head.own))
    return refusal('cross-origin', `Signing in must be sent from "${head.own.text}", got the Origin "${origin}".`)
  const now = door.clock.now()
  const wait = door.attempts.wait(client.address, now)
  if (wait > 0) {
    const seconds = Math.ceil(wait / 1000)
    return refusal('too-many-attempts', `Too many failed attempts; try again in ${seconds} s.`, seconds)
  }
  const form = await readForm(client)
  if (form === null)
    return refusal('content-too-large', `The form is limited to ${maxForm} bytes in ${formTime / 1000} s.`)
  story.traffic.in = form.length
  const fields = new URLSearchParams(form)
  const next = localTarget(fields.get('next') ?? '/')
  const known = findToken(door.known, (fields.get('token') ?? '').trim())
  if (!known) {
    door.attempts.failed(client.address, now)
    return page(401, next, 'This token is not valid here.')
  }
  story.subject = known.token.name
  return seeOther(next, setCookie(door, door.sessions.issue(known, now)))
}

function signOut(client: HttpClient, door: Door): Reply {
  const session = cookieOf(client.fields, cookieName(door))
  if (session !== null) door.sessions.revoke(session)
  return seeOther('/-/login', `${setCookie(door, '')}; Max-Age=0`)
}

/**
 * Lax, not Strict: with Strict a link from a chat or a mail to an app would show the sign-in page to somebody signed in.
 * What Lax leaves open (a change made by another site on this host's other ports) is closed by the Origin check.
 */
function setCookie(door: Door, session: string): string {
  return `${cookieName(door)}=${session}; Path=/; HttpOnly; SameSite=Lax`
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

/** Null when it is too long or too slow. */
function readForm({ body, left }: HttpClient): Promise<string | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (form: string | null): void => {
      clearTimeout(timer)
      body.off('data', onData)
      left.removeEventListener('abort', onLeave)
      resolve(form)
    }
    const onLeave = (): void => settle(null)
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk)
      if ((size += chunk.length) > maxForm) settle(null)
    }
    const timer = setTimeout(() => settle(null), formTime)
    left.addEventListener('abort', onLeave, { once: true })
    body.on('data', onData)
    body.once('end', () => settle(Buffer.concat(chunks).toString('latin1')))
  })
}

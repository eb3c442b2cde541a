import { type ErrorCode, errors } from '../lib/errors.ts'
import type { Field } from './rewrite.ts'

/** A response the gateway makes itself: whole, with its length known. */
export interface Reply {
  readonly status: number
  readonly fields: readonly Field[]
  /** Plain ASCII or UTF-8; empty for none. */
  readonly body: string
}

export interface Problem {
  readonly code: ErrorCode
  readonly detail: string
  readonly requestId: string
  /** Whole seconds, at least 1, or null. */
  readonly retryAfter: number | null
  /** The id of a crash report. */
  readonly crash?: string
  /** Further fields: WWW-Authenticate, Allow. */
  readonly fields?: readonly Field[]
}

const style =
  'body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto 0;max-width:32rem;padding:0 1rem;color-scheme:light dark}h1{font-size:1.3rem}label,input,button{display:block;font:inherit;margin:.3rem 0}input{width:100%;box-sizing:border-box;padding:.4rem}button{padding:.4rem 1.2rem}.id,.again{opacity:.65;font-size:.85rem}.bad{color:#c22}'

/** Of `style`, for the content policy; a test recomputes it. */
const styleHash = 'sha256-30oIbnkiYO8SOezLJ7VR77x4L2W9dWy8H6iYsayKyyc='

/** RFC 9457. */
export function problemReply(problem: Problem): Reply {
  const { status, title } = errors[problem.code]
  const type = `urn:quaymaster:error:${problem.code}`
  const body = { type, title, status, detail: problem.detail, instance: problem.requestId, crash: problem.crash }
  return reply(problem, 'application/problem+json', `${JSON.stringify(body)}\n`)
}

/** The same for a person at a browser. A page that waits for an app comes back by itself. */
export function problemPage(problem: Problem): Reply {
  const { status, title } = errors[problem.code]
  const refresh = status === 503 ? Math.min(problem.retryAfter ?? 2, 30) : null
  const again = refresh === null ? '' : `<p class="again">Trying again in ${refresh} s.</p>`
  const content = `<h1>${status} ${text(title)}</h1><p>${text(problem.detail)}</p>${again}
<p class="id">Request ${text(problem.requestId)}</p>`
  return reply(problem, 'text/html; charset=utf-8', page(title, content, refresh))
}

/** The sign-in page; `next` is where to go afterwards, a local target. */
export function loginPage(next: string, message: string | null): string {
  const note = message === null ? '' : `<p class="bad" role="alert">${text(message)}</p>`
  return page(
    'Sign in',
    `<h1>Sign in</h1>${note}<form method="post" action="/-/login">
<input type="hidden" name="next" value="${text(next)}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button></form><p class="id">On this machine, quaymaster token prints the one that was made at the first start.</p>`,
    null,
  )
}

/** What stands at the root when no app does. `path` ends with a slash. */
export function listingPage(
  apps: readonly { readonly name: string; readonly path: string; readonly state: string }[],
): string {
  const items = apps.map(
    ({ name, path, state }) =>
      `<li><a href="${text(path)}">${text(name)}</a> <span class="id">${text(state)}</span></li>`,
  )
  const list =
    items.length === 0 ? '<p>None yet: drop an executable into the apps folder.</p>' : `<ul>${items.join('')}</ul>`
  return page('Apps', `<h1>Apps</h1>${list}<p class="id"><a href="/-/logout">Sign out</a></p>`, null)
}

export const pageFields: readonly Field[] = [
  ['Content-Type', 'text/html; charset=utf-8'],
  ['Cache-Control', 'no-store'],
  ['X-Content-Type-Options', 'nosniff'],
  // `no-referrer` would make the browser send `Origin: null` with our own form.
  ['Referrer-Policy', 'same-origin'],
  ['Content-Security-Policy', contentPolicy()],
]

/** Whether the one who asks is a browser that shows pages to a person: text/html named, and not behind JSON. */
export function prefersHtml(accept: string): boolean {
  let html = 0
  let json = 0
  for (const item of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = item.split(';').map((part) => part.trim())
    const quality = Number(parameters.find((part) => part.startsWith('q='))?.slice(2) ?? 1)
    if (type === 'text/html') html = Math.max(html, quality)
    if (type.endsWith('json')) json = Math.max(json, quality)
  }
  return html > 0 && html > json
}

/** In UTF-8, without a Buffer: this folder is pure. */
export function byteLength(body: string): number {
  return new TextEncoder().encode(body).length
}

function reply(problem: Problem, type: string, body: string): Reply {
  const html = type.startsWith('text/html')
  const fields: Field[] = html
    ? [...pageFields]
    : [
        ['Content-Type', type],
        ['Cache-Control', 'no-store'],
      ]
  if (problem.retryAfter !== null) fields.push(['Retry-After', String(problem.retryAfter)])
  fields.push(...(problem.fields ?? []))
  return { status: errors[problem.code].status, fields, body }
}

function contentPolicy(): string {
  return `default-src 'none'; style-src '${styleHash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`
}

function page(title: string, content: string, refresh: number | null): string {
  const again = refresh === null ? '' : `<meta http-equiv="refresh" content="${refresh}">`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${again}
<title>${text(title)}</title><style>${style}</style></head><body><main>${content}</main></body></html>
`
}

function text(value: string): string {
  return value.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}

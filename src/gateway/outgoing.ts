import type { Head } from '../http/head.ts'
import { nameNumber } from '../http/names.ts'
import { fieldLine, REQUEST_OMITS, type RequestOut } from '../http/write-head.ts'
import { hostOf } from '../http/request-target.ts'
import { validTraceparent, withoutCookie } from '../http/rewrite.ts'
import { NONE } from '../http/framing.ts'
import { randomHex } from './chance.ts'
import type { Connection } from './connection.ts'
import type { Home } from './door.ts'
import type { Asked } from './read-head.ts'

/** How a request goes on to an instance. */
export interface Passage {
  readonly connection: Connection
  readonly head: Head
  readonly asked: Asked
  readonly id: string
  /** What is stripped from its path. */
  readonly prefix: string
  readonly subject: string | null
  readonly dropAuthorization: boolean
  /** Its port is for a Host without one. */
  readonly door: Home
  /** `host:port` of the instance, for a request that came without Host. */
  readonly instance: string
}

/** X-Request-Id and the trace. */
const pieces = ['X-Request-Id: ', '', '', '', '-', '', '-01\r\n']

/** The one description that is handed to the writer, filled anew for each request: it is read before this returns again. */
const out: RequestOut = {
  target: '/',
  authority: '',
  framing: NONE,
  omits: REQUEST_OMITS,
  added: '',
  pieces,
  edits: null,
  upgrade: '',
  trailers: false,
}

/**
 * What an instance gets of a request: what a client may say for itself, then what only the gateway may say. Fields that
 * could be taken for our word are left out by kind (`REQUEST_OMITS`) and by Connection, which was read before.
 */
export function requestOut(passage: Passage): RequestOut {
  const { connection, head, asked, id, prefix } = passage
  dropCredentials(head, passage.dropAuthorization)
  const authority = connection.last.authority
  out.target = stripped(asked.path, prefix) + asked.query
  out.authority = authority === '' ? passage.instance : authority
  out.framing = asked.framing
  out.edits = editsOf(passage)
  out.upgrade = asked.upgrade
  out.trailers = asked.trailers
  out.added = fixedLines(passage)
  pieces[1] = id
  if (head.has(TRACEPARENT)) keepTrace(head)
  else newTrace()
  return out
}

/** The authority a request is for; the host that routes are looked up by is kept with the connection. */
export function authorityOf(head: Head, connection: Connection): string {
  const { last } = connection
  if (last.host === '' || !head.reads(head.authorityStart, head.authorityEnd, last.authority)) {
    last.authority = head.text(head.authorityStart, head.authorityEnd)
    last.host = hostOf(head)
    last.lines = ''
  }
  return last.authority
}

/** What is the same for all requests of a client to a route: made once, kept with the connection. */
function fixedLines({ connection, prefix, subject, door }: Passage): string {
  const { last, origin } = connection
  const { authority } = last
  if (last.lines !== '' && last.prefix === prefix && last.subject === subject) return last.lines
  const host = origin.host ?? authority
  const given = origin.port ?? /:(\d+)$/.exec(host)?.[1]
  last.prefix = prefix
  last.subject = subject
  last.lines =
    fieldLine('X-Forwarded-For', origin.chain) +
    fieldLine('X-Forwarded-Proto', origin.proto) +
    (host === '' ? '' : fieldLine('X-Forwarded-Host', host)) +
    fieldLine('X-Forwarded-Port', given === undefined ? String(door.port) : String(Number(given))) +
    (prefix === '' ? '' : fieldLine('X-Forwarded-Prefix', prefix)) +
    (subject === null ? '' : fieldLine('X-Auth-Subject', subject)) +
    // RFC 9110 §7.6.3: an intermediary MUST add itself to the requests it forwards.
    'Via: 1.1 quaymaster\r\n'
  return last.lines
}

const X_API_TOKEN = nameNumber('x-api-token')
const AUTHORIZATION = nameNumber('authorization')
const COOKIE = nameNumber('cookie')
const TRACEPARENT = nameNumber('traceparent')
const MAX_FORWARDS = nameNumber('max-forwards')

/** The gateway's own credential is never an app's business, whether it was looked at or not. */
function dropCredentials(head: Head, dropAuthorization: boolean): void {
  if (!head.has(X_API_TOKEN) && !dropAuthorization) return
  for (let index = 0; index < head.count; index++) {
    const name = head.names[index]
    if (name === X_API_TOKEN || (dropAuthorization && name === AUTHORIZATION)) head.omitted[index] = 1
  }
}

function editsOf({ head, asked, door }: Passage): Map<number, string> | null {
  const { cookie } = door
  let edits: Map<number, string> | null = null
  if (asked.hops > 0) edits = new Map([[head.indexOf(MAX_FORWARDS), String(asked.hops - 1)]])
  if (!head.has(COOKIE)) return edits
  for (let index = head.indexOf(COOKIE); index < head.count; index++) {
    if (head.names[index] !== COOKIE) continue
    const value = head.text(head.valueStart(index), head.valueEnd(index))
    if (value.includes(cookie)) (edits ??= new Map<number, string>()).set(index, withoutCookie(value, cookie))
  }
  return edits
}

/** A valid trace goes on, with what belongs to it; an invalid one is begun anew (W3C Trace Context §3.2). */
function keepTrace(head: Head): void {
  const value = head.value(TRACEPARENT)
  if (head.isRepeated(TRACEPARENT) || !validTraceparent(value)) return newTrace()
  let lines = `\r\n${fieldLine('traceparent', value)}`
  for (let index = head.find('tracestate'); index !== -1; index = head.find('tracestate', index + 1))
    lines += fieldLine('tracestate', head.text(head.valueStart(index), head.valueEnd(index)))
  pieces[2] = lines
  pieces[3] = pieces[4] = pieces[5] = pieces[6] = ''
}

function newTrace(): void {
  pieces[2] = '\r\ntraceparent: 00-'
  pieces[3] = randomHex(16)
  pieces[4] = '-'
  pieces[5] = randomHex(8)
  pieces[6] = '-01\r\n'
}

/** What the app sees of a path: one slash in front, however many followed the prefix. */
function stripped(path: string, prefix: string): string {
  let at = prefix.length
  while (path.charCodeAt(at) === SLASH && path.charCodeAt(at + 1) === SLASH) at++
  const rest = path.slice(at)
  return rest.charCodeAt(0) === SLASH ? rest : `/${rest}`
}

const SLASH = 0x2f

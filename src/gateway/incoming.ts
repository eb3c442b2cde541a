import { type Framing, NONE } from '../http/framing.ts'
import type { Head } from '../http/head.ts'
import { isReserved, mapCookie, mapLocation, type Mapping } from '../http/mapping.ts'
import { nameNumber } from '../http/names.ts'
import { RESPONSE_OMITS, type ResponseOut } from '../http/write-head.ts'
import type { Home } from './door.ts'
import type { Outlet } from './outlet.ts'
import { expectNothing } from './read-head.ts'

/** Whose response it is and to whom. */
export interface Return {
  readonly id: string
  /** What was stripped from the path of the request. */
  readonly prefix: string
  /** `127.0.0.1:4001`'s port. */
  readonly port: number
  /** The authority the client used. */
  readonly authority: string
  readonly door: Home
}

/** Whose request it is. */
interface Asker {
  readonly head: Head
  readonly connection: { readonly out: Outlet }
}

/** The one description that is handed to the writer, filled anew for each response. */
const out: ResponseOut = {
  framing: NONE,
  omits: RESPONSE_OMITS,
  added: '',
  pieces: [],
  edits: null,
  upgrade: '',
  connection: '',
}

const noPieces: readonly string[] = []
const idPieces = ['X-Request-Id: ', '', '\r\n']

/** What the client gets of a final response head: end-to-end fields, Location and cookies in the public world. */
export function responseOut(
  head: Head,
  about: Return,
  framing: Framing,
  connection: ResponseOut['connection'],
): ResponseOut {
  out.framing = framing
  idPieces[1] = about.id
  out.pieces = head.has(X_REQUEST_ID) ? noPieces : idPieces
  // RFC 9110 §6.6.1: a recipient with a clock adds what is missing.
  out.added = head.has(DATE) ? '' : dateLine()
  out.edits = head.has(LOCATION) || head.has(SET_COOKIE) ? editsOf(head, about) : null
  out.upgrade = ''
  out.connection = connection
  return out
}

/** An interim response goes on as it came. */
export function passInterim(head: Head, { head: request, connection }: Asker): void {
  // RFC 9110 §15.2: a 1xx MUST NOT be sent to an HTTP/1.0 client.
  if (request.minor === 0) return
  // Once it has heard that, the client sends its body, and whoever gets the request next need not ask for it.
  if (head.status === 100) expectNothing(request)
  connection.out.response(head, interimOut())
}

/** It has nothing added: it is the app's word on what is to come. */
function interimOut(): ResponseOut {
  out.framing = NONE
  out.added = ''
  out.pieces = noPieces
  out.edits = null
  out.upgrade = ''
  out.connection = ''
  return out
}

export function switchOut(head: Head, about: Return, protocol: string): ResponseOut {
  responseOut(head, about, NONE, '')
  out.upgrade = protocol
  return out
}

let date = ''

function forgetDate(): void {
  date = ''
}

/** Made once a second, for which a timer costs less than a look at the clock at each response. */
export function dateLine(): string {
  if (date === '') {
    const now = Date.now()
    date = `Date: ${new Date(now).toUTCString()}\r\n`
    setTimeout(forgetDate, 1_000 - (now % 1_000)).unref()
  }
  return date
}

/** How an instance maps onto the public world. */
export function mappingOf({ prefix, port, authority, door }: Return): Mapping {
  const own = ['127.0.0.1', 'localhost', '[::1]', '0.0.0.0'].map((name) => `${name}:${port}`)
  return { prefix, base: '', own, public: authority.toLowerCase(), reserved: door.cookie }
}

const LOCATION = nameNumber('location')
const SET_COOKIE = nameNumber('set-cookie')
const DATE = nameNumber('date')
const X_REQUEST_ID = nameNumber('x-request-id')

function editsOf(head: Head, about: Return): Map<number, string> {
  const mapping = mappingOf(about)
  const edits = new Map<number, string>()
  for (let index = 0; index < head.count; index++) {
    const name = head.names[index]
    if (name !== LOCATION && name !== SET_COOKIE) continue
    const value = head.text(head.valueStart(index), head.valueEnd(index))
    if (name === LOCATION) edits.set(index, mapLocation(value, mapping))
    else edits.set(index, isReserved(value, mapping) ? '' : mapCookie(value, mapping))
  }
  return edits
}

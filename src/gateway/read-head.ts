import {
  acceptsTrailers,
  checkSingletons,
  countHops,
  offeredProtocols,
  readConnection,
  readExpectation,
  readMaxForwards,
} from '../http/fields.ts'
import { type Framing, NONE, requestFraming } from '../http/framing.ts'
import type { Head } from '../http/head.ts'
import { GET, isSafe, OPTIONS } from '../http/method.ts'
import { nameNumber } from '../http/names.ts'
import { refuse, type Refusal } from '../http/refusal.ts'
import { checkTarget, pathOf } from '../http/request-target.ts'
import { normalisePath } from '../http/target.ts'

/** What a well-formed head asks for. */
export interface Asked {
  readonly kind: 'asked'
  /** As received. */
  readonly target: string
  /** Normalised: what is matched, authorised and forwarded. `*` for OPTIONS *. */
  readonly path: string
  /** With its `?`, byte for byte; or empty. */
  readonly query: string
  readonly framing: Framing
  /** The options of the Connection field, see `http/fields.ts`. */
  readonly options: number
  /** The client waits for a 100 before it sends the body. */
  readonly expects: boolean
  /** The protocols offered to change to, or empty. */
  readonly upgrade: string
  readonly trailers: boolean
  /** How many more hops an OPTIONS may take; -1 when it does not say. */
  readonly hops: number
}

/** Reads what a request asks for, strictly; nothing is repaired. */
export function readRequest(head: Head): Asked | Refusal {
  const refused = checkTarget(head, 'http')
  if (refused !== null) return refused
  const framing = requestFraming(head)
  if (framing.kind === 'refusal') return framing
  const repeated = checkSingletons(head)
  if (repeated !== null) return repeated
  const options = readConnection(head)
  if (options === -1) return refuse('request', 'bad-connection-field')
  const expectation = readExpectation(head)
  if (typeof expectation !== 'string') return expectation
  // HTTP/1.0 cannot wait for a 100, and the app would be asked in 1.1.
  if (head.minor === 0) expectNothing(head)
  if (head.has(VIA) && countHops(head, pseudonym) >= maxRounds) return refuse('request', 'loop')
  const hops = head.method === OPTIONS ? readMaxForwards(head) : -1
  if (typeof hops !== 'number') return hops

  const whole = pathOf(head)
  const target = head.form === 'origin' ? whole : head.text(head.targetStart, head.targetEnd)
  const mark = whole.indexOf('?')
  const raw = mark === -1 ? whole : whole.slice(0, mark)
  const normal = head.form === 'asterisk' || isNormal(raw) ? null : normalisePath(raw)
  if (normal !== null && 'reason' in normal)
    return refuse('request', 'bad-target', `The request target is refused: ${normal.reason}.`)
  // RFC 9110 §7.8 lets every request ask for a change of protocol; only a GET without a body ever needs to.
  const offers = head.method === GET && (framing.kind === 'none' || framing.length === 0)
  return {
    kind: 'asked',
    target,
    path: normal === null ? raw : normal.path,
    query: mark === -1 ? '' : whole.slice(mark),
    framing,
    options,
    expects: expectation === 'continue',
    upgrade: offers ? offeredProtocols(head, options) : '',
    trailers: acceptsTrailers(head),
    hops,
  }
}

/** Nobody who gets the request from here on is to ask for its body. False: nobody was anyhow. */
export function expectNothing(head: Head): boolean {
  if (!head.has(EXPECT)) return false
  const at = head.indexOf(EXPECT)
  const was = head.omitted[at] === 0
  head.omitted[at] = 1
  return was
}

const EXPECT = nameNumber('expect')
const VIA = nameNumber('via')

/** What `outgoing.ts` signs with. */
const pseudonym = 'quaymaster'
/** A chain of gateways is meant; one as long as this is an app that sends its requests back to where they came from. */
const maxRounds = 5

const PERCENT = 0x25
const DOT = 0x2e
const SLASH = 0x2f
const BACKSLASH = 0x5c

/** Whether `normalisePath` would leave it as it is; true for nearly every path there is. */
function isNormal(path: string): boolean {
  let last = 0
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at)
    if (code === PERCENT || code === BACKSLASH) return false
    if (last === SLASH && (code === DOT || code === SLASH)) return false
    last = code
  }
  return true
}

/** Before a head is read. */
export const nothingAsked: Asked = {
  kind: 'asked',
  target: '',
  path: '',
  query: '',
  framing: NONE,
  options: 0,
  expects: false,
  upgrade: '',
  trailers: false,
  hops: -1,
}

/** Of a head that is refused: only its target is told. */
export function unreadAsked(target: string): Asked {
  return { ...nothingAsked, target }
}

/** RFC 9110 §9.2.1: safe, and with nothing of the body used up. */
export function isRepeatable(head: Head, { framing }: Asked): boolean {
  return isSafe(head.method) && (framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0))
}

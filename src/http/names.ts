import { CLASS, ODD } from './octets.ts'

/**
 * What a field is for, as bits, so that "leave these out" is one mask.
 * - HOP: about one connection only (RFC 9110 §7.6.1); never passes.
 * - FRAMING: delimits the body; decided anew for each side, never passes.
 * - ROUTING: Host; written anew from the authority that was authorised.
 * - FORWARDING: who the client was and what it asked; believed by apps, so only the gateway may say it.
 * - IDENTITY: who the caller is; only the gateway may say it.
 * - CREDENTIAL: what the gateway checks; leaves the request when the gateway has checked it.
 * - TRACE: the gateway keeps or renews it.
 * - ALIAS: spelt so that CGI and WSGI apps would confuse it with a known name (`X_Forwarded_For`).
 * - CONTROL: changes how a message is processed, so it may not arrive late, in a trailer (RFC 9110 §6.5.1).
 */
export const HOP = 1
export const FRAMING = 2
export const ROUTING = 4
export const FORWARDING = 8
export const IDENTITY = 16
export const CREDENTIAL = 32
export const TRACE = 64
export const ALIAS = 128
export const CONTROL = 256

const KNOWN = {
  connection: 'hop',
  'keep-alive': 'hop',
  'proxy-connection': 'hop',
  'proxy-authenticate': 'hop',
  'proxy-authentication-info': 'hop',
  'proxy-authorization': 'hop',
  te: 'hop',
  trailer: 'hop',
  upgrade: 'hop',
  'http2-settings': 'hop',
  'transfer-encoding': 'framing',
  'content-length': 'framing',
  host: 'routing',
  forwarded: 'forwarding',
  'x-forwarded-for': 'forwarding',
  'x-forwarded-proto': 'forwarding',
  'x-forwarded-host': 'forwarding',
  'x-forwarded-port': 'forwarding',
  'x-forwarded-prefix': 'forwarding',
  'x-real-ip': 'forwarding',
  'x-client-ip': 'forwarding',
  'x-cluster-client-ip': 'forwarding',
  'true-client-ip': 'forwarding',
  'x-original-host': 'forwarding',
  'x-original-uri': 'forwarding',
  'x-original-url': 'forwarding',
  'x-rewrite-url': 'forwarding',
  // httpoxy: a CGI-like app sees this one as HTTP_PROXY and sends its own requests there (CVE-2016-5385).
  proxy: 'forwarding',
  'remote-addr': 'forwarding',
  'remote-user': 'identity',
  'x-remote-user': 'identity',
  'x-user': 'identity',
  'x-auth-subject': 'identity',
  'x-auth-scopes': 'identity',
  authorization: 'credential',
  'x-api-token': 'credential',
  'x-request-id': 'trace',
  traceparent: 'trace',
  tracestate: 'trace',
  age: 'control',
  'cache-control': 'control',
  'content-encoding': 'control',
  'content-range': 'control',
  'content-type': 'control',
  cookie: 'control',
  date: 'control',
  expect: 'control',
  expires: 'control',
  'idempotency-key': 'control',
  'if-match': 'control',
  'if-modified-since': 'control',
  'if-none-match': 'control',
  'if-range': 'control',
  'if-unmodified-since': 'control',
  location: 'control',
  'max-forwards': 'control',
  pragma: 'control',
  range: 'control',
  'retry-after': 'control',
  server: 'control',
  'set-cookie': 'control',
  'user-agent': 'control',
  vary: 'control',
  via: 'control',
  'www-authenticate': 'control',
} as const

const BITS = {
  hop: HOP,
  framing: FRAMING,
  routing: ROUTING,
  forwarding: FORWARDING,
  identity: IDENTITY,
  credential: CREDENTIAL,
  trace: TRACE,
  control: CONTROL,
}

export type KnownName = keyof typeof KNOWN

/** Of a name that means nothing to the gateway. */
export const UNKNOWN_NAME = 0
/** Of a name that an app could confuse with a known one. */
export const ALIAS_NAME = 1
/** Of an `X-Forwarded-…` that has no number of its own. */
export const OTHER_FORWARDED_NAME = 2

/** The known names by their number; the first three numbers have none. */
const SPELLINGS: readonly string[] = ['', '', '', ...Object.keys(KNOWN)]

/** How many numbers there are. */
export const NAME_COUNT: number = SPELLINGS.length

/** The bits of each number. */
export const TRAITS: Uint16Array = Uint16Array.from([
  0,
  ALIAS,
  FORWARDING,
  ...Object.values(KNOWN).map((purpose) => BITS[purpose]),
])

/** The number of a known name, to be asked once at load. */
export function nameNumber(name: KnownName): number {
  return SPELLINGS.indexOf(name)
}

const SLOTS = 512
const FIRST_IN_SLOT = new Uint8Array(SLOTS)
const NEXT_IN_SLOT = new Uint8Array(NAME_COUNT)
/** The known names as bytes, 32 apart: compared in place, without a string. */
const STRIDE = 32
const LETTERS = new Uint8Array(NAME_COUNT * STRIDE)
const LENGTHS = new Uint8Array(NAME_COUNT)

for (let number = OTHER_FORWARDED_NAME + 1; number < NAME_COUNT; number++) {
  const name = SPELLINGS[number] ?? ''
  for (let i = 0; i < name.length; i++) LETTERS[number * STRIDE + i] = name.charCodeAt(i)
  LENGTHS[number] = name.length
  const slot = slotOf(name.length, name.charCodeAt(0), name.charCodeAt(name.length - 1))
  NEXT_IN_SLOT[number] = FIRST_IN_SLOT[slot] as number
  FIRST_IN_SLOT[slot] = number
}

/** The number of the name in these bytes, in any case. `classes` is the union of the classes of its bytes. */
export function findName(bytes: Uint8Array, start: number, end: number, classes: number): number {
  if ((classes & ODD) !== 0) return isAlias(bytes, start, end) ? ALIAS_NAME : UNKNOWN_NAME
  const length = end - start
  let number = FIRST_IN_SLOT[slotOf(length, bytes[start] as number, bytes[end - 1] as number)] as number
  while (number !== 0) {
    if (LENGTHS[number] === length && matches(bytes, start, length, number)) return number
    number = NEXT_IN_SLOT[number] as number
  }
  return length > 12 && isForwarded(bytes, start) ? OTHER_FORWARDED_NAME : UNKNOWN_NAME
}

function slotOf(length: number, first: number, last: number): number {
  return (length * 29 + (first | 0x20) * 5 + (last | 0x20) * 67) & (SLOTS - 1)
}

/** Among tchars without the odd ones, folding with 0x20 confuses `-` with nothing and digits with nothing. */
function matches(bytes: Uint8Array, start: number, length: number, number: number): boolean {
  const letters = number * STRIDE
  for (let i = 0; i < length; i++) if (((bytes[start + i] as number) | 0x20) !== LETTERS[letters + i]) return false
  return true
}

/**
 * CGI turns `-` into `_`, PHP turns `.` into it too, others every byte that is no letter or digit: a name in which any
 * odd byte could be read as the `-` of a known name is an alias of it.
 */
function isAlias(bytes: Uint8Array, start: number, end: number): boolean {
  const plain = new Uint8Array(end - start)
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number
    plain[i - start] = ((CLASS[byte] as number) & ODD) === 0 ? byte : 0x2d
  }
  return findName(plain, 0, plain.length, 0) !== UNKNOWN_NAME
}

const FORWARDED_PREFIX = 'x-forwarded-'

function isForwarded(bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < FORWARDED_PREFIX.length; i++) {
    if (((bytes[start + i] as number) | 0x20) !== FORWARDED_PREFIX.charCodeAt(i)) return false
  }
  return true
}

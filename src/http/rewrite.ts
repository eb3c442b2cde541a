/** One field line, in the order and spelling it was received. Values are latin-1, a character a byte. */
export type Field = readonly [name: string, value: string]
export type FieldList = readonly Field[]

/** The end-to-end fields of a response: without hop-by-hop ones, what Connection nominates, and framing. */
export function responseFields(received: FieldList): Field[] {
  const nominated = nominations(received)
  return received.filter(([name]) => {
    const lower = name.toLowerCase()
    return !nominated.has(lower) && !hopByHop.has(lower) && lower !== 'content-length'
  })
}

/** Trailers that may be passed on: none that frames, routes, authenticates or steers (RFC 9110 §6.5.1). */
export function trailerFields(received: FieldList): Field[] {
  return received.filter(([name]) => {
    const lower = name.toLowerCase()
    return !hopByHop.has(lower) && !isOurs(lower) && !neverTrailing.has(lower) && !lower.startsWith('content-')
  })
}

/** Pairs a flat list of names and values, as parsers give it. */
export function fieldsOf(flat: readonly string[]): Field[] {
  const fields: Field[] = []
  for (let at = 0; at + 1 < flat.length; at += 2) fields.push([flat[at] ?? '', flat[at + 1] ?? ''])
  return fields
}

export function valuesOf(fields: FieldList, name: string): string[] {
  return fields.filter(([given]) => given.toLowerCase() === name).map(([, value]) => value)
}

/** The comma-separated items of all fields of a name, lower case, without empty ones. */
export function itemsOf(fields: FieldList, name: string): string[] {
  return valuesOf(fields, name)
    .flatMap((value) => value.split(','))
    .map((item) => item.trim().toLowerCase())
    .filter((item) => item !== '')
}

/** The value of a cookie, or null. */
export function cookieOf(fields: FieldList, name: string): string | null {
  for (const pair of valuesOf(fields, 'cookie').flatMap((value) => value.split(';'))) {
    const [key, value] = cut(pair.trim())
    if (key === name) return value
  }
  return null
}

/** A Cookie value without one of its cookies. */
export function withoutCookie(value: string, name: string): string {
  if (!value.includes(name)) return value
  return value
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && cut(pair)[0] !== name)
    .join('; ')
}

function cut(pair: string): [string, string] {
  const at = pair.indexOf('=')
  return at === -1 ? ['', pair] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
}

/** RFC 9110 §7.6.1, and the two that RFC 9113 §3.1 and tradition add. */
const hopByHop = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

const neverTrailing = new Set(['authorization', 'cookie', 'set-cookie', 'expect', 'location', 'date', 'vary', 'age'])

/** Nominating these would change how the message itself is read, so it has no effect. */
const notNominable = new Set(['content-length', 'host', 'transfer-encoding', 'te', 'authorization', 'cookie'])

function nominations(fields: FieldList): Set<string> {
  return new Set(itemsOf(fields, 'connection').filter((name) => !notNominable.has(name)))
}

/** Names the gateway alone may give a meaning to, and what CGI-like servers and others take for one of them. */
const ours = new Set([
  'forwarded',
  'proxy',
  'remote-addr',
  'remote-user',
  'traceparent',
  'x-api-token',
  'x-client-ip',
  'x-original-host',
  'x-original-uri',
  'x-original-url',
  'x-real-ip',
  'x-remote-user',
  'x-request-id',
  'x-rewrite-url',
])

/** With an underscore or a dot they are told apart here, but not by a server that maps all to `HTTP_X_…`. */
const aliased = new Set(['content-length', 'transfer-encoding', 'authorization', 'cookie', 'host', 'connection'])

function isOurs(lower: string): boolean {
  const canonical = lower.replace(/[_.]/g, '-')
  if (lower === 'host' || ours.has(canonical)) return true
  if (canonical.startsWith('x-forwarded-') || canonical.startsWith('x-auth-')) return true
  return canonical !== lower && aliased.has(canonical)
}

/** W3C Trace Context §3.2: known shape, no all-zero id, version ff is never valid. */
export function validTraceparent(value: string): boolean {
  const parts = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/.exec(value)
  if (!parts || parts[1] === 'ff' || (parts[1] === '00' && parts[4] !== undefined)) return false
  return !/^0+$/.test(parts[2] ?? '') && !/^0+$/.test(parts[3] ?? '')
}

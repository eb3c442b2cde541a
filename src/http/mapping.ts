import type { Field, FieldList } from './rewrite.ts'

/** How the world of an app maps onto the public one. */
export interface Mapping {
  /** What is stripped from public paths: `/hello`, or empty. */
  readonly prefix: string
  /** What is put in front of the app's paths: the base path of a remote target, else empty. */
  readonly base: string
  /** Authorities that mean the app itself, lower case: `127.0.0.1:4001`, `localhost:4001`. */
  readonly own: readonly string[]
  /** The authority the client used, lower case. */
  readonly public: string
  /** A cookie name no app may set. */
  readonly reserved: string
}

/** Puts Location and cookie paths back into the public world. */
export function mapFields(fields: FieldList, mapping: Mapping): Field[] {
  const mapped: Field[] = []
  for (const [name, value] of fields) {
    const lower = name.toLowerCase()
    if (lower === 'location') mapped.push([name, mapLocation(value, mapping)])
    else if (lower !== 'set-cookie') mapped.push([name, value])
    else if (!isReserved(value, mapping)) mapped.push([name, mapCookie(value, mapping)])
  }
  return mapped
}

/**
 * A redirect of an app to itself. The result is a path on whatever origin the client used, so that a child's port never
 * shows. Relative references and foreign hosts stay as they are.
 */
export function mapLocation(value: string, mapping: Mapping): string {
  const parts = /^(?:(https?):)?\/\/([^/?#]*)(.*)$/i.exec(value)
  if (!parts) return value.startsWith('/') ? toPublic(value, mapping) : value
  const [, scheme = '', given = '', rest = ''] = parts
  const authority = given.toLowerCase()
  const path = rest.startsWith('/') ? rest : `/${rest}`
  if (mapping.own.includes(authority)) {
    if (!isUnder(path, mapping.base)) return value
    return toPublic(path, mapping)
  }
  if (authority !== mapping.public) return value
  return `${scheme === '' ? '' : `${scheme}:`}//${given}${toPublic(path, mapping)}`
}

/** `Path=/` becomes `Path=/hello/`, unless the cookie is for another domain or its name forbids it. */
export function mapCookie(value: string, mapping: Mapping): string {
  if (mapping.prefix === '' && mapping.base === '') return value
  // RFC 6265bis §4.1.3.2: a `__Host-` cookie with another path than "/" is dropped by browsers.
  if (/^__host-/i.test(value.trimStart())) return value
  const domain = /;\s*domain\s*=\s*\.?([^;\s]*)/i.exec(value)?.[1]?.toLowerCase()
  if (domain !== undefined && domain !== mapping.public.replace(/:\d+$/, '') && !ownNames(mapping).includes(domain))
    return value
  return value.replace(/(;\s*path\s*=\s*)(\/[^;]*)/i, (_, before: string, path: string) => {
    return before + toPublic(path.trimEnd(), mapping)
  })
}

/** Whether it sets the cookie that no app may set. */
export function isReserved(value: string, mapping: Mapping): boolean {
  return cookieName(value) === mapping.reserved
}

function toPublic(path: string, mapping: Mapping): string {
  // An app that honours BASE_PATH or X-Forwarded-Prefix has put the prefix there itself.
  if (mapping.prefix !== '' && isUnder(path, mapping.prefix)) return path
  const inside = mapping.base !== '' && isUnder(path, mapping.base) ? path.slice(mapping.base.length) || '/' : path
  // One slash at the front: `//host` in a Location is another site.
  return mapping.prefix + inside.replace(/^\/*/, '/')
}

function isUnder(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false
  const next = path[prefix.length]
  return prefix === '' || next === undefined || next === '/' || next === '?' || next === '#'
}

function ownNames(mapping: Mapping): string[] {
  return mapping.own.map((authority) => authority.replace(/:\d+$/, ''))
}

function cookieName(value: string): string {
  // No one expression: with blanks on both sides of what may be blank it takes a time that is the square of the length.
  const at = value.search(/[=;]/)
  return value[at] === '=' ? value.slice(0, at).trim() : ''
}

import { type Edit, type Mutant, mutant } from './mutant.ts'

const target = 'http/target.ts'
const reader = 'gateway/read-head.ts'
const mapping = 'http/mapping.ts'
const incoming = 'gateway/incoming.ts'
const outgoing = 'gateway/outgoing.ts'
const route = 'model/route.ts'
const admission = 'model/admission.ts'

const segment = 'const next = node.children.get(path.slice(start, end))'
const normalised = 'path: normal === null ? raw : normal.path'
const notNormal: Edit = [reader, normalised, 'path: raw']
const query = "query: mark === -1 ? '' : whole.slice(mark)"

export const path: readonly Mutant[] = [
  mutant(102, 'a prefix matches bytes', [
    route,
    segment,
    `${segment} ?? [...node.children].find(([key]) => path.startsWith(key, start))?.[1]`,
  ]),
  mutant(102, 'a prefix matches anywhere', [
    route,
    'if (!next) break',
    'if (!next) {\n      start = end + 1\n      continue\n    }',
  ]),
  mutant(103, 'dot segments are left to the app', notNormal),
  mutant(103, 'dot segments behind encoded separators pass', [
    target,
    "if (hidesDotSegment(segment)) return { reason: 'its path has a dot segment behind an encoded separator' }",
    '',
  ]),
  mutant(103, 'encoded dots are no dots', [target, "segment.replace(/%2e/gi, '.')", 'segment']),
  mutant(103, 'the path is normalised after it was routed', notNormal, [
    outgoing,
    'out.target = stripped(asked.path, prefix) + asked.query',
    "out.target = new URL(stripped(asked.path, prefix) + asked.query, 'http://x').pathname",
  ]),
  mutant(104, 'dot segments only disappear', [target, 'if (dots === 2) out.pop()', '']),
  mutant(104, 'names that begin with dots are dot segments', [
    target,
    "return plain === '.' ? 1 : plain === '..' ? 2 : 0",
    "return plain === '.' ? 1 : plain.startsWith('..') ? 2 : 0",
  ]),
  mutant(105, 'an encoded slash is a slash', [
    reader,
    'const raw = mark === -1 ? whole : whole.slice(0, mark)',
    "const raw = (mark === -1 ? whole : whole.slice(0, mark)).replaceAll(/%2f/gi, '/')",
  ]),
  mutant(105, 'percent signs are decoded first', [
    reader,
    'const raw = mark === -1 ? whole : whole.slice(0, mark)',
    "const raw = (mark === -1 ? whole : whole.slice(0, mark)).replaceAll('%25', '%')",
  ]),
  mutant(105, 'an encoded NUL passes', [
    target,
    "if (/%00/.test(path)) return { reason: 'its path contains an encoded NUL' }",
    '',
  ]),
  mutant(105, 'a broken encoding passes', [
    target,
    "if (/%(?![0-9a-f]{2})/i.test(path)) return { reason: 'its path has an invalid percent-encoding' }",
    '',
  ]),
  mutant(106, 'the slashes behind a prefix are sent on', [
    outgoing,
    'while (path.charCodeAt(at) === SLASH && path.charCodeAt(at + 1) === SLASH) at++',
    '',
  ]),
  mutant(106, 'the slashes in front of a path stay', [
    target,
    "`/${out.join('/')}`.replace(/^\\/+/, '/')",
    "`/${out.join('/')}`",
  ]),
  mutant(106, 'all double slashes are merged', [
    reader,
    normalised,
    "path: (normal === null ? raw : normal.path).replaceAll(/\\/+/g, '/')",
  ]),
  mutant(107, 'paths are matched in any case', [
    route,
    segment,
    'const next = node.children.get(path.slice(start, end).toLowerCase())',
  ]),
  mutant(107, 'parameters end a segment', [
    route,
    segment,
    "const next = node.children.get(path.slice(start, end).replace(/;.*/, ''))",
  ]),
  mutant(107, 'a backslash is a slash', [
    reader,
    'const raw = mark === -1 ? whole : whole.slice(0, mark)',
    "const raw = (mark === -1 ? whole : whole.slice(0, mark)).replaceAll('\\\\', '/')",
  ]),
  mutant(108, 'a query is written anew', [
    reader,
    query,
    "query: mark === -1 ? '' : `?${String(new URLSearchParams(whole.slice(mark)))}`",
  ]),
  mutant(108, 'a path is decoded', [reader, normalised, 'path: decodeURI(normal === null ? raw : normal.path)']),
  mutant(108, 'encodings become upper case', [
    reader,
    normalised,
    'path: (normal === null ? raw : normal.path).replaceAll(/%../g, (it) => it.toUpperCase())',
  ]),
  mutant(109, 'a bare prefix is redirected without its query', [
    admission,
    'to: `${prefix}/${ask.query}`',
    'to: `${prefix}/`',
  ]),
  mutant(109, 'a bare prefix is an empty target', [
    outgoing,
    'return rest.charCodeAt(0) === SLASH ? rest : `/${rest}`',
    'return rest',
  ]),
  mutant(109, 'every method is redirected', [
    admission,
    "if (ask.method !== 'GET' && ask.method !== 'HEAD') return null",
    '',
  ]),
  mutant(110, 'Location is passed on as it is', [
    incoming,
    'edits.set(index, mapLocation(value, mapping))',
    'edits.set(index, value)',
  ]),
  mutant(110, 'the own host of an app is foreign', [
    mapping,
    'if (mapping.own.includes(authority)) {',
    'if (mapping.own.length === 0) {',
  ]),
  mutant(110, 'every host is its own', [mapping, 'if (authority !== mapping.public) return value', '']),
  mutant(110, 'relative references are made absolute', [
    mapping,
    "return value.startsWith('/') ? toPublic(value, mapping) : value",
    'return toPublic(`/${value}`, mapping)',
  ]),
  mutant(110, 'several slashes in front stay', [
    mapping,
    "return mapping.prefix + inside.replace(/^\\/*/, '/')",
    'return mapping.prefix + inside',
  ]),
  mutant(111, 'the path of a cookie stays', [
    incoming,
    "isReserved(value, mapping) ? '' : mapCookie(value, mapping)",
    "isReserved(value, mapping) ? '' : value",
  ]),
  mutant(111, 'the path of every cookie is changed', [
    mapping,
    'if (domain !== undefined && domain !== mapping.public',
    'if (domain === "" && domain !== mapping.public',
  ]),
  mutant(111, 'the path of a __Host- cookie is changed', [
    mapping,
    'if (/^__host-/i.test(value.trimStart())) return value',
    '',
  ]),
  mutant(111, 'an app may set the cookie of the gateway', [
    mapping,
    'return cookieName(value) === mapping.reserved',
    'return cookieName(value) === ""',
  ]),
  mutant(111, 'an app is shown the cookie of the gateway', [
    outgoing,
    'if (value.includes(cookie))',
    'if (cookie === "")',
  ]),
  mutant(112, 'the prefix is not told', [
    outgoing,
    "(prefix === '' ? '' : fieldLine('X-Forwarded-Prefix', prefix))",
    "''",
  ]),
  mutant(112, 'the prefix a client tells passes', [
    'http/names.ts',
    "'x-forwarded-prefix': 'forwarding'",
    "'x-forwarded-prefix': 'control'",
  ]),
  mutant(112, 'a prefix that is not stripped is told', [
    'gateway/exchange.ts',
    "this.prefix = route.strip ? prefix : ''",
    'this.prefix = prefix',
  ]),
]

export type ParsedTarget =
  /** `path` is normalised, `query` is byte for byte as received including its `?`, or empty. */
  | { readonly kind: 'origin'; readonly path: string; readonly query: string; readonly authority: string | null }
  | { readonly kind: 'asterisk' }
  | { readonly kind: 'invalid'; readonly reason: string }

/**
 * Reads a request target (RFC 9112 §3.2). The path that comes out is the one string that is matched, authorised and
 * forwarded, so nothing behind this function may normalise or decode again.
 */
export function parseTarget(raw: string): ParsedTarget {
  if (raw === '*') return { kind: 'asterisk' }
  if (/[^\x21-\x7e]/.test(raw)) return invalid('it contains a byte that must be percent-encoded')
  // A fragment never belongs in a target; proxies that cut it disagree with servers that keep it (CVE-2023-45539).
  if (raw.includes('#')) return invalid('it contains a "#"')
  if (raw.startsWith('/')) return withPath(raw, null)

  const absolute = /^([a-z][a-z0-9+.-]*):\/\/([^/?]*)(.*)$/i.exec(raw)
  if (!absolute) return invalid('it does not start with "/"')
  const [, scheme = '', authority = '', rest = ''] = absolute
  if (scheme.toLowerCase() !== 'http') return invalid(`this listener does not serve the scheme "${scheme}"`)
  if (authority.includes('@')) return invalid('it carries user information')
  return withPath(rest.startsWith('/') ? rest : `/${rest}`, authority)
}

/**
 * Removes dot segments (RFC 3986 §5.2.4), also those spelt with `%2e`, and makes a leading run of slashes one slash.
 * Everything else is kept byte for byte. Returns null with a reason for a path that two servers could read differently.
 */
export function normalisePath(path: string): { readonly path: string } | { readonly reason: string } {
  if (/%(?![0-9a-f]{2})/i.test(path)) return { reason: 'its path has an invalid percent-encoding' }
  if (/%00/.test(path)) return { reason: 'its path contains an encoded NUL' }
  const out: string[] = []
  const segments = path.split('/').slice(1)
  for (const [at, segment] of segments.entries()) {
    if (hidesDotSegment(segment)) return { reason: 'its path has a dot segment behind an encoded separator' }
    const dots = dotSegment(segment)
    if (dots === 2) out.pop()
    if (dots === 0) out.push(segment)
    else if (at === segments.length - 1) out.push('')
  }
  // `//evil.test/` at the start of what an app sees would be a host to every browser and to `new URL`.
  return { path: `/${out.join('/')}`.replace(/^\/+/, '/') }
}

/** What the app sees of `path` when `prefix`, which was matched on it, is stripped. */
export function stripPrefix(path: string, prefix: string): string {
  return path.slice(prefix.length).replace(/^\/*/, '/')
}

/** The same for a host we do not run: its own base path in front. */
export function joinPath(base: string, path: string): string {
  return base.replace(/\/+$/, '') + path
}

/** The target of a redirect after login: a normalised local target, or `/` for everything that could lead elsewhere. */
export function localTarget(value: string): string {
  // Browsers read a backslash as a slash, so that `/\evil.test` leaves the site.
  if (!value.startsWith('/') || value.includes('\\')) return '/'
  const parsed = parseTarget(value)
  if (parsed.kind !== 'origin' || parsed.path === '/-' || parsed.path.startsWith('/-/')) return '/'
  return parsed.path + parsed.query
}

/** For journals and logs: the values of query parameters that look like credentials become `***`. */
export function maskTarget(target: string): string {
  const start = target.indexOf('?')
  if (start === -1) return target
  const query = target.slice(start + 1).replace(/(^|[&;])([^=&;]*)=([^&;]*)/g, (pair, before: string, name: string) => {
    return looksSecret(name) ? `${before}${name}=***` : pair
  })
  return `${target.slice(0, start)}?${query}`
}

function withPath(raw: string, authority: string | null): ParsedTarget {
  const mark = raw.indexOf('?')
  const normal = normalisePath(mark === -1 ? raw : raw.slice(0, mark))
  if ('reason' in normal) return invalid(normal.reason)
  return { kind: 'origin', path: normal.path, query: mark === -1 ? '' : raw.slice(mark), authority }
}

function invalid(reason: string): ParsedTarget {
  return { kind: 'invalid', reason }
}

/** How many dots a dot segment has; 0 when the segment is an ordinary one. */
function dotSegment(segment: string): 0 | 1 | 2 {
  if (segment.length > 6) return 0
  const plain = segment.replace(/%2e/gi, '.')
  return plain === '.' ? 1 : plain === '..' ? 2 : 0
}

/**
 * `..%2f`, `..%5c` and `..\`: not separators here, but to a server that decodes first, or on a browser's URL parser.
 * The bytes are legal, the meaning is not agreed upon, so only the combination with dots is refused.
 */
function hidesDotSegment(segment: string): boolean {
  const pieces = segment.split(/%2f|%5c|\\/i)
  return pieces.length > 1 && pieces.some((piece) => dotSegment(piece) !== 0)
}

const secretName =
  /(^|[-_.])(access|api|auth|private|secret)?[-_.]?(tokens?|keys?|secret|passw(or)?d|passwd|pwd|sig|signature|credentials?|jwt|sessions?|code)$/i

function looksSecret(name: string): boolean {
  let plain = name
  try {
    plain = decodeURIComponent(name)
  } catch {
    // Not a valid encoding: judge it as it is.
  }
  return secretName.test(plain.replace(/([a-z])([A-Z])/g, '$1_$2').replace(/\[\]$/, ''))
}

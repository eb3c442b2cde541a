export interface Authority {
  /** Lower case, without port, without the root's trailing dot. */
  readonly name: string
  readonly port: number | null
  /** As received. */
  readonly text: string
}

/** Reads a Host value (RFC 9110 §7.2). Null for anything but a plain name or literal address with an optional port. */
export function parseAuthority(text: string): Authority | null {
  const parts = /^([a-z0-9_](?:[a-z0-9._-]*)|\[[0-9a-f:.]+\])(?::(\d{0,5}))?$/i.exec(text)
  if (!parts) return null
  const port = parts[2] === undefined || parts[2] === '' ? null : Number(parts[2])
  if (port !== null && port > 65_535) return null
  return { name: (parts[1] ?? '').toLowerCase().replace(/\.$/, ''), port, text }
}

/** Whether an Origin value names the place a request was sent to. A default port may be left out on either side. */
export function isSameOrigin(origin: string, own: Authority): boolean {
  const [scheme, rest] = origin.split('://')
  const other = rest === undefined ? null : parseAuthority(rest)
  if (!other || (scheme !== 'http' && scheme !== 'https')) return false
  const defaultPort = scheme === 'https' ? 443 : 80
  return other.name === own.name && (other.port ?? defaultPort) === (own.port ?? defaultPort)
}

import { joinPath } from '../http/target.ts'
import type { Destination } from './relay.ts'

export interface Remote {
  readonly to: Destination
  /** What the Host field says there. */
  readonly host: string
  /** The base path, without a trailing slash. */
  readonly base: string
}

/** Reads the URL of a host we do not run. It was checked when the configuration was read; throws otherwise. */
export function remoteOf(url: string): Remote {
  const { protocol, hostname, port, host, pathname } = new URL(url)
  const secure = protocol === 'https:'
  const to = {
    pool: `${protocol}//${host}`,
    secure,
    // A literal IPv6 address is connected to without its brackets.
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 443 : 80) : Number(port),
  }
  return { to, host, base: joinPath(pathname, '') }
}

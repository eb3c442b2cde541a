import { mapFields, type Mapping } from '../http/mapping.ts'
import { responseFields } from '../http/rewrite.ts'
import { joinPath, stripPrefix } from '../http/target.ts'
import type { Match } from '../model/route.ts'
import { type Patron, RemoteClient } from './remote-client.ts'
import { remoteFields } from './remote-fields.ts'
import type { Destination, RelayEngine } from './relay.ts'

export interface Remote {
  readonly to: Destination
  /** What the Host field says there. */
  readonly host: string
  /** The base path, without a trailing slash. */
  readonly base: string
}

/** Brings a request to a host we do not run; the patron hears how it has ended. */
export function relayRemote(patron: Patron, engine: RelayEngine, url: string, { route }: Match): void {
  const { asked, authority, prefix, door } = patron
  const { to, host, base } = remoteOf(url)
  const mapping: Mapping = {
    prefix,
    base,
    own: [host, `${host}:${to.port}`],
    public: authority.toLowerCase(),
    reserved: door.cookie,
  }
  const fields = remoteFields(patron, host)
  const client = new RemoteClient(patron, route.timeouts, (received) => {
    const mapped = mapFields(responseFields(received), mapping)
    const named = mapped.some(([name]) => name.toLowerCase() === 'x-request-id')
    return named ? mapped : [...mapped, ['X-Request-Id', patron.id]]
  })
  const exchange = {
    to,
    method: patron.method,
    target: joinPath(base, stripPrefix(asked.path, prefix)) + asked.query,
    fields,
    framing: asked.framing,
    upgrade: asked.upgrade === '' ? [] : asked.upgrade.split(', '),
    expectContinue: asked.expects,
    client,
    timeouts: route.timeouts,
    traffic: patron.traffic,
  }
  patron.remote = client
  engine
    .relay(exchange, client.signal)
    .then((outcome) => client.settle(outcome))
    .catch((error: unknown) => patron.failed(error))
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

import { BlockList, isIP, isIPv6 } from 'node:net'

import { parseAuthority } from '../http/authority.ts'
import type { Head } from '../http/head.ts'
import { nameNumber } from '../http/names.ts'
import { plainAddress } from './address.ts'

/** Where the request that is served comes from: what apps are told, and what the journal and limits go by. */
export interface Origin {
  /** The address at the other end of the connection. */
  readonly peer: string
  /** The peer is a proxy whose word on its own clients is taken. */
  readonly isProxy: boolean
  /** The client's; of a proxy's request, the right-most one that is no proxy of ours. */
  readonly address: string
  /** For X-Forwarded-For. */
  readonly chain: string
  readonly proto: 'http' | 'https'
  /** As the proxy said; null: as the request itself says. */
  readonly host: string | null
  readonly port: string | null
}

/** Addresses and networks (`10.0.0.0/8`) of proxies. Throws on what is neither: the configuration was checked. */
export class Proxies {
  readonly #list = new BlockList()

  constructor(trusted: readonly string[]) {
    for (const text of trusted) {
      const [address = '', bits] = text.split('/')
      const family = isIPv6(address) ? 'ipv6' : 'ipv4'
      if (bits === undefined) this.#list.addAddress(address, family)
      else this.#list.addSubnet(address, Number(bits), family)
    }
  }

  /** Of a new connection, as long as nobody says otherwise. */
  originOf(remoteAddress: string | undefined): Origin {
    const peer = plainAddress(remoteAddress)
    const isProxy = this.#has(peer)
    return { peer, isProxy, address: peer, chain: peer, proto: 'http', host: null, port: null }
  }

  /** Of one request of a proxy. The right-most address that is no proxy wins: what is left of it anybody may have written. */
  read({ peer, isProxy }: Origin, head: Head): Origin {
    const given = valuesOf(head, X_FORWARDED_FOR)
      .flatMap((value) => value.split(','))
      .map((item) => item.trim())
      .filter((item) => item !== '')
    let address = peer
    for (const item of given.toReversed()) {
      if (!this.#has(address)) break
      const next = withoutPort(item)
      if (isIP(next) === 0) break
      address = next
    }
    const proto = only(head, X_FORWARDED_PROTO)?.toLowerCase() === 'https' ? 'https' : 'http'
    const said = parseAuthority(only(head, X_FORWARDED_HOST) ?? '')
    const port = /^[1-9]\d{0,4}$/.exec(only(head, X_FORWARDED_PORT) ?? '')?.[0] ?? null
    const usual = said === null && proto === 'http' ? null : String(said?.port ?? (proto === 'https' ? 443 : 80))
    return {
      peer,
      isProxy,
      address,
      chain: [...given, peer].join(', '),
      proto,
      host: said?.text ?? null,
      port: port ?? usual,
    }
  }

  #has(address: string): boolean {
    const version = isIP(address)
    return version !== 0 && this.#list.check(address, version === 6 ? 'ipv6' : 'ipv4')
  }
}

const X_FORWARDED_FOR = nameNumber('x-forwarded-for')
const X_FORWARDED_PROTO = nameNumber('x-forwarded-proto')
const X_FORWARDED_HOST = nameNumber('x-forwarded-host')
const X_FORWARDED_PORT = nameNumber('x-forwarded-port')

function valuesOf(head: Head, name: number): string[] {
  const values: string[] = []
  for (let index = Math.max(0, head.indexOf(name)); index < head.count; index++)
    if (head.names[index] === name) values.push(head.text(head.valueStart(index), head.valueEnd(index)))
  return values
}

/** The value of a field that is there exactly once: of two nobody knows which one the proxy has set. */
function only(head: Head, name: number): string | null {
  return head.has(name) && !head.isRepeated(name) ? head.value(name) : null
}

/** `192.0.2.1:4711`, `[2001:db8::1]:4711` and `[2001:db8::1]` are how some proxies write it. */
function withoutPort(item: string): string {
  return plainAddress(/^\[([^\]]*)\](?::\d+)?$/.exec(item)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(item)?.[1] ?? item)
}

import { caddy } from './caddy.ts'
import { goProxy } from './go.ts'
import { haproxy, haproxyFields } from './haproxy.ts'
import { nginx, nginxFields } from './nginx.ts'
import { httpProxy3, quaymaster } from './node.ts'
import type { Peer } from './peer.ts'
import { up, upTwo } from './up.ts'

/** The first one is what the others are divided by. */
const allPeers: readonly Peer[] = [
  nginx,
  nginxFields,
  haproxy,
  haproxyFields,
  caddy,
  goProxy,
  httpProxy3,
  quaymaster,
  up,
  upTwo,
]

/** By names as typed: without regard to case and spaces. Unknown names are an error that lists the known ones. */
export function choosePeers(names: readonly string[]): readonly Peer[] {
  if (names.length === 0) return allPeers
  const unknown = names.find((name) => !allPeers.some((peer) => short(peer.name) === short(name)))
  if (unknown !== undefined) {
    throw new Error(`There is no peer ${unknown}; there are ${allPeers.map((peer) => short(peer.name)).join(', ')}.`)
  }
  return allPeers.filter((peer) => names.some((name) => short(peer.name) === short(name)))
}

/** `Quaymaster up, 2 workers` is typed as `quaymaster-up-2-workers`. */
function short(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
}

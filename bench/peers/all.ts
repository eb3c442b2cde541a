import { caddy } from './caddy.ts'
import { goProxy } from './go.ts'
import { haproxy } from './haproxy.ts'
import { nginx } from './nginx.ts'
import { httpProxy3, quaymaster } from './node.ts'
import type { Peer } from './peer.ts'
import { up, upTwo } from './up.ts'

/** The first one is what the others are divided by. */
export const usualPeers: readonly Peer[] = [nginx, haproxy, caddy, goProxy, httpProxy3, quaymaster, up]

/** Only measured when named. */
const furtherPeers: readonly Peer[] = [upTwo]

/** By names as typed: without regard to case and spaces. Unknown names are an error that lists the known ones. */
export function choosePeers(names: readonly string[]): readonly Peer[] {
  if (names.length === 0) return usualPeers
  const known = [...usualPeers, ...furtherPeers]
  const unknown = names.find((name) => !known.some((peer) => short(peer.name) === short(name)))
  if (unknown !== undefined) {
    throw new Error(`There is no peer ${unknown}; there are ${known.map((peer) => short(peer.name)).join(', ')}.`)
  }
  return known.filter((peer) => names.some((name) => short(peer.name) === short(name)))
}

/** `Quaymaster up, 2 workers` is typed as `quaymaster-up-2-workers`. */
function short(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
}

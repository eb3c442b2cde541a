import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { pump } from './pump.ts'

/** How long the second side may take to close after the first is closed in both directions. */
export const lingering = 2_000

/**
 * Joins two connections byte for byte until both are closed. A half-close is passed on and the other direction goes
 * on; an error on one side ends both. `passed` is for whoever limits how long nothing may go through.
 */
export function tunnel(
  client: Duplex,
  upstream: Duplex,
  traffic: { in: number; out: number },
  passed: () => void,
): Promise<void> {
  pump(client, upstream, (bytes) => {
    traffic.in += bytes
    passed()
  })
  pump(upstream, client, (bytes) => {
    traffic.out += bytes
    passed()
  })
  return new Promise((resolve) => {
    let closed = 0
    const couple = (one: Duplex, other: Duplex): void => {
      one.once('end', () => other.end())
      one.once('error', () => other.destroy())
      one.once('close', () => {
        if (++closed === 2) return resolve()
        // What it sent before it closed is still on its way out; the rest of its time is bounded.
        other.end()
        setTimeout(() => other.destroy(), lingering).unref()
      })
    }
    couple(client, upstream)
    couple(upstream, client)
    client.resume()
    upstream.resume()
  })
}

/** Of two joined sockets the one that is left: what was sent before is still on its way out, in bounded time. */
export function endSoon(socket: Socket): void {
  socket.destroySoon()
  setTimeout(() => socket.destroy(), lingering).unref()
}

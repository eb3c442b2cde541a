import type { Socket } from 'node:net'
import { type Into, readAccepted, type Take } from './lent.ts'
import { Outlet } from './outlet.ts'
import type { Served } from './served.ts'
import type { Waiting } from './sweep.ts'

/** A client's connection, as far as a mistake of ours can end it. */
interface Blamed {
  readonly served: Served | null
  readonly socket: Socket
}

/** `readAccepted`, where a mistake of ours ends the request that is served, never the process. */
export function readFrom(client: Blamed, into: Into, take: Take): void {
  readAccepted(client.socket, into, (bytes, size) => {
    try {
      return take(bytes, size)
    } catch (error) {
      blame(client, error)
      return true
    }
  })
}

/** As much for what else a socket tells. */
export function hear(client: Blamed, event: 'end' | 'close', act: () => void): void {
  client.socket.on(event, guarded(client, act))
}

export function outletOf(client: Blamed): Outlet {
  const drained = guarded(client, () => client.served?.drained())
  return new Outlet(client.socket, drained)
}

function guarded(client: Blamed, act: () => void): () => void {
  return () => {
    try {
      act()
    } catch (error) {
      blame(client, error)
    }
  }
}

/** Calls it after so many milliseconds, for one request; keeps nothing alive. */
export function later(time: number, owner: { failed(error: unknown): void }, act: () => void): NodeJS.Timeout {
  const timer = setTimeout(() => {
    try {
      act()
    } catch (error) {
      owner.failed(error)
    }
  }, time)
  return timer.unref()
}

/** And for whoever waits; a pool of connections has no request of its own. */
export function blame(client: Blamed | Waiting, error: unknown): void {
  if (!('served' in client)) return
  if (client.served === null) client.socket.destroy()
  else client.served.failed(error)
}

import fs from 'node:fs'

import { Gateway, type GatewayOptions } from '../src/gateway/gateway.ts'
import { systemClock } from '../src/lib/clock.ts'
import type { Route } from '../src/model/route.ts'
import { Journal } from '../src/observe/journal.ts'

/** The gateway under `fuzz.ts`, in a process of its own, told over the parent's channel what to route and to count. */

export interface Order {
  readonly routes: readonly Route[]
  readonly sha256: string
}

export interface Counts {
  readonly kind: 'counts'
  readonly inflight: number
  /** Connections, to clients and to apps. */
  readonly sockets: number
  /** Open files of the process, or null where they cannot be counted. */
  readonly files: number | null
  readonly rss: number
  readonly exchanges: number
  /** Exchanges that ended in an error of our own making. */
  readonly internal: readonly string[]
}

let exchanges = 0
const internal: string[] = []
const journal = new Journal()
journal.subscribe((entry) => {
  if (entry.type !== 'exchange') return
  exchanges += 1
  if (entry.error?.code === 'internal' && internal.length < 20) internal.push(entry.error.detail)
})

const options: Omit<GatewayOptions, 'auth'> = {
  host: '127.0.0.1',
  port: 0,
  journal,
  clock: systemClock,
  report: () => {},
  timeouts: { head: 5_000, body: 5_000, keepAlive: 5_000 },
}

process.once('message', (order: Order) => {
  void begin(order).catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})

async function begin({ routes, sha256 }: Order): Promise<void> {
  const gateway = await Gateway.listen({ ...options, auth: { tokens: [{ name: 'all', sha256, apps: null }] } })
  gateway.change({ put: routes, gone: [], drain: [], over: [] })
  process.on('message', () => process.send?.(count(gateway)))
  process.once('disconnect', () => process.exit(0))
  process.send?.({ kind: 'listening', port: gateway.port })
}

function count(gateway: Gateway): Counts {
  const sockets = process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
  const inflight = gateway.inflight().length
  return { kind: 'counts', inflight, sockets, files: countFiles(), rss: process.memoryUsage.rss(), exchanges, internal }
}

function countFiles(): number | null {
  try {
    return fs.readdirSync('/proc/self/fd').length
  } catch {
    return null
  }
}

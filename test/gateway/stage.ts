import { createHash } from 'node:crypto'
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Worker } from 'node:worker_threads'

import { openFrontDoor } from '../../src/gateway/open.ts'
import type { FrontDoor } from '../../src/gateway/front-door.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { GatewayReport } from '../../src/model/protocol.ts'
import type { Target } from '../../src/model/route.ts'
import type { ConnectionSettings } from '../../src/model/settings.ts'
import { Journal, type Entry } from '../../src/observe/journal.ts'
import { settings } from '../model/world.ts'
import { tableOf } from '../support/table.ts'
import { eventually } from '../support/wait.ts'

/** A front door of two threads with one app, `hello`, that is a server of the test's. */
export interface Stage extends AsyncDisposable {
  readonly gateway: FrontDoor
  readonly workers: Worker[]
  readonly reports: GatewayReport[]
  readonly entries: Entry[]
  /** From which status on exchanges are looked at. */
  readonly interest: { least: number }
  readonly upstream: http.Server
  /** Where `hello` goes from now on. */
  route(target: Target, draining?: number[], maxHeld?: number, connections?: Partial<ConnectionSettings>): void
  readonly ready: Target
}

export async function stage(answer: http.RequestListener, count = 2): Promise<Stage> {
  const upstream = http.createServer(answer).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const { port } = upstream.address() as AddressInfo
  const workers: Worker[] = []
  const seen = (message: unknown): void => void workers.push((message as { worker: Worker }).worker)
  diagnostics.subscribe('worker_threads', seen)
  const reports: GatewayReport[] = []
  const entries: Entry[] = []
  const journal = new Journal()
  const interest = { least: 0 }
  journal.subscribe(
    (entry) => void entries.push(entry),
    () => interest.least,
  )
  const gateway = await openFrontDoor({
    host: '127.0.0.1',
    port: 0,
    auth: { tokens: [{ name: 'me', sha256: createHash('sha256').update('secret').digest('hex'), apps: null }] },
    journal,
    clock: systemClock,
    report: (report) => void reports.push(report),
    workers: count,
    notice: () => {},
  })
  const { route } = settings('hello')
  const table = tableOf(gateway)
  const ready: Target = { kind: 'ready', upstreams: [{ run: 1, host: '127.0.0.1', port }] }
  return {
    gateway,
    workers,
    reports,
    entries,
    interest,
    upstream,
    ready,
    route: (target, draining, max = route.hold.max, connections = {}) => {
      const limits = { hold: { ...route.hold, max }, connections: { ...route.connections, ...connections } }
      table([{ app: 'hello', ...route, ...limits, streams: 0, target, poison: null, replay: null }], draining)
    },
    async [Symbol.asyncDispose]() {
      diagnostics.unsubscribe('worker_threads', seen)
      await gateway[Symbol.asyncDispose]()
      upstream.closeAllConnections()
      upstream.close()
    },
  }
}

export async function ask(gateway: FrontDoor, agent: http.Agent | false = false): Promise<string> {
  const headers = { 'X-API-Token': 'secret', Host: 'localhost' }
  const request = http.get(`${gateway.url}/hello/x`, { headers, agent })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const body = (await response.setEncoding('utf8').toArray()).join('')
  return `${response.statusCode} ${body}`
}

export async function soon(check: () => unknown): Promise<void> {
  const passes = async (): Promise<boolean> => {
    await check()
    return true
  }
  await eventually(passes, { what: 'a check that passes' })
}

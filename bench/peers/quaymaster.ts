import { createHash } from 'node:crypto'
import { createWriteStream, writeFileSync } from 'node:fs'

import { Gateway } from '../../src/gateway/gateway.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Route } from '../../src/model/route.ts'
import { Journal } from '../../src/observe/journal.ts'
import { openLog } from '../../src/observe/log.ts'
import { appNames } from './peer.ts'

/**
 * Our gateway alone, without supervisor, over a fixed table: `quaymaster.ts PORT UPSTREAM APPS TOKEN [LOGFILE]`.
 */
const [port, upstream, apps, token = '', logFile] = process.argv.slice(2)

const journal = new Journal()
if (logFile !== undefined) {
  const log = await openLog({ journal, out: createWriteStream(logFile), format: 'json', color: false })
  log.listening({
    version: 'bench',
    pid: process.pid,
    took: null,
    url: '',
    adminUrl: null,
    token: null,
    tokenFile: null,
    appsDir: '',
    apps: [],
  })
}
const gateway = await Gateway.listen({
  host: '127.0.0.1',
  port: Number(port),
  auth: { tokens: [{ name: 'bench', sha256: createHash('sha256').update(token).digest('hex'), apps: null }] },
  journal,
  clock: systemClock,
  report: () => {},
})
const routes = appNames(Number(apps)).map((name, index): Route => {
  return {
    app: name,
    path: `/api/${name}`,
    hosts: [`${name}.localhost`],
    strip: true,
    auth: 'token',
    hold: { for: 30_000, max: 1_000 },
    poison: null,
    replay: null,
    timeouts: { connect: 5_000, response: 0, idle: 0, total: 0 },
    connections: { max: 4_096, queue: 1_024, idle: null },
    streams: 0,
    target: { kind: 'ready', upstreams: [{ run: index + 1, host: '127.0.0.1', port: Number(upstream) }] },
  }
})
gateway.change({ put: routes, gone: [], drain: [], over: [] })

// Twice: what finalisers let go of in the first collection is freed by the second.
process.on('SIGUSR2', () => {
  globalThis.gc?.()
  globalThis.gc?.()
  const file = process.env['BENCH_HEAP']
  if (file !== undefined) writeFileSync(file, `${process.memoryUsage().heapUsed}\n`)
})

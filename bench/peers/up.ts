import { createHash } from 'node:crypto'
import fs from 'node:fs/promises'
import path from 'node:path'

import { quaymasterVersion } from '../../src/lib/version.ts'
import { freePort, gatewayCpu, type Peer, type Setup, started, type Started, token, writeConfig } from './peer.ts'
import { isPinned, start } from '../processes.ts'

const bin = path.join(import.meta.dirname, '../../bin/quaymaster.mjs')

/** All of it, as an operator runs it: supervisor, journal, admin; the app is its child. */
export const up: Peer = {
  name: 'Quaymaster up',
  maxApps: 1,
  workloads: ['get-64', 'half', 'download', 'upload', 'log-get', 'memory'],
  version: async () => quaymasterVersion(),
  start: (setup) => startUp(setup, 1),
}

/** The same with two threads, both on the gateways' CPU: what the second one costs a request. */
export const upTwo: Peer = {
  name: 'Quaymaster up, 2 workers',
  maxApps: 1,
  workloads: ['get-64', 'log-get'],
  version: async () => quaymasterVersion(),
  start: (setup) => startUp(setup, 2),
}

async function startUp({ built, log, dir }: Setup, workers: number): Promise<Started> {
  const port = await freePort()
  await fs.mkdir(path.join(dir, 'apps'))
  await fs.copyFile(built.upstream, path.join(dir, 'apps/app1'))
  await writeConfig(dir, 'gateway.config.ts', config(log, workers))
  await using output = await fs.open(path.join(dir, 'output.log'), 'a')
  const args = [bin, 'up', '--port', String(port), '--admin-port', '0', '--json']
  const running = start(process.execPath, args, { cpu: gatewayCpu, cwd: dir, stdout: output.fd })
  // Only the gateway's own process: the app is its child and counts for no peer.
  return await started(running, port, false)
}

/** The app leaves the gateway's CPU by itself, as BENCH_CPU tells it. */
function config(log: boolean, workers: number): string {
  const sha256 = createHash('sha256').update(token).digest('hex')
  return `export default {
  listen: { host: '127.0.0.1' },
  workers: ${workers},
  log: { access: '${log ? 'all' : 'none'}' },
  auth: { tokens: [{ name: 'bench', sha256: '${sha256}' }] },
  apps: { app1: { path: '/api/app1', env: { BENCH_CPU: '${isPinned() ? '0' : ''}' } } },
}
`
}

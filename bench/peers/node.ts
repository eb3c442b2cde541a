import fs from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

import { quaymasterVersion } from '../../src/lib/version.ts'
import { freePort, type Peer, type Setup, startOn, type Started, token } from './peer.ts'

/** The peers that are a script beside this file, run by the Node that runs the bench. */
export const httpProxy3: Peer = {
  name: 'http-proxy-3',
  distant: true,
  maxApps: 10_000,
  async version() {
    const file = path.join(import.meta.dirname, '../../node_modules/http-proxy-3/package.json')
    return (JSON.parse(await fs.readFile(file, 'utf8')) as { version: string }).version
  },
  start: (setup) => startScript('http-proxy-3.ts', setup),
}

export const quaymaster: Peer = {
  name: 'Quaymaster',
  maxApps: 10_000,
  version: async () => quaymasterVersion(),
  start: startOurs,
}

/** It tells its heap, collected, when it gets SIGUSR2. */
async function startOurs(setup: Setup): Promise<Started> {
  const file = path.join(setup.dir, 'heap')
  const started = await startScript('quaymaster.ts', setup, ['--expose-gc'], { BENCH_HEAP: file })
  const heap = async (): Promise<number> => {
    await fs.rm(file, { force: true })
    for (const pid of started.pids) process.kill(pid, 'SIGUSR2')
    for (let looks = 0; looks < 100; looks += 1) {
      await pause(50)
      const text = await fs.readFile(file, 'utf8').catch(() => '')
      if (text.endsWith('\n')) return Number(text)
    }
    throw new Error('the gateway did not tell its heap')
  }
  return { ...started, heap, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() }
}

async function startScript(
  name: string,
  { upstream, apps, log, dir }: Setup,
  flags: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Started> {
  const port = await freePort()
  const script = path.join(import.meta.dirname, name)
  const args = [port, upstream, apps, token, ...(log ? [path.join(dir, 'access.log')] : [])].map(String)
  return startOn(port, process.execPath, [...flags, script, ...args], false, { env })
}

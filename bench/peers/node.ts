import fs from 'node:fs/promises'
import path from 'node:path'

import { quaymasterVersion } from '../../src/lib/version.ts'
import { freePort, type Peer, type Setup, startOn, type Started, token } from './peer.ts'

/** The peers that are a script beside this file, run by the Node that runs the bench. */
export const httpProxy3: Peer = {
  name: 'http-proxy-3',
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
  start: (setup) => startScript('quaymaster.ts', setup),
}

async function startScript(name: string, { upstream, apps, log, dir }: Setup): Promise<Started> {
  const port = await freePort()
  const script = path.join(import.meta.dirname, name)
  const args = [port, upstream, apps, token, ...(log ? [path.join(dir, 'access.log')] : [])].map(String)
  return startOn(port, process.execPath, [script, ...args], false)
}

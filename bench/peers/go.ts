import path from 'node:path'

import { versionOf } from '../build.ts'
import { freePort, type Peer, startOn, token } from './peer.ts'

export const goProxy: Peer = {
  name: 'Go',
  distant: true,
  maxApps: 10_000,
  version: async ({ built }) => (built.go === null ? null : versionOf('go', ['version'])),
  async start({ built, upstream, apps, log, dir }) {
    const port = await freePort()
    const args = [port, upstream, apps, token, ...(log ? [path.join(dir, 'access.log')] : [])].map(String)
    return startOn(port, built.go ?? 'go', args, false)
  },
}

import fs from 'node:fs/promises'
import path from 'node:path'

import { versionOf } from '../build.ts'
import { appNames, freePort, type Peer, startOn, token, writeConfig } from './peer.ts'

export const haproxy: Peer = {
  name: 'HAProxy',
  maxApps: 10_000,
  version: () => versionOf('haproxy', ['-v']),
  async start({ upstream, apps, log, dir }) {
    const port = await freePort()
    const map = await writeConfig(
      dir,
      'apps.map',
      appNames(apps)
        .map((name) => `/api/${name}/ app\n`)
        .join(''),
    )
    const file = await writeConfig(dir, 'haproxy.cfg', config(port, upstream, map, log))
    // HAProxy logs to syslog or to a descriptor: here the descriptor is the file.
    await using output = await fs.open(path.join(dir, 'access.log'), 'a')
    return await startOn(port, 'haproxy', ['-f', file, '-db'], false, { stdout: output.fd })
  },
}

/** Without `http-no-delay` it holds back the pieces of a stream: measured 200 ms for an event, 41 ms for a bare head. */
function config(port: number, upstream: number, map: string, log: boolean): string {
  return `
global
  maxconn 12000
  nbthread 1
  no strict-limits
${log ? '  log stdout format raw daemon' : ''}
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
  timeout http-keep-alive 1h
  http-reuse always
  option http-no-delay
${log ? '  log global\n  option httplog' : ''}
frontend front
  bind 127.0.0.1:${port} backlog 4096
  option forwardfor
  acl known req.hdr(X-API-Token) -m str ${token}
  http-request deny deny_status 401 unless known
  use_backend %[path,map_beg(${map})]
backend app
  http-request set-path /%[path,field(4,/,0)]
  server one 127.0.0.1:${upstream}
`
}

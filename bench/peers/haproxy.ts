import fs from 'node:fs/promises'
import path from 'node:path'

import { versionOf } from '../build.ts'
import {
  appNames,
  freePort,
  type Peer,
  sameFields,
  type Setup,
  type Started,
  startOn,
  token,
  writeConfig,
} from './peer.ts'

/** As lean as it can be, as nginx is here. */
export const haproxy: Peer = {
  name: 'HAProxy',
  maxApps: 10_000,
  version: () => versionOf('haproxy', ['-v']),
  start: (setup) => startHaproxy(setup, '  option forwardfor'),
}

/** It does what ours does to the fields, but that the span in its trace is always the same. */
export const haproxyFields: Peer = {
  ...haproxy,
  name: 'HAProxy, same fields',
  workloads: sameFields,
  start: (setup) => startHaproxy(setup, fields),
}

const fields = `
  unique-id-format %[uuid]
  http-request del-header X-API-Token
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  http-request set-header X-Forwarded-Port %[dst_port]
  http-request set-header X-Forwarded-Prefix /api/%[path,field(3,/)]
  http-request set-header X-Auth-Subject bench
  http-request set-header X-Request-Id %[unique-id]
  http-request set-header traceparent 00-%[unique-id,regsub(-,,g)]-0123456789abcdef-01
  http-request set-header Via "1.1 haproxy"
  http-response set-header X-Request-Id %[unique-id]
  http-response set-header Date %[date,http_date] unless { res.hdr(Date) -m found }`

async function startHaproxy({ upstream, apps, log, dir }: Setup, headers: string): Promise<Started> {
  const port = await freePort()
  const map = await writeConfig(
    dir,
    'apps.map',
    appNames(apps)
      .map((name) => `/api/${name}/ app\n`)
      .join(''),
  )
  const file = await writeConfig(dir, 'haproxy.cfg', config(port, upstream, map, log, headers))
  // HAProxy logs to syslog or to a descriptor: here the descriptor is the file.
  await using output = await fs.open(path.join(dir, 'access.log'), 'a')
  return await startOn(port, 'haproxy', ['-f', file, '-db'], false, { stdout: output.fd })
}

/** Without `http-no-delay` it holds back the pieces of a stream: measured 200 ms for an event, 41 ms for a bare head. */
function config(port: number, upstream: number, map: string, log: boolean, headers: string): string {
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
  acl known req.hdr(X-API-Token) -m str ${token}
  http-request deny deny_status 401 unless known
${headers}
  use_backend %[path,map_beg(${map})]
backend app
  http-request set-path /%[path,field(4,/,0)]
  server one 127.0.0.1:${upstream}
`
}

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

/** As lean as it can be: what it says to the app of the client is X-Forwarded-For, and the token goes on to the app. */
export const nginx: Peer = {
  name: 'nginx',
  maxApps: 10_000,
  version: () => versionOf('nginx', ['-v']),
  start: (setup) => startNginx(setup, () => '', forwardedFor),
}

/** It does what ours does to the fields, but that the span in its trace is always the same: it has no random one. */
export const nginxFields: Peer = {
  ...nginx,
  name: 'nginx, same fields',
  workloads: sameFields,
  start: (setup) => startNginx(setup, (app) => `set $prefix /api/${app};`, fields),
}

const forwardedFor = 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;'

const fields = `proxy_set_header X-API-Token "";
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header X-Forwarded-Prefix $prefix;
    proxy_set_header X-Auth-Subject bench;
    proxy_set_header X-Request-Id $request_id;
    proxy_set_header traceparent 00-$request_id-0123456789abcdef-01;
    proxy_set_header Via "1.1 nginx";
    add_header X-Request-Id $request_id;`

async function startNginx(setup: Setup, note: (app: string) => string, headers: string): Promise<Started> {
  const port = await freePort()
  const file = await writeConfig(setup.dir, 'nginx.conf', config(setup, port, note, headers))
  return startOn(port, 'nginx', ['-c', file, '-p', setup.dir, '-e', 'stderr'], true)
}

/**
 * One worker. Uploads are neither spooled to disk nor held back, other bodies are buffered as by default, which is cheaper; streams are recognised by X-Accel-Buffering, as apps
 * behind nginx do it. Larger body buffers than the defaults: they cost less CPU a MB.
 */
function config(
  { upstream, apps, log, dir }: Setup,
  port: number,
  note: (app: string) => string,
  headers: string,
): string {
  const locations = appNames(apps).map((name) => `location /api/${name}/ { ${note(name)} proxy_pass http://app/; }`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((it) => `${it}_temp_path ${dir}/${it};`)
  return `
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
worker_rlimit_nofile 65536;
error_log stderr error;
pid ${path.join(dir, 'nginx.pid')};
events { worker_connections 16384; }
http {
  ${temporary.join('\n  ')}
  access_log ${log ? path.join(dir, 'access.log') : 'off'};
  map $http_x_api_token $known { default 0; "${token}" 1; }
  map $http_upgrade $connection_out { default upgrade; "" ""; }
  upstream app {
    server 127.0.0.1:${upstream};
    keepalive 1024;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_buffer_size 64k;
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_out;
    ${headers}
    proxy_max_temp_file_size 0;
    proxy_buffers 8 32k;
    proxy_busy_buffers_size 64k;
    proxy_read_timeout 3600s;
    if ($known = 0) { return 401; }
    location /api/app1/upload { proxy_pass http://app/upload; proxy_request_buffering off; }
    ${locations.join('\n    ')}
  }
}
`
}

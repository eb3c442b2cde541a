import path from 'node:path'

import { versionOf } from '../build.ts'
import { appNames, freePort, type Peer, type Setup, startOn, token, writeConfig } from './peer.ts'

export const caddy: Peer = {
  name: 'Caddy',
  distant: true,
  // It looks through its routes one by one, and each has a proxy of its own: 10,000 take minutes to load.
  maxApps: 1_000,
  version: () => versionOf('caddy', ['version']),
  async start(setup) {
    const port = await freePort()
    const file = await writeConfig(setup.dir, 'Caddyfile', config(setup, port))
    const env = { XDG_DATA_HOME: setup.dir, XDG_CONFIG_HOME: setup.dir }
    return startOn(port, 'caddy', ['run', '--config', file, '--adapter', 'caddyfile'], false, { env })
  },
}

function config({ upstream, apps, log, dir }: Setup, port: number): string {
  const proxy = `reverse_proxy 127.0.0.1:${upstream} {
      transport http {
        keepalive 1h
        keepalive_idle_conns 1024
        keepalive_idle_conns_per_host 1024
      }
    }`
  const routes = appNames(apps).map((name) => `handle_path /api/${name}/* {\n    ${proxy}\n  }`)
  return `
{
  admin off
  auto_https off
  grace_period 1s
  log default {
    level ERROR
  }
}
http://:${port} {
  bind 127.0.0.1
${log ? `  log {\n    output file ${path.join(dir, 'access.log')} {\n      roll_disabled\n    }\n  }` : ''}
  @stranger not header X-API-Token ${token}
  handle @stranger {
    respond 401
  }
  ${routes.join('\n  ')}
}
`
}

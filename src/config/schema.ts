import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { z } from 'zod'
import * as app from './app-fields.ts'
import {
  accept,
  duration,
  durationOrNever,
  field,
  filePath,
  flag,
  isText,
  keys,
  oneOf,
  orFalse,
  refuse,
  size,
  texts,
  whole,
} from './fields.ts'
import type { AppLayer, FileLayer } from './layers.ts'

const health = {
  path: app.probePath().optional(),
  status: app.statuses().optional(),
  interval: duration(10).optional(),
  timeout: duration(1).optional(),
  misses: whole(1, 1_000).optional(),
  stall: duration().optional(),
  boot: duration(10).optional(),
}
const stop = { drain: duration().optional(), streams: duration().optional(), grace: duration().optional() }
const restart = { min: duration(10).optional(), max: duration(10).optional(), forgive: duration(1).optional() }
const limits = { memory: size().optional(), age: duration().optional() }
const rollout = { soak: duration().optional(), share: app.share().optional() }
const poison = { strikes: whole(1, 16).optional(), for: duration(1_000).optional() }
const replay = { idempotent: flag().optional(), key: flag().optional(), body: size(1024 * 1024).optional() }
const versions = { keep: whole(2, 100).optional() }
const hold = { for: duration().optional(), max: whole(0, 1_000_000).optional() }
const timeouts = {
  connect: duration(1).optional(),
  response: duration().optional(),
  idle: duration().optional(),
  total: duration().optional(),
}

const connections = {
  max: whole(1, 1_000_000).optional(),
  queue: whole(0, 1_000_000).optional(),
  idle: duration().optional(),
}

const shared = {
  strip: flag().optional(),
  auth: oneOf('token', 'none').optional(),
  instances: whole(1, 256).optional(),
  env: app.variables().optional(),
  envFile: app.envFiles().optional(),
  // 2^32 - 1 is the kernel's "no change".
  uid: whole(0, 2 ** 32 - 2).optional(),
  gid: whole(0, 2 ** 32 - 2).optional(),
  umask: app.umask().optional(),
  health: keys(health).optional(),
  stop: keys(stop).optional(),
  restart: keys(restart).optional(),
  limits: keys(limits).optional(),
  rollout: keys(rollout).optional(),
  poison: orFalse(keys(poison)).optional(),
  replay: keys(replay).optional(),
  versions: keys(versions).optional(),
  hold: keys(hold).optional(),
  timeouts: keys(timeouts).optional(),
  connections: keys(connections).optional(),
}
const own = {
  path: app.routePath().optional(),
  host: app.hosts().optional(),
  command: app.command().optional(),
  args: texts().optional(),
  listen: oneOf('port', 'socket').optional(),
  cwd: filePath().optional(),
  target: app.remote().optional(),
}

/** Where a key belongs that was written one level too high: `grace` is `stop.grace`. */
const deeper = {
  ...inside('health', { interval: 1, misses: 1, stall: 1, boot: 1, status: 1 }),
  ...inside('stop', stop),
  ...inside('restart', { min: 1, forgive: 1 }),
  ...inside('limits', limits),
  ...inside('rollout', rollout),
  ...inside('replay', { idempotent: 1, key: 1 }),
  ...inside('versions', versions),
  ...inside('hold', { for: 1 }),
  ...inside('connections', { queue: 1, idle: 1 }),
  ...inside('timeouts', { connect: 1, response: 1, total: 1 }),
  ...inside('poison', { strikes: 1 }),
}

/** An entry of `apps`, or an `app.json`. */
export const appSchema: z.ZodType<AppLayer> = keys({ ...own, ...shared }, deeper)

const defaultsSchema = keys(shared, { ...deeper, ...inside('apps.<name>', own) })

const tokenSchema = keys({
  name: field('letters, digits and . _ @ -, at most 64 characters', (value) => {
    const fits = typeof value === 'string' && /^[A-Za-z0-9][\w.@-]{0,63}$/.test(value)
    return fits ? accept(value) : refuse('must be a name')
  }),
  sha256: field('printf %s "$TOKEN" | sha256sum', (value) => {
    const fits = typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value)
    return fits ? accept(value.toLowerCase()) : refuse("must be a token's SHA-256, 64 hex digits")
  }),
  apps: texts().optional(),
})

const port = whole(0, 65_535).optional()
const host = field("a host name or an address such as 'localhost', '0.0.0.0' or '::1'", (value) => {
  if (!isText(value) || /[\s/[\]]/.test(value)) return refuse('must be a host name or an address')
  const [, name] = /^([^:]*):\d+$/.exec(value) ?? []
  return name === undefined ? accept(value) : refuse('must be a host without port', `'${name}'`)
}).optional()
const workers = field("a whole number of at least 1, or 'auto'", (value) => {
  if (value === 'auto') return accept(availableParallelism())
  const fits = typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 1_024
  return fits ? accept(value) : refuse('must be a number of threads')
})
const clients = {
  head: duration(10).optional(),
  body: duration(10).optional(),
  bodyRate: size().optional(),
  keepAlive: duration(10).optional(),
  stall: duration(10).optional(),
  tunnel: duration().optional(),
}
const proxies = z.array(
  field("an address or a network such as '127.0.0.1', '10.0.0.0/8' or 'fd00::/8'", (value) => {
    return isText(value) && isNetwork(value) ? accept(value) : refuse('must be an address or a network')
  }),
)
const listen = { host, port, timeouts: keys(clients).optional(), trustedProxies: proxies.optional() }
const admin = { host, port }
const log = {
  access: oneOf('all', 'errors', 'none').optional(),
  level: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent').optional(),
}

const file = {
  listen: keys(listen).optional(),
  admin: keys(admin).optional(),
  appsDir: filePath().optional(),
  stateDir: filePath().optional(),
  workers: workers.optional(),
  guard: keys({ grace: durationOrNever().optional() }).optional(),
  auth: keys({ tokens: z.array(tokenSchema).optional() }).optional(),
  defaults: defaultsSchema.optional(),
  apps: z.record(z.string(), appSchema).optional(),
  log: keys(log).optional(),
  starts: keys({ parallel: whole(1, 10_000).optional() }).optional(),
}

/** The whole file. */
export const fileSchema: z.ZodType<FileLayer> = keys(file, {
  ...inside('listen', { host, port, trustedProxies: 1 }),
  ...inside('defaults', shared),
  ...inside('auth', { tokens: 1 }),
  ...inside('log', log),
})

/** `10.1.2.3`, `fd00::1`, `10.0.0.0/8`, `fd00::/8`. */
function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const version = isIP(address)
  if (version === 0 || address.includes('%') || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 6 ? 128 : 32))
}

function inside(group: string, members: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.keys(members).map((name) => [name, `${group}.${name}`]))
}

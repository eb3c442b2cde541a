import { join } from 'node:path'
import type { AppSettings, PoisonSettings } from '../model/settings.ts'
import { anchored, frozen, said, type Config } from './complete.ts'
import type { UserAppConfig } from './config.ts'
import type { AppLayer } from './layers.ts'
import { appSchema } from './schema.ts'

/**
 * The complete settings of one app: `defaults` < its `app.json` < its entry in `apps`. `env` is merged by variable, the
 * groups (`health`, `stop`, …) by field, lists and everything else are replaced whole.
 *
 * `manifest` is what `parseManifest` accepted. `manifestDir` is the folder of a folder app, with or without an
 * `app.json`; leave it out for an app that is a single file or only a command.
 */
export function settingsFor(config: Config, name: string, manifest?: UserAppConfig, manifestDir?: string): AppSettings {
  const fromManifest = manifest ? anchored(appSchema.parse(manifest), manifestDir ?? config.appsDir) : {}
  const app = [config.defaults, fromManifest, config.apps[name] ?? {}].reduce<AppLayer>(merged, {})
  const { target = null } = app
  return frozen({
    name,
    route: {
      path: app.path ?? `/${name}`,
      hosts: [...new Set([`${name}.localhost`, ...(app.host ?? [])])],
      strip: app.strip ?? true,
      auth: app.auth ?? 'token',
      hold: { ...builtIn.hold, ...said(app.hold) },
      timeouts: { ...builtIn.timeouts, ...said(app.timeouts) },
      connections: { ...builtIn.connections, ...said(app.connections) },
      replay: { ...builtIn.replay, ...said(app.replay) },
    },
    instances: app.instances ?? 1,
    command: app.command ?? null,
    args: app.args ?? [],
    listen: app.listen ?? (asksForSocket(app) ? 'socket' : 'port'),
    cwd: app.cwd ?? null,
    env: app.env ?? {},
    envFiles: target === null ? (app.envFile ?? usualEnvFiles(config.appsDir, name, manifestDir)) : [],
    uid: app.uid ?? null,
    gid: app.gid ?? null,
    umask: app.umask ?? null,
    health: { ...builtIn.health, ...said(app.health) },
    stop: { ...builtIn.stop, ...said(app.stop) },
    restart: { ...builtIn.restart, ...said(app.restart) },
    limits: { ...builtIn.limits, ...said(app.limits) },
    rollout: { ...builtIn.rollout, ...said(app.rollout) },
    poison: app.poison === false ? null : { ...builtIn.poison, ...said(app.poison) },
    versions: { ...builtIn.versions, ...said(app.versions) },
    target,
  })
}

/** What holds when nobody says otherwise. The reasons stand with the fields in config.ts. */
const builtIn: Pick<AppSettings, 'health' | 'stop' | 'restart' | 'limits' | 'rollout' | 'versions'> &
  Pick<AppSettings['route'], 'hold' | 'timeouts' | 'connections' | 'replay'> & { readonly poison: PoisonSettings } = {
  health: { path: null, status: [[200, 399]], interval: 2_000, timeout: 2_000, misses: 3, stall: 30_000, boot: 30_000 },
  stop: { drain: 10_000, streams: 1_000, grace: 10_000 },
  restart: { min: 100, max: 30_000, forgive: 1_000 },
  limits: { memory: 0, age: 0 },
  rollout: { soak: 2_000, share: 1 },
  poison: { strikes: 2, for: 600_000 },
  versions: { keep: 5 },
  hold: { for: 30_000, max: 1_000 },
  timeouts: { connect: 5_000, response: 0, idle: 0, total: 0 },
  connections: { max: 4_096, queue: 1_024, idle: null },
  replay: { idempotent: false, key: false, body: 65_536 },
}

/** The operator's file comes last and wins over what the app brought along. */
function usualEnvFiles(appsDir: string, name: string, folder: string | undefined): string[] {
  const own = join(appsDir, `${name}.env`)
  return folder === undefined ? [own] : [join(folder, '.env'), own]
}

function asksForSocket({ command = [], args = [] }: AppLayer): boolean {
  return [...command, ...args].some((word) => word.includes('{socket}'))
}

function merged(under: AppLayer, over: AppLayer): AppLayer {
  return {
    ...under,
    ...said(over),
    env: { ...under.env, ...over.env },
    health: { ...under.health, ...said(over.health) },
    stop: { ...under.stop, ...said(over.stop) },
    restart: { ...under.restart, ...said(over.restart) },
    limits: { ...under.limits, ...said(over.limits) },
    rollout: { ...under.rollout, ...said(over.rollout) },
    poison: mergedPoison(under.poison, over.poison),
    versions: { ...under.versions, ...said(over.versions) },
    hold: { ...under.hold, ...said(over.hold) },
    timeouts: { ...under.timeouts, ...said(over.timeouts) },
    connections: { ...under.connections, ...said(over.connections) },
    replay: { ...under.replay, ...said(over.replay) },
  }
}
/** `false` switches it off for those below, an object on again. */
function mergedPoison(under: AppLayer['poison'], over: AppLayer['poison']): AppLayer['poison'] {
  if (over === undefined || over === false) return over ?? under
  return { ...(under === false ? {} : under), ...said(over) }
}

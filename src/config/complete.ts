import { availableParallelism } from 'node:os'
import { isAbsolute, resolve } from 'node:path'
import type { ClientTimeouts } from '../model/settings.ts'
import type { AppLayer, DefaultsLayer, FileLayer, Listen, LogSettings } from './layers.ts'

/**
 * The configuration as the inside sees it: complete, frozen, every duration in milliseconds, every path absolute. One
 * app's complete settings come from `settingsFor`, because an `app.json` has its say between `defaults` and `apps`.
 */
export interface Config {
  /** The file it was read from, or null when there is none. */
  readonly file: string | null
  /** The folder of the file, else the folder the gateway was started in. */
  readonly root: string
  readonly appsDir: string
  readonly stateDir: string
  readonly listen: Listen & { readonly timeouts: ClientTimeouts; readonly trustedProxies: readonly string[] }
  readonly admin: Listen
  readonly workers: number
  /** Milliseconds; null: no guardian. */
  readonly guard: { readonly grace: number | null }
  readonly auth: { readonly tokens: readonly Token[] }
  readonly log: LogSettings
  readonly starts: { readonly parallel: number }
  readonly defaults: DefaultsLayer
  /** By name, without a prototype: `constructor` is a possible name of an app. */
  readonly apps: Readonly<Record<string, AppLayer>>
}

/** The reasons stand with the fields in config.ts. */
export const defaultTimeouts: ClientTimeouts = {
  head: 15_000,
  body: 30_000,
  bodyRate: 100,
  keepAlive: 30_000,
  stall: 120_000,
  tunnel: 0,
}

interface Token {
  readonly name: string
  /** 64 lower-case hex digits. */
  readonly sha256: string
  /** Null: all apps. */
  readonly apps: readonly string[] | null
}

export function completeConfig(layer: FileLayer, file: string | null, root: string): Config {
  const apps = Object.entries(layer.apps ?? {}).map(([name, app]) => [name, anchored(app, root)] as const)
  return frozen({
    file,
    root,
    appsDir: resolve(root, layer.appsDir ?? 'apps'),
    stateDir: resolve(root, layer.stateDir ?? '.quaymaster'),
    listen: {
      host: layer.listen?.host ?? 'localhost',
      port: layer.listen?.port ?? 8080,
      timeouts: { ...defaultTimeouts, ...said(layer.listen?.timeouts) },
      trustedProxies: layer.listen?.trustedProxies ?? [],
    },
    admin: { host: layer.admin?.host ?? '127.0.0.1', port: layer.admin?.port ?? 8081 },
    workers: layer.workers ?? 1,
    guard: { grace: layer.guard?.grace === false ? null : (layer.guard?.grace ?? 10_000) },
    auth: {
      tokens: (layer.auth?.tokens ?? []).map(({ name, sha256, apps }) => ({ name, sha256, apps: apps ?? null })),
    },
    log: { access: layer.log?.access ?? 'all', level: layer.log?.level ?? 'info' },
    starts: { parallel: layer.starts?.parallel ?? Math.max(4, 2 * availableParallelism()) },
    defaults: anchored(layer.defaults ?? {}, root),
    apps: Object.assign(Object.create(null) as Record<string, AppLayer>, Object.fromEntries(apps)),
  })
}

/** Makes a layer's paths absolute, relative to the folder of the file that said them. */
export function anchored(layer: AppLayer, folder: string): AppLayer {
  const { command, cwd, envFile } = layer
  return {
    ...layer,
    ...(cwd !== undefined && { cwd: resolve(folder, cwd) }),
    ...(envFile !== undefined && { envFile: envFile.map((file) => resolve(folder, file)) }),
    ...(command !== undefined && { command: anchoredCommand(command, folder) }),
  }
}

/** A field that is written as `undefined` says nothing. */
export function said<T extends object>(layer: T | undefined): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(layer ?? {}).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

/** Freezes a value of plain objects and lists, all the way down. */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) frozen(member)
  }
  return value
}

/** A program with a slash is a file; one without is looked up in PATH, as everywhere else. */
function anchoredCommand([program = '', ...args]: readonly string[], folder: string): readonly string[] {
  return [program.includes('/') && !isAbsolute(program) ? resolve(folder, program) : program, ...args]
}

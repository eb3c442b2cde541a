import type {
  ClientTimeouts,
  ConnectionSettings,
  HealthSettings,
  HoldSettings,
  LimitSettings,
  PoisonSettings,
  ReplaySettings,
  RestartSettings,
  RolloutSettings,
  StopSettings,
  TimeoutSettings,
  VersionSettings,
} from '../model/settings.ts'

/**
 * One app's settings as far as one source says them: `defaults`, an `app.json`, or an entry of `apps`. Values are
 * already read (milliseconds, argv, lists), relative paths are still relative to their source.
 */
export interface AppLayer extends DefaultsLayer {
  readonly path?: string | undefined
  readonly host?: readonly string[] | undefined
  readonly command?: readonly string[] | undefined
  readonly args?: readonly string[] | undefined
  readonly listen?: 'port' | 'socket' | undefined
  readonly cwd?: string | undefined
  readonly target?: string | undefined
}

export interface DefaultsLayer {
  readonly strip?: boolean | undefined
  readonly auth?: 'token' | 'none' | undefined
  readonly instances?: number | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly envFile?: readonly string[] | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly umask?: number | undefined
  readonly health?: (Partly<Omit<HealthSettings, 'path'>> & { readonly path?: string | undefined }) | undefined
  readonly stop?: Partly<StopSettings> | undefined
  readonly restart?: Partly<RestartSettings> | undefined
  readonly limits?: Partly<LimitSettings> | undefined
  readonly rollout?: Partly<RolloutSettings> | undefined
  readonly poison?: false | Partly<PoisonSettings> | undefined
  readonly replay?: Partly<ReplaySettings> | undefined
  readonly versions?: Partly<VersionSettings> | undefined
  readonly hold?: Partly<HoldSettings> | undefined
  readonly timeouts?: Partly<TimeoutSettings> | undefined
  readonly connections?: (Partly<Omit<ConnectionSettings, 'idle'>> & { readonly idle?: number | undefined }) | undefined
}

/** The whole file, every value read, nothing filled in. */
export interface FileLayer {
  readonly listen?:
    | (Partly<Listen> & {
        readonly timeouts?: Partly<ClientTimeouts> | undefined
        readonly trustedProxies?: readonly string[] | undefined
      })
    | undefined
  readonly admin?: Partly<Listen> | undefined
  readonly appsDir?: string | undefined
  readonly stateDir?: string | undefined
  readonly workers?: number | undefined
  readonly guard?: { readonly grace?: number | false | undefined } | undefined
  readonly auth?: { readonly tokens?: readonly TokenLayer[] | undefined } | undefined
  readonly defaults?: DefaultsLayer | undefined
  readonly apps?: Readonly<Record<string, AppLayer>> | undefined
  readonly log?: Partly<LogSettings> | undefined
  readonly starts?: { readonly parallel?: number | undefined } | undefined
}

interface TokenLayer {
  readonly name: string
  readonly sha256: string
  readonly apps?: readonly string[] | undefined
}

export interface Listen {
  readonly host: string
  readonly port: number
}

export interface LogSettings {
  readonly access: 'all' | 'errors' | 'none'
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
}

type Partly<T> = { readonly [K in keyof T]?: T[K] | undefined }

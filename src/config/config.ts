import type { Duration, Size, UserAppConfig, UserAppDefaults } from './app-config.ts'

export type { Duration, Size, UserAppConfig, UserAppDefaults } from './app-config.ts'

/**
 * The configuration as it is written by hand: `gateway.config.{ts,mts,js,mjs,json}`. Every field may be left out.
 * Relative paths resolve against the folder of the configuration file. An edit is taken while the gateway runs,
 * except where a field says otherwise.
 */
export interface UserConfig {
  /** The front door. A change takes effect at the next start. */
  listen?:
    | {
        /** Default `'localhost'` (127.0.0.1 and ::1), so that nothing is exposed by accident. `'0.0.0.0'` is everywhere. */
        host?: string | undefined
        /** Default `8080`. `0` takes a free port. */
        port?: number | undefined
        /**
         * Proxies in front, as addresses and networks: `['127.0.0.1', '10.0.0.0/8']`. What they say in X-Forwarded-For,
         * -Proto, -Host and -Port is passed on, their own address appended, and the journal and limits go by the client
         * they name: the right-most one that is no proxy of these. Default none: anybody could claim to be anybody.
         */
        trustedProxies?: string[] | undefined
        /** What a client may take its time for. */
        timeouts?:
          | {
              /** For a request head, from its first byte. Default `'15s'`: nobody types one. At least 10 ms. */
              head?: Duration | undefined
              /** How long a body may make no progress before the request is a 408. Default `'30s'`, at least 10 ms. */
              body?: Duration | undefined
              /** The least progress of a body with a length, a second. Default `'100b'`: slower is an attack. `0`: any. */
              bodyRate?: Size | undefined
              /** For the next request on a connection. Default `'30s'`, at least 10 ms. */
              keepAlive?: Duration | undefined
              /**
               * For a client to take a byte of its response, and for an app to take one of an upload. Default `'2m'`. What the
               * kernel holds for them (up to 4 MB) is seen to go in steps: a short one also ends what is only slow.
               */
              stall?: Duration | undefined
              /** How long a WebSocket or another tunnel may be silent. Default `0`, for ever: TCP finds the dead. */
              tunnel?: Duration | undefined
            }
          | undefined
      }
    | undefined
  /** The dashboard and the API, an origin of its own. A change takes effect at the next start. */
  admin?:
    | {
        /** Default `'127.0.0.1'`: whoever reaches it can stop apps. */
        host?: string | undefined
        /** Default `8081`. `0` takes a free port. */
        port?: number | undefined
      }
    | undefined
  /** The watched folder. Default `'./apps'`. A change takes effect at the next start. */
  appsDir?: string | undefined
  /**
   * Where the token, the control socket and versions live (files 0600, folders 0700). Default `'./.quaymaster'`. Not to be
   * deleted while the gateway runs. Logs are not in it: they are kept in memory, the newest 1000 lines of each app.
   * A change takes effect at the next start.
   */
  stateDir?: string | undefined
  /**
   * Threads that move traffic. Default `1`, which is enough for most; `'auto'` takes one per core. More than one
   * needs Linux, whose SO_REUSEPORT spreads connections; elsewhere one serves.
   * A change takes effect at the next start.
   */
  workers?: number | 'auto' | undefined
  guard?:
    | {
        /**
         * When the gateway itself dies (SIGKILL, out of memory), a tiny process that it keeps for this waits so long for
         * another gateway, which goes on with the apps, and then ends them. Default `'10s'`: a restart takes less.
         * `false`: nobody ends them before the next start. A change takes effect at the next start.
         */
        grace?: Duration | false | undefined
      }
    | undefined
  auth?:
    | {
        /** Who may call. With none here, one token is made at the first start, kept in `stateDir` and printed. */
        tokens?: UserToken[] | undefined
      }
    | undefined
  /** What every app gets unless it says otherwise. */
  defaults?: UserAppDefaults | undefined
  /** Settings by app name, for what lies in `appsDir`, for commands, and for remote hosts. */
  apps?: Record<string, UserAppConfig> | undefined
  log?:
    | {
        /** One line per request: `'all'` (default), `'errors'` (status 500 and above, and what the app broke off), or `'none'`. */
        access?: 'all' | 'errors' | 'none' | undefined
        /** The least severe lines that are written. Default `'info'`. */
        level?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent' | undefined
      }
    | undefined
  starts?:
    | {
        /**
         * How many instances may be starting at once. Default twice the cores, at least 4: more would make all of them
         * slower. One that takes longer than a second makes room for the next. A change takes effect at the next start.
         */
        parallel?: number | undefined
      }
    | undefined
}

export interface UserToken {
  /** Who this is: told to apps in `X-Auth-Subject`. Unique; letters, digits and `. _ @ -`, at most 64. */
  name: string
  /** SHA-256 of the token, 64 hex digits: `printf %s "$TOKEN" | sha256sum`. The token itself is never stored. */
  sha256: string
  /** The apps it may call. Default: all. */
  apps?: string[] | undefined
}

/** Gives the configuration its type; returns it unchanged. */
export function defineConfig(config: UserConfig): UserConfig {
  return config
}

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
              /** For a client to take a byte of its response, and for an app to take one of an upload. Default `'2m'`. */
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
        /** One line per request: `'all'` (default), `'errors'` (status 500 and above), or `'none'`. */
        access?: 'all' | 'errors' | 'none' | undefined
        /** The least severe lines that are written. Default `'info'`. */
        level?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent' | undefined
      }
    | undefined
  starts?:
    | {
        /**
         * How many instances may be starting at once. Default twice the cores, at least 4: more would make all of them
         * slower. A change takes effect at the next start.
         */
        parallel?: number | undefined
      }
    | undefined
}

/** A duration: a number is milliseconds, a text has a unit: `'150ms'`, `'2s'`, `'1m'`, `'1.5h'`. */
export type Duration = number | string

/** A size: a number is bytes, a text has a unit, each 1024 of the one before: `'512kb'`, `'256mb'`, `'1.5gb'`. */
export type Size = number | string

export interface UserToken {
  /** Who this is: told to apps in `X-Auth-Subject`. Unique; letters, digits and `. _ @ -`, at most 64. */
  name: string
  /** SHA-256 of the token, 64 hex digits: `printf %s "$TOKEN" | sha256sum`. The token itself is never stored. */
  sha256: string
  /** The apps it may call. Default: all. */
  apps?: string[] | undefined
}

/** What may be set for all apps at once. */
export interface UserAppDefaults {
  /** Remove `path` from the target before the app sees it, and put it back into redirects and cookies. Default `true`. */
  strip?: boolean | undefined
  /** `'token'` (default) asks every caller for a token; `'none'` makes the app public. */
  auth?: 'token' | 'none' | undefined
  /** How many instances serve at once, 1 to 256. Default `1`: many apps keep state in memory. */
  instances?: number | undefined
  /** Environment variables; only `PORT` and `QUAYMASTER_*` stay the gateway's. An app's are added to the defaults'. */
  env?: Record<string, string | number | boolean> | undefined
  /**
   * Files of `NAME=value` lines, read anew at every start; a later one wins, `env` wins over all. Default: `.env` in
   * the app's folder if it has one, then `<appsDir>/<name>.env`, each only if it exists.
   */
  envFile?: string | string[] | undefined
  /** Numeric user to run as (needs root). Default: the gateway's. */
  uid?: number | undefined
  /** Numeric group to run as (needs root). Default: the gateway's. */
  gid?: number | undefined
  /** File mode mask, a number such as `0o027` or an octal text such as `'027'`. Default: the gateway's. */
  umask?: number | string | undefined
  health?:
    | {
        /** A path that answers when the app is well: `'/healthz'`. Default: being well is accepting on the port. */
        path?: string | undefined
        /** What counts as well: `200`, `'2xx'`, `'200-399'`, or a list of these. Default `'200-399'`. */
        status?: number | string | (number | string)[] | undefined
        /** Between two liveness probes, at least 10 ms. Default `'2s'`. */
        interval?: Duration | undefined
        /** Of one probe, at least 1 ms. Default `'2s'`. */
        timeout?: Duration | undefined
        /** Missed probes in a row that get an instance replaced. Default `3`: one slow answer is not an illness. */
        misses?: number | undefined
        /**
         * Without `path`: when requests wait and an instance has sent no byte on any for this long, it is asked (`HEAD /`),
         * and replaced as hung if it says nothing `misses` times. Any byte on any request counts as well. A stopped process
         * (SIGSTOP) is asked at once. Default `'30s'`; `0` never: for an app that answers nothing for minutes, or a debugger.
         */
        stall?: Duration | undefined
        /** From spawn to ready, at least 10 ms; later than this an instance is given up. Default `'30s'`. */
        boot?: Duration | undefined
      }
    | undefined
  stop?:
    | {
        /** How long requests in flight may take to finish before SIGTERM. Default `'10s'`. */
        drain?: Duration | undefined
        /**
         * Within this time from the beginning of a drain every open WebSocket is closed with 1012 and every event stream
         * (GET) is ended behind an event, each at a random moment, so that clients come back to the new version and not
         * all at once. At most four fifths of `drain`. Default `'1s'`.
         */
        streams?: Duration | undefined
        /** From SIGTERM to SIGKILL, for the whole process tree. Default `'10s'`. */
        grace?: Duration | undefined
      }
    | undefined
  restart?:
    | {
        /** The first delay; it doubles with every further fall. Default `'100ms'`, at least 10 ms. */
        min?: Duration | undefined
        /** The longest delay. Default `'30s'`: a mended dependency is noticed within half a minute. */
        max?: Duration | undefined
        /** Time spent well that takes one fall off the count. Default `'1s'`. */
        forgive?: Duration | undefined
      }
    | undefined
  /** Beyond these an instance is replaced by a fresh one: started beside it, then drained and stopped. It costs no fall. */
  limits?:
    | {
        /**
         * Memory of the whole process tree, looked at every 2 s; over it twice in a row is over it. Pages that processes
         * share count once where Linux tells. Default `0`, no limit.
         */
        memory?: Size | undefined
        /** Time spent ready. Each instance ends up to a tenth earlier, so that not all go at once. Default `0`, no limit. */
        age?: Duration | undefined
      }
    | undefined
  /** How a new version proves itself before the old one goes. A first version has nothing to be compared with. */
  rollout?:
    | {
        /**
         * How long a new version serves with the old one standing by, counted from when all its instances are ready. A
         * crash, missed probes, or answers clearly worse than the old one's take it back without a failed request.
         * Default `'2s'`: most that crash, crash right after the start, and nobody likes to wait for a deploy. Both
         * versions use memory until then. `0` replaces the old one as soon as the new one is ready.
         */
        soak?: Duration | undefined
        /**
         * The part of new requests that the new version gets meanwhile, above 0 and at most 1. Default `1`: a version
         * that answers nobody proves nothing, and safe requests it fails are answered by the old one.
         */
        share?: number | undefined
      }
    | undefined
  /**
   * Requests that were in flight when an instance crashed are tried one at a time until they are answered; one that
   * crashes the app again and again gets a 503 while the others go on. `false` suspects nobody.
   */
  poison?:
    | false
    | {
        /** Crashes after which a request is no longer sent, 1 to 16. Default `2`: one may be an accident. */
        strikes?: number | undefined
        /** How long a crash is held against a request, at least 1 s. Default `'10m'`: time to look at it. */
        for?: Duration | undefined
      }
    | undefined
  versions?:
    | {
        /**
         * How many versions of a single-file app are kept in `stateDir`, 2 to 100. Default `5`: enough to go back past a
         * bad week, and a copy of a program may be large.
         */
        keep?: number | undefined
      }
    | undefined
  /** While an app is starting or being replaced, its requests wait instead of failing. */
  hold?:
    | {
        /** How long a request may wait before it gets a 503. Default `'30s'`. */
        for?: Duration | undefined
        /** How many may wait at once; one more gets a 503 at once. Default `1000`. */
        max?: number | undefined
      }
    | undefined
  timeouts?:
    | {
        /** To open a connection to an instance, at least 1 ms. Default `'5s'`. */
        connect?: Duration | undefined
        /** From the end of the request to the first byte of the response. Default `0`, no limit: long polling is normal. */
        response?: Duration | undefined
      }
    | undefined
  /**
   * The gateway's connections to one instance. With several `workers` each has an equal share of `max` and `queue`,
   * rounded up: four that share a `max` of 6 have 2 each, so up to 8 together, and never fewer than one each.
   */
  connections?:
    | {
        /** How many at once, WebSockets and streams among them. Default `4096`: files are finite. */
        max?: number | undefined
        /** How many requests may wait for one, for `timeouts.connect`; one more gets a 503 at once. Default `1024`. */
        queue?: number | undefined
        /**
         * How long one may be idle and is used again; `0` is never. Default: a second less than the app says in
         * `Keep-Alive: timeout=`, else `'4s'`, for Node closes after five. The app's word is a bound in any case.
         */
        idle?: Duration | undefined
      }
    | undefined
}

/** One app: an entry of `apps`, or an `app.json` in the app's folder (which is overruled by the entry of `apps`). */
export interface UserAppConfig extends UserAppDefaults {
  /** Where it is reached: `'/api/app1'`. Matched by whole segments, the longest wins. Default `'/<name>'`. */
  path?: string | undefined
  /** Host names, without port, that lead to this app in addition to `<name>.localhost`. Each belongs to one app. */
  host?: string | string[] | undefined
  /**
   * What to run, when it is not an executable in `appsDir`. A text is split into words as a shell does (quotes and
   * backslashes honoured, nothing expanded); for pipes, variables and the like write `['sh', '-c', '…']`. A program
   * with a slash resolves against the folder of this file, another one is looked up in PATH. `{port}` and `{socket}` are replaced.
   */
  command?: string | string[] | undefined
  /** Further arguments. `{port}` and `{socket}` are replaced. */
  args?: string[] | undefined
  /**
   * `'socket'` gives the app the path of a Unix socket instead of a port, in `PORT` and for `{socket}`: nobody but the
   * gateway's user can reach it. Default `'port'`, or `'socket'` where `{socket}` occurs in `command` or `args`.
   */
  listen?: 'port' | 'socket' | undefined
  /** Working folder. Default: the folder of a folder app, else `appsDir`. */
  cwd?: string | undefined
  /** A host that is not run but only relayed to: `'https://docs.example.com'`. Not together with `command`. */
  target?: string | undefined
}

/** Gives the configuration its type; returns it unchanged. */
export function defineConfig(config: UserConfig): UserConfig {
  return config
}

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
         * Memory of the whole process tree, looked at every 2 s; over it twice in a row is over it. Where Linux tells, a
         * page that processes share, with other programs too, is divided between them (PSS), so that this is less than the
         * resident memory (RSS) that `status` shows. Default `0`, no limit.
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
  /**
   * Which requests beyond GET, HEAD and OPTIONS without a body are sent once more, to the next run, when the process that
   * got them died before a byte of an answer was delivered. A POST without `Idempotency-Key` never is.
   */
  replay?:
    | {
        /** PUT and DELETE, and GET, HEAD and OPTIONS with a body. Default `false`: some apps make more of a PUT. */
        idempotent?: boolean | undefined
        /** Whatever carries an `Idempotency-Key`, POST too. Default `false`: an app has to know what the field means. */
        key?: boolean | undefined
        /**
         * The longest body that is kept for it, at most `'1mb'`; with a longer one the request is not sent again. Default
         * `'64kb'`. A gateway thread keeps 64 MiB of all apps together, a quarter of that of one app, and no more.
         */
        body?: Size | undefined
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
        /** How long a response that has begun may bring no byte; it is cut off. Default `0`, no limit: events may be rare. */
        idle?: Duration | undefined
        /**
         * From the head of a request to the last byte of its response, waiting included; then it gets a 504, or what has
         * begun is cut off. Tunnels are not meant. Default `0`, no limit: a download takes what it takes.
         */
        total?: Duration | undefined
      }
    | undefined
  /**
   * The gateway's connections to one instance. `max` and `queue` hold for all `workers` together. Where there are fewer
   * connections than workers want, they take turns.
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

/** A duration: a number is milliseconds, a text has a unit: `'150ms'`, `'2s'`, `'1m'`, `'1.5h'`. */
export type Duration = number | string

/** A size: a number is bytes, a text has a unit, each 1024 of the one before: `'512kb'`, `'256mb'`, `'1.5gb'`. */
export type Size = number | string

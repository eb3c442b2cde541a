/**
 * What the operator wants of one app, complete: every default is filled in by `config/` and the inside never meets
 * `undefined`. Durations are milliseconds, sizes are bytes. Plain data, so that it may cross a thread boundary.
 */
export interface AppSettings {
  /** DNS label, unique in the fleet: `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`. */
  readonly name: string
  readonly route: RouteSettings
  /** How many instances serve at once. */
  readonly instances: number
  /** The argv to run, or null when the executable in `apps/` is the app. `{port}` and `{socket}` are replaced. */
  readonly command: readonly string[] | null
  /** Further arguments after the executable or the command. `{port}` and `{socket}` are replaced. */
  readonly args: readonly string[]
  /** What the app is told to listen on. */
  readonly listen: 'port' | 'socket'
  /** Absolute working folder, or null: the folder of a folder app, else `apps/` itself. */
  readonly cwd: string | null
  readonly env: Readonly<Record<string, string>>
  /** Absolute paths, read anew at every start; a later file wins over an earlier one, `env` over all of them. */
  readonly envFiles: readonly string[]
  readonly uid: number | null
  readonly gid: number | null
  readonly umask: number | null
  readonly health: HealthSettings
  readonly stop: StopSettings
  readonly restart: RestartSettings
  readonly limits: LimitSettings
  readonly rollout: RolloutSettings
  /** Null: no request is ever suspected. */
  readonly poison: PoisonSettings | null
  readonly versions: VersionSettings
  /** A host we do not run: requests are relayed there and nothing is launched. */
  readonly target: string | null
}

export interface RouteSettings {
  /** `/hello`, or `/api/app1`; never a trailing slash, except that the root is `/`. Matched by whole segments. */
  readonly path: string
  /** Lower case, without port. `<name>.localhost` is always the first. */
  readonly hosts: readonly string[]
  /** Whether `path` is removed before the app sees the target (and put back into `Location` and cookie paths). */
  readonly strip: boolean
  readonly auth: 'token' | 'none'
  readonly hold: HoldSettings
  readonly timeouts: TimeoutSettings
  readonly connections: ConnectionSettings
  readonly replay: ReplaySettings
}

export interface HoldSettings {
  /** How long a request may wait for its app to become ready. */
  readonly for: number
  /** How many requests of one app may wait at once; one more is refused with 503. */
  readonly max: number
}

export interface TimeoutSettings {
  /** To open a socket to an instance. */
  readonly connect: number
  /** From the last request byte to the first byte of the response head. 0 = no limit. */
  readonly response: number
  /** How long a response that has begun may bring no byte. 0 = no limit. */
  readonly idle: number
  /** From the request head to the last byte of the response; not of tunnels. 0 = no limit. */
  readonly total: number
}

/** Of the gateway's connections to one instance. */
export interface ConnectionSettings {
  /** At once, tunnels and streams among them. */
  readonly max: number
  /** Requests that wait for one of them; one more is refused with 503. */
  readonly queue: number
  /** How long one may be idle and is used again. Null: less than the app keeps it, by what it says. */
  readonly idle: number | null
}

/** Which requests are sent once more when their instance has died, beyond the safe ones without a body. */
export interface ReplaySettings {
  /** Those of idempotent methods (RFC 9110 §9.2.2). */
  readonly idempotent: boolean
  /** Whatever carries an Idempotency-Key. */
  readonly key: boolean
  /** The longest body that is kept for it. */
  readonly body: number
}

/** What any client may take its time for; each is noticed up to 250 ms late. */
export interface ClientTimeouts {
  /** From the first byte of a head (of the first one: from the connection) to its last. */
  readonly head: number
  /** A body is looked at this often: it must have come at `bodyRate`, or if it is chunked, have come at all. */
  readonly body: number
  /** Bytes a second of a body with a length. A chunked one may be a stream of rare events. */
  readonly bodyRate: number
  /** An idle connection is closed after this long. */
  readonly keepAlive: number
  /** A client that takes no byte of its response for so long is gone, an app that takes none of an upload stuck. */
  readonly stall: number
  /** A tunnel through which nothing went for so long is closed; 0 for never, TCP keep-alive finds the dead. */
  readonly tunnel: number
}

export interface HealthSettings {
  /** Null: ready means that the app's process tree owns the listening socket and accepts on it. */
  readonly path: string | null
  /** Statuses that count as healthy, inclusive pairs. */
  readonly status: readonly (readonly [low: number, high: number])[]
  /** Between two liveness probes. */
  readonly interval: number
  /** Of one probe. */
  readonly timeout: number
  /** Missed liveness probes in a row that make an instance unhealthy. */
  readonly misses: number
  /** How long requests may go unanswered, all of them, before an instance without a health path is asked. 0 = for ever. */
  readonly stall: number
  /** From the spawn to ready; later than this the instance is given up. */
  readonly boot: number
}

export interface StopSettings {
  /** How long requests in flight may take to finish before the instance is told to stop. */
  readonly drain: number
  /**
   * WebSockets and event streams have no end of their own: each is closed in order (1012, or behind an event) at a random
   * moment within this time from the beginning of the drain, and in four fifths of `drain` at the latest.
   */
  readonly streams: number
  /** From SIGTERM to SIGKILL. */
  readonly grace: number
}

export interface RestartSettings {
  /** Delay before the second restart in a row (the first is immediate); doubles with every further fall. */
  readonly min: number
  readonly max: number
  /** Time spent ready that takes one fall off the count. */
  readonly forgive: number
}

/** Beyond these an instance is replaced by a fresh one of the same release, without a fall. */
export interface LimitSettings {
  /** Bytes of the whole process tree. 0 = no limit. */
  readonly memory: number
  /** Time spent ready. 0 = no limit. */
  readonly age: number
}

/** How a new version proves itself beside the one it is to replace. */
export interface RolloutSettings {
  /** How long it serves with the old one standing by, once all its instances are ready. 0: it replaces it at once. */
  readonly soak: number
  /** The part of new requests it gets meanwhile, from 0 to 1. */
  readonly share: number
}

export interface PoisonSettings {
  /** Crashes that one shape of request must have been part of before it is no longer sent to the app. */
  readonly strikes: number
  /** How long a crash is held against what was in flight. */
  readonly for: number
}

export interface VersionSettings {
  /** How many versions of a single-file app are kept to go back to. */
  readonly keep: number
}

import type { Suspicions } from './poison.ts'
import type { Address } from './protocol.ts'
import type { ConnectionSettings, HoldSettings, ReplaySettings, TimeoutSettings } from './settings.ts'

/** What became different about where requests go. Plain data. The whole table is a change from nothing. */
export interface RouteChange {
  /** Routes that are new or others than before, one an app at most. */
  readonly put: readonly Route[]
  /** Apps that have no route any more. */
  readonly gone: readonly string[]
  /** Runs that get no new requests from now on; the gateway reports `drained` for each once nothing is in flight on it. */
  readonly drain: readonly number[]
  /** Runs that were to drain before and are not any more. */
  readonly over: readonly number[]
  /** Runs that served and are being stopped from now on. Absent: none, or by a gateway of a time before this was told. */
  readonly ended?: readonly Ended[]
}

/** A run that we stop. `fell`: for something that counts as a fall, of which there is a report; else it was asked to go. */
export interface Ended {
  readonly run: number
  readonly fell: boolean
}

export interface Route {
  readonly app: string
  readonly path: string
  readonly hosts: readonly string[]
  readonly strip: boolean
  readonly auth: 'token' | 'none'
  readonly hold: HoldSettings
  readonly timeouts: TimeoutSettings
  readonly connections: ConnectionSettings
  /** Null: nothing is kept of any request. */
  readonly replay: ReplaySettings | null
  /** See `StopSettings.streams`. */
  readonly streams: number
  readonly target: Target
  /** Requests that may be what kills the app; null when none is suspected. */
  readonly poison: Suspicions | null
}

export type Target =
  /** At least one upstream. */
  | { readonly kind: 'ready'; readonly upstreams: readonly Upstream[]; readonly rollout?: Rollout }
  /**
   * Worth waiting for: starting, being replaced, resting. `until`: when a resting one starts if a request asks for it
   * (milliseconds on the fleet's clock).
   */
  | { readonly kind: 'waiting'; readonly why: string; readonly until: number | null }
  /** Not worth waiting for: switched off, refused. */
  | { readonly kind: 'closed'; readonly why: string }
  | { readonly kind: 'remote'; readonly url: string }

/** A newer version is tried out beside `upstreams`, the proven one. */
export interface Rollout {
  /** Of the release on trial: names the trial in reports. */
  readonly generation: number
  /** None while it boots; answers of the proven one are counted already, to have something to compare with. */
  readonly trial: readonly Upstream[]
  /** The part of new requests that goes to `trial`, 0 to 1. */
  readonly share: number
}

export interface Upstream extends Address {
  readonly run: number
  /** The process that was started; who listens there when it has ended is a stranger. Absent: not asked about. */
  readonly pid?: number
}

/** The table, arranged for look-up. */
export interface RouteIndex {
  /** By app. */
  readonly routes: ReadonlyMap<string, Route>
  readonly byHost: ReadonlyMap<string, Route>
  readonly byPath: PathNode
}

/** A trie over whole path segments. */
export interface PathNode {
  readonly route: Route | null
  readonly children: ReadonlyMap<string, PathNode>
}

export interface Match {
  readonly route: Route
  /** What was matched by path and will be stripped: `/hello`; empty when matched by host or at the root. */
  readonly prefix: string
}

/**
 * Finds the route for a request, by host first, then by the longest path prefix of whole segments: O(1) and O(segments).
 * `host` is lower case without port; `path` is the normalised path that will also be forwarded, without query.
 */
export function matchRoute(index: RouteIndex, host: string, path: string): Match | null {
  const byHost = index.byHost.get(host)
  if (byHost) return { route: byHost, prefix: '' }
  let node: PathNode = index.byPath
  let best: Match | null = node.route ? { route: node.route, prefix: '' } : null
  let start = 1
  while (start <= path.length) {
    const slash = path.indexOf('/', start)
    const end = slash === -1 ? path.length : slash
    const next = node.children.get(path.slice(start, end))
    if (!next) break
    node = next
    if (node.route) best = { route: node.route, prefix: path.slice(0, end) }
    start = end + 1
  }
  return best
}

/** All that get requests by this route. */
export function runsOf(route: Route | undefined): number[] {
  if (route?.target.kind !== 'ready') return []
  const { upstreams, rollout } = route.target
  return (rollout ? [...upstreams, ...rollout.trial] : upstreams).map(({ run }) => run)
}

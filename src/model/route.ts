import type { HoldSettings, TimeoutSettings } from './settings.ts'

/** Where requests go now. Derived from the fleet, replaced whole, plain data. */
export interface RouteTable {
  readonly routes: readonly Route[]
  /** Runs that get no new requests; the gateway reports `drained` for each once nothing is in flight on it. */
  readonly draining: readonly number[]
}

export interface Route {
  readonly app: string
  readonly path: string
  readonly hosts: readonly string[]
  readonly strip: boolean
  readonly auth: 'token' | 'none'
  readonly hold: HoldSettings
  readonly timeouts: TimeoutSettings
  readonly target: Target
}

export type Target =
  /** At least one upstream. */
  | { readonly kind: 'ready'; readonly upstreams: readonly Upstream[] }
  /** Worth waiting for: starting, being replaced, resting until `until` (milliseconds on the fleet's clock). */
  | { readonly kind: 'waiting'; readonly why: string; readonly until: number | null }
  /** Not worth waiting for: switched off, refused. */
  | { readonly kind: 'closed'; readonly why: string }
  | { readonly kind: 'remote'; readonly url: string }

export interface Upstream {
  readonly run: number
  readonly host: string
  readonly port: number
}

/** The table, arranged for look-up. Built once per table, then only read. */
export interface RouteIndex {
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

/** Arranges a table for look-up: O(1) by host, O(segments) by path, whatever the number of apps. */
export function indexRoutes(table: RouteTable): RouteIndex {
  const byHost = new Map<string, Route>()
  const root = newNode()
  for (const route of table.routes) {
    for (const host of route.hosts) if (!byHost.has(host)) byHost.set(host, route)
    insert(root, route)
  }
  return { byHost, byPath: root }
}

/**
 * Finds the route for a request, by host first, then by the longest path prefix of whole segments.
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

interface MutableNode extends PathNode {
  route: Route | null
  readonly children: Map<string, MutableNode>
}

function newNode(): MutableNode {
  return { route: null, children: new Map() }
}

function insert(root: MutableNode, route: Route): void {
  let node = root
  for (const segment of route.path.split('/').slice(1)) {
    if (segment === '') break
    let next = node.children.get(segment)
    if (!next) node.children.set(segment, (next = newNode()))
    node = next
  }
  // The first owner of a path keeps it, as the first owner of a name does.
  node.route ??= route
}

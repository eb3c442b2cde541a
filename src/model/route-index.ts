import type { PathNode, Route, RouteChange, RouteIndex } from './route.ts'

/** An index with no routes. Whoever makes one owns it, and is the only one to change it. */
export function emptyIndex(): OwnIndex {
  return { routes: new Map(), byHost: new Map(), byPath: newNode(), order: new Map(), next: 0, rivals: new Map() }
}

/** An index that can be changed in place, at the price of the routes that change, whatever the number of apps. */
export interface OwnIndex extends RouteIndex {
  readonly routes: Map<string, Route>
  readonly byHost: Map<string, Route>
  readonly byPath: OwnNode
  /** Which app was there before which. */
  readonly order: Map<string, number>
  next: number
  /** By host or path, the apps that want what another one has. Almost always empty. */
  readonly rivals: Map<string, Set<string>>
}

interface OwnNode extends PathNode {
  route: Route | null
  children: ReadonlyMap<string, OwnNode>
}

/** Of two apps that want the same host or path the one that was in the table first has it, as with names. */
export function changeIndex(index: OwnIndex, { put, gone }: Pick<RouteChange, 'put' | 'gone'>): void {
  for (const route of put) {
    const before = index.routes.get(route.app)
    if (!index.order.has(route.app)) index.order.set(route.app, index.next++)
    index.routes.set(route.app, route)
    if (before) leave(index, before, route)
    enter(index, route)
  }
  for (const app of gone) {
    const before = index.routes.get(app)
    index.routes.delete(app)
    index.order.delete(app)
    if (before) leave(index, before, null)
  }
}

function enter(index: OwnIndex, route: Route): void {
  for (const host of route.hosts) {
    const winner = contest(index, host, index.byHost.get(host) ?? null, route)
    if (winner === route) index.byHost.set(host, route)
  }
  const node = grow(index.byPath, route.path)
  if (contest(index, route.path, node.route, route) === route) node.route = route
}

/** Who has it from now on: the newcomer, or the other one. Whoever has it not becomes a rival. */
function contest(index: OwnIndex, what: string, owner: Route | null, newcomer: Route): Route {
  if (owner === null || owner.app === newcomer.app) return newcomer
  const rivals = index.rivals.get(what) ?? new Set()
  index.rivals.set(what, rivals)
  const wins = orderOf(index, newcomer.app) < orderOf(index, owner.app)
  rivals.delete(newcomer.app)
  rivals.add(wins ? owner.app : newcomer.app)
  return wins ? newcomer : owner
}

/** Gives up what the app had or wanted and its next route does not want. */
function leave(index: OwnIndex, before: Route, next: Route | null): void {
  for (const host of before.hosts) {
    if (next?.hosts.includes(host) || !yields(index, host, index.byHost.get(host) ?? null, before.app)) continue
    const heir = heirOf(index, host)
    if (heir) index.byHost.set(host, heir)
    else index.byHost.delete(host)
  }
  if (next?.path === before.path) return
  const trail = trailOf(index.byPath, before.path)
  const node = trail.at(-1)?.node
  if (!node || !yields(index, before.path, node.route, before.app)) return
  node.route = heirOf(index, before.path)
  prune(trail)
}

/** Whether the app had it; if it was only a rival, it is none any more. */
function yields(index: OwnIndex, what: string, owner: Route | null, app: string): boolean {
  const had = owner?.app === app
  if (!had) forgetRival(index, what, app)
  return had
}

function heirOf(index: OwnIndex, what: string): Route | null {
  const [first] = [...(index.rivals.get(what) ?? [])].sort((a, b) => orderOf(index, a) - orderOf(index, b))
  if (first === undefined) return null
  forgetRival(index, what, first)
  return index.routes.get(first) ?? null
}

function forgetRival(index: OwnIndex, what: string, app: string): void {
  const rivals = index.rivals.get(what)
  rivals?.delete(app)
  if (rivals?.size === 0) index.rivals.delete(what)
}

function orderOf(index: OwnIndex, app: string): number {
  return index.order.get(app) ?? Infinity
}

function newNode(): OwnNode {
  return { route: null, children: leaf }
}

/** Of every node below which nothing is: ten thousand empty maps would be ten thousand places to fetch from memory. */
const leaf: ReadonlyMap<string, OwnNode> = new Map()

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '')
}

function grow(root: OwnNode, path: string): OwnNode {
  let node = root
  for (const segment of segmentsOf(path)) {
    let next = node.children.get(segment)
    if (!next) {
      next = newNode()
      if (node.children === leaf) node.children = new Map([[segment, next]])
      else (node.children as Map<string, OwnNode>).set(segment, next)
    }
    node = next
  }
  return node
}

interface Step {
  readonly segment: string
  readonly node: OwnNode
}

/** The nodes from the root to a path. */
function trailOf(root: OwnNode, path: string): readonly Step[] {
  const trail: Step[] = [{ segment: '', node: root }]
  let node: OwnNode | undefined = root
  for (const segment of segmentsOf(path)) {
    node = node.children.get(segment)
    if (!node) return []
    trail.push({ segment, node })
  }
  return trail
}

/** Takes out nodes that lead nowhere any more. */
function prune(trail: readonly Step[]): void {
  for (let at = trail.length - 1; at > 0; at -= 1) {
    const { segment, node } = trail[at] as Step
    if (node.route || node.children.size > 0) return
    const above = trail[at - 1]?.node
    if (!above) return
    if (above.children.size === 1) above.children = leaf
    else (above.children as Map<string, OwnNode>).delete(segment)
  }
}

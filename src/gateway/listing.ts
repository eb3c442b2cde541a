import { listingPage, pageFields, type Reply } from '../http/replies.ts'
import type { Caller, Refusal } from '../model/admission.ts'
import type { Route, RouteIndex } from '../model/route.ts'
import { wantsPage, type Asking } from './answer.ts'

/** Whether a person asks for the root and the refusal is only for want of something to show there. */
export function asksForListing({ method, asked, head }: Asking, refused: Refusal): boolean {
  if (refused.code !== 'no-route' || refused.route !== null || asked.path !== '/') return false
  return (method === 'GET' || method === 'HEAD') && wantsPage(head)
}

/** What a person sees at `/` when no app stands there: the apps that the caller may use. Programs get their 404. */
export function listing(index: RouteIndex, caller: Caller): Reply {
  const allowed = caller.kind === 'known' ? caller.apps : []
  const routes = new Set(index.byHost.values())
  const apps = [...routes]
    .filter((route) => route.auth === 'none' || allowed === null || allowed.includes(route.app))
    .map((route) => ({ name: route.app, path: route.path === '/' ? '/' : `${route.path}/`, state: stateOf(route) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  return { status: 200, fields: pageFields, body: listingPage(apps) }
}

function stateOf({ target }: Route): string {
  switch (target.kind) {
    case 'ready':
    case 'remote':
      return target.kind
    case 'waiting':
    case 'closed':
      return `${target.kind}: ${target.why}`
  }
}

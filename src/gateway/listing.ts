import { listingPage, pageFields, type Reply } from '../http/replies.ts'
import type { Caller, Refusal } from '../model/admission.ts'
import type { Route, RouteIndex } from '../model/route.ts'
import { wantsPage, type Asking } from './answer.ts'

/** Whether a refusal is only for want of something to show at the root. */
export function asksForListing({ method, asked }: Asking, refused: Refusal): boolean {
  return refused.code === 'no-route' && asked.path === '/' && (method === 'GET' || method === 'HEAD')
}

/** What stands at `/` when no app does: the apps that the caller may use, for a person or for a program. */
export function listing({ head }: Asking, index: RouteIndex, caller: Caller): Reply {
  const allowed = caller.kind === 'known' ? caller.apps : []
  const routes = new Set(index.byHost.values())
  const apps = [...routes]
    .filter((route) => route.auth === 'none' || allowed === null || allowed.includes(route.app))
    .map((route) => ({ name: route.app, path: route.path === '/' ? '/' : `${route.path}/`, state: stateOf(route) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  if (wantsPage(head)) return { status: 200, fields: pageFields, body: listingPage(apps) }
  return {
    status: 200,
    fields: [
      ['Content-Type', 'application/json'],
      ['Cache-Control', 'no-store'],
    ],
    body: `${JSON.stringify({ apps })}\n`,
  }
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

import {
  loginPage,
  pageFields,
  prefersHtml,
  type Problem,
  problemPage,
  problemReply,
  type Reply,
} from '../http/replies.ts'
import { valuesOf } from '../http/rewrite.ts'
import { parseTarget } from '../http/target.ts'
import { errors } from '../lib/errors.ts'
import type { Refusal } from '../model/admission.ts'
import type { HttpClient } from './client.ts'
import type { Story } from './door.ts'
import { allowed, note } from './verdict.ts'

/** Tells the client what we decided ourselves, in the form it reads best. */
export function answer(client: HttpClient, story: Story, verdict: Reply | Refusal): void {
  if (!('kind' in verdict)) return send(client, story, verdict)
  const { code, detail, route, retryAfter } = verdict
  note(story, code, detail)
  if (route) story.app = route.app
  // After a head in doubt nothing on the connection can be trusted to be where it seems (RFC 9112 §11.2).
  if (errors[code].status === 400 || code === 'head-too-large' || code === 'shutting-down') client.last()
  if (code === 'version-not-supported' || code === 'method-not-allowed' || code === 'expectation-failed') client.last()
  const more: Problem['fields'] =
    code === 'unauthenticated'
      ? [['WWW-Authenticate', 'Bearer realm="quaymaster"']]
      : code === 'method-not-allowed'
        ? [['Allow', allowed]]
        : []
  const problem = { code, detail, requestId: story.id, retryAfter, fields: more }
  const readable = client.method === 'GET' || client.method === 'HEAD'
  const html = readable && prefersHtml(valuesOf(client.fields, 'accept').join(','))
  if (!html) return send(client, story, problemReply(problem))
  if (code !== 'unauthenticated') return send(client, story, problemPage(problem))
  const next = parseTarget(client.target)
  const page = loginPage(next.kind === 'origin' ? next.path + next.query : '/', null)
  send(client, story, { status: 401, fields: [...pageFields, ...more], body: page })
}

function send(client: HttpClient, story: Story, reply: Reply): void {
  client.reply(reply)
  if (client.method !== 'HEAD') story.traffic.out = Buffer.byteLength(reply.body)
}

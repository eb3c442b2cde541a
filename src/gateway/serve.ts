import { responseFields } from '../http/rewrite.ts'
import { maskTarget } from '../http/target.ts'
import type { ErrorCode } from '../lib/errors.ts'
import { answer } from './answer.ts'
import { identify } from './auth/identify.ts'
import type { HttpClient } from './client.ts'
import { deliver } from './deliver.ts'
import { cookieName, type Door, type Story } from './door.ts'
import { serveOwn } from './own.ts'
import { readHead } from './read-head.ts'
import { note, refusal, type Verdict } from './verdict.ts'

/** The life of a request, from its head to its journal entry. Never rejects. */
export async function serve(client: HttpClient, door: Door, story: Story): Promise<void> {
  client.outbound = (fields) => [...responseFields(fields), ['X-Request-Id', story.id]]
  try {
    const verdict = await passPhases(client, door, story)
    if (verdict !== 'served' && !client.left.aborted) answer(client, story, verdict)
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    note(story, 'internal', detail)
    if (client.answered) client.abort()
    else answer(client, story, refusal('internal', 'The gateway failed; its log has more.'))
    note(story, 'internal', detail)
  }
  if (client.left.aborted && !client.answered) tellWhyLeft(client, story)
  if (client.status !== 101) await client.done
  write(client, door, story)
}

async function passPhases(client: HttpClient, door: Door, story: Story): Promise<Verdict> {
  // 1 the head, strictly; nothing is repaired
  const head = readHead(client)
  if ('kind' in head || 'status' in head) return head
  story.host = head.own.text
  // 2 what is the gateway's own
  const own = await serveOwn(client, door, head, story)
  if (own) return own
  if (door.closing) return refusal('shutting-down', 'The gateway is shutting down.', 2)
  // 3 who it is
  const identity = identify(
    {
      fields: client.fields,
      method: client.method,
      upgrade: head.upgrade.length > 0,
      own: head.own,
      cookie: cookieName(door),
      now: door.clock.now(),
    },
    door.known,
    door.sessions,
  )
  if (identity.caller.kind === 'known') story.subject = identity.caller.subject
  // 4 route, permission, target; hold; 5 in flight; 6 upstream; 7 the response
  return deliver(client, door, story, head, identity)
}

/** The exchange ended under it: by the client's leaving, or by bytes that made its request unreadable. */
function tellWhyLeft(client: HttpClient, story: Story): void {
  const code = client.left.reason as ErrorCode
  if (code === 'client-left') return
  answer(client, story, refusal(code, 'The request could not be read to its end.'))
}

function write(client: HttpClient, door: Door, story: Story): void {
  const left = client.left.aborted && client.left.reason === 'client-left'
  if (left && client.status !== 101 && story.error?.source !== 'app')
    note(story, 'client-left', 'The client closed the connection before the response was complete.')
  const status = story.error?.code === 'client-left' ? 499 : client.status
  door.journal.write({
    type: 'exchange',
    id: story.id,
    at: story.at,
    client: client.address,
    subject: story.subject,
    app: story.app,
    run: story.run,
    method: client.method,
    host: story.host,
    target: maskTarget(client.target),
    status,
    bytesIn: story.traffic.in,
    bytesOut: story.traffic.out,
    took: door.clock.now() - story.since,
    held: story.held,
    error: story.error,
  })
}

import { STATUS_CODES } from 'node:http'

import { persists } from '../http/fields.ts'
import type { Head } from '../http/head.ts'
import {
  byteLength,
  loginPage,
  pageFields,
  prefersHtml,
  type Problem,
  problemPage,
  problemReply,
  type Reply,
} from '../http/replies.ts'
import { fieldLine } from '../http/write-head.ts'
import type { Refusal } from '../model/admission.ts'
import type { Connection } from './connection.ts'
import type { Door } from './door.ts'
import { dateLine } from './incoming.ts'
import type { Asked } from './read-head.ts'
import { allowed } from './verdict.ts'

/** Who asks. */
export interface Asking {
  readonly id: string
  readonly method: string
  readonly head: Head
  readonly asked: Asked
}

/** What we decided ourselves, in the form the client reads best. */
export function answerOf({ code, detail, retryAfter, crash }: Refusal, { id, method, head, asked }: Asking): Reply {
  const more: Problem['fields'] =
    code === 'unauthenticated'
      ? [['WWW-Authenticate', 'Bearer realm="quaymaster"']]
      : code === 'method-not-allowed'
        ? [['Allow', allowed]]
        : []
  const problem = { code, detail, requestId: id, retryAfter, fields: more, ...(crash !== undefined && { crash }) }
  if ((method !== 'GET' && method !== 'HEAD') || !wantsPage(head)) return problemReply(problem)
  if (code !== 'unauthenticated') return problemPage(problem)
  const page = loginPage(asked.path === '' ? '/' : asked.path + asked.query, null)
  return { status: 401, fields: [...pageFields, ...more], body: page }
}

/** Whom a response of ours is for. */
interface Recipient extends Asking {
  readonly connection: Connection
  readonly door: Pick<Door, 'clock' | 'timeouts'>
  readonly mayPersist: boolean
  readonly traffic: { in: number; out: number }
  status: number
}

/** Sends a response of our own, for which the client has `timeouts.stall`; `done` is told whether the connection may serve on. */
export function writeReply(to: Recipient, reply: Reply, last: boolean, done: (persist: boolean) => void): void {
  const { connection, head, asked, door } = to
  connection.stopBody()
  // Interim responses that came with what made this one necessary.
  connection.out.flush()
  connection.deadline = door.clock.now() + door.timeouts.stall
  const persist = !last && to.mayPersist && mayServeOn(head, asked, connection.bodyRead)
  const says = persist ? (head.minor === 0 ? 'keep-alive' : '') : 'close'
  to.status = reply.status
  const isHead = to.method === 'HEAD'
  if (!isHead) to.traffic.out = Buffer.byteLength(reply.body)
  connection.socket.write(replyBytes(reply, to.id, says, isHead), () => {
    // Else the client has left, and that is told otherwise.
    if (!connection.socket.destroyed) done(persist)
  })
}

/** A whole response of ours, as it goes on the wire. */
export function replyBytes(reply: Reply, id: string, connection: '' | 'close' | 'keep-alive', isHead: boolean): Buffer {
  const { status, fields, body } = reply
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
  for (const [name, value] of fields) head += fieldLine(name, value)
  head += `X-Request-Id: ${id}\r\n${dateLine()}`
  if (status !== 204) head += `Content-Length: ${byteLength(body)}\r\n`
  if (connection !== '') head += `Connection: ${connection}\r\n`
  const start = Buffer.from(`${head}\r\n`, 'latin1')
  return isHead || body === '' ? start : Buffer.concat([start, Buffer.from(body)])
}

/** Whether the connection can go on after an answer of ours, in spite of a body that nobody read. */
function mayServeOn(head: Head, { framing, expects, options }: Asked, bodyRead: boolean): boolean {
  if (!persists(head, options)) return false
  // Told to go away, a client that waits for a 100 may or may not send the body (RFC 9110 §10.1.1).
  return bodyRead || (!expects && (framing.kind === 'chunked' || framing.length <= maxUnread))
}

/** An unread body up to this size is read and dropped; a chunked one is dropped as far as that, see `Connection`. */
const maxUnread = 1024 * 1024

/** Whether a person at a browser asks. */
export function wantsPage(head: Head): boolean {
  return prefersHtml(accepted(head))
}

function accepted(head: Head): string {
  let values = ''
  for (let index = head.find('accept'); index !== -1; index = head.find('accept', index + 1))
    values += `,${head.text(head.valueStart(index), head.valueEnd(index))}`
  return values
}

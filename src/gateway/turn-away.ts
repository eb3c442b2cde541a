import { problemReply } from '../http/replies.ts'
import { errors } from '../lib/errors.ts'
import type { Refusal } from '../model/admission.ts'
import { replyBytes } from './answer.ts'
import { newId } from './chance.ts'
import type { Connection } from './connection.ts'
import type { Door } from './door.ts'

/** No request could be read: it is told, it is in the journal, and the connection closes. */
export function turnAway(connection: Connection, { journal, clock }: Door, { code, detail }: Refusal): void {
  const { status, source } = errors[code]
  const id = newId()
  const reply = problemReply({ code, detail, requestId: id, retryAfter: null })
  connection.out.flush()
  connection.socket.write(replyBytes(reply, id, 'close', false))
  connection.close()
  journal.write({
    type: 'exchange',
    id,
    at: clock.wall(),
    client: connection.origin.peer,
    subject: null,
    app: null,
    run: null,
    method: '',
    host: '',
    target: '',
    status,
    bytesIn: 0,
    bytesOut: 0,
    took: 0,
    held: 0,
    error: { code, source, detail },
  })
}

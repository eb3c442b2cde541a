import { STATUS_CODES } from 'node:http'
import { type Duplex, Readable, Writable } from 'node:stream'

import { persists } from '../http/fields.ts'
import { type Framing, NONE, reframe } from '../http/framing.ts'
import type { Refusal } from '../http/refusal.ts'
import type { Field, FieldList } from '../http/rewrite.ts'
import { fieldLine } from '../http/write-head.ts'
import type { Refusal as Refused } from '../model/admission.ts'
import { dateLine } from './incoming.ts'
import type { Passage } from './outgoing.ts'
import type { Client, ResponseHead } from './relay.ts'
import type { BodySink } from './served.ts'
import { refusalOf } from './verdict.ts'

/** The exchange that is relayed to a remote host. */
export interface Patron extends Passage {
  readonly method: string
  readonly authority: string
  readonly traffic: { in: number; out: number }
  readonly mayPersist: boolean
  readonly gone: AbortSignal
  status: number
  persist: boolean
  refuse(refused: Refused): void
  drain: (() => void) | null
}

/** One client as a relay over streams sees it. */
export class RemoteClient implements Client, BodySink {
  readonly body: Readable
  /** Resolves when the response is out or the client is gone. */
  readonly done: Promise<void>
  readonly #patron: Patron
  readonly #outbound: (fields: FieldList) => readonly Field[]
  readonly #finished: () => void
  #begun = false
  #closeDelimited = false
  #trailers = ''
  /** Goes on with the response when the client takes bytes again. */
  #drained: (() => void) | null = null

  constructor(patron: Patron, outbound: (fields: FieldList) => readonly Field[]) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#patron = patron
    this.#outbound = outbound
    this.done = promise
    this.#finished = resolve
    patron.gone.addEventListener('abort', () => resolve(), { once: true })
    patron.drain = () => {
      const drained = this.#drained
      this.#drained = null
      drained?.()
    }
    this.body = new Readable({ read: () => this.#read() })
    // A client that leaves in mid-body is told by the signal.
    this.body.on('error', () => {})
  }

  interim(status: number, fields: FieldList): void {
    const { head, connection } = this.#patron
    if (head.minor === 0 || this.#patron.status !== 0 || status === 101) return
    connection.out.text(`${startLine(status, null)}${lines(this.#outbound(fields))}\r\n`, NONE)
    connection.out.flush()
  }

  respond({ status, reason, fields, length }: ResponseHead): Writable {
    const patron = this.#patron
    const { connection, head, asked } = patron
    const bodiless = patron.method === 'HEAD' || status === 204 || status === 304
    const framing: Framing =
      status === 205
        ? { kind: 'length', length: 0 }
        : bodiless
          ? { kind: 'none', length: status === 204 ? -1 : (length ?? -1) }
          : reframe(length === null ? { kind: 'close', length: -1 } : { kind: 'length', length }, head.minor)
    this.#closeDelimited = framing.kind === 'close'
    patron.persist =
      patron.mayPersist && connection.bodyRead && framing.kind !== 'close' && persists(head, asked.options)
    patron.status = status
    const out = this.#outbound(fields)
    let text = startLine(status, reason) + lines(out)
    if (!out.some(([name]) => name.toLowerCase() === 'date')) text += dateLine()
    if (framing.kind === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
    else if (framing.length >= 0) text += `Content-Length: ${framing.length}\r\n`
    if (!patron.persist) text += 'Connection: close\r\n'
    else if (head.minor === 0) text += 'Connection: keep-alive\r\n'
    connection.out.text(`${text}\r\n`, framing)
    connection.out.flush()
    return this.#sink()
  }

  trailers(fields: FieldList): void {
    if (this.#patron.asked.trailers && this.#patron.head.minor > 0) this.#trailers = lines(fields)
  }

  switchProtocols(fields: FieldList): Duplex {
    const { connection } = this.#patron
    this.#patron.status = 101
    const upgrade = fields.filter(([name]) => name.toLowerCase() === 'upgrade')
    const all = lines([...this.#outbound(fields), ['Connection', 'Upgrade'], ...upgrade])
    connection.out.text(`${startLine(101, null)}${all}\r\n`, NONE)
    connection.out.flush()
    this.#finished()
    return connection.detach()
  }

  abort(): void {
    this.#patron.connection.abort(this.#closeDelimited)
    this.#finished()
  }

  bodyData(bytes: Buffer, start: number, end: number): void {
    this.body.push(Buffer.copyBytesFrom(bytes, start, end - start))
  }

  bodyFlush(): boolean {
    return this.body.readableLength < this.body.readableHighWaterMark
  }

  bodyWhole(): void {
    this.body.push(null)
  }

  bodyBroken(refusal: Refusal): void {
    this.#patron.refuse(refusalOf(refusal))
  }

  /** The relay wants the body: nothing is read before. */
  #read(): void {
    const { connection } = this.#patron
    if (this.#begun) return connection.resume()
    this.#begun = true
    connection.readBody(this)
  }

  #sink(): Writable {
    const { connection } = this.#patron
    return new Writable({
      write: (chunk: Buffer, _encoding, callback) => {
        connection.out.data(chunk, 0, chunk.length)
        if (connection.out.flush()) callback()
        else this.#drained = callback
      },
      final: (callback) => {
        connection.out.lastWith(this.#trailers)
        connection.out.flush()
        connection.out.emptied(() => this.#finished())
        callback()
      },
    })
  }
}

function startLine(status: number, reason: string | null): string {
  const text = reason === null ? (STATUS_CODES[status] ?? '') : reason.replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
  return `HTTP/1.1 ${status} ${text}\r\n`
}

function lines(fields: readonly Field[]): string {
  return fields.map(([name, value]) => fieldLine(name, value)).join('')
}

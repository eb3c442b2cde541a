import { STATUS_CODES } from 'node:http'
import { type Duplex, Readable, Writable } from 'node:stream'

import { persists } from '../http/fields.ts'
import { type Framing, NONE, reframe } from '../http/framing.ts'
import type { Refusal } from '../http/refusal.ts'
import type { Field, FieldList } from '../http/rewrite.ts'
import { fieldLine } from '../http/write-head.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { TimeoutSettings } from '../model/settings.ts'
import { dateLine } from './incoming.ts'
import type { Passage } from './outgoing.ts'
import type { Client, Failure, Outcome, ResponseHead } from './relay.ts'
import { RemoteWait } from './remote-wait.ts'
import type { BodySink } from './served.ts'
import type { Fault } from './upload.ts'
import { refusalOf } from './verdict.ts'

/** The exchange that is relayed to a remote host. */
export interface Patron extends Passage {
  readonly method: string
  readonly authority: string
  readonly traffic: { in: number; out: number }
  readonly mayPersist: boolean
  /** When its head was there, on the clock. */
  readonly since: number
  readonly gone: AbortSignal
  status: number
  /** While it is relayed. */
  remote: RemoteClient | null
  /** Over: null when the client has got its response. `persist`: the connection may serve on. */
  ended(failure: Failure | null, persist: boolean): void
  /** A mistake of ours. Twice is harmless. */
  failed(error: unknown): void
}

/** One client as a relay over streams sees it, and one relay as the client's exchange does. */
export class RemoteClient implements Client, BodySink {
  readonly body: Readable
  readonly #patron: Patron
  readonly #outbound: (fields: FieldList) => readonly Field[]
  readonly #wait: RemoteWait
  /** Ends the relay. */
  readonly #ending = new AbortController()
  /** Resolves when the response is out or there is nobody left to wait for it. */
  readonly #done: Promise<void>
  readonly #finished: () => void
  #begun = false
  #persist = false
  #closeDelimited = false
  #trailers = ''
  /** Go on with the response when the client takes bytes again. */
  #waiting: (() => void)[] = []
  /** Why it was ended from this side. */
  #fault: Fault | null = null
  #isStopped = false

  constructor(patron: Patron, timeouts: TimeoutSettings, outbound: (fields: FieldList) => readonly Field[]) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#patron = patron
    this.#outbound = outbound
    this.#wait = new RemoteWait(patron, timeouts, (fault) => this.#end(fault))
    this.#done = promise
    this.#finished = resolve
    this.body = new Readable({ read: () => this.#read() })
    // A client that leaves in mid-body is told by the signal.
    this.body.on('error', () => {})
    const { gone } = patron
    const left = (): void => this.#end({ code: gone.reason as ErrorCode, detail: 'The exchange was ended.' })
    if (gone.aborted) left()
    else gone.addEventListener('abort', left, { once: true })
  }

  /** Aborted with an ErrorCode when the relay has to end. */
  get signal(): AbortSignal {
    return this.#ending.signal
  }

  /** What became of it at the host. What the client got so far stays in flight until it has it. */
  async settle(outcome: Outcome): Promise<void> {
    if (outcome.kind === 'answered') await this.#done
    const patron = this.#patron
    const { connection } = patron
    const fault = this.#fault
    patron.remote = null
    // Whoever stopped it has answered instead.
    if (this.#isStopped) return
    this.#wait.over()
    if (outcome.kind === 'answered' && fault === null) return patron.ended(null, this.#persist)
    // What comes of the body from now on is for the next try, or for nobody.
    connection.stopBody()
    const failure = outcome.kind === 'failed' ? outcome : brokenOff
    if (fault === null) return patron.ended(failure, false)
    // There is no answer for who has left or does not listen, even if none has begun.
    const reached = fault.code === 'client-left' ? 'answering' : failure.reached
    patron.ended({ ...failure, ...fault, reached }, false)
  }

  /** Ends it without a word. */
  stop(): void {
    this.#isStopped = true
    this.#wait.over()
    this.#ending.abort('internal' satisfies ErrorCode)
    this.#finished()
  }

  /** The client takes bytes again. */
  clientDrained(): void {
    this.#wait.passed(true)
    const waiting = this.#waiting
    this.#waiting = []
    for (const goOn of waiting) goOn()
  }

  late(): void {
    this.#wait.late()
  }

  sending(): void {
    this.#wait.sending()
  }

  sent(): void {
    this.#wait.sent()
  }

  interim(status: number, fields: FieldList, ready: () => void): boolean {
    const { head, connection } = this.#patron
    if (head.minor === 0 || this.#patron.status !== 0 || status === 101) return true
    connection.out.text(`${startLine(status, null)}${lines(this.#outbound(fields))}\r\n`, NONE)
    if (connection.out.flush()) return true
    this.#wait.held()
    this.#waiting.push(ready)
    return false
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
    this.#persist =
      patron.mayPersist && connection.bodyRead && framing.kind !== 'close' && persists(head, asked.options)
    patron.status = status
    this.#wait.answering()
    const out = this.#outbound(fields)
    let text = startLine(status, reason) + lines(out)
    if (!out.some(([name]) => name.toLowerCase() === 'date')) text += dateLine()
    if (framing.kind === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
    else if (framing.length >= 0) text += `Content-Length: ${framing.length}\r\n`
    if (!this.#persist) text += 'Connection: close\r\n'
    else if (head.minor === 0) text += 'Connection: keep-alive\r\n'
    connection.out.text(`${text}\r\n`, framing)
    this.#wait.passed(connection.out.flush())
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
    const socket = connection.detach()
    this.#wait.tunnelling()
    return socket
  }

  tunnelled(): void {
    this.#wait.passed(true)
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
    this.#wait.read()
  }

  /** The client is told by what comes of the relay: with an answer of ours, or by the end of the one that has begun. */
  bodyBroken(refusal: Refusal): void {
    this.#end({ code: refusalOf(refusal).code, detail: refusal.detail })
  }

  /** The host hears of it at once, and the client sees that what it has of a response is not all. */
  #end(fault: Fault): void {
    if (this.#fault !== null || this.#isStopped) return
    this.#fault = fault
    this.#ending.abort(fault.code)
    // The host's part may be over already.
    if (this.#patron.status !== 0 || fault.code === 'client-left') this.#patron.connection.abort(this.#closeDelimited)
    this.#finished()
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
        const more = connection.out.flush()
        this.#wait.passed(more)
        if (more) callback()
        else this.#waiting.push(callback)
      },
      final: (callback) => {
        // What is left of a request that has its response is not wanted.
        connection.stopBody()
        connection.out.lastWith(this.#trailers)
        connection.out.flush()
        this.#wait.leaving()
        connection.out.emptied(() => this.#finished())
        callback()
      },
    })
  }
}

/** The host has answered, and the client has not got all of it. */
const brokenOff: Failure = {
  kind: 'failed',
  code: 'client-left',
  detail: '',
  reached: 'answering',
  silent: false,
  reused: false,
}

function startLine(status: number, reason: string | null): string {
  const text = reason === null ? (STATUS_CODES[status] ?? '') : reason.replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
  return `HTTP/1.1 ${status} ${text}\r\n`
}

function lines(fields: readonly Field[]): string {
  return fields.map(([name, value]) => fieldLine(name, value)).join('')
}

import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex, Writable } from 'node:stream'

import { type Reply, byteLength } from '../http/replies.ts'
import { type Field, type FieldList, fieldsOf, itemsOf, valuesOf } from '../http/rewrite.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { Client, ResponseHead } from './relay.ts'

/** Bytes a client may send behind its head before its protocol switch is decided. */
const maxEarly = 64 * 1024
/** How much of a body nobody wanted is still read, so that the client sees our answer instead of a reset. */
const maxLeftover = 1024 * 1024
const leftoverTime = 2_000

/** One request at the front door, over node:http. Owns the response: exactly one head, then a body or an abort. */
export class HttpClient implements Client {
  readonly version: '1.0' | '1.1'
  readonly method: string
  readonly target: string
  readonly fields: FieldList
  readonly address: string
  readonly expectContinue: boolean
  /** Aborted with an ErrorCode when the client is gone or what it sends cannot be read any further. */
  readonly left: AbortSignal
  /** Resolves when the response is out or the connection is lost. */
  readonly done: Promise<void>
  readonly body: IncomingMessage
  /** Of the response head that was sent, or 0. */
  status = 0
  /** What is done to every response's fields on their way out. */
  outbound: (fields: FieldList) => readonly Field[] = (fields) => [...fields]

  readonly #gone = new AbortController()
  readonly #response: ServerResponse
  readonly #socket: Socket
  readonly #early: Buffer[] = []
  #stopEarly: (() => void) | null = null
  #delimitedByClose = false

  /** `upgraded`: node:http has let go of the socket; `head` is what came behind the request. */
  constructor(
    body: IncomingMessage,
    from: ServerResponse | { readonly upgraded: Socket; readonly head: Buffer },
    expect: boolean,
  ) {
    this.body = body
    this.version = body.httpVersion === '1.0' ? '1.0' : '1.1'
    this.method = body.method ?? ''
    this.target = body.url ?? ''
    this.fields = fieldsOf(body.rawHeaders)
    this.#socket = body.socket
    this.address = plainAddress(body.socket.remoteAddress)
    this.expectContinue = expect
    this.left = this.#gone.signal
    this.#response = from instanceof ServerResponse ? from : this.#adopt(from.upgraded, from.head)
    const response = this.#response
    // node:http loses bytes that arrive together with a request whose offer to upgrade is not taken.
    if (offersUpgrade(this.fields)) this.last()
    // A reset in the middle of either direction is told by `close`; without a listener it would be thrown.
    body.on('error', () => {})
    response.on('error', () => {})
    this.done = new Promise((resolve) => {
      response.once('finish', () => this.#readLeftover())
      response.once('close', () => {
        if (!response.writableFinished) this.leave('client-left')
        resolve()
      })
    })
  }

  /** True once a response head is on its way. */
  get answered(): boolean {
    return this.status !== 0
  }

  /** Whether the request is complete, so that what went wrong on the connection later is not its fault. */
  get complete(): boolean {
    return this.body.complete
  }

  leave(code: ErrorCode): void {
    if (!this.#gone.signal.aborted) this.#gone.abort(code)
  }

  /** The response after this one finds its connection closed. */
  last(): void {
    this.#response.shouldKeepAlive = false
  }

  /** A response of our own. */
  reply(reply: Reply): void {
    if (this.answered) return
    const length = reply.status === 204 ? [] : [['Content-Length', String(byteLength(reply.body))] as const]
    this.#writeHead(reply.status, undefined, [...this.outbound(reply.fields), ...length])
    this.#response.end(this.method === 'HEAD' ? '' : reply.body)
  }

  interim(status: number, fields: FieldList): void {
    // RFC 9110 §15.2: a 1xx MUST NOT be sent to an HTTP/1.0 client.
    if (this.answered || this.version === '1.0' || this.#stopEarly || status === 101) return
    try {
      if (status === 100) this.#response.writeContinue()
      else this.#response.writeInformation(status, this.outbound(fields).flat())
    } catch {
      // An interim response that cannot be written is left out; the final one follows.
    }
  }

  respond({ status, reason, fields, length }: ResponseHead): Writable {
    const out = [...this.outbound(fields)]
    const none = status === 204
    if (status === 205) out.push(['Content-Length', '0'])
    else if (length !== null && !none) out.push(['Content-Length', String(length)])
    else if (!none && status !== 304 && this.method !== 'HEAD') this.#delimitedByClose = this.version === '1.0'
    this.#writeHead(status, reason, out)
    // Not `flushHeaders`, which writes bytes above 0x7f as UTF-8.
    this.#response.write('', 'latin1')
    return this.#response
  }

  trailers(fields: FieldList): void {
    if (this.version === '1.0' || fields.length === 0) return
    this.#response.addTrailers([...fields].map(([name, value]) => [name, value] as [string, string]))
  }

  switchProtocols(fields: FieldList): Duplex {
    const upgrade = fields.filter(([name]) => name.toLowerCase() === 'upgrade')
    const lines = [...this.outbound(fields), ['Connection', 'Upgrade'] as const, ...upgrade]
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    this.status = 101
    this.#stopEarly?.()
    this.#response.detachSocket(this.#socket)
    this.#socket.write(`HTTP/1.1 101 Switching Protocols\r\n${head}\r\n`, 'latin1')
    if (this.#early.length > 0) this.#socket.unshift(Buffer.concat(this.#early))
    return this.#socket
  }

  abort(): void {
    // An end of the connection is how this response was to end: only a reset says that it did not (RFC 9112 §8).
    if (this.#delimitedByClose) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  #writeHead(status: number, reason: string | undefined, fields: readonly Field[]): void {
    this.status = status
    const text = reason?.replace(/[^\t\x20-\x7e\x80-\xff]/g, '') ?? STATUS_CODES[status] ?? ''
    this.#response.writeHead(status, text, fields.flat())
  }

  /** A response on a socket that node:http has let go of: whatever it is, the connection ends with it. */
  #adopt(socket: Socket, head: Buffer): ServerResponse {
    const response = new ServerResponse(this.body)
    response.shouldKeepAlive = false
    response.assignSocket(socket)
    const drained = (): void => void response.emit('drain')
    socket.on('drain', drained)
    response.once('finish', () => {
      response.detachSocket(socket)
      socket.destroySoon()
      response.emit('close')
    })
    // Only by reading is it seen that the client leaves; what it sends is kept until the switch, within a bound.
    let size = head.length
    if (size > 0) this.#early.push(head)
    const onData = (chunk: Buffer): void => {
      this.#early.push(chunk)
      if ((size += chunk.length) > maxEarly) socket.pause()
    }
    const onEnd = (): void => {
      this.leave('client-left')
      socket.destroy()
    }
    socket.setTimeout(0)
    socket.on('error', () => socket.destroy())
    socket.on('close', onEnd)
    socket.on('data', onData).on('end', onEnd)
    this.#stopEarly = () => {
      socket.off('data', onData).off('end', onEnd).off('close', onEnd).off('drain', drained)
      socket.pause()
    }
    return response
  }

  /** Without this, node:http would read the rest of an unwanted body however long it is. */
  #readLeftover(): void {
    if (this.body.complete || this.#stopEarly) return
    this.body.resume()
    const socket = this.#socket
    const from = socket.bytesRead
    const until = Date.now() + leftoverTime
    const timer = setInterval(() => {
      if (socket.destroyed || this.body.complete) return clearInterval(timer)
      if (socket.bytesRead - from > maxLeftover || Date.now() > until) socket.destroy()
    }, 50).unref()
  }
}

function offersUpgrade(fields: FieldList): boolean {
  return valuesOf(fields, 'upgrade').length > 0 && itemsOf(fields, 'connection').includes('upgrade')
}

/** `::ffff:127.0.0.1` is how a dual-stack socket spells an IPv4 address. */
function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/, '') ?? 'unknown'
}

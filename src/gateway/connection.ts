import http, { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import { problemReply, rawReply } from '../http/replies.ts'
import { fieldsOf, itemsOf, requestFraming } from '../http/rewrite.ts'
import type { ErrorCode } from '../lib/errors.ts'
import { HttpClient } from './client.ts'

/** Request line and fields together. RFC 9112 §3 asks for 8,000 octets of request line at least. */
const maxHeadSize = 32 * 1024
/** From the first byte of a head to its last; a client that drips is told 408. */
const headTime = 15_000
/** An idle connection is closed after this long. */
const idleTime = 30_000

export interface Front {
  /** Resolves when the exchange is over. Must not reject. */
  serve(client: HttpClient): Promise<void>
  /** A head that could not be read. `told` is whether the refusal could still be sent. */
  malformed(socket: Socket, code: ErrorCode, detail: string, requestId: string): void
  newId(): string
}

/** The node:http server at the front door, strict, with everything it would answer or drop by itself in our hands. */
export function createFrontServer(front: Front): http.Server {
  const busy = new WeakMap<Socket, Set<HttpClient>>()
  /** Every further piece of what a parser could not read is told as another error. */
  const refused = new WeakSet<Socket>()

  const take = (client: HttpClient, socket: Socket): void => {
    const others = busy.get(socket) ?? new Set()
    busy.set(socket, others.add(client))
    void front.serve(client).finally(() => others.delete(client))
  }

  const server = http.createServer({
    insecureHTTPParser: false,
    requireHostHeader: false,
    maxHeaderSize: maxHeadSize,
    headersTimeout: headTime,
    // Of the whole request: uploads and streams take as long as they take, an idle one is ended by its exchange.
    requestTimeout: 0,
    keepAliveTimeout: idleTime,
    connectionsCheckingInterval: 1_000,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    noDelay: true,
    shouldUpgradeCallback: (request) => offeredProtocols(request).length > 0,
  })
  // Fields beyond node's default of 2,000 would be dropped in silence; the size of the head is the limit instead.
  server.maxHeadersCount = 0
  server.on('request', (request, response) => take(new HttpClient(request, response, false), request.socket))
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    take(new HttpClient(request, response, true), request.socket)
  })
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    take(new HttpClient(request, response, false), request.socket)
  })
  server.on('upgrade', (request: IncomingMessage, stream, head) => void upgrade(request, stream as Socket, head))
  server.on('connect', (_: IncomingMessage, stream) => {
    refuseRaw(stream as Socket, 'method-not-allowed', 'This is not a proxy: CONNECT is not supported.')
  })
  server.on('clientError', (error: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket
    if (socket.destroyed || error.code === 'ECONNRESET') return void socket.destroy()
    if (refused.has(socket)) return
    refused.add(socket)
    const [code, detail] = explain(error)
    const pending = [...(busy.get(socket) ?? [])]
    if (pending.length === 0) return refuseRaw(socket, code, detail)
    void giveUp(socket, pending, code, detail)
  })
  return server

  /** Answers to earlier requests on the connection go first. */
  async function upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    // Nobody else answers for its errors now that node:http has let go of it.
    socket.on('error', () => socket.destroy())
    for (const earlier of busy.get(socket) ?? []) await earlier.done
    if (!socket.destroyed) take(new HttpClient(request, { upgraded: socket, head }, false), socket)
  }

  /** The request whose body is corrupt ends here; complete ones before it are answered, then the connection closes. */
  async function giveUp(socket: Socket, pending: HttpClient[], code: ErrorCode, detail: string): Promise<void> {
    const corrupt = pending.some((client) => !client.complete)
    for (const client of pending.filter(({ complete }) => !complete)) {
      client.last()
      client.leave(code)
    }
    for (const client of pending) await client.done
    if (!corrupt && socket.writable) refuseRaw(socket, code, detail)
    else socket.destroySoon()
  }

  function refuseRaw(socket: Socket, code: ErrorCode, detail: string): void {
    const id = front.newId()
    front.malformed(socket, code, detail, id)
    const reply = problemReply({ code, detail, requestId: id, retryAfter: null })
    socket.on('error', () => socket.destroy())
    if (!socket.writable) return void socket.destroy()
    socket.end(rawReply(reply, STATUS_CODES[reply.status] ?? ''))
    // The rest of what it sends is read for a moment, so that a reset does not overtake the answer.
    socket.resume()
    setTimeout(() => socket.destroy(), 500).unref()
  }
}

/**
 * The protocols a request really offers to switch to: only HTTP/1.1 with both fields and without a body (RFC 9110
 * §7.8), and never HTTP/2, whose requests would pass through a tunnel unseen (h2c smuggling).
 */
export function offeredProtocols(request: IncomingMessage): string[] {
  const fields = fieldsOf(request.rawHeaders)
  if (request.httpVersion !== '1.1' || request.method !== 'GET') return []
  if (!itemsOf(fields, 'connection').includes('upgrade')) return []
  const framing = requestFraming(fields, '1.1')
  if (framing.kind !== 'none' && !(framing.kind === 'length' && framing.length === 0)) return []
  return itemsOf(fields, 'upgrade').filter(
    (protocol) => /^[\w!#$%&'*+.^`|~-]+(\/[\w.-]+)?$/.test(protocol) && !/^(h2c?|http|tls)\b/.test(protocol),
  )
}

function explain({ code, message }: NodeJS.ErrnoException): [ErrorCode, string] {
  switch (code ?? '') {
    case 'HPE_HEADER_OVERFLOW':
      return ['head-too-large', `The request line and the fields together are limited to ${maxHeadSize} bytes.`]
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return ['content-too-large', 'The chunk extensions are too large.']
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['request-timeout', `The request head did not arrive within ${headTime / 1000} s.`]
    case 'HPE_INVALID_VERSION':
      return ['version-not-supported', 'Only HTTP/1.1 and HTTP/1.0 are spoken here.']
    default:
      return ['bad-request', `The request is not valid HTTP: ${message}.`]
  }
}

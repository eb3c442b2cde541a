import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'

import { createProxyServer, type ProxyServer } from 'http-proxy-3'

import { type FieldList, fieldsOf, itemsOf, trailerFields, valuesOf } from '../http/rewrite.ts'
import type { ErrorCode } from '../lib/errors.ts'
import { maxInterim } from './link.ts'
import { Pools } from './pools.ts'
import { pump } from './pump.ts'
import type { Outcome, Relay, RelayEngine, RelayExchange } from './relay.ts'
import { tunnel } from './tunnel.ts'

/** Of an instance's response head. More is an invalid response. */
const maxHeadSize = 64 * 1024

/**
 * A relay over http-proxy-3. Of its passes only `stream` remains in effect: it opens the connection and tells what
 * comes of it. Paths, fields, framing, interim responses, upgrades, trailers, aborts and the response itself are done
 * here, because it normalises paths after routing, turns a chunked DELETE into a second request, and hangs or throws on
 * aborted, unrequested or oddly framed responses.
 */
export function createProxyEngine(): RelayEngine {
  const pools = new Pools()
  const proxy = createProxyServer({ selfHandleResponse: true, toProxy: true, prependPath: false })
  removePass(proxy, 'deleteLength')
  // The stand-in is the `req` of http-proxy-3, so both events find their exchange without a look-up.
  proxy.on('proxyReq', (outgoing, standIn) => (standIn as unknown as StandIn).connected(outgoing))
  proxy.on('proxyRes', (incoming, standIn) => (standIn as unknown as StandIn).answered(incoming))
  const relay: Relay = (exchange, signal) => {
    return new Promise((resolve) => {
      const one = new StandIn(exchange, signal, resolve)
      try {
        one.start(proxy, pools)
      } catch (error) {
        one.fail('internal', String(error))
      }
    })
  }
  return {
    relay,
    dropIdle: (pool) => pools.dropIdle(pool),
    retire: (pool) => pools.retire(pool),
    [Symbol.dispose]: () => pools[Symbol.dispose](),
  }
}

/** One exchange, in the shape http-proxy-3 wants to see of a request. */
class StandIn {
  readonly method: string
  /** Never used: the exact target is set when the connection stands. */
  readonly url = '/'
  readonly headers: Record<string, string | string[]>
  readonly httpVersion = '1.1'
  readonly httpVersionMajor = 1
  readonly socket = { destroyed: false }

  readonly #exchange: RelayExchange
  readonly #signal: AbortSignal
  readonly #resolve: (outcome: Outcome) => void
  readonly #onAbort: () => void
  #destroy = (): void => {}
  #outgoing: ClientRequest | null = null
  #incoming: IncomingMessage | null = null
  #stopUpload = (): void => {}
  #reached: 'nothing' | 'sent' | 'answering' = 'nothing'
  #bytesBefore = 0
  #interims = 0
  #over = false

  constructor(exchange: RelayExchange, signal: AbortSignal, resolve: (outcome: Outcome) => void) {
    this.#exchange = exchange
    this.#signal = signal
    this.#resolve = resolve
    this.#onAbort = () => this.fail(signal.reason as ErrorCode, 'The exchange was ended.')
    this.method = exchange.method
    this.headers = headerRecord(exchange)
  }

  start(proxy: ProxyServer, pools: Pools): void {
    if (this.#signal.aborted) return this.#onAbort()
    this.#signal.addEventListener('abort', this.#onAbort, { once: true })
    const { to, timeouts } = this.#exchange
    // http-proxy-3 only listens for the close of its `res`, to destroy its request: so that is how it is destroyed.
    const response = {
      writableFinished: false,
      finished: false,
      headersSent: false,
      on: (_: 'close', listener: () => void) => (this.#destroy = listener),
    }
    proxy.web(
      this as unknown as IncomingMessage,
      response as unknown as ServerResponse,
      {
        target: { protocol: to.secure ? 'https:' : 'http:', host: to.host, hostname: to.host, port: to.port },
        agent: pools.agentFor(to),
        // What is called `ssl` is the object its request options are added to.
        ssl: { maxHeaderSize: maxHeadSize },
        connectTimeout: timeouts.connect,
      },
      (error) => this.#failed(error),
    )
  }

  /** Called by http-proxy-3 as an emitter of the client's errors; those arrive through the signal. */
  on(): this {
    return this
  }

  /** Called by http-proxy-3 at once. The body waits until the connection stands, so that a refused one costs nothing. */
  pipe(): void {}

  /** The request has a socket, and no byte of it is written yet. */
  connected(outgoing: ClientRequest): void {
    this.#outgoing = outgoing
    if (this.#over) return void outgoing.destroy()
    outgoing.path = this.#exchange.target
    if (this.#exchange.expectContinue) outgoing.setHeader('Expect', '100-continue')
    outgoing.on('information', ({ statusCode, rawHeaders }) => this.#informed(statusCode, fieldsOf(rawHeaders)))
    outgoing.on('upgrade', (incoming, socket, head) => this.#switched(incoming, socket, head))
    const socket = outgoing.socket as (TLSSocket & { secureConnecting?: boolean }) | null
    if (!socket) return this.fail('internal', 'The connection has no socket.')
    this.#bytesBefore = socket.bytesRead
    if (socket.secureConnecting === true) socket.once('secureConnect', () => this.#send(outgoing))
    else if (socket.connecting) socket.once('connect', () => this.#send(outgoing))
    else this.#send(outgoing)
  }

  #informed(status: number, fields: FieldList): void {
    if (this.#over) return
    if (++this.#interims > maxInterim)
      return this.fail(
        'bad-response',
        `The app's response is not valid HTTP: More than ${maxInterim} interim responses.`,
      )
    const socket = this.#outgoing?.socket
    let isHeld = false
    isHeld = !this.#exchange.client.interim(status, fields, () => {
      isHeld = false
      socket?.resume()
    })
    // Nothing else holds up what comes in front of the final head. Behind each interim one Node goes on with reading, a
    // tick later; and a connection that has brought more by then must not be left paused to the next request.
    if (isHeld) queueMicrotask(() => void (isHeld && !this.#over && this.#reached === 'sent' && socket?.pause()))
  }

  /** The head of the final response is here. */
  answered(incoming: IncomingMessage): void {
    // A response that is destroyed under our hands tells so on itself, and nothing else listens.
    incoming.on('error', () => {})
    if (this.#over) return void incoming.destroy()
    this.#incoming = incoming
    const fields = fieldsOf(incoming.rawHeaders)
    const status = incoming.statusCode ?? 0
    const length = responseLength(incoming)
    if (status < 200 || status > 999) return this.fail('bad-response', `The app answered with status ${status}.`)
    if (length === 'invalid') return this.fail('bad-response', 'The app framed its response in an unknown way.')
    const { client, method, traffic } = this.#exchange
    this.#reached = 'answering'
    const bodiless = method === 'HEAD' || status === 204 || status === 205 || status === 304
    const sink = client.respond({ status, reason: incoming.statusMessage ?? '', fields, length })
    if (!bodiless) pump(incoming, sink, (bytes) => (traffic.out += bytes))
    incoming.on('end', () => {
      if (!incoming.complete) return this.fail('truncated-response', 'The app closed in the middle of its response.')
      if (!bodiless && length === null) client.trailers(trailerFields(fieldsOf(incoming.rawTrailers)))
      sink.end()
      this.#finish({ kind: 'answered' })
    })
    incoming.on('close', () => {
      if (!incoming.complete) this.fail('truncated-response', 'The app closed in the middle of its response.')
    })
    incoming.resume()
  }

  fail(code: ErrorCode, detail: string): void {
    if (this.#over) return
    const read = this.#outgoing?.socket?.bytesRead ?? 0
    const silent = this.#reached !== 'answering' && read === this.#bytesBefore
    const reused = this.#outgoing?.reusedSocket ?? false
    if (this.#reached === 'answering') this.#exchange.client.abort()
    this.#finish({ kind: 'failed', code, detail, reached: this.#reached, silent, reused })
  }

  #send(outgoing: ClientRequest): void {
    if (this.#over) return
    this.#reached = 'sent'
    const { client, framing, traffic } = this.#exchange
    client.sending()
    outgoing.once('finish', () => !this.#over && client.sent())
    if (framing.kind === 'none') return void outgoing.end()
    // The head at once; not `flushHeaders`, which writes bytes above 0x7f as UTF-8.
    outgoing.write('', 'latin1')
    this.#stopUpload = pump(client.body, outgoing, (bytes) => (traffic.in += bytes))
    if (client.body.readableEnded) outgoing.end()
    else client.body.once('end', () => !this.#over && outgoing.end())
  }

  #switched(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Whoever is handed a detached socket answers for its errors.
    socket.on('error', () => socket.destroy())
    const fields = fieldsOf(incoming.rawHeaders)
    const chosen = itemsOf(fields, 'upgrade')
    const { client, traffic, upgrade } = this.#exchange
    const asked = chosen.length > 0 && chosen.every((protocol) => upgrade.includes(protocol))
    if (this.#over || !asked) {
      socket.destroy()
      const to = chosen.length === 0 ? 'no protocol' : `"${chosen.join(', ')}"`
      return this.fail('bad-response', `The app switched to ${to}, which was not asked for.`)
    }
    this.#reached = 'answering'
    this.#destroy = () => socket.destroy()
    socket.allowHalfOpen = true
    if (head.length > 0) socket.unshift(head)
    const joined = tunnel(client.switchProtocols(fields), socket, traffic, () => client.tunnelled())
    void joined.then(() => this.#finish({ kind: 'answered' }))
  }

  #failed(error: Error & { code?: string }): void {
    // A complete response stays good whatever its connection says afterwards (RFC 9112 §9.6).
    if (this.#incoming?.complete === true) return
    if (this.#reached === 'answering')
      return this.fail('truncated-response', `The connection failed: ${error.message}.`)
    if (error.code === 'ECONNECT_TIMEOUT')
      return this.fail('connect-timeout', 'The connection was not accepted in time.')
    if (error.code?.startsWith('HPE_') === true)
      return this.fail('bad-response', `The app's response is not valid HTTP: ${error.message}.`)
    if (this.#reached === 'nothing') return this.fail('unreachable', `No connection: ${error.message}.`)
    this.fail('connection-lost', 'The app closed the connection without a response.')
  }

  #finish(outcome: Outcome): void {
    if (this.#over) return
    this.#over = true
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#stopUpload()
    // After a complete exchange the socket is already the pool's again and this does nothing.
    if (outcome.kind === 'failed' || this.#outgoing?.writableFinished === false) this.#destroy()
    this.#resolve(outcome)
  }
}

/** Grouped by name, each value a line of its own. The prototype is null: `__proto__` is a legal field name. */
function headerRecord(exchange: RelayExchange): Record<string, string | string[]> {
  const record = Object.create(null) as Record<string, string | string[]>
  const spelling = new Map<string, string>()
  for (const [name, value] of exchange.fields) {
    const first = spelling.get(name.toLowerCase())
    const before = first === undefined ? undefined : record[first]
    if (first === undefined) spelling.set(name.toLowerCase(), name)
    if (first === undefined || before === undefined) record[name] = value
    else record[first] = Array.isArray(before) ? [...before, value] : [before, value]
  }
  if (exchange.upgrade.length > 0) {
    record['Connection'] = 'Upgrade'
    record['Upgrade'] = exchange.upgrade.join(', ')
  }
  if (exchange.framing.kind === 'chunked') record['Transfer-Encoding'] = 'chunked'
  if (exchange.framing.kind === 'length') record['Content-Length'] = String(exchange.framing.length)
  return record
}

/** The declared length, null for chunked or until close, or that it cannot be known (RFC 9112 §6.3). */
function responseLength({ rawHeaders }: IncomingMessage): number | null | 'invalid' {
  const fields = fieldsOf(rawHeaders)
  const codings = itemsOf(fields, 'transfer-encoding')
  const lengths = valuesOf(fields, 'content-length')
  if (codings.length > 0)
    return codings.length === 1 && codings[0] === 'chunked' && lengths.length === 0 ? null : 'invalid'
  if (lengths.length === 0) return null
  const length = Number(lengths[0])
  return lengths.length === 1 && /^\d{1,16}$/.test(lengths[0] ?? '') && Number.isSafeInteger(length)
    ? length
    : 'invalid'
}

/** It has no public way to leave a pass out; a version that keeps them elsewhere must fail here, at once. */
function removePass(proxy: ProxyServer, name: string): void {
  const { webPasses } = proxy as unknown as { webPasses: ((...args: unknown[]) => unknown)[] }
  const at = webPasses.findIndex((pass) => pass.name === name)
  if (at === -1) throw new Error(`http-proxy-3 has no pass "${name}" to remove: this version is not supported`)
  webPasses.splice(at, 1)
}
